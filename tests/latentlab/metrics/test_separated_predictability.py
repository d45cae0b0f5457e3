import numpy as np
import pandas as pd
import pytest
from sklearn.svm import LinearSVC

from latentlab.metrics.separated_predictability import separated_predictability
from tests.latentlab.metrics.tables import codes_and_factors, frame, halves, mixed


def gap(scores):
    """Best minus second best per factor, averaged: scores (latents, factors)."""
    ordered = np.sort(scores, axis=0)
    return np.mean(ordered[-1] - ordered[-2])


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_a_machine_for_every_pair(seed):
    given = halves(*mixed(seed, images=800, dtype=np.float32 if seed % 2 else np.float64))
    codes, factors, test_codes, test_factors = given
    scores = [
        [
            LinearSVC(C=0.01, class_weight="balanced")
            .fit(codes[[z]].to_numpy(), factors[v])
            .score(test_codes[[z]].to_numpy(), test_factors[v])
            for v in factors
        ]
        for z in codes
    ]
    result = separated_predictability(*given)["sap"]
    assert result.score == pytest.approx(gap(scores), abs=1e-9)
    assert set(result.settings["scores"].values()) == {"accuracy"}


@pytest.mark.parametrize("seed", range(3))
def test_continuous_factors_are_scored_by_squared_correlation(seed):
    codes, factors = codes_and_factors(seed)
    factors = factors + np.random.default_rng(seed).standard_normal(factors.shape)
    expected = gap(np.corrcoef(codes.T, factors.T)[:5, 5:] ** 2)
    result = separated_predictability(codes, factors, codes[:0].reindex([0]).fillna(0), factors[:1])
    assert result["sap"].score == pytest.approx(expected)
    assert set(result["sap"].settings["scores"].values()) == {"r2"}


def test_kinds_are_decided_factor_by_factor_unless_told():
    codes, factors = codes_and_factors(0)
    given = halves(codes, factors.assign(size=codes["mu_002"] ** 3))
    kinds = separated_predictability(*given)["sap"].settings["scores"]
    assert kinds == {"x": "accuracy", "y": "accuracy", "size": "r2"}
    kinds = separated_predictability(*given, continuous=True)["sap"].settings["scores"]
    assert set(kinds.values()) == {"r2"}


def test_one_latent_has_no_second():
    rows = frame(np.arange(40.0)[:, None])
    half = pd.DataFrame({"half": rows["mu_000"] > 20}).astype(int)
    result = separated_predictability(rows, half, rows, half)["sap"]
    assert result.score is None and "one latent" in result.reason
