import numpy as np
import pandas as pd
import pytest

from latentlab.metrics.interventional_robustness import interventional_robustness
from tests.latentlab.metrics.tables import frame, mixed


def slow(codes, factors, bins):
    """Value by value, latent by latent, in the words of the definition."""
    z = codes.to_numpy(float)
    largest = np.abs(z - z.mean(axis=0)).max(axis=0)
    scores, weights = [], []
    for latent in range(z.shape[1]):
        if largest[latent] == 0:
            continue
        robust = []
        for name in factors:
            cut = np.digitize(factors[name], np.histogram(factors[name], bins)[1][:-1])
            moves = []
            for value in np.unique(cut):
                inside = z[cut == value, latent]
                moves.append(np.percentile(np.abs(inside - inside.mean()), 99))
            robust.append(1 - np.mean(moves) / largest[latent])
        scores.append(max(robust))
        weights.append(largest[latent])
    return np.average(scores, weights=weights)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_a_plain_loop(seed):
    codes, factors = mixed(seed)
    factors = factors.assign(angle=np.random.default_rng(seed).integers(0, 40, len(factors)))
    result = interventional_robustness(codes, factors)
    assert result.score == pytest.approx(slow(codes, factors, 20), abs=1e-9)
    assert result.settings["constant_latents"] == ["mu_005"]


def test_a_worked_example():
    """Codes 0, 1 for one value and 4, 5 for the other: half a unit within, 2.5 at most overall."""
    codes, factors = frame(np.array([[0.0], [1], [4], [5]])), pd.DataFrame({"v": [0, 0, 1, 1]})
    assert interventional_robustness(codes, factors).score == pytest.approx(1 - 0.5 / 2.5)


def test_collapsed_codes_have_no_score():
    codes, factors = mixed(0)
    result = interventional_robustness(codes * 0, factors)
    assert result.score is None and "constant" in result.reason
