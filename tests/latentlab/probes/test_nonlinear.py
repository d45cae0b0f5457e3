"""The non-linear probe: finds what a line cannot, and nothing where there is nothing."""

import numpy as np
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from latentlab.probes import LogisticProbe, RidgeProbe, nonlinear
from latentlab.probes.nonlinear import NonlinearProbe


def halves(seed, images=2400):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((images, 5))
    return x, rng, np.arange(images) % 3


def scored(x, y, part, seed=0):
    """Linear and non-linear score on the third part."""
    train, valid, test = (part == number for number in range(3))
    classes = y.dtype == bool
    linear = (LogisticProbe() if classes else RidgeProbe()).fit(x[train], y[train])
    probe = NonlinearProbe(linear, seed).fit(x[train], y[train], x[valid], y[valid])
    score = roc_auc_score if classes else r2_score
    line = x[test] @ linear.coef_ + linear.intercept_
    return score(y[test], line), score(y[test], probe.answer(x[test]))


@pytest.mark.parametrize("kind", ["label", "number"])
@pytest.mark.parametrize("seed", range(2))
def test_what_is_encoded_but_not_linearly_is_found(seed, kind):
    x, rng, part = halves(seed)
    value = x[:, 0] ** 2 + x[:, 1] * x[:, 2] + 0.3 * rng.standard_normal(len(x))
    line, trees = scored(x, value > 1.0 if kind == "label" else value, part)
    assert trees > line + 0.2


@pytest.mark.parametrize("seed", range(2))
def test_what_is_linear_or_not_there_gains_nothing(seed):
    x, rng, part = halves(seed)
    line, trees = scored(x, x[:, 0] + x[:, 3] + rng.standard_normal(len(x)) > 0.5, part)
    assert trees == pytest.approx(line, abs=0.02)
    line, trees = scored(x, rng.random(len(x)) < 0.3, part)
    assert abs(trees - 0.5) < 0.09


def test_same_seed_same_answers_of_a_choice_of_images(monkeypatch):
    monkeypatch.setattr(nonlinear, "MAX_IMAGES", 200)
    x, _, part = halves(0)
    y = x[:, 0] ** 2 > 1.0
    assert scored(x, y, part, seed=1) == scored(x, y, part, seed=1)
    assert scored(x, y, part, seed=1) != scored(x, y, part, seed=2)


def test_without_a_valid_split_few_trees_are_grown():
    x, _, _ = halves(0)
    y = x[:, 0] ** 2 > 1.0
    linear = LogisticProbe().fit(x, y)
    probe = NonlinearProbe(linear, 0).fit(x, y, x[:0], y[:0])
    assert probe.trees_.n_iter_ == nonlinear.TREES_UNWATCHED
