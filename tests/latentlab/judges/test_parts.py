"""Areas of planted parts, and what the judge for parts leaves alone."""

import numpy as np
import pytest
from scipy import stats

from latentlab.errors import DataError
from latentlab.judges.parts import train_parts_judge

SIDE = 32


@pytest.fixture(scope="module")
def blocks():
    """Red blocks for the mouth and yellow ones for the hair, of known areas, on grey."""
    rng = np.random.default_rng(0)
    images = np.full((700, SIDE, SIDE, 3), 90, np.uint8)
    areas = np.empty((700, 2))
    for number, image in enumerate(images):
        width, height = rng.integers(2, 14), rng.integers(4, 30)
        image[22:28, 16 - width : 16 + width] = (200, 30, 30)
        image[:8, 16 - height // 2 : 16 + height // 2] = (220, 200, 40)
        areas[number] = 6 * 2 * width / SIDE**2, 8 * 2 * (height // 2) / SIDE**2
    return images, areas


def test_areas_are_read_off_pictures_without_masks(blocks):
    images, areas = blocks
    values = np.column_stack([areas[:, 0], np.arange(700.0), areas[:, 1]])
    roles = {"mouth_area": "statistic", "number": "factor", "hair_area": "statistic"}
    train, valid, test = np.arange(550), np.arange(550, 600), np.arange(600, 700)
    judge = train_parts_judge(images, values, roles, train, valid, seed=0, epochs=5, batch_size=32)
    said = judge.measure(images[test])
    assert list(said) == ["mouth_area", "hair_area"]
    for at, target in enumerate(said):
        assert stats.pearsonr(said[target], areas[test, at]).statistic > 0.95
        assert np.abs(said[target] - areas[test, at]).mean() < 0.3 * areas[:, at].std()


def test_without_part_areas_there_is_no_such_judge(blocks):
    images, areas = blocks
    roles = {"yaw": "factor", "Smiling": "attribute"}
    with pytest.raises(DataError, match=r"no part areas.*celeba_mask_hq"):
        train_parts_judge(images, areas, roles, np.arange(500), np.arange(0), seed=0)
