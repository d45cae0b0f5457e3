import numpy as np
import pytest
from scipy.linalg import sqrtm

from latentlab.metrics.total_correlation import (
    gaussian_total_correlation,
    normalised_wasserstein_correlation,
    wasserstein_total_correlation,
)
from tests.latentlab.metrics.tables import frame


def codes(seed, latents=4, images=300):
    rng = np.random.default_rng(seed)
    return frame(rng.standard_normal((images, latents)) @ rng.standard_normal((latents, latents)))


def test_two_latents_have_a_closed_form():
    z = codes(0, latents=2)
    r = np.corrcoef(z.T)[0, 1]
    assert gaussian_total_correlation(z).score == pytest.approx(-0.5 * np.log(1 - r**2))
    # Of unit variances: twice (2 - the sum of the roots of 1 + r and 1 - r).
    unit = wasserstein_total_correlation((z - z.mean()) / z.std())
    assert unit.score == pytest.approx(2 * (2 - np.sqrt(1 + r) - np.sqrt(1 - r)))


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_definitions(seed):
    z = codes(seed)
    covariance = np.cov(z.T)
    diagonal = np.diag(np.diag(covariance))
    divergence = 0.5 * np.log(np.linalg.det(diagonal) / np.linalg.det(covariance))
    assert gaussian_total_correlation(z).score == pytest.approx(divergence, abs=1e-9)
    root = sqrtm(diagonal)
    distance = np.trace(covariance + diagonal - 2 * sqrtm(root @ covariance @ root)).real
    assert wasserstein_total_correlation(z).score == pytest.approx(distance, abs=1e-9)
    share = distance / np.trace(covariance)
    assert normalised_wasserstein_correlation(z).score == pytest.approx(share, abs=1e-9)


def test_a_latent_that_is_a_function_of_others_is_infinitely_dependent():
    z = codes(0)
    z["copy"] = z["mu_000"] - 2 * z["mu_001"]
    result = gaussian_total_correlation(z)
    assert result.score is None and "infinite" in result.reason
    assert wasserstein_total_correlation(z).score > 0
    assert gaussian_total_correlation(z[:3]).score is None  # fewer rows than latents


def test_latents_that_are_not_correlated_have_none():
    signs = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], float)
    for score in (gaussian_total_correlation, wasserstein_total_correlation):
        assert score(frame(signs)).score == pytest.approx(0.0, abs=1e-12)
