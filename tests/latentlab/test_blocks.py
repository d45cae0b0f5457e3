"""Digests of blocks: who reads a changed byte is refused, and no more is read than that takes."""

import hashlib
import random

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from latentlab import blocks, feeding, files
from latentlab.artifacts import BLOCKS, DataFolder
from latentlab.blocks import BlockDigests, Blocks, CheckedFile, digests_of
from latentlab.data.faces import Faces
from latentlab.data.prepared import prepare
from latentlab.errors import DataError
from latentlab.models import build_model
from latentlab.parquet import read_rows
from latentlab.shards import Parts, Shard

SIDE, BLOCK = 28, 20_000  # bytes; eight and a half faces


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1000])
@pytest.mark.parametrize("piece", [1, 7, 100, 250])
def test_digests_do_not_depend_on_how_the_bytes_come(size, piece, tmp_path):
    content = random.Random(size).randbytes(size)
    found = BlockDigests(100)
    for start in range(0, size, piece):
        found.update(content[start : start + piece])
    expected = [
        hashlib.sha256(content[start : start + 100]).hexdigest() for start in range(0, size, 100)
    ]
    assert list(found.digests()) == expected
    (tmp_path / "file").write_bytes(content)
    assert list(digests_of(tmp_path / "file", 100)) == expected


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", BLOCK)
    made = prepare(Faces(limit=60, cut=True), "faces", tmp_path / "data", side=SIDE)
    monkeypatch.undo()  # readers go by what the folder says
    return made


def flip(path, byte):
    content = bytearray(path.read_bytes())
    content[byte] ^= 1 << byte % 8
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["images", "masks"])
def test_rows_are_compared_with_the_blocks_that_hold_them(folder, name):
    path = folder.path / f"{name}.npy"
    whole, chance = path.read_bytes(), random.Random(0)
    look = getattr(folder, name)
    width = np.load(path)[0].nbytes
    start = len(whole) - 60 * width
    assert len(look(range(3, 9))) == 60
    for _ in range(15):
        byte = chance.randrange(start, len(whole))
        flip(path, byte)
        first = (byte - start) // BLOCK * BLOCK
        touched = range(first // width, min(60, -(-(first + BLOCK) // width)))
        with pytest.raises(DataError, match=rf"{name}\.npy is damaged"):
            look(touched)
        with pytest.raises(DataError, match=rf"{name}\.npy is damaged"):
            look()
        for other in (range(touched.start), range(touched.stop, 60)):
            if other:
                look(other)
        path.write_bytes(whole)
    for byte in range(0, start, 5):  # the header is everybody's
        flip(path, byte)
        with pytest.raises(DataError, match="is damaged"):
            look(range(1))
        path.write_bytes(whole)
    for cut in (whole[:-1], whole[: len(whole) // 2], whole + b"\0", b""):
        path.write_bytes(cut)
        with pytest.raises(DataError, match="is damaged"):
            look(range(1))
    path.unlink()
    if name == "images":
        with pytest.raises(DataError, match="cannot be read"):
            look(range(1))


def test_a_block_is_read_once_in_the_life_of_a_process(folder, monkeypatch):
    counted = []
    right = Blocks._check_block
    monkeypatch.setattr(
        Blocks, "_check_block", lambda self, *given: [counted.append(given[1]), right(self, *given)]
    )
    for _ in range(3):
        folder.images(range(5))
    assert counted == [0]
    folder.images(range(20))
    assert counted == [0, 1, 2]
    folder.images()
    assert counted == list(range(8))
    (folder.path / "images.npy").touch()
    folder.images(range(5))
    assert counted == [*range(8), 0]  # it may be another file now


def test_any_changed_bit_of_the_list_or_the_table_is_refused(folder):
    chance = random.Random(1)
    for name in (BLOCKS, "samples.parquet"):
        path = folder.path / name
        whole = path.read_bytes()
        for _ in range(60):
            flip(path, chance.randrange(len(whole)))
            with pytest.raises(DataError, match=name.replace(".", r"\.")):
                folder.samples_of(range(50, 60), ["image_id"])
            with pytest.raises(DataError, match=name.replace(".", r"\.")):
                folder.samples()
            path.write_bytes(whole)
        for cut in (whole[:-1], whole[:-70], whole[: len(whole) // 2], b""):
            path.write_bytes(cut)
            with pytest.raises(DataError, match=name.replace(".", r"\.")):
                folder.samples_of(range(5), ["image_id"])
        path.write_bytes(whole)
    assert len(folder.samples_of(range(5))) == 5


def test_rows_of_the_table_are_those_of_the_whole_and_no_more_is_read(folder, tmp_path):
    whole = folder.samples()
    for rows in (range(60), range(1), range(17, 43), range(60, 60)):
        found = folder.samples_of(rows)
        assert found.index.equals(pd.RangeIndex(rows.start, rows.stop))
        pd.testing.assert_frame_equal(
            found, whole.iloc[rows.start : rows.stop], check_index_type=False
        )
    assert folder.image_ids[17:43] == whole["image_id"].tolist()[17:43]
    assert len(folder.image_ids) == 60
    assert folder.splits().tolist() == whole["split"].tolist()
    with pytest.raises(DataError, match="60 rows, not 61"):
        folder.samples_of(range(61))
    # Of a file of many row groups those that hold the rows are read, and the footer.
    large = pd.DataFrame({"image_id": [f"{n:09d}" for n in range(20_000)], "other": 1.0})
    large.to_parquet(tmp_path / "large.parquet", row_group_size=500, compression=None)
    size = (tmp_path / "large.parquet").stat().st_size
    found = digests_of(tmp_path / "large.parquet", 1000)
    read = []

    class Counted(CheckedFile):
        def readinto(self, buffer):
            read.append(len(buffer))
            return super().readinto(buffer)

    with Counted(Blocks(tmp_path / "large.parquet", found, block=1000)) as file:
        part = read_rows(file, range(7_900, 8_100), ["image_id"])
    assert part["image_id"].tolist() == large["image_id"].tolist()[7_900:8_100]
    footer = pq.read_metadata(tmp_path / "large.parquet").serialized_size
    assert sum(read) < footer + 65_536 + 0.1 * size < size


def test_a_folder_of_before_there_were_blocks_can_be_read(folder, tmp_path):
    about = folder.description
    about["digests"] = {
        "images": hashlib.sha256(folder.images().tobytes()).hexdigest(),
        "masks": hashlib.sha256(folder.masks().tobytes()).hexdigest(),
        "samples": files.digest(folder.path / "samples.parquet"),
        "refused": about["digests"]["refused"],
    }
    images, samples = np.array(folder.images()), folder.samples()
    (folder.path / "data.yaml").unlink()
    (folder.path / BLOCKS).unlink()
    files.write_yaml(folder.path / "data.yaml", about, with_digest=True)
    old = DataFolder.open(folder.path)
    assert np.array_equal(old.images(range(3)), images)
    pd.testing.assert_frame_equal(old.samples(), samples)
    assert old.image_ids[5:7] == samples["image_id"].tolist()[5:7]
    flip(folder.path / "images.npy", 5000)
    with pytest.raises(DataError, match=r"images\.npy is damaged"):
        old.images(range(3))
    flip(folder.path / "samples.parquet", 500)
    with pytest.raises(DataError, match=r"samples\.parquet"):
        old.samples_of(range(3))


def test_a_part_of_a_table_knows_its_own_images_alone(folder, monkeypatch):
    """No process that makes a part holds the whole samples table."""
    ids = folder.samples()["image_id"].tolist()
    monkeypatch.setattr(DataFolder, "samples", lambda self: pytest.fail("the whole table is read"))
    parts = Parts(folder.path / "parts", "key", folder.image_ids, step=8)
    for number in (1, 2, 3):
        rows = parts.rows(Shard(number, 3))
        frame = pd.DataFrame({"image_id": ids[rows.start : rows.stop], "value": rows})
        parts.write(Shard(number, 3), [frame])
    parts.join(folder.path / "joined.parquet")
    assert pd.read_parquet(folder.path / "joined.parquet")["image_id"].tolist() == ids
    with pytest.raises(ValueError, match="rows are not those of the part"):
        parts.write(Shard(1, 3), [frame])


def test_conditions_of_some_rows_are_those_of_all(folder):
    settings = {"latents": 2, "widths": (2, 2), "conditions": ("Smiling", "Bangs")}
    model = build_model("conditional_vae", settings, channels=3, side=SIDE, seed=0)
    whole, part = (feeding.pictures_for(model, folder, rows) for rows in (None, range(20, 31)))
    assert np.array_equal(whole.conditions[20:31], part.conditions[20:31])
    assert set(np.unique(part.conditions[20:31])) == {-1.0, 1.0}
    assert part.conditions.shape == whole.conditions.shape
