import numpy as np
import pytest

from latentlab.metrics.modularity import modularity
from tests.latentlab.metrics.tables import crossed, frame


def test_a_worked_example():
    """A latent that shows two binary factors at once knows log 2 of either: it deviates from the
    template of one factor fully. One that shows one factor does not. The mean is 1/2."""
    factors = crossed(2, 2, repeats=10)
    codes = np.column_stack([factors["factor_0"], 2 * factors["factor_0"] + factors["factor_1"]])
    result = modularity(frame(codes.astype(float)), factors)
    assert result.score == pytest.approx(0.5)
    assert result.settings["per_latent"] == pytest.approx({"mu_000": 1.0, "mu_001": 0.0})


def test_the_share_of_the_second_factor_counts_squared():
    """With three factors the penalty is the squared information about the others over 2."""
    factors = crossed(2, 2, 2, repeats=10)
    latent = 2 * factors["factor_0"] + factors["factor_1"]
    result = modularity(frame(latent.to_numpy(float)[:, None]), factors)
    assert result.score == pytest.approx(1 - 1 / 2)


def test_a_latent_without_information_counts_nothing_and_is_named():
    factors = crossed(2, 3, repeats=10)
    codes = frame(factors.to_numpy(float)).assign(dead=1.0)
    result = modularity(codes, factors)
    assert result.score == pytest.approx(2 / 3) and result.settings["idle"] == ["dead"]


def test_one_factor_is_not_enough():
    factors = crossed(2, repeats=10)
    result = modularity(frame(factors.to_numpy(float)), factors)
    assert result.score is None and "two" in result.reason
