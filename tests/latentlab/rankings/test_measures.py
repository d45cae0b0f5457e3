"""Every measure: its value against SciPy or scikit-learn, its influence against leaving rows out
and against copied rows."""

import dataclasses
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mutual_info_score, roc_auc_score

from latentlab.probes import PROBES
from latentlab.probes.scoring import bootstrap_counts
from latentlab.rankings.measures import MEASURES
from latentlab.rankings.measures.auc import auc
from latentlab.rankings.measures.conditional import conditional
from latentlab.rankings.measures.correlation import correlation
from latentlab.rankings.measures.mutual_information import BINS, latent_bins, mutual_information
from latentlab.rankings.measures.permutation_importance import permutation_importance
from latentlab.rankings.measures.spearman import spearman
from latentlab.rankings.measures.weight import weight
from latentlab.rankings.orders import Order
from latentlab.rankings.resampling import draws, spread
from tests.latentlab.rankings.synthetic import task_of

KINDS = ("label", "number", "tied")


def planted(kind, seed, rows=300, latents=4):
    """Codes and a target; `tied` has repeated values on both sides."""
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal((rows, latents))
    codes[:, 1] += 0.5 * codes[:, 0]
    signal = codes[:, 0] + 0.5 * codes[:, 2] + rng.standard_normal(rows)
    if kind == "tied":
        return codes.round(0), signal.round(0)
    return codes, signal > 0.5 if kind == "label" else 10.0 + signal


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_correlations_and_areas_are_those_of_scipy_and_scikit_learn(kind, seed):
    codes, y = planted(kind, seed)
    task = task_of(codes, y)
    for index in range(4):
        x = codes[:, index]
        assert correlation(task).values[index] == pytest.approx(stats.pearsonr(x, y).statistic)
        assert spearman(task).values[index] == pytest.approx(stats.spearmanr(x, y).statistic)
        if kind == "label":
            assert auc(task).values[index] == pytest.approx(roc_auc_score(y, x))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_partial_correlation_is_that_of_least_squares_residuals(kind, seed):
    codes, y = planted(kind, seed)
    rng = np.random.default_rng(seed)
    others = {f"o{i}": (codes[:, i] + rng.standard_normal(300) > 0).astype(float) for i in (0, 3)}
    found = conditional(task_of(codes, y, others=others)).values
    given = np.column_stack(list(others.values()))
    left = [v - LinearRegression().fit(given, v).predict(given) for v in (codes, y.astype(float))]
    expected = [stats.pearsonr(left[0][:, index], left[1]).statistic for index in range(4)]
    np.testing.assert_allclose(found, expected, atol=2e-3)  # the ridge of 1e-4


def test_what_another_attribute_tells_is_taken_away():
    """Dimension 0 drives `twin`, and the target comes only with `twin`."""
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((3000, 3))
    twin = codes[:, 0] + 0.3 * rng.standard_normal(3000) > 0
    target = np.where(rng.random(3000) < 0.9, twin, ~twin)
    task = task_of(codes, target, others={"twin": twin.astype(float)})
    assert correlation(task).values[0] > 0.5
    assert abs(conditional(task).values[0]) < 0.06


def test_unknown_attributes_count_as_their_mean():
    codes, y = planted("number", 0)
    known = (np.random.default_rng(1).random(300) < 0.5).astype(float)
    holes = np.where(np.arange(300) % 3 == 0, np.nan, known)
    filled = np.where(np.isnan(holes), np.nanmean(holes), holes)
    found, expected = (
        conditional(task_of(codes, y, others={"other": other})).values for other in (holes, filled)
    )
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_conditional_says_why_it_cannot_be_had():
    codes, y = planted("label", 0)
    assert "no other attributes" in conditional(task_of(codes, y))
    constant = {"other": np.ones(300)}
    assert "no other attributes" in conditional(task_of(codes, y, others=constant))
    assert "determine" in conditional(task_of(codes, y, others={"same": y.astype(float)}))
    many = {f"o{index}": np.arange(15) % (index + 2) == 0 for index in range(8)}
    assert "too few" in conditional(task_of(codes[:15], y[:15] | (np.arange(15) < 4), others=many))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_mutual_information_is_that_of_the_counts_less_its_bias(kind, seed):
    codes, y = planted(kind, seed)
    task = task_of(codes, y)
    found, bins = mutual_information(task).values, latent_bins(task.test)
    value = pd.qcut(y, 5, labels=False) if kind == "number" else y
    if kind == "tied":
        value = np.minimum((stats.rankdata(y) - 0.5) / 300 * 5, 4).astype(int)
    for index in range(4):
        table = pd.crosstab(bins[:, index], value).shape
        bias = (table[0] - 1) * (table[1] - 1) / 600
        assert found[index] == pytest.approx(mutual_info_score(bins[:, index], value) - bias)


def test_mutual_information_of_nothing_is_nothing_and_of_a_bit_nearly_ln_2():
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((300, 500))
    found = mutual_information(task_of(codes, rng.random(300) < 0.4)).values
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(500)
    codes = rng.standard_normal((3000, 1))
    label = codes[:, 0] > np.median(codes)
    found = mutual_information(task_of(codes, label)).values[0]
    assert found == pytest.approx(np.log(2), abs=0.01)


def test_mutual_information_is_near_a_nearest_neighbour_estimate():
    codes, y = planted("label", 0, rows=4000)
    found = mutual_information(task_of(codes, y)).values
    expected = mutual_info_classif(codes, y, random_state=0)
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_bins_hold_equal_counts():
    codes = np.random.default_rng(0).standard_normal((600, 3))
    bins = latent_bins(task_of(codes, codes[:, 0]).test)
    for index in range(3):
        assert np.bincount(bins[:, index]).tolist() == [600 // BINS] * BINS


@pytest.mark.parametrize("kind", ("label", "number"))
@pytest.mark.parametrize("seed", range(3))
def test_importance_is_the_mean_drop_over_real_shuffles(kind, seed):
    codes, y = planted(kind, seed)
    task, rng = task_of(codes, y, penalty=1.0), np.random.default_rng(seed)
    answer = codes @ task.probe.coef_ + task.probe.intercept_
    found = permutation_importance(task)
    for index in range(4):
        part = codes[:, index] * task.probe.coef_[index]
        shuffled = answer[:, None] - part[:, None] + rng.permuted(np.tile(part, (400, 1)), axis=1).T
        drops = scores(y, answer[:, None]) - scores(y, shuffled)
        error = np.std(drops) * np.sqrt(1 / 400 + (1 / 5 if kind == "label" else 0))
        assert abs(found.values[index] - np.mean(drops)) < 4 * error + 1e-6


def scores(y, answers):
    """AUC or R2 of each column, by ranks and by definition."""
    if y.dtype != bool:
        return 1 - ((y[:, None] - answers) ** 2).mean(axis=0) / y.var()
    ranks = stats.rankdata(answers, axis=0)[y].sum(axis=0)
    return (ranks - y.sum() * (y.sum() + 1) / 2) / (y.sum() * (~y).sum())


def test_importance_of_a_dimension_without_weight_is_0():
    codes, y = planted("label", 0)
    task = task_of(codes, y, penalty=1.0)
    task.probe.coef_ = np.where(np.arange(4) == 1, 0.0, task.probe.coef_)
    assert permutation_importance(task).values[1] == 0.0


@pytest.mark.parametrize("size", (0.0, 1e-312))
def test_importance_under_a_probe_that_tells_nothing(size):
    """As the strongest penalty leaves it where the codes have collapsed."""
    codes, y = planted("label", 0)
    task = task_of(codes, y, penalty=1.0)
    task.probe.coef_ = np.full(4, size)
    found = permutation_importance(task)
    assert np.isfinite(found.values).all()
    if not size:
        assert not found.values.any() and not found.influence.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["correlation", "spearman", "auc", "conditional"])
def test_influence_is_what_leaving_an_image_out_does(name, kind):
    if name == "auc" and kind != "label":
        return
    codes, y = planted(kind, 1, rows=1000)
    other = (codes[:, 3] + np.random.default_rng(2).standard_normal(1000) > 0).astype(float)

    def value(rows):
        task = task_of(codes[rows], y[rows], others={"other": other[rows]})
        return MEASURES[name].of(task)

    whole = value(np.arange(1000))
    left_out = np.arange(0, 1000, 40)
    moved = np.array([
        999 * (whole.values - value(np.delete(np.arange(1000), row)).values) for row in left_out
    ])  # fmt: skip
    influence = whole.influence[left_out]
    assert np.abs(whole.influence.mean(axis=0)).max() < 1e-9
    for index in range(4):
        assert np.corrcoef(moved[:, index], influence[:, index])[0, 1] > 0.99
        size = influence[:, index].std()
        np.testing.assert_allclose(moved[:, index], influence[:, index], atol=0.12 * size)


@pytest.mark.parametrize("kind", ("label", "number"))
@pytest.mark.parametrize("name", MEASURES)
def test_the_spread_is_that_of_measuring_copied_rows(name, kind, monkeypatch):
    """A true bootstrap, the measure computed anew on every resample; the probe is held, except
    that `weight` is refitted."""
    importance = sys.modules[permutation_importance.__module__]
    monkeypatch.setattr(importance, "SHUFFLES", 25)  # so that their own chance does not cover it
    codes, y = planted(kind, 3, rows=600)
    task = task_of(codes, y, others={"other": (codes[:, 3] > 0.3).astype(float)}, penalty=10.0)
    measure = MEASURES[name]
    if not measure.applies(task):
        return
    counts = bootstrap_counts(600, 150, seed=0)
    whole = measure.of(task)
    again = []
    for weights in counts:
        rows = np.repeat(np.arange(600), weights)
        part = task_of(codes[rows], y[rows], others={"other": (codes[rows, 3] > 0.3).astype(float)})
        part = dataclasses.replace(part, probe=task.probe)
        if name == "weight":
            probe = PROBES["logistic" if kind == "label" else "ridge"](penalty=10.0)
            probe.fit(codes[rows], y[rows])
            again.append(probe.coef_ * task.probe.scale_)
        else:
            again.append(measure.of(part).values)
    again = np.array(again)
    found = draws(whole.values, spread(whole, task.test), counts.astype(np.float32))
    error = spread(whole, task.test).error
    strong = [0, 2]  # at 0, mutual information and importance have no first-order spread
    np.testing.assert_allclose(error[strong], again.std(axis=0)[strong], rtol=0.25)
    for index in strong:
        assert np.corrcoef(found[:, index], again[:, index])[0, 1] > 0.8


@pytest.mark.parametrize("kind", ("label", "number"))
@pytest.mark.parametrize("seed", range(3))
def test_one_step_weights_follow_real_refits(kind, seed):
    codes, y = planted(kind, seed, rows=700)
    codes[:, 3] *= np.exp(0.5 * codes[:, 0])
    task, counts = task_of(codes, y, penalty=1.0), bootstrap_counts(700, 100, seed)
    whole, refits = weight(task), []
    for weights in counts:
        rows = np.repeat(np.arange(700), weights)
        refit = PROBES["logistic" if kind == "label" else "ridge"](penalty=1.0)
        refits.append(refit.fit(codes[rows], y[rows]).coef_ * task.probe.scale_)
    found = draws(whole.values, spread(whole, task.train), counts.astype(np.float32))
    np.testing.assert_allclose(found.std(axis=0), np.std(refits, axis=0), rtol=0.2)
    for index in range(4):
        assert np.corrcoef(found[:, index], np.array(refits)[:, index])[0, 1] > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_an_order_sums_the_weights_below_with_equals_at_half(seed):
    rng = np.random.default_rng(seed)
    values, weights = rng.integers(0, 6, (40, 3)).astype(float), rng.standard_normal(40)
    found = Order(values).below(weights)
    for row in range(40):
        for column in range(3):
            x, own = values[:, column], values[row, column]
            expected = weights[x < own].sum() + weights[x == own].sum() / 2
            assert found[row, column] == pytest.approx(expected, abs=1e-9)
    shares = (stats.rankdata(values, axis=0) - 0.5) / 40 - 0.5
    np.testing.assert_allclose(Order(values).shares, shares, atol=1e-12)
