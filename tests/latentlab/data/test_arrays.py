"""Pictures as arrays, with labels in their order or by row number."""

import pickle

import numpy as np
import pandas as pd
import pytest

from latentlab.data.arrays import Arrays
from latentlab.data.prepared import prepare
from latentlab.data.stored_arrays import StoredArray
from latentlab.errors import ConfigError, DataError


@pytest.fixture
def pictures(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    np.savez_compressed(tmp_path / "images.npz", imgs=images, label=np.arange(30))
    return images


def test_npy_and_npz_give_the_same_pictures(tmp_path, pictures):
    for name in ("images.npy", "images.npz"):
        source = pickle.loads(pickle.dumps(Arrays(tmp_path / name)))
        assert source.channels == 1
        assert np.array_equal(source.read(0, 30, 28).images[..., 0], pictures)
        assert np.array_equal(source.read(7, 9, 28).images[..., 0], pictures[7:9])  # and back again
        assert np.array_equal(source.original(3)[..., 0], pictures[3])


def test_a_limit_reads_only_the_rows_it_keeps(tmp_path, pictures):
    source = Arrays(tmp_path / "images.npz", limit=5)
    rows = [0, 7, 14, 22, 29]
    assert source.listing.samples["image_id"].tolist() == [f"{row:06d}" for row in rows]
    assert np.array_equal(source.read(0, 5, 28).images[..., 0], pictures[rows])


@pytest.mark.parametrize(
    "stored",
    [
        lambda images: images / 255,
        lambda images: (images / 255).astype(np.float32),
        lambda images: images.astype(np.uint16) * 257,
    ],
)
def test_other_numbers_become_eight_bits(tmp_path, pictures, stored):
    np.save(tmp_path / "other.npy", stored(pictures))
    read = Arrays(tmp_path / "other.npy").read(0, 30, 28).images
    assert np.array_equal(read[..., 0], pictures)


def test_colour_is_the_last_dimension(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 30, 3), dtype=np.uint8)
    np.save(tmp_path / "colour.npy", images)
    source = Arrays(tmp_path / "colour.npy")
    assert source.channels == 3
    assert np.array_equal(source.original(2), images[2])


def test_labels_in_order_and_by_row_number(tmp_path, pictures):
    values = [n % 2 for n in range(30)]
    np.save(tmp_path / "labels.npy", np.array(values))
    (tmp_path / "plain.csv").write_text("smile\n" + "\n".join(map(str, values)))
    shuffled = pd.DataFrame({"row": range(30), "smile": values}).sample(frac=1, random_state=0)
    shuffled.to_csv(tmp_path / "keyed.csv", index=False)
    root = tmp_path / "images.npy"
    for labels, key, column in (
        ("labels.npy", None, "label"), ("plain.csv", None, "smile"), ("keyed.csv", "row", "smile")
    ):  # fmt: skip
        samples = Arrays(root, labels=tmp_path / labels, key=key).listing.samples
        assert samples[column].tolist() == [value == 1 for value in values], labels


def test_values_that_are_no_grey_levels_are_refused_by_row(tmp_path):
    images = np.random.default_rng(0).random((20, 28, 28))
    images[7, 3, 3], images[9, 0, 0] = 1.5, np.nan
    np.save(tmp_path / "bad.npy", images)
    source = Arrays(tmp_path / "bad.npy")
    with pytest.raises(DataError, match=r"000007 has values from .* to 1\.5 .*\(and 1 more\)"):
        prepare(source, "arrays", tmp_path / "data", side=28)
    folder = prepare(source, "arrays", tmp_path / "data", side=28, on_bad="skip")
    assert folder.refused()["name"].tolist() == ["000007", "000009"]
    assert len(folder.images()) == 18


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (lambda path: np.save(path, np.zeros((5, 5))), "has the shape"),
        (lambda path: np.save(path, np.zeros((5, 3, 28, 28), np.uint8)), "has the shape"),
        (lambda path: np.save(path, np.zeros((5, 28, 28), np.int64)), "holds int64"),
        (lambda path: np.save(path, np.array([{}] * 5), allow_pickle=True), "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_bytes(b"<html>"), "cannot be read"),
    ],
)
def test_arrays_that_hold_no_pictures(tmp_path, content, match):
    path = tmp_path / "images.npy"
    content(path)
    with pytest.raises(DataError, match=match):
        _ = Arrays(path).listing


def test_files_of_arrays_that_cannot_be_used(tmp_path, pictures):
    np.savez(tmp_path / "two.npz", a=pictures, b=pictures)
    with pytest.raises(DataError, match="2 arrays that may be pictures, among a, b"):
        _ = Arrays(tmp_path / "two.npz").listing
    assert len(Arrays(tmp_path / "two.npz", array="b").listing.samples) == 30
    with pytest.raises(ConfigError, match="no array c; it has a, b"):
        _ = Arrays(tmp_path / "two.npz", array="c").listing
    with pytest.raises(DataError, match=r"neither \.npy nor \.npz"):
        _ = Arrays(tmp_path / "images.txt").listing
    with pytest.raises(DataError, match="it is not there"):
        _ = Arrays(tmp_path / "none.npz").listing
    np.save(tmp_path / "few.npy", np.zeros(29))
    with pytest.raises(DataError, match="29 rows of labels for 30 images"):
        _ = Arrays(tmp_path / "images.npy", labels=tmp_path / "few.npy").listing


def test_a_file_cut_off_is_named(tmp_path, pictures):
    np.savez(tmp_path / "whole.npz", imgs=pictures)
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.npz"):
        _ = Arrays(tmp_path / "cut.npz").listing
    damaged = bytearray(whole)
    damaged[5000:5100] = bytes(100)
    (tmp_path / "damaged.npz").write_bytes(damaged)
    with pytest.raises(DataError, match=r"damaged\.npz is damaged"):
        StoredArray(tmp_path / "damaged.npz", "imgs").take(range(30))


@pytest.mark.real
def test_olivetti_with_its_persons(shared_data, tmp_path):
    root = shared_data / "olivetti"
    source = Arrays(
        root / "olivetti_faces_64.npy",
        labels=root / "olivetti_target.npy",
        columns={"label": "identity"},
    )
    folder = prepare(source, "arrays", tmp_path / "data", side=64)
    assert np.array_equal(folder.images()[..., 0], np.load(root / "olivetti_faces_64.npy"))
    samples = folder.samples()
    assert samples["identity"].value_counts().unique().tolist() == [10]
    assert samples.groupby("split")["identity"].nunique().to_dict() == {
        "test": 4, "train": 32, "valid": 4
    }  # fmt: skip
