"""Every way through the solver ends at the same optimum."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from latentlab.probes import blocks, kernels, newton
from latentlab.probes import problems as problems_module
from latentlab.probes.blocks import ArraySource, Rows, measure
from latentlab.probes.newton import solve
from latentlab.probes.problems import ALL, Problems, Totals, collect, null_start
from latentlab.probes.steps import ROUNDING, newton_steps

PENALTIES = (0.01, 1.0, 100.0, 1e4)
FOLDS = 3


def problem(seed, images=3000, latents=6, targets=4, unknown=0.0, rates=(0.02, 0.1, 0.3, 0.5)):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((images, latents)) * np.geomspace(0.1, 5, latents) - 1.0
    odds = (x + 1.0) / np.geomspace(0.1, 5, latents) @ rng.standard_normal((latents, targets))
    odds -= [np.quantile(one, 1 - rate) for one, rate in zip(odds.T, rates, strict=True)]
    y = (rng.random(odds.shape) < expit(odds)).astype(float)
    y[rng.random(y.shape) < unknown] = np.nan
    return x, y, rng.permutation(np.arange(images) % FOLDS)


def solved(x, y, folds=None, weights=None, device=None, **settings):
    source = ArraySource(x, y, folds)
    count = 0 if folds is None else FOLDS
    rows = Rows(source, measure(source, count), count, weights, device)
    return solve(rows, PENALTIES, **settings)


@pytest.fixture
def large(monkeypatch):
    """What is meant for large tables, on a small one: a sample, float32, many blocks and tiles."""
    monkeypatch.setattr(newton, "LARGE", 0)
    monkeypatch.setattr(problems_module, "SAMPLE", 700)
    monkeypatch.setattr(blocks, "UNIT", 256)
    monkeypatch.setattr(kernels, "_IMAGES", 100)
    monkeypatch.setattr(kernels, "_PROBLEMS", 7)


def reference(z, y, penalty):
    known = np.isfinite(y)
    model = LogisticRegression(C=1 / penalty, tol=1e-11, solver="newton-cholesky", max_iter=1000)
    model.fit(z[known], y[known])
    return np.append(model.coef_[0], model.intercept_)


@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize("unknown", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(2))
def test_sampled_float32_steps_end_where_newton_does(seed, unknown, device, large, request):
    x, y, folds = problem(seed, unknown=unknown)
    fast = solved(x, y, folds, device=device)
    request.getfixturevalue("monkeypatch").undo()
    slow = solved(x, y, folds)
    assert fast.solved.all() and slow.solved.all()
    np.testing.assert_allclose(fast.weights, slow.weights, atol=2e-5)
    np.testing.assert_allclose(fast.fold_weights, slow.fold_weights, atol=2e-5)
    np.testing.assert_allclose(fast.held_out, slow.held_out, rtol=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_every_fold_and_penalty_agrees_with_scikit_learn(seed, large):
    x, y, folds = problem(seed)
    fits = solved(x, y, folds)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    for target in range(4):
        for index, penalty in enumerate(PENALTIES):
            for fold in (None, *range(FOLDS)):
                rows = np.ones(len(x), bool) if fold is None else folds != fold
                found = fits.weights[target, index]
                if fold is not None:
                    found = fits.fold_weights[target, fold, index]
                expected = reference(z[rows], y[rows, target], penalty)
                np.testing.assert_allclose(found, expected, atol=2e-5)
                if fold is not None:
                    odds = z[~rows] @ expected[:-1] + expected[-1]
                    loss = np.logaddexp(0, np.where(y[~rows, target] == 1, -odds, odds)).sum()
                    assert fits.held_out[target, fold, index] == pytest.approx(loss, rel=1e-5)
    np.testing.assert_array_equal(fits.held_out_weight[0], np.bincount(folds))


def test_threads_change_nothing(large):
    x, y, folds = problem(0, unknown=0.1)
    with kernels._pools().limit(limits=1, user_api="blas"):
        alone = solved(x, y, folds)
    with kernels._pools().limit(limits=3, user_api="blas"):
        threaded = solved(x, y, folds)
    np.testing.assert_array_equal(alone.weights, threaded.weights)
    np.testing.assert_array_equal(alone.held_out, threaded.held_out)


def test_targets_wait_for_one_another_where_memory_is_short(monkeypatch):
    x, y, folds = problem(0, images=600)
    together = solved(x, y, folds)
    monkeypatch.setattr(newton, "MEMORY", 1)
    apart = solved(x, y, folds)
    np.testing.assert_allclose(apart.fold_weights, together.fold_weights, atol=1e-10)


def test_many_latents_take_another_product_and_the_same_steps(monkeypatch):
    x, y, folds = problem(0, images=600)
    packed = solved(x, y, folds)
    monkeypatch.setattr(kernels, "_PRODUCTS", 2)
    np.testing.assert_allclose(solved(x, y, folds).weights, packed.weights, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_steps_that_would_overshoot_are_halved(seed):
    """A start far out, where the Hessian has all but vanished: full Newton steps diverge."""
    x, y, _ = problem(seed, images=400)
    source = ArraySource(x, y)
    rows = Rows(source, measure(source, 0))
    totals = Totals(rows)
    problems = Problems.of(rows, totals, np.arange(4), np.full(4, ALL), np.full(4, 1e-3))
    far = np.random.default_rng(seed).choice([-9.0, 9.0], (4, x.shape[1] + 1))
    found = newton_steps(rows, problems, far, 200, 1e-6)
    near = newton_steps(rows, problems, null_start(problems), 200, 1e-6)
    assert found.solved.all()
    np.testing.assert_allclose(found.weights, near.weights, atol=1e-4)


def test_rare_labels_are_not_started_from_a_sample_that_has_none(large):
    x, y, folds = problem(1)
    y[:, 0] = 0.0
    y[::500, 0] = 1.0
    y[np.arange(len(y)) % 50 != 3, 1] = np.nan  # and with a stride the sample may have none
    y[3::100, 1] = 1.0
    fits = solved(x, y, folds)
    assert fits.solved.all()
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    np.testing.assert_allclose(fits.weights[0, 1], reference(z, y[:, 0], 1.0), atol=2e-5)
    known = np.isfinite(y[:, 1])
    ratio = x[known].std(axis=0) / x.std(axis=0)
    own = (x - x[known].mean(axis=0)) / x[known].std(axis=0)
    found = fits.weights[1, 2, :-1] * ratio
    np.testing.assert_allclose(found, reference(own, y[:, 1], 100.0)[:-1], atol=2e-5)


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_moments_are_those_of_the_known_images(offset):
    x, y, _ = problem(0, unknown=0.3)
    scale = measure(ArraySource(x + offset, y), 0)
    for target in range(4):
        known = np.isfinite(y[:, target])
        np.testing.assert_allclose(scale.mean[target], x[known].mean(axis=0) + offset, rtol=1e-9)
        np.testing.assert_allclose(scale.deviation[target], x[known].std(axis=0), rtol=1e-8)
    np.testing.assert_allclose(scale.spread, x.std(axis=0), rtol=1e-8)
    assert not scale.constant.any()


@pytest.mark.parametrize("size", [1.0, 4.0])
@pytest.mark.parametrize("seed", range(3))
def test_rounding_of_float32_gradients_is_below_its_bound(seed, size):
    """Also far from the optimum, where odds are large."""
    x, y, _ = problem(seed, images=20_000)
    source = ArraySource(x, y)
    rows = Rows(source, measure(source, 0))
    weights = size * solve(rows, PENALTIES[:1]).weights[:, 0]
    totals = Totals(rows)
    problems = Problems.of(rows, totals, np.arange(4), np.full(4, ALL), np.full(4, 0.01))
    single, double = (
        collect(rows, dtype, problems, weights, gradient=True).gradient
        for dtype in ("float32", "float64")
    )
    assert np.abs(single - double).max() <= ROUNDING * len(x)
    assert np.abs(single - double).max() > 0.0
