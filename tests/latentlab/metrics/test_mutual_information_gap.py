"""MIG against scikit-learn pair by pair, with the binning of the published study."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mutual_info_score

from latentlab.metrics.mutual_information_gap import mutual_information_gap


def codes_and_factors(seed, images=500, dtype=np.float32):
    rng = np.random.default_rng(seed)
    factors = pd.DataFrame(
        {"shape": rng.integers(0, 3, images), "angle": rng.integers(0, 40, images)}
    )
    codes = rng.standard_normal((images, 4))
    codes[:, 0] += factors["shape"]
    codes[:, 1:3] += factors[["angle"]].to_numpy() / 10
    codes[:, 3] = 1.5  # dead
    return pd.DataFrame(codes.astype(dtype)), factors


def histogram(values, bins):
    return np.digitize(values, np.histogram(values, bins)[1][:-1])


def reference(codes, factors, bins):
    """Pair by pair, as in the study: best minus second best, by the factor's entropy."""
    gaps = {}
    for name in factors:
        information = [mutual_info_score(factors[name], histogram(codes[z], bins)) for z in codes]
        second, best = np.sort(information)[-2:]
        gaps[name] = (best - second) / mutual_info_score(factors[name], factors[name])
    return gaps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bins", [5, 20])
@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_a_loop_over_pairs(seed, bins, dtype):
    codes, factors = codes_and_factors(seed, dtype=dtype)
    result = mutual_information_gap(codes, factors, bins=bins)
    assert result.gaps == pytest.approx(reference(codes, factors, bins), abs=1e-9)
    assert result.score == pytest.approx(np.mean(list(result.gaps.values())))


@pytest.mark.parametrize("seed", range(5))
def test_continuous_factors_are_binned_like_latents(seed):
    codes, factors = codes_and_factors(seed)
    noise = np.random.default_rng(seed).standard_normal(len(factors))
    continuous = pd.DataFrame({"size": factors["shape"] + noise})
    binned = pd.DataFrame({"size": histogram(continuous["size"], 20)})
    assert mutual_information_gap(codes, continuous).gaps == pytest.approx(
        reference(codes, binned, 20)
    )


def test_one_to_one_codes_have_gap_one_and_copies_have_gap_zero():
    factors = pd.DataFrame({"shape": np.arange(300) % 3, "angle": np.arange(300) // 3 % 5})
    codes = factors.astype(float).rename(columns={"shape": "mu_000", "angle": "mu_001"})
    assert mutual_information_gap(codes, factors).score == pytest.approx(1.0)
    assert mutual_information_gap(codes[["mu_000"]], factors[["shape"]]).score == pytest.approx(1)
    twice = codes.assign(mu_002=codes["mu_000"], mu_003=codes["mu_001"])
    assert mutual_information_gap(twice, factors).score == pytest.approx(0.0, abs=1e-12)


def test_a_constant_factor_is_left_out_and_named():
    codes, factors = codes_and_factors(0)
    result = mutual_information_gap(codes, factors.assign(colour=1))
    assert result.gaps["colour"] is None and "constant" in result.reasons["colour"]
    assert result.score == mutual_information_gap(codes, factors).score


def test_a_range_below_the_precision_counts_as_constant():
    codes, factors = codes_and_factors(0, dtype=np.float64)
    wobble = 1e8 + 1e-8 * np.arange(len(codes))
    result = mutual_information_gap(codes.assign(wobble=wobble), factors)
    assert result.score == pytest.approx(mutual_information_gap(codes, factors).score)
