"""The data folder: the same bytes twice, flat memory, whole or not at all."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from latentlab import data
from latentlab.data.faces import Faces
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import originals, prepare
from latentlab.data.source import Block, Listing, Refusal
from latentlab.errors import DataError, LatentlabError


@dataclass(frozen=True)
class Numbers:
    """Picture n is n everywhere; those in `bad` cannot be read."""

    count: int = 1200
    bad: tuple[int, ...] = ()

    channels: ClassVar[int] = 1

    @property
    def listing(self):
        ids = [f"n{n}" for n in range(self.count)]
        return Listing(pd.DataFrame({"image_id": ids}), {"level": "statistic"})

    def read(self, start, stop, side):
        numbers = np.arange(start, stop)
        used = ~np.isin(numbers, self.bad)
        kept = numbers[used]
        images = np.broadcast_to((kept % 251)[:, None, None, None], (len(kept), side, side, 1))
        refused = tuple(Refusal(f"n{n}", "picture", "is bad") for n in numbers[~used])
        measured = pd.DataFrame({"level": kept.astype(float)})
        return Block(images, used, refused, masks=images[..., 0], measured=measured)

    def original(self, index):
        return np.full((9, 9, 1), index % 251, np.uint8)


@pytest.fixture
def numbers(monkeypatch):
    monkeypatch.setitem(data.SOURCES, "numbers", Numbers)
    return Numbers


def test_rows_of_every_file_belong_together_whatever_is_left_out(numbers, tmp_path):
    bad = (0, 3, 511, 512, 513, 1199)
    folder = prepare(numbers(bad=bad), "numbers", tmp_path / "data", side=28, on_bad="skip")
    samples, images, masks = folder.samples(), folder.images(), folder.masks()
    kept = [n for n in range(1200) if n not in bad]
    assert samples["image_id"].tolist() == [f"n{n}" for n in kept]
    assert samples["level"].tolist() == kept
    assert images[:, 5, 5, 0].tolist() == masks[:, 9, 9].tolist() == [n % 251 for n in kept]
    assert images.shape == (1194, 28, 28, 1)
    assert folder.refused()["name"].tolist() == [f"n{n}" for n in bad]
    opened = originals(folder)
    assert [opened.original(row)[0, 0, 0] for row in (0, 2, 1000)] == [1, 4, kept[1000] % 251]


def test_the_first_bad_picture_is_named_and_the_others_counted(numbers, tmp_path):
    with pytest.raises(DataError, match=r"^n3 is bad \(and 2 more\)\..*--on-bad skip"):
        prepare(numbers(bad=(3, 700, 1199)), "numbers", tmp_path / "data", side=28)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match=r"^n3 is bad\. Mend"):
        prepare(numbers(bad=(3,)), "numbers", tmp_path / "data", side=28)


def test_preparing_twice_gives_the_same_bytes(tmp_path):
    source = Faces(limit=40)
    first, second = (
        prepare(source, "faces", tmp_path / name, side=28).path for name in ("one", "two")
    )
    names = sorted(path.name for path in first.iterdir())
    assert names == ["blocks.sha256", "data.yaml", "images.npy", "refused.csv", "samples.parquet"]
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_the_array_is_one_that_numpy_would_write(numbers, tmp_path):
    folder = prepare(numbers(bad=(5,)), "numbers", tmp_path / "data", side=28, on_bad="skip")
    np.save(tmp_path / "again.npy", np.ascontiguousarray(folder.images()))
    assert (tmp_path / "again.npy").read_bytes() == (folder.path / "images.npy").read_bytes()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="not a data folder"):
        prepare(Faces(limit=20), "faces", tmp_path / "mine", side=28)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_what_a_killed_process_left_is_removed_and_what_a_running_one_has_is_not(tmp_path):
    from latentlab.files import TEMPORARY, this_machine

    token = "0123abcd"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    running = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    left, used, other = (
        tmp_path / f"{TEMPORARY}{this_machine()}-{process.pid}-{token}-{name}"
        for process, name in ((ended, "data"), (running, "data"), (ended, "other"))
    )
    for folder in (left, used, other):
        folder.mkdir()
    try:
        prepare(Faces(limit=20), "faces", tmp_path / "data", side=28)
        assert [left.exists(), used.exists(), other.exists()] == [False, True, True]
    finally:
        running.communicate(b"\n")


def test_a_picture_without_a_published_split_is_refused(tmp_path):
    for n in range(12):
        Image.new("RGB", (28, 28)).save(tmp_path / f"{n:02d}.png")
    splits = ["train", "valid", "test"] * 4
    rows = [f"{n:02d},{split}" for n, split in enumerate(splits)]
    labels = tmp_path.parent / f"{tmp_path.name}.csv"
    labels.write_text("\n".join(["file,split", *rows[:11]]))
    source, out = ImageFolder(tmp_path, labels=labels), tmp_path.parent / f"{tmp_path.name}-data"
    with pytest.raises(DataError, match=r"^11\.png has no published split"):
        prepare(source, "image_folder", out, side=28)
    folder = prepare(source, "image_folder", out, side=28, on_bad="skip")
    assert folder.samples()["split"].tolist() == splits[:11]
    assert folder.description["census"]["pictures"]["refused"] == 1


def test_splits_too_small_are_told_before_anything_is_left(tmp_path):
    for n in range(3):
        Image.new("RGB", (28, 28)).save(tmp_path / f"{n}.png")
    with pytest.raises(DataError, match=r"of 3 images none is in the (valid|test) split"):
        prepare(ImageFolder(tmp_path), "image_folder", tmp_path / "data", side=28)
    assert not (tmp_path / "data").exists()


def test_a_picture_that_is_gone_from_its_source_is_named(tmp_path):
    for n in range(12):
        Image.new("RGB", (28, 28)).save(tmp_path / f"{n:02d}.png")
    folder = prepare(
        ImageFolder(tmp_path), "image_folder", tmp_path.parent / f"{tmp_path.name}-data", side=28
    )
    (tmp_path / "07.png").unlink()
    with pytest.raises(DataError, match=r"07\.png .* no longer in its source"):
        originals(folder)


MEASURE = """
import sys
from pathlib import Path
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import prepare
prepare(ImageFolder(Path(sys.argv[1])), "image_folder", Path(sys.argv[2]), side=64)
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read in /proc")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.effect_noise((64, 64), 50).convert("RGB").save(pictures / "000000.bmp")
    peaks = []
    for count in (1_000, 9_000):
        for number in range(1, count):
            name = pictures / f"{number:06d}.bmp"
            if not name.exists():
                name.hardlink_to(pictures / "000000.bmp")
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, pictures, tmp_path / f"data{count}"],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
        )  # fmt: skip
        peaks.append(int(done.stdout))
    grown = (peaks[1] - peaks[0]) * 1024
    assert grown < 0.25 * 8_000 * 64 * 64 * 3  # the images alone are 98 MB more


def test_every_source_says_what_is_missing_in_one_line(tmp_path):
    for name, source in data.SOURCES.items():
        if name == "faces":
            continue
        with pytest.raises(LatentlabError) as caught:
            _ = source(root=tmp_path / "nowhere").listing
        assert "nowhere" in str(caught.value), name
        assert "\n" not in str(caught.value), name
