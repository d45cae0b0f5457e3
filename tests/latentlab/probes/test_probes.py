"""The contract of every probe, and agreement with scikit-learn on the objective it documents."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge
from sklearn.model_selection import (
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from latentlab.probes import PROBES, LogisticProbe, RidgeProbe


@parametrize_with_checks([probe() for probe in PROBES.values()])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def latents_and_label(seed, images=300, latents=6):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((images, latents)) * np.geomspace(0.1, 10, latents) + 3.0
    return x, (x[:, 0] - 3.0) * 10 + x[:, 1] + rng.standard_normal(images) > 3.5


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("penalty", [0.1, 10.0])
@pytest.mark.parametrize("seed", range(3))
def test_gradient_of_the_documented_objective_vanishes(name, penalty, seed):
    x, y = latents_and_label(seed)
    probe = PROBES[name](penalty=penalty).fit(x, y)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    answer = x @ probe.coef_ + probe.intercept_
    residual = y - (expit(answer) if name == "logistic" else answer)
    np.testing.assert_allclose(z.T @ residual, penalty * probe.weights_, atol=2e-3)
    assert residual.sum() == pytest.approx(0.0, abs=2e-3)


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("seed", range(3))
def test_units_of_the_latents_do_not_matter(name, seed):
    x, y = latents_and_label(seed)
    units = np.geomspace(0.01, 100, x.shape[1])
    probe = PROBES[name]().fit(x, y)
    scaled = PROBES[name]().fit(x * units - 5.0, y)
    np.testing.assert_allclose(scaled.weights_, probe.weights_, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(scaled.coef_ * units, probe.coef_, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", PROBES)
def test_more_latents_than_images_and_constant_latents(name):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 50)), np.arange(20) % 2
    x[:, 7] = 0.1
    probe = PROBES[name]().fit(x, y)
    assert np.isfinite(probe.coef_).all() and abs(probe.weights_[7]) < 1e-9


@pytest.mark.parametrize("probe", [LogisticProbe(penalty=-1.0), RidgeProbe(penalty=-1.0)])
def test_a_negative_penalty_is_refused(probe):
    with pytest.raises(ValueError, match="-1"):
        probe.fit(*latents_and_label(0))


PENALTIES = (0.01, 1.0, 100.0, 1e4)


def latents_and_labels(seed, images=900, latents=7, targets=5, unknown=0.0):
    """Correlated latents and labels of different rates, some NaN."""
    rng = np.random.default_rng(seed)
    mix = np.eye(latents) + 0.3 * rng.standard_normal((latents, latents))
    x = rng.standard_normal((images, latents)) @ mix * np.geomspace(0.05, 20, latents) + 2.0
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    odds = z @ rng.standard_normal((latents, targets))
    rates = np.linspace(0.04, 0.6, targets)
    odds -= [np.quantile(one, 1 - rate) for one, rate in zip(odds.T, rates, strict=True)]
    y = (rng.random(odds.shape) < expit(odds)).astype(float)
    y[rng.random(y.shape) < unknown] = np.nan
    return x, y


def log_loss(probe, x, y):
    """The documented objective, from coefficients in latent units."""
    odds = np.where(y == 1, -1, 1) * (x @ probe.coef_ + probe.intercept_)
    z = StandardScaler().fit(x)
    return np.logaddexp(0, odds).sum() + probe.penalty / 2 * np.sum((probe.coef_ * z.scale_) ** 2)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("seed", range(3))
def test_logistic_optimum_is_scikit_learns(seed, penalty):
    x, y = latents_and_labels(seed, targets=3)
    probe = LogisticProbe(penalty=penalty).fit(x, y)
    z = StandardScaler().fit(x)
    for target in range(3):
        reference = LogisticRegression(C=1 / penalty, tol=1e-10, solver="newton-cholesky")
        reference.fit(z.transform(x), y[:, target])
        np.testing.assert_allclose(probe.weights_[target], reference.coef_[0], atol=1e-6)
        one = LogisticProbe(penalty=penalty).fit(x, y[:, target])
        reference.coef_ = reference.coef_[0] / z.scale_
        reference.intercept_ = reference.intercept_[0] - reference.coef_ @ z.mean_
        reference.penalty = penalty
        expected = log_loss(reference, x, y[:, target])
        assert log_loss(one, x, y[:, target]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("unknown", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_all_targets_at_once_are_each_target_alone(seed, unknown, name):
    x, y = latents_and_labels(seed, unknown=unknown)
    together = PROBES[name](penalty=3.0).fit(x, y)
    assert together.coef_.shape == (5, 7) and together.predict(x).shape == y.shape
    for target in range(5):
        known = np.isfinite(y[:, target])
        alone = PROBES[name](penalty=3.0).fit(x[known], y[known, target])
        for found in ("weights_", "coef_", "intercept_", "mean_", "scale_"):
            one = getattr(together, found)[target]
            np.testing.assert_allclose(one, getattr(alone, found), rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(
            together.predict(x)[:, target], together.predict(x)[:, target]
        )
        np.testing.assert_allclose(
            together.predict(x)[:, target].astype(float), alone.predict(x).astype(float), atol=1e-6
        )


@pytest.mark.parametrize("name", PROBES)
def test_a_latent_that_is_constant_where_a_target_is_known_has_no_weight(name):
    x, y = latents_and_labels(0, targets=2)
    x[:400, 3] = -7.0
    y[400:, 1] = np.nan
    probe = PROBES[name](penalty=0.5).fit(x, y)
    alone = PROBES[name](penalty=0.5).fit(np.delete(x[:400], 3, axis=1), y[:400, 1])
    assert probe.weights_[1, 3] == 0.0 and probe.weights_[0, 3] != 0.0
    np.testing.assert_allclose(np.delete(probe.coef_[1], 3), alone.coef_, rtol=1e-5)
    assert probe.intercept_[1] == pytest.approx(alone.intercept_, rel=1e-5)


@pytest.mark.parametrize("penalty", [0.0, 1e-3, 10.0])
@pytest.mark.parametrize("seed", range(3))
def test_ridge_is_scikit_learns(seed, penalty):
    x, y = latents_and_labels(seed)
    probe = RidgeProbe(penalty=penalty).fit(x, 1e4 + 3 * y)
    reference = Ridge(alpha=penalty).fit(StandardScaler().fit_transform(x), 1e4 + 3 * y)
    np.testing.assert_allclose(probe.weights_, reference.coef_, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_penalty_and_held_out_loss_are_those_of_logistic_regression_cv(seed):
    x, y = latents_and_labels(seed, images=600, targets=1)
    z = StandardScaler().fit_transform(x)
    probe = LogisticProbe(penalty=PENALTIES, cv=4).fit(z, y[:, 0])
    reference = LogisticRegressionCV(
        Cs=[1 / penalty for penalty in PENALTIES], cv=StratifiedKFold(4), tol=1e-9,
        scoring="neg_log_loss", solver="newton-cholesky", use_legacy_attributes=False,
        l1_ratios=(0,),
    ).fit(z, y[:, 0])  # fmt: skip
    assert probe.penalty_ == pytest.approx(1 / reference.C_)
    np.testing.assert_allclose(probe.weights_, np.ravel(reference.coef_), atol=1e-5)
    scores = reference.scores_.reshape(4, len(PENALTIES))
    sizes = [len(test) for _, test in StratifiedKFold(4).split(z, y[:, 0])]
    np.testing.assert_allclose(
        probe.held_out_, -np.average(scores, axis=0, weights=sizes), rtol=1e-6
    )


@pytest.mark.parametrize("seed", range(3))
def test_ridge_held_out_error_is_that_of_refits(seed):
    x, y = latents_and_labels(seed, targets=1)
    z, y = StandardScaler().fit_transform(x), 100.0 + y[:, 0]
    probe = RidgeProbe(penalty=PENALTIES, cv=KFold(3)).fit(z, y)
    scoring = "neg_mean_squared_error"
    expected = [
        -cross_val_score(Ridge(alpha=penalty), z, y, cv=KFold(3), scoring=scoring).mean()
        for penalty in PENALTIES
    ]
    np.testing.assert_allclose(probe.held_out_, expected, rtol=1e-6)
    assert probe.penalty_ == PENALTIES[int(np.argmin(expected))]


@pytest.mark.parametrize("name", PROBES)
def test_penalty_is_chosen_on_a_split_of_ones_own(name):
    """Images of no fold are always trained on; with unknown labels, target by target."""
    x, y = latents_and_labels(1, unknown=0.2)
    valid = np.arange(len(x)) % 3 == 0
    cv = PredefinedSplit(np.where(valid, 0, -1))
    probe = PROBES[name](penalty=PENALTIES, cv=cv).fit(x, y)
    for target in range(5):
        known = np.isfinite(y[:, target])
        one = PROBES[name](penalty=PENALTIES, cv=PredefinedSplit(np.where(valid[known], 0, -1)))
        one.fit(x[known], y[known, target])
        assert probe.penalty_[target] == one.penalty_
        np.testing.assert_allclose(probe.held_out_[target], one.held_out_, rtol=1e-6)


def test_a_splitter_that_is_no_partition_is_refused():
    x, y = latents_and_labels(0)
    for cv, told in ((ShuffleSplit(3), "twice"), (1, "from 2"), ("five", "splitter")):
        with pytest.raises(ValueError, match=told):
            LogisticProbe(penalty=PENALTIES, cv=cv).fit(x, y)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.3, 1: 5.0}])
@pytest.mark.parametrize("seed", range(2))
def test_class_weights_are_scikit_learns(seed, class_weight):
    x, y = latents_and_labels(seed, unknown=0.1)
    probe = LogisticProbe(class_weight=class_weight).fit(x, y)
    for target in range(5):
        known = np.isfinite(y[:, target])
        reference = LogisticRegression(
            class_weight=class_weight, tol=1e-10, solver="newton-cholesky"
        ).fit(StandardScaler().fit_transform(x[known]), y[known, target])
        np.testing.assert_allclose(probe.weights_[target], reference.coef_[0], atol=1e-6)


def test_separable_labels_without_a_penalty_end_and_separate():
    x = np.random.default_rng(0).standard_normal((200, 3))
    y = x[:, 0] > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probe = LogisticProbe(penalty=0.0).fit(x, y)
    assert (probe.predict(x) == y).all()


@pytest.mark.parametrize("seed", range(3))
def test_repeated_latents_share_their_weight(seed):
    x, y = latents_and_labels(seed)
    for name in PROBES:
        probe = PROBES[name](penalty=1e-2).fit(np.hstack([x, x[:, :2]]), y)
        np.testing.assert_allclose(probe.weights_[:, :2], probe.weights_[:, -2:], atol=1e-5)


def test_too_few_steps_are_told():
    x, y = latents_and_labels(0)
    with pytest.warns(ConvergenceWarning, match="did not converge in 2 steps"):
        LogisticProbe(penalty=0.01, max_iter=2).fit(x, y)


def test_tables_with_missing_values_are_read():
    x, y = latents_and_labels(0, unknown=0.2)
    frame = pd.DataFrame(y == 1).astype("boolean").mask(pd.DataFrame(np.isnan(y)))
    np.testing.assert_array_equal(
        LogisticProbe().fit(x, frame).coef_, LogisticProbe().fit(x, y).coef_
    )
    names = np.where(y[:, 2] == 1, "smiling", "not")
    probe = LogisticProbe().fit(x, names)
    assert set(probe.predict(x)) == {"not", "smiling"} and list(probe.classes_) == [
        "not",
        "smiling",
    ]


def test_a_target_without_two_classes_is_named():
    x, y = latents_and_labels(0)
    y[:, 3] = np.where(np.isnan(y[:, 3]), np.nan, 1.0)
    with pytest.raises(ValueError, match=r"y\[:, 3\] holds one class only"):
        LogisticProbe().fit(x, y)
    y[:, 3] = np.nan
    with pytest.raises(ValueError, match=r"y\[:, 3\] has no known label"):
        LogisticProbe().fit(x, y)
    with pytest.raises(ValueError, match="target 3 has no known value"):
        RidgeProbe().fit(x, y)


def test_torch_finds_what_numpy_finds():
    x, y = latents_and_labels(0, unknown=0.1)
    with_torch = LogisticProbe(penalty=PENALTIES, cv=3, device="cpu").fit(x, y)
    with_numpy = LogisticProbe(penalty=PENALTIES, cv=3).fit(x, y)
    np.testing.assert_allclose(with_torch.weights_, with_numpy.weights_, atol=1e-8)
    np.testing.assert_allclose(with_torch.held_out_, with_numpy.held_out_, rtol=1e-9)
