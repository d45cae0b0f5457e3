"""What labels and numbers hold, against counting by hand and against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from latentlab.artifacts import Targets
from latentlab.census import correlated_pairs, target_census


def labels(values):
    return pd.array(values, dtype="boolean")


@pytest.fixture
def targets():
    values = pd.DataFrame(
        {
            "Smiling": labels([True, False, None, True, True]),
            "Bald": labels([None] * 5),
            "yaw": [1.0, 2.0, 3.0, np.nan, 2.0],
        }
    )
    return Targets(values, {"Smiling": "attribute", "Bald": "attribute", "yaw": "factor"})


def test_known_missing_and_positive_labels_are_counted(targets):
    table = target_census(targets).set_index("target")
    smiling = table.loc["Smiling"]
    assert smiling[["known", "missing", "positives", "share"]].tolist() == [4, 1, 3, 0.75]
    assert table.loc["Bald", ["known", "missing", "positives"]].tolist() == [0, 5, 0]
    assert np.isnan(table.loc["Bald", "share"])  # of nothing known: no 0
    assert np.isnan(smiling["median"])


def test_numbers_have_their_range(targets):
    yaw = target_census(targets).set_index("target").loc["yaw"]
    assert yaw[["low", "median", "high", "distinct", "missing"]].tolist() == [1, 2, 3, 3, 1]
    assert np.isnan(yaw["share"])


@pytest.mark.parametrize("seed", range(3))
def test_pairs_agree_with_scipy_and_come_in_order(seed):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=400)
    values = pd.DataFrame(
        {
            name: labels(base * weight + rng.normal(size=400) > 0)
            for name, weight in {"a": 2.0, "b": -2.0, "c": 0.5, "d": 0.0}.items()
        }
    )
    values.loc[:30, "a"] = None
    pairs = correlated_pairs(values, list(values), least=0.0)
    assert len(pairs) == 6
    assert pairs["r"].abs().is_monotonic_decreasing
    for row in pairs.itertuples():
        both = values[[row.first, row.second]].dropna().astype(float)
        reference = stats.pearsonr(both[row.first], both[row.second])
        assert row.n == len(both)
        assert row.r == pytest.approx(reference.statistic, abs=1e-12)
        assert (row.low, row.high) == pytest.approx(tuple(reference.confidence_interval()))


def test_weak_pairs_and_labels_without_both_values_are_left_out():
    values = pd.DataFrame(
        {
            "a": labels([True, False] * 50),
            "b": labels([True, True, False, False] * 25),  # independent of a
            "c": labels([True, False] * 50),
            "never": labels([False] * 100),
        }
    )
    pairs = correlated_pairs(values, list(values))
    assert pairs[["first", "second"]].values.tolist() == [["a", "c"]]
    assert pairs.loc[0, ["r", "low", "high"]].tolist() == pytest.approx([1, 1, 1])
    assert correlated_pairs(values, ["never"]).empty
