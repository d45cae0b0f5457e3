"""MNIST as torchvision keeps it: the same pictures and digits, and damaged files by name."""

import gzip

import numpy as np
import pytest

from latentlab.data.mnist import MNIST
from latentlab.data.prepared import prepare
from latentlab.errors import DataError


def idx(array):
    kind = 2048 + array.ndim
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return kind.to_bytes(4, "big") + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "mnist" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for start, count in (("train", 60), ("t10k", 20)):
        images = rng.integers(0, 256, (count, 28, 28))
        digits = np.arange(count) % 10
        (folder / f"{start}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (folder / f"{start}-labels-idx1-ubyte").write_bytes(idx(digits))
    return tmp_path / "mnist"


def test_digits_are_attributes_and_valid_is_cut_out_of_train(root, tmp_path):
    folder = prepare(MNIST(root), "mnist", tmp_path / "data", side=32)
    samples = folder.samples()
    assert folder.images().shape == (80, 32, 32, 1)
    assert samples["digit"].tolist() == [*np.arange(60) % 10, *np.arange(20) % 10]
    assert (samples["digit_3"] == (samples["digit"] == 3)).all()
    assert samples["split"].value_counts().to_dict() == {"train": 54, "valid": 6, "test": 20}
    assert (samples["split"][60:] == "test").all()
    assert folder.description["columns"]["class"] == ["digit"]


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("train-labels-idx1-ubyte", None, "no MNIST/raw/train-labels.*--download"),
        ("train-labels-idx1-ubyte", b"<html>", "train-labels-idx1-ubyte begins with"),
        ("train-labels-idx1-ubyte", idx(np.arange(60) % 11), "calls image 10 10"),
        ("train-labels-idx1-ubyte", idx(np.zeros(59)), "59 labels for 60 images"),
        ("train-labels-idx1-ubyte", idx(np.zeros(60))[:-1], "60 values it announces"),
        ("train-labels-idx1-ubyte", idx(np.zeros(60)) + b"x", "60 values it announces"),
        (
            "t10k-images-idx3-ubyte.gz",
            gzip.compress(b"x" * 99, mtime=0)[:-9],
            "t10k-images.*begins|damaged",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            gzip.compress(idx(np.zeros((20, 28, 29))), mtime=0),
            "MNIST is 28x28",
        ),
        ("t10k-images-idx3-ubyte.gz", b"not gzip", "t10k-images-idx3-ubyte.gz is damaged"),
    ],
    ids=range(9),
)
def test_damaged_files_are_named(root, name, content, match):
    path = root / "MNIST" / "raw" / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match=match):
        _ = MNIST(root).listing


@pytest.mark.real
def test_the_real_digits(shared_data, tmp_path):
    root = shared_data / "mnist"
    folder = prepare(MNIST(root), "mnist", tmp_path / "data", side=28)
    samples = folder.samples()
    with gzip.open(root / "MNIST" / "raw" / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    assert np.array_equal(folder.images()[:60_000], pixels)
    assert samples["split"].value_counts().to_dict() == {
        "train": 54_000, "valid": 6_000, "test": 10_000
    }  # fmt: skip
    counts = samples["digit"][:60_000].value_counts().sort_index().tolist()
    assert counts == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # as published
