"""A data folder made in parts is, byte for byte, the one that a single pass makes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from latentlab import data
from latentlab.data import image_folder
from latentlab.data.building import Order
from latentlab.data.faces import Faces
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import originals, prepare
from latentlab.data.prepared_parts import join, parts_place, planned
from latentlab.data.source import Block, Listing, Refusal
from latentlab.errors import ConfigError, DataError, MissingArtifactError
from latentlab.shards import every


@dataclass(frozen=True)
class Numbers:
    """Picture n is n everywhere, with masks and a measurement; those in `bad` cannot be read, and
    those in `unsplit` have no published split."""

    count: int = 200
    bad: tuple[int, ...] = ()
    unsplit: tuple[int, ...] = ()

    channels: ClassVar[int] = 1

    @property
    def listing(self):
        numbers = np.arange(self.count)
        split = np.array(["train", "valid", "test"], object)[numbers % 3]
        split[list(self.unsplit)] = None
        samples = pd.DataFrame(
            {"image_id": [f"n{n}" for n in numbers], "split": split, "odd": numbers % 2 == 1}
        )
        return Listing(
            samples.astype({"odd": "boolean"}),
            {"odd": "attribute", "level": "statistic"},
            labelled=np.ones(self.count, bool),
            label_rows=self.count,
        )

    def read(self, start, stop, side):
        numbers = np.arange(start, stop)
        used = ~np.isin(numbers, self.bad)
        kept = numbers[used]
        images = np.broadcast_to((kept % 251)[:, None, None, None], (len(kept), side, side, 1))
        refused = tuple(Refusal(f"n{n}", "picture", "is bad") for n in numbers[~used])
        measured = pd.DataFrame({"level": kept / 7})
        return Block(
            images, used, refused, {"seen": len(kept)}, masks=images[..., 0], measured=measured
        )

    def original(self, index):
        return np.full((9, 9, 1), index % 251, np.uint8)


@pytest.fixture
def numbers(monkeypatch):
    monkeypatch.setitem(data.SOURCES, "numbers", Numbers)
    return Numbers


@pytest.fixture
def pictures(tmp_path):
    """A folder of 100 pictures in two folders, three of them not pictures at all."""
    root = tmp_path / "pictures"
    chance = np.random.default_rng(0)
    for n in range(100):
        path = root / "ab"[n % 2] / f"{n:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        side = 30 + n % 3
        Image.fromarray(chance.integers(0, 255, (side, 40, 3), np.uint8)).save(path)
    for n in (0, 33, 98):
        next(root.rglob(f"{n:03d}.png")).write_bytes(b"no picture")
    return root


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def in_parts(source, folder, order, of, reopened=None):
    """The folder, from parts made last to first, each by a source of its own."""
    parts = planned(source, folder, order)
    for shard in reversed(every(of)):
        parts.make(reopened() if reopened else source, order.side, shard)
    return join(source, folder, order)


@pytest.mark.parametrize("of", [1, 2, 7])
@pytest.mark.parametrize(
    ("bad", "unsplit"), [((), ()), ((0, 31, 32, 33, 199), ()), (range(64, 96), (5, 6, 70, 130))]
)
def test_parts_of_any_number_are_what_one_pass_makes(numbers, tmp_path, of, bad, unsplit):
    source = numbers(bad=tuple(bad), unsplit=tuple(unsplit))
    order = Order("numbers", 28, on_bad="skip")
    whole = prepare(source, "numbers", tmp_path / "whole", side=28, on_bad="skip")
    joined = in_parts(source, tmp_path / "data", order, of)
    assert content(joined.path) == content(whole.path)
    kept = [n for n in range(200) if n not in {*bad, *unsplit}]
    assert joined.samples()["image_id"].tolist() == [f"n{n}" for n in kept]
    # Rows belong together, also where pictures before them were refused or had no split.
    assert joined.images()[:, 3, 4, 0].tolist() == [n % 251 for n in kept]
    assert joined.masks()[:, 3, 4].tolist() == [n % 251 for n in kept]
    assert joined.samples()["level"].tolist() == [n / 7 for n in kept]
    assert not parts_place(joined.path).exists()
    census = joined.description["census"]["pictures"]
    assert (census["found"], census["used"]) == (200, len(kept))


def test_generated_faces_and_folders_are_read_without_listing_them_again(
    pictures, tmp_path, monkeypatch
):
    faces = Faces(limit=80, cut=True)
    whole = prepare(faces, "faces", tmp_path / "whole", side=28)
    made = in_parts(faces, tmp_path / "faces", Order("faces", 28), 3)
    assert content(made.path) == content(whole.path)
    source = ImageFolder(pictures, folders=True)
    whole = prepare(source, "image_folder", tmp_path / "two", side=28, on_bad="skip")
    order = Order("image_folder", 28, on_bad="skip")
    parts = planned(source, tmp_path / "data", order)
    with monkeypatch.context() as patch:
        patch.setattr(image_folder, "pictures_in", lambda place: pytest.fail("listed again"))
        for shard in every(3):
            parts.make(ImageFolder(pictures, folders=True), 28, shard)
        made = originals(whole, range(40, 60))
        shown = [made.original(row).shape for row in range(20)]
    joined = join(source, tmp_path / "data", order)
    assert content(joined.path) == content(whole.path)
    names = whole.samples()["image_id"].tolist()[40:60]
    assert list(made.image_ids) == names
    assert shown == [(30 + int(name[2:5]) % 3, 40, 3) for name in names]


def test_bad_pictures_are_told_as_by_one_pass_and_their_parts_made_again(pictures, tmp_path):
    source = ImageFolder(pictures)
    order = Order("image_folder", 28)
    with pytest.raises(DataError) as one:
        prepare(source, "image_folder", tmp_path / "data", side=28)
    parts = planned(source, tmp_path / "data", order)
    for shard in every(4):
        parts.make(source, 28, shard)
    with pytest.raises(DataError) as many:
        join(source, tmp_path / "data", order)
    assert str(many.value) == str(one.value)
    assert "(and 2 more)" in str(one.value)
    assert not (tmp_path / "data").exists()
    there = [shard for shard in every(4) if parts.parts.there(shard)]
    assert [str(shard) for shard in there] == ["4/4"]
    for n in (0, 33, 98):
        Image.new("RGB", (40, 40), (n, 0, 0)).save(next(pictures.rglob(f"{n:03d}.png")))
    for shard in every(4):
        if not parts.parts.there(shard):
            parts.make(ImageFolder(pictures), 28, shard)
    joined = join(ImageFolder(pictures), tmp_path / "data", order)
    whole = prepare(ImageFolder(pictures), "image_folder", tmp_path / "whole", side=28)
    assert content(joined.path) == content(whole.path)


def test_a_missing_a_damaged_and_an_old_part_are_named(numbers, tmp_path):
    source, folder = numbers(), tmp_path / "data"
    order = Order("numbers", 28)
    parts = planned(source, folder, order)
    parts.make(source, 28, every(3)[0])
    with pytest.raises(MissingArtifactError, match="lacks 2 of 3 parts: 2/3, 3/3"):
        join(source, folder, order)
    for shard in every(3)[1:]:
        parts.make(source, 28, shard)
    for damage in (lambda whole: whole[:-5], lambda whole: whole[:-1] + b"\xff"):
        array = parts.array(every(3)[1], "images")
        whole = array.read_bytes()
        array.write_bytes(damage(whole))
        with pytest.raises(DataError, match=r"part-00002-of-00003\.images\.npy is damaged.*2/3"):
            join(source, folder, order)
        assert not folder.exists()
        with pytest.raises(MissingArtifactError, match="lacks 1 of 3 parts: 2/3"):
            join(source, folder, order)
        parts.make(source, 28, every(3)[1])
    with pytest.raises(MissingArtifactError, match="3 of them made from other data"):
        join(source, folder, Order("numbers", 32))
    more = numbers(count=201)  # a picture has come
    with pytest.raises(MissingArtifactError, match="3 of them made from other data"):
        join(more, folder, order)
    with pytest.raises(ConfigError, match="at most 7 parts"):
        planned(source, folder, order).make(source, 28, every(99)[0])


def test_a_part_that_fails_leaves_nothing_and_a_list_is_not_made_twice(
    numbers, tmp_path, monkeypatch
):
    source, order = numbers(), Order("numbers", 28)
    parts = planned(source, tmp_path / "data", order)
    before = sorted(path.name for path in parts_place(tmp_path / "data").rglob("*"))
    stamp = (parts.listing.path / "data.yaml").stat().st_ino

    def broken(self, start, stop, side):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Numbers, "read", broken)
        with pytest.raises(KeyboardInterrupt):
            parts.make(source, 28, every(2)[0])
    planned(source, tmp_path / "data", order)
    assert sorted(path.name for path in parts_place(tmp_path / "data").rglob("*")) == before
    assert (parts.listing.path / "data.yaml").stat().st_ino == stamp


def test_a_folder_of_something_else_and_names_that_lead_out_are_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="not a data folder"):
        planned(Faces(limit=40), tmp_path / "mine", Order("faces", 28))
    for name in ("../mine/thesis.txt", "/etc/passwd"):
        with pytest.raises(DataError, match="leads out"):
            ImageFolder(tmp_path).picked(pd.DataFrame({"image_id": [name]}))
