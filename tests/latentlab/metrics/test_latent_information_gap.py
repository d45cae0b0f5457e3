import pytest

from latentlab.metrics.latent_information_gap import latent_information_gap
from tests.latentlab.metrics.tables import crossed, frame


def test_a_latent_that_shows_two_factors_has_no_lead():
    factors = crossed(2, 3, repeats=10)
    both = 3.0 * factors["factor_0"] + factors["factor_1"]
    codes = frame(factors.to_numpy(float)).assign(both=both)
    result = latent_information_gap(codes, factors)
    assert result.settings["per_latent"]["both"] == pytest.approx(0.0, abs=1e-12)
    assert result.score == pytest.approx(2 / 3)


def test_a_factor_in_several_latents_costs_nothing():
    factors = crossed(2, 3, repeats=10)
    codes = frame(factors.to_numpy(float))
    assert latent_information_gap(codes.assign(copy=codes["mu_000"]), factors).score == (
        pytest.approx(1.0)
    )
