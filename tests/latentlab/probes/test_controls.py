"""Controls: components of pixels against scikit-learn, and what chance gives."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from latentlab.artifacts import SPLITS
from latentlab.errors import DataError
from latentlab.probes import controls
from latentlab.probes.controls import (
    best_projection,
    codes_of,
    pixel_components,
    random_directions,
    shuffled,
)


def pictures(seed, images=300, side=8):
    """Mixtures of a few patterns, so that components stand out."""
    rng = np.random.default_rng(seed)
    patterns = rng.standard_normal((6, side, side, 3)) * np.geomspace(40, 4, 6)[:, None, None, None]
    noise = 2 * rng.standard_normal((images, side, side, 3))
    levels = 128 + np.einsum("ik,kxyc->ixyc", rng.standard_normal((images, 6)), patterns) + noise
    samples = pd.DataFrame({"image_id": [f"{number:04d}" for number in range(images)]})
    samples["split"] = rng.choice(SPLITS, images, p=(0.6, 0.2, 0.2))
    return levels.clip(0, 255).astype(np.uint8), samples


@pytest.mark.parametrize("seed", range(3))
def test_components_are_those_of_an_exact_decomposition(seed, monkeypatch):
    monkeypatch.setattr(controls, "_BATCH", 37)
    images, samples = pictures(seed)
    table = pixel_components(images, samples, 4, seed=seed)
    flat, train = images.reshape(len(images), -1) / 255.0, samples["split"] == "train"
    expected = PCA(4, svd_solver="full").fit(flat[train]).transform(flat)
    codes = table.filter(like="mu_").to_numpy()
    signs = np.sign(np.einsum("ij,ij->j", codes, expected))
    np.testing.assert_allclose(codes * signs, expected, atol=1e-3 * np.abs(expected).max())
    pd.testing.assert_frame_equal(table[["image_id", "split"]], samples)


def test_components_are_fitted_on_train_only_and_repeat():
    images, samples = pictures(0)
    train = (samples["split"] == "train").to_numpy()
    first = pixel_components(images, samples, 4, seed=0)
    changed = images.copy()
    changed[~train] = 255 - changed[~train]
    second = pixel_components(changed, samples, 4, seed=0)
    pd.testing.assert_frame_equal(first[train], second[train])
    pd.testing.assert_frame_equal(first, pixel_components(images, samples, 4, seed=0))


def test_no_more_components_than_images_or_pixels():
    images, samples = pictures(0, images=12)
    samples["split"] = ["train"] * 5 + ["test"] * 7
    assert pixel_components(images, samples, 32, seed=0).filter(like="mu_").shape == (12, 5)
    images, samples = pictures(0, side=2)
    assert pixel_components(images, samples, 32, seed=0).filter(like="mu_").shape == (300, 12)
    with pytest.raises(DataError, match="300 images and 299 rows"):
        pixel_components(images, samples.iloc[1:], 4, seed=0)
    with pytest.raises(DataError, match="split train"):
        pixel_components(images, samples.assign(split="test"), 4, seed=0)


def test_codes_come_in_the_order_asked_for():
    table = pd.DataFrame({"image_id": ["c", "a", "b"], "mu_000": [3.0, 1.0, 2.0]})
    ids = pd.Series(["a", "b", "c"])
    assert codes_of(table, ids, "pixels")[:, 0].tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(DataError, match="'pixels' lacks image_id 'd'"):
        codes_of(table, pd.Series(["a", "d"]), "pixels")
    with pytest.raises(DataError, match="no column mu_000"):
        codes_of(table[["image_id"]], ids, "pixels")
    with pytest.raises(DataError, match="repeats an image_id"):
        codes_of(pd.concat([table, table]), ids, "pixels")
    with pytest.raises(DataError, match="missing or infinite"):
        codes_of(table.assign(mu_000=np.nan), ids, "pixels")


@pytest.mark.parametrize("seed", range(3))
def test_the_best_of_the_directions_is_taken(seed):
    rng = np.random.default_rng(seed)
    z, train = rng.standard_normal((500, 6)), rng.random(500) < 0.7
    y = (z[:, 0] + z[:, 3] + rng.standard_normal(500) > 0).astype(float)
    y[rng.random(500) < 0.2] = np.nan
    directions = random_directions(6, seed=seed)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    rows = train & np.isfinite(y)
    sizes = [abs(np.corrcoef(z[rows] @ one, y[rows])[0, 1]) for one in directions]
    found = best_projection(z, y, train, directions)
    np.testing.assert_allclose(found[:, 0], z @ directions[int(np.argmax(sizes))])


def test_labels_are_shuffled_within_each_split():
    split = np.random.default_rng(0).choice(SPLITS, 200)
    order = shuffled(split, seed=3)
    assert sorted(order) == list(range(200)) and (split[order] == split).all()
    assert (order != np.arange(200)).mean() > 0.9
    np.testing.assert_array_equal(order, shuffled(split, seed=3))
