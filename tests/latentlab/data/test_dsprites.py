"""dSprites: pictures and factors belong together, and the grid is whole."""

import numpy as np
import pytest

from latentlab.data.dsprites import DSprites
from latentlab.data.prepared import prepare
from latentlab.errors import DataError


def written(path, *, colour=True, **changed):
    """A tiny file of the published layout, whose pictures are white in as many pixels as their
    number."""
    count = 24
    grid = np.stack(np.unravel_index(np.arange(count), (1, 3, 2, 2, 2, 1)), axis=1)
    images = np.zeros((count, 64 * 64), np.uint8)
    for row in range(count):
        images[row, :row] = 1
    arrays = {
        "imgs": images.reshape(count, 64, 64),
        "latents_classes": grid,
        "latents_values": grid * 0.5,
        "metadata": np.array({"title": "pickled"}),
    }
    if not colour:
        arrays |= {key: arrays[key][:, 1:] for key in ("latents_classes", "latents_values")}
    np.savez_compressed(path, **{**arrays, **changed})
    return path


@pytest.mark.parametrize("colour", [True, False])
def test_factors_as_values_and_as_codes(tmp_path, colour):
    source = DSprites(written(tmp_path / "sprites.npz", colour=colour))
    samples = source.listing.samples
    names = [name for name, role in source.listing.roles.items() if role == "factor"]
    assert names == ["color"] * colour + ["shape", "scale", "orientation", "posX", "posY"]
    assert samples["shape_class"].tolist() == [0] * 8 + [1] * 8 + [2] * 8
    assert (samples["orientation"] == samples["orientation_class"] * 0.5).all()
    assert samples["shape_ellipse"].tolist() == [False] * 8 + [True] * 8 + [False] * 8
    images = source.read(0, 24, 64).images
    assert (images == 255).sum(axis=(1, 2, 3)).tolist() == list(range(24))
    assert set(np.unique(images)) == {0, 255}


def test_a_limit_reads_pictures_and_factors_of_the_same_rows(tmp_path):
    source = DSprites(written(tmp_path / "sprites.npz"), limit=4)
    rows = source.listing.samples["image_id"].astype(int).tolist()
    white = (source.read(0, 4, 64).images == 255).sum(axis=(1, 2, 3)).tolist()
    assert rows == white == [0, 8, 15, 23]
    assert source.original(2).sum() == 15 * 255


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"imgs": np.zeros((24, 32, 32), np.uint8)}, "imgs has the shape"),
        ({"imgs": np.zeros((24, 64, 64))}, "holds float64"),
        ({"latents_values": np.zeros((23, 6))}, "latents_values has the shape"),
    ],
)
def test_other_arrays_are_refused(tmp_path, changed, match):
    with pytest.raises(DataError, match=match):
        _ = DSprites(written(tmp_path / "sprites.npz", **changed)).listing


def test_what_is_not_dsprites(tmp_path):
    np.savez(tmp_path / "other.npz", pictures=np.zeros(3))
    with pytest.raises(DataError, match="no array imgs, so it is not dSprites"):
        _ = DSprites(tmp_path).listing  # the only .npz of a folder is taken
    (tmp_path / "quota.npz").write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"2 \.npz files"):
        _ = DSprites(tmp_path).listing
    with pytest.raises(DataError, match=r"quota\.npz cannot be opened"):
        _ = DSprites(tmp_path / "quota.npz").listing
    source = DSprites(written(tmp_path / "two.npz", imgs=np.full((24, 64, 64), 2, np.uint8)))
    with pytest.raises(DataError, match="values other than 0 and 1"):
        source.read(0, 5, 64)


@pytest.mark.real
def test_the_real_grid(shared_data, tmp_path):
    path = shared_data / "dsprites" / "dsprites_downsampled.npz"
    folder = prepare(DSprites(path), "dsprites", tmp_path / "data", side=64)
    samples = folder.samples()
    codes = samples[folder.description["columns"]["class"]].to_numpy()
    assert [len(np.unique(column)) for column in codes.T] == [3, 6, 10, 16, 16]
    assert len(np.unique(codes, axis=0)) == len(codes) == 46_080  # every combination once
    with np.load(path) as file:
        assert np.array_equal(folder.images()[..., 0], file["imgs"] * 255)
        assert np.array_equal(samples["posX"], file["latents_values"][:, 3])
    # The picture moves with its factor: the centre of the white pixels follows posX and posY.
    part = folder.images()[::97, ..., 0].astype(float)
    weight = part.sum(axis=(1, 2))
    across = (part.sum(axis=1) * np.arange(64)).sum(axis=1) / weight
    down = (part.sum(axis=2) * np.arange(64)).sum(axis=1) / weight
    assert np.corrcoef(across, samples["posX"][::97])[0, 1] > 0.99
    assert np.corrcoef(down, samples["posY"][::97])[0, 1] > 0.99
