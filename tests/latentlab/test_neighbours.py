"""The nearest image is the one that looking at all of them finds."""

import numpy as np
import pytest

from latentlab import neighbours
from latentlab.neighbours import grey_levels_apart, nearest_codes, nearest_pictures


def some(count, seed, side=6, channels=3):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, side, side, channels), dtype=np.uint8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("channels", [1, 3])
def test_nearest_pictures_are_those_of_a_full_search(monkeypatch, seed, channels):
    monkeypatch.setattr(neighbours, "BLOCK", 7)  # so that there are several blocks
    images, queries = some(40, seed, channels=channels), some(9, seed + 100, channels=channels)
    rows = np.arange(3, 40, 2)
    seen = []
    found = nearest_pictures(queries, images, rows, seen.append)
    apart = np.array([grey_levels_apart(images[rows], query[None]) for query in queries])
    assert found.rows.tolist() == rows[apart.argmin(axis=1)].tolist()
    assert found.distances == pytest.approx(apart.min(axis=1))
    assert sum(seen) == len(rows)


def test_a_copy_is_found_at_distance_0():
    images = some(30, 0)
    found = nearest_pictures(images[[4, 17]], images, np.arange(30))
    assert found.rows.tolist() == [4, 17]
    assert found.distances.tolist() == [0, 0]
    assert nearest_pictures(images[[4]], images, np.arange(5, 30)).distances[0] > 1


def test_black_and_white_are_255_grey_levels_apart():
    black = np.zeros((1, 4, 4, 3), np.uint8)
    assert grey_levels_apart(black, black + 255).tolist() == [255]
    half = black.copy()
    half[:, :2] = 100
    assert grey_levels_apart(black, half)[0] == pytest.approx(100 / np.sqrt(2))


def test_nearest_codes_are_those_of_a_full_search():
    rng = np.random.default_rng(0)
    codes, queries, rows = rng.normal(size=(50, 4)), rng.normal(size=(6, 4)), np.arange(0, 50, 3)
    found = nearest_codes(queries, codes, rows)
    apart = np.linalg.norm(queries[:, None] - codes[rows][None], axis=2)
    assert found.rows.tolist() == rows[apart.argmin(axis=1)].tolist()
    assert found.distances == pytest.approx(apart.min(axis=1))
