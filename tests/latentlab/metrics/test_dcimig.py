import numpy as np
import pytest

from latentlab.metrics.dcimig import dcimig
from tests.latentlab.metrics.tables import crossed, frame


def test_a_factor_that_no_latent_stands_for_costs_its_entropy():
    factors = crossed(2, 4, repeats=10)
    codes = frame(factors[["factor_0"]].to_numpy(float))
    assert dcimig(codes, factors).score == pytest.approx(np.log(2) / (np.log(2) + np.log(4)))


def test_a_latent_that_shows_two_factors_counts_by_its_lead():
    """It knows log 2 of one factor and log 4 of the other, so it leads by log 2."""
    factors = crossed(2, 4, repeats=10)
    latent = 4 * factors["factor_0"] + factors["factor_1"]
    result = dcimig(frame(latent.to_numpy(float)[:, None]), factors)
    assert result.score == pytest.approx(np.log(2) / (np.log(2) + np.log(4)))
    assert result.settings["gaps"] == pytest.approx({"factor_0": 0.0, "factor_1": np.log(2)})


def test_copies_of_a_latent_do_not_cost_anything():
    factors = crossed(2, 3, repeats=10)
    codes = frame(factors.to_numpy(float))
    assert dcimig(codes.assign(copy=codes["mu_000"]), factors).score == pytest.approx(1.0)
