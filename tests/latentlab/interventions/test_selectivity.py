"""Selectivity: worked by hand, its limits, and intervals that hold for the largest of many."""

import numpy as np
import pandas as pd
import pytest

from latentlab.interventions.directions import Direction
from latentlab.interventions.effects import Measured, find_slopes
from latentlab.interventions.selectivity import (
    SELECTIVITY_COLUMNS,
    real_correlations,
    selectivity_of,
    selectivity_table,
)
from latentlab.probes.scoring import bootstrap_counts

T = np.arange(-2.0, 3.0)


def slopes_of(each, *, kinds=("latent",), of=(None,), seed=0, resamples=300):
    """each: slope of every anchor, (directions, anchors, targets); targets are t0, t1, ..."""
    directions = tuple(
        Direction(f"d{index}", kind, np.ones(1), target)
        for index, (kind, target) in enumerate(zip(kinds, of, strict=True))
    )
    anchors, targets = each.shape[1:]
    values = np.asarray(each, float)[:, :, None, :] * T[:, None]
    names = tuple(f"t{index}" for index in range(targets))
    one = Measured("judge", False, directions, names, T, values, np.arange(anchors), {})
    return find_slopes(one, bootstrap_counts(anchors, resamples, seed))


def selectivity(slopes, correlations, **known):
    """Selectivity for t0 of exact slopes, with these correlations of t0 and the others."""
    each = np.tile(np.asarray(slopes, float), (1, 20, 1))
    real = np.eye(len(slopes))
    real[0, 1:] = real[1:, 0] = correlations
    return selectivity_of(slopes_of(each, **known), real, "d0", "t0")


@pytest.mark.parametrize(
    ("slopes", "correlations", "expected", "worst", "excess"),
    [
        ([1.0, 0.0], [0.0], 1.0, "t1", 0.0),
        ([1.0, 1.0], [0.0], 1 / 2, "t1", 1.0),
        ([1.0, 0.6], [0.7], 1.0, "t1", -0.1),  # what the real data explain
        ([1.0, 0.0], [0.7], 1.0, "t1", 0.0),  # less than they explain is no fault
        ([1.0, 0.9], [0.7], 1 / 1.2, "t1", 0.2),
        ([1.0, -0.2], [0.7], 1 / 1.2, "t1", 0.2),  # against the correlation nothing is explained
        ([1.0, -0.9], [-0.7], 1 / 1.2, "t1", 0.2),
        ([-0.5, -0.45], [0.7], 1 / 1.2, "t1", 0.2),
        ([1.0, 0.9, -0.3, 0.25], [0.7, 0.0, 0.0], 1 / 1.3, "t2", 0.3),
        ([0.1, 0.9], [0.0], 0.1, "t1", 9.0),
    ],
)
def test_worked_by_hand(slopes, correlations, expected, worst, excess):
    row = selectivity(slopes, correlations)
    assert row["selectivity"] == pytest.approx(expected)
    assert row["low"] == pytest.approx(expected) and row["high"] == pytest.approx(expected)
    assert row["worst"] == worst
    index = int(worst[1:])
    assert row["worst_slope"] == pytest.approx(slopes[index])
    assert row["worst_correlation"] == correlations[index - 1]
    assert row["worst_excess"] == pytest.approx(excess, abs=1e-12)


def test_a_target_that_stays_has_none():
    row = selectivity([0.0, 0.5], [0.9])
    assert (row["selectivity"], row["low"], row["high"]) == (0.0, 0.0, 0.0)
    assert row["worst"] == "t1"
    row = selectivity([0.0, 0.0], [0.9])
    assert row["reason"] == "nothing moved" and "selectivity" not in row


def test_a_slope_that_cannot_be_told_from_zero_may_have_none():
    each = np.random.default_rng(0).normal(0.0, 1.0, (1, 40, 3))
    row = selectivity_of(slopes_of(each), np.eye(3), "d0", "t0")
    assert row["low"] == 0.0 and 0.0 < row["selectivity"] <= row["high"] <= 1.0


@pytest.mark.parametrize("seed", range(5))
def test_signs_scale_and_the_order_of_targets_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    each = rng.normal(size=(1, 40, 6)) + rng.normal(size=6)
    real = np.corrcoef(rng.normal(size=(6, 20)))
    first = selectivity_of(slopes_of(each), real, "d0", "t0")
    order = np.r_[0, 1 + rng.permutation(5)]
    again = {
        "flip": selectivity_of(slopes_of(-each), real, "d0", "t0"),
        "scale": selectivity_of(slopes_of(3.0 * each), real, "d0", "t0"),
        "order": selectivity_of(slopes_of(each[:, :, order]), real[order][:, order], "d0", "t0"),
    }
    for row in again.values():
        for name in ("selectivity", "low", "high", "worst_excess"):
            assert row[name] == pytest.approx(first[name])
    assert again["order"]["worst"] == f"t{np.argsort(order)[int(first['worst'][1:])]}"


@pytest.mark.parametrize(
    ("slopes", "correlations", "noise"),
    [
        ([1.0, *[0.0] * 30], np.zeros(30), 0.5),  # noise alone makes the largest of 30
        ([1.0, 0.5, *[0.0] * 30], np.zeros(31), 0.5),
        ([1.0, 0.8, 0.1], np.array([0.6, 0.5]), 0.5),
        ([0.3, 0.6, -0.6], np.zeros(2), 0.5),
        ([1.0, 2.0], np.zeros(1), 0.7),
    ],
)
def test_intervals_hold_the_truth_at_40_anchors(slopes, correlations, noise):
    slopes = np.array(slopes)
    real = np.eye(len(slopes))
    real[0, 1:] = correlations
    truth = selectivity(slopes, correlations)["selectivity"]
    held = []
    for seed in range(150):
        each = slopes + noise * np.random.default_rng(seed).normal(size=(1, 40, len(slopes)))
        row = selectivity_of(slopes_of(each, seed=seed, resamples=200), real, "d0", "t0")
        held.append(row["low"] <= truth + 1e-12 and truth <= row["high"] + 1e-12)
    assert np.mean(held) >= 0.92


def test_labels_come_first_and_the_judge_fills_in():
    rng = np.random.default_rng(0)
    reference = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "extra"])
    reference["b"] += reference["a"]
    reference["flat"] = 1.0
    labels = pd.DataFrame([[1.0, 0.3], [0.3, 1.0]], index=["a", "b"], columns=["a", "b"])
    targets = ["a", "b", "extra", "flat"]
    found = real_correlations(targets, reference, labels)
    assert found[0, 1] == 0.3
    assert found[0, 2] == pytest.approx(np.corrcoef(reference["a"], reference["extra"])[0, 1])
    assert (found[0, 3], found[3, 3]) == (0.0, 0.0)
    alone = real_correlations(targets, reference)
    assert alone[0, 1] == pytest.approx(np.corrcoef(reference["a"], reference["b"])[0, 1])


def test_the_table_asks_each_direction_for_its_own_target():
    slopes = np.array([[0.1, 0.9, 0.2], [0.5, 0.1, 0.9], [0.3, 0.2, 0.1], [0.0, 0.0, 0.0]])
    each = slopes[:, None, :] * np.ones((4, 20, 3))
    kinds, of = ("latent", "probe", "random", "zero"), (None, "t0", None, None)
    found = slopes_of(each, kinds=kinds, of=of)
    table = selectivity_table(found, np.eye(3), asked=["t2", "t1", "absent"])
    pairs = list(zip(table["direction"], table["target"], strict=True))
    assert pairs == [("d0", "t1"), ("d0", "t2"), ("d0", "absent"), ("d1", "t0"), ("d2", "t0")]
    assert list(table.columns) == list(SELECTIVITY_COLUMNS)
    lacking = table["selectivity"].isna()
    assert list(table["reason"].notna()) == list(lacking)
    assert table.loc[lacking, "reason"].tolist() == ["the judge does not measure absent"]


def test_what_was_not_measured_has_a_reason_and_is_no_side_effect():
    each = np.ones((1, 20, 3)) * [1.0, 5.0, 0.1]
    each[:, 5:, 1] = np.nan
    found = slopes_of(each)
    row = selectivity_of(found, np.eye(3), "d0", "t0")
    assert row["worst"] == "t2" and row["selectivity"] == pytest.approx(1 / 1.1)
    assert "pictures" in selectivity_of(found, np.eye(3), "d0", "t1")["reason"]
    alone = slopes_of(each[:, :, :1])
    assert "no other target" in selectivity_of(alone, np.eye(1), "d0", "t0")["reason"]
