"""Slopes and what goes with them: by hand, against NumPy and SciPy, and intervals that hold."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from latentlab.interventions.directions import Direction
from latentlab.interventions.effects import (
    MIN_ANCHORS,
    Measured,
    anchor_slopes,
    effects_matrix,
    find_slopes,
    in_deviations,
    influences,
    interventions_table,
    mean_over_anchors,
    responses_table,
)
from latentlab.probes.scoring import bootstrap_counts

T = np.arange(-2.0, 3.0)


def measured(values, *, kinds=None, of=None, units=None, t=T, unmeasurable=None):
    """values: (directions, anchors, steps, targets)."""
    kinds = kinds or ["latent"] * len(values)
    of = of or [None] * len(values)
    directions = tuple(
        Direction(f"d{index}", kind, np.ones(1), target)
        for index, (kind, target) in enumerate(zip(kinds, of, strict=True))
    )
    targets = tuple(f"t{index}" for index in range(values.shape[3]))
    units = np.arange(values.shape[1]) if units is None else units
    return Measured("judge", False, directions, targets, t, values, units, unmeasurable or {})


def slopes_of(one, resamples=200, seed=0):
    return find_slopes(one, bootstrap_counts(int(one.units.max()) + 1, resamples, seed))


def table_of(values, **known):
    table = interventions_table(slopes_of(measured(values, **known)))
    return table.set_index(["direction", "target"])


def straight(slopes):
    """(directions, anchors, targets) -> values along lines of these slopes."""
    return np.asarray(slopes, float)[:, :, None, :] * T[:, None]


@pytest.mark.parametrize("seed", range(5))
def test_slopes_agree_with_polyfit_whatever_is_missing(seed):
    rng = np.random.default_rng(seed)
    t = np.linspace(-3.0, 3.0, 7)
    values = rng.normal(size=(2, 30, 7, 3)) + 50.0
    values[rng.random(values.shape) < 0.4] = np.nan
    found = anchor_slopes(values, t)
    for place in np.ndindex(2, 30, 3):
        path = values[place[0], place[1], :, place[2]]
        known = np.isfinite(path)
        if known.sum() < 3:
            assert np.isnan(found[place])
        else:
            expected = np.polyfit(t[known], path[known], 1)[0]
            assert found[place] == pytest.approx(expected, abs=1e-9)


def test_a_flat_path_has_a_slope_of_exactly_zero():
    values = np.full((1, 20, 5, 1), 0.1) * np.arange(1.0, 21.0)[None, :, None, None]
    values[:, 3, 0] = np.nan
    row = table_of(values).loc[("d0", "t0")]
    assert (row["slope"], row["low"], row["high"], row["effect"]) == (0.0, 0.0, 0.0, 0.0)
    assert row["q"] == 1.0 and row["monotone_share"] == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_without_resamples_the_interval_is_that_of_a_t_test(seed):
    rng = np.random.default_rng(seed)
    each = rng.normal(0.5, 1.0, (30, 4))
    each[rng.random(each.shape) < 0.3] = np.nan
    found = mean_over_anchors(each, np.arange(30))
    for column in range(4):
        known = each[np.isfinite(each[:, column]), column]
        expected = stats.ttest_1samp(known, 0.0)
        interval = expected.confidence_interval(0.95)
        assert found.value[column] == pytest.approx(known.mean())
        assert found.p[column] == pytest.approx(expected.pvalue)
        assert found.low[column] == pytest.approx(interval.low)
        assert found.high[column] == pytest.approx(interval.high)
        assert found.anchors[column] == found.units[column] == len(known)


@pytest.mark.parametrize("seed", range(3))
def test_copies_of_a_person_add_no_certainty(seed):
    each = np.random.default_rng(seed).normal(0.5, 1.0, (30, 3))
    counts = bootstrap_counts(30, 300, seed)
    once = mean_over_anchors(each, np.arange(30), counts)
    copied = mean_over_anchors(each.repeat(4, axis=0), np.arange(30).repeat(4), counts)
    for name in ("value", "low", "high", "p", "units"):
        np.testing.assert_allclose(getattr(copied, name), getattr(once, name), rtol=1e-9)
    naive = mean_over_anchors(each.repeat(4, axis=0), np.arange(120))
    assert (naive.high - naive.low < 0.6 * (once.high - once.low)).all()


@pytest.mark.parametrize("seed", range(3))
def test_influences_are_the_change_of_the_mean_as_a_person_counts_more(seed):
    rng = np.random.default_rng(seed)
    each = rng.normal(size=(40, 2))
    each[rng.random(each.shape) < 0.2] = np.nan
    units = rng.permutation(np.arange(40) % 15)
    found = influences(each, units)
    np.testing.assert_allclose(found.sum(axis=0), 0.0, atol=1e-12)
    step = 1e-6
    for person in range(15):
        weight = np.where(units == person, 1.0 + step, 1.0)[:, None]
        known = np.isfinite(each)
        moved = np.where(known, weight * each, 0.0).sum(0) / (weight * known).sum(0)
        change = (moved - np.nanmean(each, axis=0)) / step
        np.testing.assert_allclose(found[person], change, atol=1e-5)


SHAPES = {
    "normal": lambda rng, size: rng.normal(size=size),
    "skewed": lambda rng, size: rng.exponential(size=size) - 1.0,
    "log-normal": lambda rng, size: rng.lognormal(size=size) - np.exp(0.5),
    "heavy tails": lambda rng, size: rng.standard_t(3, size=size),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_intervals_cover_the_truth_at_40_anchors(shape):
    """2,000 measured data sets of 40 anchors, each a column; the truth is 0.3."""
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(20):
        each = 0.3 + SHAPES[shape](rng, (40, 1, 100))
        values = each[None] * np.ones((1, 40, 5, 100)) * T[:, None]
        found = slopes_of(measured(values), resamples=500, seed=seed)
        covered.append((found.low <= 0.3) & (found.high >= 0.3))
    assert 0.92 <= np.mean(covered) <= 0.98


def test_intervals_cover_the_truth_when_anchors_share_persons_and_some_are_not_measured():
    rng = np.random.default_rng(1)
    covered = []
    for seed in range(20):
        units = rng.permutation(np.r_[np.arange(40), rng.integers(0, 40, 20)])
        each = 0.3 + rng.normal(size=(40, 100))[units] + 0.5 * rng.normal(size=(60, 100))
        values = each[None, :, None] * T[:, None]
        values = np.where(rng.random((60, 1, 100)) < 0.1, np.nan, values)
        values = np.where(rng.random(values.shape) < 0.05, np.nan, values)
        found = slopes_of(measured(values, units=units), resamples=500, seed=seed)
        covered.append((found.low <= 0.3) & (found.high >= 0.3))
    assert 0.92 <= np.mean(covered) <= 0.98


def test_a_few_that_move_among_many_that_stay_still_have_an_interval():
    """Resamples in which nobody moves have no spread of their own."""
    each = np.zeros((1, 40, 1))
    each[:, 0] = 1.0
    row = table_of(straight(each)).loc[("d0", "t0")]
    assert row["slope"] == pytest.approx(1 / 40)
    assert np.isfinite([row["low"], row["high"]]).all() and row["low"] < 0 < row["high"]


def test_shares_and_effects_by_hand():
    paths = np.array(
        [
            [0.0, 0.1, 0.2, 0.3, 0.4],  # rises
            [0.0, 0.3, 0.26, 0.5, 0.9],  # a step back within the tolerance
            [0.0, 0.3, 0.2, 0.5, 0.9],  # and beyond
            [0.4, 0.37, 0.34, 0.31, 0.28],  # small steps back add up
            [np.nan, 0.1, 0.2, 0.3, np.nan],  # ends not measured
            [np.nan, np.nan, np.nan, 0.0, 5.0],  # does not count
            [0.0, 0.0, 0.01, 0.0, 0.02],  # does not move
            *np.tile([0.0, 0.5, 1.0, 1.5, 2.0], (8, 1)),
        ]
    )
    row = table_of(paths[None, :, :, None]).loc[("d0", "t0")]
    assert row["anchors"] == 14
    assert row["monotone_share"] == pytest.approx(11 / 14)
    assert row["detected"] == pytest.approx(1 - 5 / 75)
    ends = [0.4, 0.9, 0.9, -0.12, 0.02, *[2.0] * 8]
    assert row["effect"] == pytest.approx(np.mean(ends))


def test_the_expected_way_is_up_for_its_own_target_and_as_the_slope_elsewhere():
    down = straight(-np.ones((2, 20, 2)))
    table = table_of(down, kinds=["probe", "latent"], of=["t0", None])
    assert table.loc[("d0", "t0"), "monotone_share"] == 0.0
    assert table.loc[("d0", "t1"), "monotone_share"] == 1.0
    assert table.loc[("d1", "t0"), "monotone_share"] == 1.0


@pytest.mark.parametrize("sharp", [0.01, 0.5, 1.0])
def test_saturation_is_what_tanh_loses(sharp):
    gains = np.linspace(0.8, 1.2, 20)[None, :, None, None]
    values = gains * np.tanh(sharp * T)[None, None, :, None]
    row = table_of(values).loc[("d0", "t0")]
    lost = 1 - (np.tanh(2 * sharp) - np.tanh(sharp)) / np.tanh(sharp)
    assert row["saturation"] == pytest.approx(lost)
    assert row["saturation"] == pytest.approx(0.0 if sharp == 0.01 else lost, abs=1e-3)


def test_no_saturation_without_a_slope_or_the_steps_for_it():
    noise = np.random.default_rng(0).normal(size=(1, 20, 5, 1))
    row = table_of(noise).loc[("d0", "t0")]
    assert np.isnan(row["saturation"]) and "told from 0" in row["saturation_reason"]
    ends = straight(np.ones((1, 20, 1)))
    ends[:, :15, 0] = np.nan
    row = table_of(ends).loc[("d0", "t0")]
    assert row["slope"] == pytest.approx(1.0)
    assert np.isnan(row["saturation"]) and "both ends" in row["saturation_reason"]
    three = np.ones((1, 20, 1, 1)) * np.array([-1.0, 0.0, 1.0])[:, None]
    row = table_of(three, t=np.array([-1.0, 0.0, 1.0])).loc[("d0", "t0")]
    assert np.isnan(row["saturation"]) and "5 steps" in row["saturation_reason"]
    away = np.array([-3.0, 0.5, 0.0, -0.5, 3.0])[:, None] * np.ones((1, 20, 1, 1))
    assert "clearly move this way" in table_of(away).loc[("d0", "t0"), "saturation_reason"]


def test_too_few_measured_anchors_give_a_reason_and_no_number():
    values = straight(np.ones((1, 30, 2)))
    values[:, MIN_ANCHORS - 1 :, :, 0] = np.nan
    table = table_of(values)
    row = table.loc[("d0", "t0")]
    numbers = ["slope", "low", "high", "q", "effect", "monotone_share", "saturation"]
    assert row[numbers].isna().all()
    assert row["anchors"] == MIN_ANCHORS - 1 and row["detected"] == pytest.approx(0.3)
    assert row["reason"].startswith("measured in 30 % of the pictures: 9 anchors")
    assert table.loc[("d0", "t1"), numbers].notna().all()
    assert pd.isna(table.loc[("d0", "t1"), "reason"])


def test_ten_anchors_of_two_persons_are_too_few():
    row = table_of(straight(np.ones((1, 20, 1))), units=np.arange(20) % 2).loc[("d0", "t0")]
    assert np.isnan(row["slope"]) and "20 anchors of 2 persons" in row["reason"]


@pytest.mark.parametrize("seed", range(3))
def test_units_are_deviations_of_the_real_data(seed):
    rng = np.random.default_rng(seed)
    real = pd.DataFrame({"a": rng.normal(5.0, 3.0, 200), "flat": 7.0, "few": np.nan})
    real.loc[:4, "few"] = 1.0
    real.loc[:50, "a"] = np.nan
    values = rng.normal(size=(2, 3, 4))
    found, reasons = in_deviations(values, real, ["a", "flat", "few", "absent"])
    np.testing.assert_allclose(found[..., 0], values[..., 0] / np.nanstd(real["a"]))
    assert np.isnan(found[..., 1:]).all() and set(reasons) == {"flat", "few", "absent"}
    assert "measures 7 on every" in reasons["flat"] and "only 5 of 200" in reasons["few"]


@pytest.mark.parametrize("seed", range(3))
def test_q_is_benjamini_hochberg_over_all_but_controls(seed):
    rng = np.random.default_rng(seed)
    each = rng.normal(size=(6, 30, 4)) + rng.choice([0.0, 0.5], (6, 1, 4))
    kinds = ["latent", "probe", "random", "projected", "zero", "mean_difference"]
    table = table_of(straight(each), kinds=kinds)
    tested = [0, 1, 3, 5]
    p = stats.ttest_1samp(each[tested], 0.0, axis=1).pvalue
    expected = stats.false_discovery_control(p.ravel())
    found = [table.loc[(f"d{d}", f"t{t}"), "q"] for d in tested for t in range(4)]
    np.testing.assert_allclose(found, expected)
    assert table.loc[["d2", "d4"], "q"].isna().all()


def test_beyond_random_counts_the_random_directions_that_move_less():
    each = np.array([0.5, -2.0, 0.1, 0.4, -0.6, 1.0])[:, None, None] * np.ones((6, 20, 1))
    kinds = ["latent", "probe", "random", "random", "random", "random"]
    table = table_of(straight(each), kinds=kinds)
    assert table.loc[("d0", "t0"), "beyond_random"] == 0.5
    assert table.loc[("d1", "t0"), "beyond_random"] == 1.0
    assert table.loc[["d2", "d3", "d4", "d5"], "beyond_random"].isna().all()
    assert table_of(straight(each[:2])).loc[("d0", "t0"), ["beyond_random"]].isna().all()


def test_responses_are_mean_changes_from_the_unmoved_picture():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 20, 5, 3))
    table = responses_table(measured(values)).set_index(["direction", "t", "target"])
    change = values - values[:, :, [2]]
    for direction, step, target in np.ndindex(2, 5, 3):
        row = table.loc[(f"d{direction}", T[step], f"t{target}")]
        assert row["value"] == pytest.approx(change[direction, :, step, target].mean())
        assert row["low"] <= row["value"] <= row["high"] and row["anchors"] == 20


def test_the_matrix_has_a_row_a_target_and_a_column_a_direction():
    slopes = np.arange(6.0).reshape(3, 1, 2) * np.ones((3, 20, 2))
    table = interventions_table(slopes_of(measured(straight(slopes))))
    matrix = effects_matrix(table, "judge")
    np.testing.assert_allclose(matrix.to_numpy(), slopes[:, 0].T, atol=1e-12)
    assert list(matrix.index) == ["t0", "t1"] and list(matrix.columns) == ["d0", "d1", "d2"]


def test_columns_in_blocks_are_the_columns_at_once(monkeypatch):
    each = np.random.default_rng(0).normal(size=(20, 50))
    counts = bootstrap_counts(20, 100, 0)
    whole = mean_over_anchors(each, np.arange(20), counts)
    monkeypatch.setattr("latentlab.interventions.effects._COLUMNS", 7)
    parts = mean_over_anchors(each, np.arange(20), counts)
    np.testing.assert_allclose(parts.low, whole.low, rtol=1e-12)
    np.testing.assert_allclose(parts.high, whole.high, rtol=1e-12)
