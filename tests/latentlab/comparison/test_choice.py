"""The rule names the planted best settings, and says tie where nothing is better."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from latentlab.comparison.agreement import rank_agreement
from latentlab.comparison.choice import BEST, CHOICE_COLUMNS, NONE, ONLY, TIE, UNKNOWN, choose
from latentlab.comparison.groups import group_runs
from latentlab.comparison.numbers import VALUE_COLUMNS, values_of
from latentlab.comparison.summary import differences, summarize
from tests.latentlab.comparison import made


def chosen(runs):
    groups = group_runs(runs)
    values = values_of(runs, groups)
    table = choose(runs, groups, summarize(values, groups), differences(values, groups))
    assert table.columns.tolist() == list(CHOICE_COLUMNS)
    return table.set_index("target")


def noisy(means, seed, spread=0.01):
    """control(beta, seed, target) about the mean of each beta."""
    rng = np.random.default_rng(seed)
    return lambda beta, number, target: float(np.clip(means[beta] + spread * rng.normal(), 0.01, 1))


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_best_beta_is_named(seed):
    runs = made.runs(seeds=range(5), control=noisy({1.0: 0.5, 4.0: 0.85, 16.0: 0.6}, seed))
    table = chosen(runs)
    assert table["answer"].tolist() == [BEST] * 3
    assert table["group"].tolist() == ["beta 4"] * 3
    row = table.loc["Smiling"]
    assert row["runner_up"] == "beta 16" and row["p_holm"] <= 0.05
    assert row["difference"] == pytest.approx(0.25, abs=0.05) and row["difference_low"] > 0
    assert (row["moved"], row["runs"], row["n"]) == (5, 5, 5)


def test_nothing_planted_is_rarely_called_best():
    means = {1.0: 0.6, 4.0: 0.6}
    answers = pd.concat(
        [
            chosen(made.runs(betas=tuple(means), control=noisy(means, seed, 0.05)))
            for seed in range(30)
        ]
    )["answer"]
    assert len(answers) == 90 and set(answers) <= {BEST, TIE}
    assert (answers == BEST).mean() <= 0.1  # 0.05, and what 90 answers leave to chance


def test_a_tie_names_all_that_the_best_cannot_be_told_from():
    means = {1.0: 0.2, 4.0: 0.801, 16.0: 0.8}
    row = chosen(made.runs(seeds=range(6), control=noisy(means, 0, 0.03))).loc["Male"]
    assert row["answer"] == TIE
    assert {row["group"], row["tied"]} == {"beta 4", "beta 16"}  # beta 1 is told apart
    assert row["detectable"] > abs(row["difference"])


def test_a_beta_must_move_it_in_more_than_half_of_the_runs():
    def control(beta, seed, target):
        if beta == 16.0:  # moves it best, but in one run of three
            return 1.0 if seed == 0 else 0.0
        return 0.3 if beta == 4.0 else 0.0

    row = chosen(made.runs(control=control)).loc["Smiling"]
    assert (row["answer"], row["group"]) == (ONLY, "beta 4")
    assert "no other group" in row["reason"]


def test_a_run_in_which_nothing_moves_it_counts_against_the_beta():
    def control(beta, seed, target):
        if beta == 4.0:
            return (0.9, 0.9, 0.0)[seed]
        return 0.7

    row = chosen(made.runs(betas=(1.0, 4.0), control=control)).loc["Smiling"]
    assert row["group"] == "beta 1" and row["control"] == pytest.approx(0.7)


def test_no_answer_has_its_reason():
    nothing = chosen(made.runs(control=lambda beta, seed, target: 0.0)).loc["Smiling"]
    assert nothing["answer"] == NONE and "in 0 of 9 runs" in nothing["reason"]
    blind = chosen(made.runs(control=lambda beta, seed, target: None)).loc["Smiling"]
    assert blind["answer"] == UNKNOWN and "9 of 9 runs cannot measure it" in blind["reason"]
    assert "too few positives" in blind["reason"]
    silent = chosen([made.run(verdicts=None), made.run(4.0, verdicts=None)]).loc["Smiling"]
    assert silent["answer"] == UNKNOWN and silent["reason"] == "no run has a verdict on it"


def test_one_seed_gives_a_tie_and_no_p():
    row = chosen(made.runs(seeds=(0,), control=lambda beta, seed, target: beta / 20)).loc["Male"]
    assert row["answer"] == TIE and row["group"] == "beta 16"
    assert np.isnan(row["p_holm"]) and "single run" in row["reason"]


def table_of(numbers):
    rows = [
        {"run": str(run), "group": "g", "seed": run, "number": name, "value": value}
        for name, values in numbers.items()
        for run, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=list(VALUE_COLUMNS))


def test_rank_agreement_is_scipys_with_ties_too():
    rng = np.random.default_rng(0)
    numbers = {"a": rng.normal(size=12), "b": rng.normal(size=12), "c": rng.integers(0, 3, 12)}
    numbers["b"][3] = np.nan
    found = rank_agreement(table_of(numbers)).set_index(["number_a", "number_b"])
    for (a, b), row in found.iterrows():
        kept = np.isfinite(numbers[a]) & np.isfinite(numbers[b])
        reference = stats.spearmanr(numbers[a][kept], numbers[b][kept]).statistic
        assert row["rho"] == pytest.approx(reference) and row["n"] == kept.sum()
        assert -1 <= row["low"] < row["rho"] < row["high"] <= 1


def test_the_interval_of_rank_agreement_holds_the_truth():
    rng = np.random.default_rng(1)
    true = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's of a normal pair with r = 0.6
    held = []
    for _ in range(200):
        x = rng.normal(size=15)
        y = 0.6 * x + 0.8 * rng.normal(size=15)
        row = rank_agreement(table_of({"x": x, "y": y})).iloc[0]
        held.append(row["low"] <= true <= row["high"])
    assert 0.92 <= np.mean(held) <= 0.98


def test_what_does_not_vary_or_is_too_little_has_a_reason():
    found = rank_agreement(table_of({"a": [1.0, 2, 3, 4], "b": [1.0] * 4, "c": [2.0, 4, 6, 8]}))
    flat, same = found.iloc[0], found.iloc[1]
    assert "same in every run" in flat["reason"] and np.isnan(flat["rho"])
    assert "the order is the same" in same["reason"] and same["rho"] == 1 and np.isnan(same["low"])
    few = rank_agreement(table_of({"a": [1.0, 2], "b": [2.0, 1]})).iloc[0]
    assert np.isnan(few["rho"]) and "4 are needed" in few["reason"]
