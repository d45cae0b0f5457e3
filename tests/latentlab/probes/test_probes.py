"""The contract of every probe, and agreement with the objective it documents."""

import numpy as np
import pytest
from scipy.special import expit
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
