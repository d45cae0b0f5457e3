import numpy as np
import pytest

from latentlab.metrics.entropy_disentanglement import entropy_disentanglement
from tests.latentlab.metrics.tables import crossed, frame, mixed


def test_a_worked_example():
    """Two latents show a factor each, a third shows both: every factor is known twice, so each
    importance is 1/2. As in DCI the two pure latents weigh 1/2 and are 1, the third is 0."""
    factors = crossed(2, 3, repeats=10)
    both = 3.0 * factors["factor_0"] + factors["factor_1"]
    codes = frame(factors.to_numpy(float)).assign(both=both)
    result = entropy_disentanglement(codes, factors)
    assert result.score == pytest.approx(0.5)
    assert result.settings["completeness"] == pytest.approx(1 - np.log(2) / np.log(3))


def test_latents_that_know_nothing_weigh_nothing():
    codes, factors = mixed(0)
    idle = codes.assign(other=1.0)
    score = entropy_disentanglement(codes, factors).score
    assert entropy_disentanglement(idle, factors).score == pytest.approx(score)
    assert entropy_disentanglement(codes * 0, factors).score == pytest.approx(0.0, abs=1e-12)
