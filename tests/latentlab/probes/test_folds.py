"""Folds are partitions in which every class is spread as evenly as can be."""

import numpy as np
import pytest
from sklearn.model_selection import KFold, PredefinedSplit, StratifiedKFold

from latentlab.probes.folds import assign_folds, deal


@pytest.mark.parametrize("folds", [2, 5])
@pytest.mark.parametrize("seed", range(5))
def test_one_target_is_dealt_evenly(seed, folds):
    y = (np.random.default_rng(seed).random((487, 1)) < 0.07).astype(float)
    dealt = deal(y, folds)
    for value in (0.0, 1.0):
        counts = np.bincount(dealt[y[:, 0] == value], minlength=folds)
        assert np.ptp(counts) <= 1
    assert np.ptp(np.bincount(dealt)) <= 2


@pytest.mark.parametrize("seed", range(5))
def test_the_rare_class_of_every_target_is_in_every_fold(seed):
    rng = np.random.default_rng(seed)
    y = (rng.random((800, 12)) < np.linspace(0.01, 0.5, 12)).astype(float)
    y[rng.random(y.shape) < 0.1] = np.nan
    dealt = deal(y, 5)
    assert np.ptp(np.bincount(dealt)) <= 0.1 * 800 / 5
    for target in y.T:
        positives = np.bincount(dealt[target == 1], minlength=5)
        if (target == 1).sum() >= 5:
            assert positives.min() >= 1
        assert np.ptp(positives) <= max(1, 0.2 * (target == 1).sum() / 5 + 4)
    np.testing.assert_array_equal(dealt, deal(y, 5))


def test_images_of_which_nothing_is_known_are_dealt_too():
    assert np.ptp(np.bincount(deal(np.full((23, 3), np.nan), 4))) <= 1


def test_numbers_of_folds_are_scikit_learns():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, 2)), (rng.random((60, 1)) < 0.3).astype(float)
    for stratify, splitter in ((True, StratifiedKFold(4)), (False, KFold(4))):
        found = assign_folds(4, x, y, stratify=stratify)
        for number, (_, test) in enumerate(splitter.split(x, y[:, 0])):
            np.testing.assert_array_equal(np.flatnonzero(found == number), test)
    own = np.arange(60) % 3 - 1
    np.testing.assert_array_equal(assign_folds(PredefinedSplit(own), x, y, stratify=True), own)
