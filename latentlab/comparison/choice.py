"""Which settings to take for controlling a target: the rule, and how sure its answer is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from latentlab.alignment import TEXT
from latentlab.comparison.groups import Grouping
from latentlab.comparison.numbers import moved_by, verdict_rows
from latentlab.comparison.runs import ComparedRun, targets_of
from latentlab.verdicts import CANNOT_MEASURE, SUPPORTED, VERDICTS

CHOICE_COLUMNS = {
    "target": TEXT, "role": TEXT, "answer": TEXT, "group": TEXT, "control": float, "low": float,
    "high": float, "n": "Int64", "effect": float, "effect_low": float, "effect_high": float,
    "supported": "Int64", "moved": "Int64", "runs": "Int64", "runner_up": TEXT,
    "difference": float, "difference_low": float, "difference_high": float, "p_holm": float,
    "detectable": float, "tied": TEXT, "reason": TEXT,
}  # fmt: skip
BEST, TIE, ONLY, NONE, UNKNOWN = "best", "tie", "the only one", "none moves it", "cannot measure"
ANSWERS = (BEST, TIE, ONLY, NONE, UNKNOWN)
SIGNIFICANCE = 0.05

Rows = dict[tuple[str, str, str], dict[str, Any]]


@dataclass(frozen=True)
class Tally:
    """What the runs of one group say of one target.

    Attributes:
        verdicts: Verdict -> runs, of those that have one.
        moved: Runs in which a single latent moves it.
    """

    verdicts: dict[str, int]
    moved: int

    @property
    def runs(self) -> int:
        return sum(self.verdicts.values())

    @property
    def measured(self) -> int:
        return self.runs - self.verdicts.get(CANNOT_MEASURE, 0)


def tallies(runs: Sequence[ComparedRun], grouping: Grouping) -> dict[tuple[str, str], Tally]:
    """(group, target) -> what its runs say."""
    by_name = {run.name: run for run in runs}
    found = {}
    for group in grouping.groups:
        own = [verdict_rows(by_name[name]) for name in group.runs]
        for target in targets_of(runs):
            rows = [rows[target] for rows in own if target in rows]
            given = [str(row["verdict"]) for row in rows]
            counts = {verdict: given.count(verdict) for verdict in VERDICTS if verdict in given}
            moved = sum(moved_by(row) is not None for row in rows)
            found[group.name, target] = Tally(counts, moved)
    return found


def choose(
    runs: Sequence[ComparedRun],
    grouping: Grouping,
    summary: pd.DataFrame,
    pairs: pd.DataFrame,
) -> pd.DataFrame:
    """The best group for controlling each target.

    The rule: of the groups in which a single latent moves the target in more than half of the runs,
    the one with the highest mean control. Control is the selectivity of the steepest latent that
    moves the target, and 0 in a run where none does: it asks for a latent that moves the target
    and nothing else, and counts a retraining that finds none against the settings. The group is
    *best* where its control differs from that of each other such group, p at most 0.05 after Holm
    over all pairs of groups; else there is a *tie* of it with all that it cannot be told from.

    Args:
        summary: Of `summary.summarize`.
        pairs: Of `summary.differences`.

    Returns:
        CHOICE_COLUMNS, one row a target. `answer`: one of ANSWERS. `control`, `effect`: means of
        the group over its `n` runs with 95 % intervals. `supported`, `moved`: of its `runs` with a
        verdict. `runner_up`: the eligible group with the next highest control; `difference` from
        it (best less runner-up) with interval, `p_holm`, and what difference could have been found
        (`detectable`). `tied`: the groups that the best cannot be told from, separated by "; ".
        `reason`: why there is no answer, or no test.
    """
    known = tallies(runs, grouping)
    means = summary[summary["number"].isin(("control", "effect"))]
    by_key = {(row["number"], row["target"], row["group"]): row for row in means.to_dict("records")}
    tests = {
        (row["target"], row["group_a"], row["group_b"]): row
        for row in pairs[pairs["number"] == "control"].to_dict("records")
    }
    rows = []
    for target, role in targets_of(runs).items():
        row: dict[str, object] = {"target": target, "role": role}
        eligible = [
            group.name
            for group in grouping.groups
            if 2 * known[group.name, target].moved > known[group.name, target].runs
            and by_key["control", target, group.name]["n"] > 0
        ]
        eligible.sort(key=lambda name: -by_key["control", target, name]["mean"])
        if eligible:
            row |= _best(target, eligible, by_key, tests)
            tally = known[eligible[0], target]
            row |= {
                "supported": tally.verdicts.get(SUPPORTED, 0),
                "moved": tally.moved,
                "runs": tally.runs,
            }
        else:
            row |= _no_answer([known[group.name, target] for group in grouping.groups])
            if row["answer"] == UNKNOWN:
                row["reason"] = f"{row['reason']}{_example(target, runs)}"
        rows.append(row)
    return pd.DataFrame(rows, columns=list(CHOICE_COLUMNS)).astype(CHOICE_COLUMNS)


def _no_answer(tallies: Sequence[Tally]) -> dict[str, object]:
    """Why no group can be taken: nobody could tell, or nothing moves it often enough."""
    measured, moved = sum(one.measured for one in tallies), sum(one.moved for one in tallies)
    runs = sum(one.runs for one in tallies)
    if not runs:
        return {"answer": UNKNOWN, "reason": "no run has a verdict on it"}
    if 2 * measured <= runs:
        return {
            "answer": UNKNOWN,
            "reason": f"{runs - measured} of {runs} runs cannot measure it",
        }
    return {
        "answer": NONE,
        "reason": f"a single latent moves it in {moved} of {runs} runs, and in no group in more"
        " than half of them",
    }


def _example(target: str, runs: Sequence[ComparedRun]) -> str:
    """Why the first run that cannot measure the target cannot, to follow a reason."""
    for run in runs:
        row = verdict_rows(run).get(target)
        if row is not None and row["verdict"] == CANNOT_MEASURE:
            return f"; {run.name}: {row['rule']}"
    return ""


def _best(target: str, eligible: list[str], means: Rows, tests: Rows) -> dict[str, object]:
    """The row of the first of the groups, which stand by falling control."""
    best = eligible[0]
    own, effect = means["control", target, best], means["effect", target, best]
    row: dict[str, object] = {
        "group": best, "control": own["mean"], "low": own["low"], "high": own["high"],
        "n": own["n"], "effect": effect["mean"], "effect_low": effect["low"],
        "effect_high": effect["high"],
    }  # fmt: skip
    if len(eligible) == 1:
        return row | {"answer": ONLY, "reason": "in no other group does one move it in most runs"}
    compared = {other: _oriented(tests, target, best, other) for other in eligible[1:]}
    tied = [other for other, test in compared.items() if not test["p_holm"] <= SIGNIFICANCE]
    second = compared[eligible[1]]
    return row | {
        "answer": TIE if tied else BEST,
        "runner_up": eligible[1],
        "tied": "; ".join(tied) or None,
        **{key: second[key] for key in ("difference", "p_holm", "detectable", "reason")},
        "difference_low": second["low"],
        "difference_high": second["high"],
    }


def _oriented(tests: Rows, target: str, best: str, other: str) -> dict[str, Any]:
    """The test of two groups as best less other."""
    if (target, other, best) in tests:
        return tests[target, other, best]
    test = tests[target, best, other]
    turned = {"difference": -test["difference"], "low": -test["high"], "high": -test["low"]}
    return {**test, **turned}
