"""Means, intervals and tests hold what they promise over many simulated comparisons."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from latentlab.comparison.groups import group_runs
from latentlab.comparison.numbers import OF_RUNS, OF_TARGETS, VALUE_COLUMNS, values_of
from latentlab.comparison.summary import difference_of, differences, holm, mean_of, summarize
from latentlab.metrics import MODEL_METRICS
from tests.latentlab.comparison import made

SIMULATED = 1000


def long(draws):
    """A table of values: group -> the value of each seed, of one number."""
    rows = [
        {"run": f"{group}{seed}", "group": group, "seed": seed, "number": "kl", "value": value}
        for group, values in draws.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=list(VALUE_COLUMNS))


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_interval_of_a_mean_holds_it_in_95_per_cent(seeds):
    draws = np.random.default_rng(seeds).normal(3.0, 2.0, (SIMULATED, seeds))
    found = [mean_of(values.tolist()) for values in draws]
    held = np.mean([one.low <= 3.0 <= one.high for one in found])
    assert 0.93 <= held <= 0.97


def test_an_interval_ends_where_the_number_cannot_lie():
    wide = mean_of([0.0, 1.0], 0.0, 1.0)
    assert (wide.value, wide.low, wide.high) == (0.5, 0.0, 1.0)


def test_one_run_and_runs_that_do_not_vary_have_no_interval():
    assert mean_of([2.0]).reason == "one run: no interval"
    same = mean_of([2.0, 2.0, 2.0])
    assert same.value == 2.0 and same.low is None and "same value" in same.reason
    assert mean_of([]).value is None


@pytest.mark.parametrize("n", [3, 5])
def test_tests_equal_those_of_scipy(n):
    rng = np.random.default_rng(n)
    a, b = rng.normal(0, 1, n), rng.normal(1, 3, n)
    first, second = dict(enumerate(a)), dict(enumerate(b))
    paired = difference_of(first, second)
    reference = stats.ttest_rel(b, a)
    assert paired.paired and paired.p == pytest.approx(reference.pvalue)
    interval = reference.confidence_interval(0.95)
    assert paired.value + paired.reach(0.95) == pytest.approx(interval.high)
    other = {seed + 100: value for seed, value in second.items()}
    welch = difference_of(first, other)
    assert not welch.paired
    assert welch.p == pytest.approx(stats.ttest_ind(b, a, equal_var=False).pvalue)


def test_holm_is_the_step_down_of_its_definition():
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.5])
    assert holm(p)[[0, 1, 3, 4]] == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert np.isnan(holm(p)[2])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("shared", [True, False], ids=["paired", "welch"])
def test_any_false_finding_among_all_pairs_is_rare(shared):
    rng = np.random.default_rng(5)
    groups = group_runs(made.runs(betas=(1.0, 2.0, 4.0, 8.0), seeds=(0, 1, 2, 3)))
    names = [group.name for group in groups.groups]
    false = 0
    for _ in range(300):
        values = long({name: rng.normal(0, 1, 4) for name in names})
        if not shared:
            values["seed"] = range(len(values))
        table = differences(values, groups)
        assert table["paired"].eq(shared).all() and len(table) == 6
        false += (table["p_holm"] <= 0.05).any()
    assert false / 300 <= 0.075


def test_the_detectable_difference_is_what_the_adjusted_test_just_finds():
    groups = group_runs(made.runs())
    rng = np.random.default_rng(3)
    values = long({group.name: rng.normal(0, 1, 3) for group in groups.groups})
    row = differences(values, groups).iloc[0]
    error = (row["high"] - row["difference"]) / stats.t.ppf(0.975, 2)
    p = 2 * stats.t.sf(row["detectable"] / error, 2)
    assert 3 * p == pytest.approx(0.05)  # the smallest of three pairs


def test_every_number_of_every_group_is_in_the_table_with_its_seeds():
    runs = made.runs()
    groups = group_runs(runs)
    table = summarize(values_of(runs, groups), groups)
    assert table.columns[:2].tolist() == ["group", "objective.beta"]
    numbers = [name for name in OF_RUNS if name != "probe_statistic"]
    metrics = 1 + len(MODEL_METRICS)
    per_group = len(numbers) + metrics + len(OF_TARGETS) * len(made.TARGETS)
    assert len(table) == 3 * per_group
    row = table[(table["number"] == "kl") & (table["group"] == "beta 4")].iloc[0]
    own = [float(run.history["valid_kl"].iloc[1]) for run in runs[3:6]]
    assert row["mean"] == pytest.approx(np.mean(own)) and row["n"] == 3
    assert list(json.loads(row["values"]).values()) == pytest.approx(own)
    assert row["objective.beta"] == 4.0


def test_what_a_run_lacks_is_a_null_with_its_reason():
    whole = made.runs(betas=(1.0, 4.0))
    runs = [replace(whole[0], verdicts=None, metrics=None), *whole[1:]]
    groups = group_runs(runs)
    table = summarize(values_of(runs, groups), groups).set_index(["group", "number", "target"])
    row = table.loc[("beta 1", "control", "Smiling")]
    assert row["n"] == 2 and "1 of 3 runs: the run has no table of verdicts" in row["reason"]
    assert json.loads(row["values"])["0"] is None
    metric = table.xs("mutual_information_gap", level="number").loc["beta 1"].iloc[0]
    assert metric["n"] == 2 and "no table of metrics" in metric["reason"]
    # Means over targets are of those that every run has: here none.
    shared = table.xs("mean_control", level="number").loc["beta 4"].iloc[0]
    assert "no target has it in every run" in shared["reason"]


def of_models(table):
    """Its rows that are of no target, by number and group."""
    return table[table["target"].isna()].set_index(["number", "group"])


def test_udr_tells_groups_that_find_the_same_latents_from_those_that_do_not():
    same = np.random.default_rng(99).standard_normal((made.IMAGES, made.LATENTS))
    runs = []
    for seed in range(3):
        other = np.random.default_rng(seed).standard_normal((made.IMAGES, made.LATENTS))
        runs.append(made.run(1.0, seed, latents=made.latents(seed, same, 0.1)))
        runs.append(made.run(4.0, seed, latents=made.latents(seed, other, 0.1)))
    groups = group_runs(runs)
    values = values_of(runs, groups)
    table = of_models(summarize(values, groups))
    for metric in MODEL_METRICS:
        alike, unlike = table.loc[(metric, "beta 1")], table.loc[(metric, "beta 4")]
        assert alike["mean"] > 0.7 > 0.3 > unlike["mean"]
        assert alike["n"] == 3 and np.isnan(alike["low"])
        assert "scored by the others" in alike["reason"]
    tests = differences(values, groups).set_index("number")
    assert np.isnan(tests.loc["udr_spearman", "p"])


def test_udr_of_one_run_and_without_kl_has_its_reason():
    runs = [made.run(1.0), *(made.run(4.0, seed) for seed in (0, 1))]
    runs[1] = replace(runs[1], dimensions=runs[1].dimensions.assign(kl=np.nan))
    values = values_of(runs, group_runs(runs))
    reasons = values[values["number"] == "udr_lasso"].set_index("run")["reason"]
    assert reasons.iloc[0] == "no other run has these settings"
    assert reasons.iloc[1:].eq("these models have no KL for each dimension").all()


def test_a_baseline_stands_beside_its_score():
    runs = made.runs(betas=(1.0, 4.0))
    runs[0].metrics["baseline"] = 0.02
    runs[1].metrics["baseline"] = 0.04
    groups = group_runs(runs)
    table = of_models(summarize(values_of(runs, groups), groups))
    assert table.loc[("mutual_information_gap", "beta 1"), "baseline"] == pytest.approx(0.03)
    assert np.isnan(table.loc[("kl", "beta 1"), "baseline"])
    attributes = table.loc[("probe_attribute", "beta 1")]
    assert attributes["baseline"] == 0.5 and attributes["mean"] > 0.5


def test_control_is_selectivity_nought_or_unknown():
    run = made.run(controls={"Smiling": 0.7, "Male": 0.0, "yaw": None})
    other = made.run(seed=1)
    values = values_of([run, other], group_runs([run, other]))
    own = values[values["run"] == run.name].set_index(["number", "target"])
    assert own.loc[("control", "Smiling"), "value"] == 0.7
    assert own.loc[("effect", "Smiling"), "value"] == 0.4  # the planted slope is negative
    assert own.loc[("control", "Male"), "value"] == 0.0
    assert np.isnan(own.loc[("effect", "Male"), "value"])
    assert "no single latent moves it" in own.loc[("effect", "Male"), "reason"]
    assert np.isnan(own.loc[("control", "yaw"), "value"])
    assert "too few positives" in own.loc[("control", "yaw"), "reason"]


def test_nats_of_two_likelihoods_are_not_compared():
    runs = made.runs(betas=(1.0, 4.0))
    groups = group_runs(runs)
    likelihoods = {"beta 1": "bernoulli", "beta 4": "gaussian"}
    table = differences(values_of(runs, groups), groups, likelihoods).set_index("number")
    assert np.isnan(table.loc["reconstruction", "difference"])
    assert "other likelihoods" in table.loc["elbo", "reason"]
    assert np.isfinite(table.loc["kl", "p_holm"])


def test_a_failed_seed_turns_the_test_into_welchs():
    runs = made.runs(betas=(1.0, 4.0))[:-1]
    table = differences(values_of(runs, group_runs(runs)), group_runs(runs)).set_index("number")
    assert not table.loc["kl", "paired"] and table.loc["kl", "n"] == 5
