import numpy as np
import pytest

from latentlab.metrics.joint_entropy_gap import joint_entropy_gap
from tests.latentlab.metrics.tables import crossed, frame


def test_a_latent_that_knows_more_than_its_factor_pays_for_it():
    """Factor 0 has two values and its latent four: joint entropy log 4, information log 2, no
    other latent. JEMMIG is log 4 - log 2, of at most log 2 + log 20."""
    factors = crossed(2, 2, repeats=10)
    latent = 2 * factors["factor_0"] + factors["factor_1"]
    result = joint_entropy_gap(frame(latent.to_numpy(float)[:, None]), factors[["factor_0"]])
    assert result.settings["jemmig"]["factor_0"] == pytest.approx(np.log(2))
    assert result.score == pytest.approx(1 - np.log(2) / (np.log(2) + np.log(20)))


def test_a_copy_of_the_best_latent_costs_its_information():
    factors = crossed(2, 3, repeats=10)
    codes = frame(factors.to_numpy(float))
    assert joint_entropy_gap(codes, factors).score == pytest.approx(1.0)
    copied = joint_entropy_gap(codes.assign(copy=codes["mu_000"]), factors)
    assert copied.settings["jemmig"] == pytest.approx({"factor_0": np.log(2), "factor_1": 0.0})
