"""Means over seeds with intervals, and differences between groups with tests."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from latentlab.alignment import TEXT
from latentlab.comparison.groups import Grouping
from latentlab.comparison.numbers import quantity
from latentlab.metrics import MODEL_METRICS
from latentlab.probes.scoring import LEVEL

# One row a group, number and target; the settings that differ follow `group`, a column each.
SUMMARY_COLUMNS = {
    "group": TEXT, "number": TEXT, "target": TEXT, "mean": float, "low": float, "high": float,
    "n": "Int64", "baseline": float, "values": TEXT, "reason": TEXT,
}  # fmt: skip
# One row a pair of groups, number and target.
DIFFERENCE_COLUMNS = {
    "number": TEXT, "target": TEXT, "group_a": TEXT, "group_b": TEXT, "difference": float,
    "low": float, "high": float, "p": float, "p_holm": float, "detectable": float, "n": "Int64",
    "paired": "boolean", "reason": TEXT,
}  # fmt: skip
NATS = ("reconstruction", "elbo")  # comparable only where the likelihood is the same
SHARED = "no interval and no test: each run is scored by the others"
SAME = "every run has the same value: no interval"


@dataclass(frozen=True)
class Mean:
    """A mean over runs with its interval, or why there is none."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None


@dataclass(frozen=True)
class Difference:
    """Of two groups of runs, the second less the first.

    Attributes:
        error: Standard error of the difference; None where it cannot be had.
        freedom: Degrees of freedom of `error`.
        n: Pairs where paired, else runs of both groups.
    """

    value: float | None
    error: float | None
    freedom: float
    n: int
    paired: bool
    reason: str | None

    def reach(self, level: float) -> float | None:
        """Half the width of an interval at this level."""
        if self.error is None:
            return None
        return float(stats.t.ppf((1 + level) / 2, self.freedom)) * self.error

    @property
    def p(self) -> float | None:
        if self.error is None or self.value is None:
            return None
        return float(2 * stats.t.sf(abs(self.value) / self.error, self.freedom))


def mean_of(values: Sequence[float], least: float = -math.inf, most: float = math.inf) -> Mean:
    """Mean of independent runs with the 95 % interval of Student's t, cut off where nothing can
    lie: at `least` and `most`."""
    n = len(values)
    if n == 0:
        return Mean(None, None, None, 0, "no run has it")
    mean = float(np.mean(values))
    if n == 1:
        return Mean(mean, None, None, 1, "one run: no interval")
    error = float(np.std(values, ddof=1)) / np.sqrt(n)
    if error <= _rounding(values):
        return Mean(mean, None, None, n, SAME)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * error
    return Mean(mean, max(mean - half, least), min(mean + half, most), n, None)


def difference_of(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """Of two groups, each seed -> value.

    Paired by seed where both have the same seeds; else Welch's t, with the degrees of freedom of
    Welch and Satterthwaite.

    Source: Welch 1947, https://doi.org/10.1093/biomet/34.1-2.28
    """
    paired = set(first) == set(second) and len(first) > 0
    n = len(first) if paired else len(first) + len(second)
    if not first or not second:
        return Difference(None, None, 0.0, n, False, "one of the groups has no value")
    a = np.array([first[seed] for seed in sorted(first)])
    b = np.array([second[seed] for seed in sorted(second)])
    value = float(b.mean() - a.mean())
    if min(len(a), len(b)) < 2:
        return Difference(value, None, 0.0, n, paired, "a single run in a group: no test")
    if paired:
        error, freedom = float((b - a).std(ddof=1)) / np.sqrt(n), n - 1.0
        reason = "the difference is the same for every seed: no test"
    else:
        parts = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
        error = float(np.sqrt(parts.sum()))
        freedom = float(parts.sum() ** 2 / max((parts**2 / _less_one(a, b)).sum(), 1e-300))
        reason = "no group varies: no test"
    if error <= _rounding([*a, *b]):
        return Difference(value, None, freedom, n, paired, reason)
    return Difference(value, error, freedom, n, paired, None)


def holm(p: np.ndarray) -> np.ndarray:
    """p-values adjusted so that the chance of any false finding among them stays below the level.

    Args:
        p: (tests,); NaN is no test, and stays.

    Source: Holm 1979, https://www.jstor.org/stable/4615733
    """
    adjusted = np.full(len(p), np.nan)
    tests = np.flatnonzero(np.isfinite(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def summarize(values: pd.DataFrame, grouping: Grouping) -> pd.DataFrame:
    """Every number of every group: mean over its runs, interval, n, and each seed's own.

    Args:
        values: VALUE_COLUMNS of `numbers.values_of`.

    Returns:
        SUMMARY_COLUMNS, and after `group` one column a differing setting. `low`, `high`: 95 %,
        Student's t over runs, cut off where the number cannot lie; null with the reason for one
        run. `n`: runs that have the number. `baseline`: what chance gives, mean over the runs, null
        where nobody measured it. `values`: JSON, seed -> value, null where a run has
        none. `reason`: why something is null, and for how many runs of the group there is no value.
    """
    rows = []
    baselines = _baselines(values)
    for (number, target), by_group in _families(values):
        for group in grouping.groups:
            found = by_group.get(group.name)
            if found is None:
                continue
            known = {seed: value for seed, value in found.items() if isinstance(value, float)}
            about = quantity(number)
            mean = mean_of(list(known.values()), about.least, about.most)
            if number in MODEL_METRICS and mean.n > 1:
                mean = Mean(mean.value, None, None, mean.n, SHARED)
            lacking = [value for value in found.values() if isinstance(value, str)]
            notes = [mean.reason] if mean.reason and known else []
            if lacking:
                why = "; ".join(dict.fromkeys(lacking))
                notes.append(f"no value in {len(lacking)} of {len(found)} runs: {why}")
            rows.append(
                {
                    "group": group.name, "number": number, "target": target, "mean": mean.value,
                    "low": mean.low, "high": mean.high, "n": mean.n,
                    "baseline": baselines.get((number, target, group.name)),
                    "values": json.dumps({str(seed): known.get(seed) for seed in found}),
                    "reason": "; ".join(notes) or None,
                }
            )  # fmt: skip
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS)).astype(SUMMARY_COLUMNS)
    settings = {group.name: group.settings for group in grouping.groups}
    for place, key in enumerate(grouping.differing, start=1):
        column = [_plain(settings[name].get(key)) for name in table["group"]]
        table.insert(place, key, pd.Series(column, table.index))
    return table


def differences(
    values: pd.DataFrame,
    grouping: Grouping,
    likelihoods: Mapping[str, str | None] | None = None,
) -> pd.DataFrame:
    """Every pair of groups by every number.

    Args:
        values: As of `summarize`.
        likelihoods: Group -> its likelihood; nats of reconstruction are not compared across two.

    Returns:
        DIFFERENCE_COLUMNS. `difference`: mean of `group_b` less that of `group_a`. `low`, `high`:
        its 95 % interval, of this pair alone. `p`: two-sided, of the paired t-test where both
        groups have the number for the same seeds (`paired`), else of Welch's. `p_holm`: adjusted
        by Holm over all pairs of groups of the same number and target, and over nothing else.
        `detectable`: the smallest difference that this pair's spread would have let the adjusted
        test find, had it been the clearest of its family. `n`: pairs where paired, else runs of
        both. What is null has its reason.
    """
    rows: list[dict[str, Any]] = []
    for (number, target), by_group in _families(values):
        numeric = {
            name: {seed: value for seed, value in found.items() if isinstance(value, float)}
            for name, found in by_group.items()
        }
        family = []
        for a, b in combinations([one.name for one in grouping.groups if one.name in numeric], 2):
            unlike = likelihoods and number in NATS and likelihoods[a] != likelihoods[b]
            made = difference_of(numeric[a], numeric[b])
            if number in MODEL_METRICS:
                made = Difference(made.value, None, 0.0, made.n, made.paired, SHARED)
            if unlike:
                reason = "other likelihoods: their nats are not of one kind"
                made = Difference(None, None, 0.0, made.n, made.paired, reason)
            family.append((a, b, made))
        p = np.array([_nan(one.p) for *_, one in family])
        tests = int(np.isfinite(p).sum())
        for (a, b, one), own, adjusted in zip(family, p, holm(p), strict=True):
            half = one.reach(LEVEL)
            rows.append(
                {
                    "number": number, "target": target, "group_a": a, "group_b": b,
                    "difference": one.value, "p": own, "p_holm": adjusted,
                    "low": None if half is None else _nan(one.value) - half,
                    "high": None if half is None else _nan(one.value) + half,
                    "detectable": one.reach(1 - (1 - LEVEL) / tests) if tests else None,
                    "n": one.n, "paired": one.paired, "reason": one.reason,
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS)).astype(DIFFERENCE_COLUMNS)


Values = dict[int, float | str]  # seed -> the value, or why there is none


def _families(
    values: pd.DataFrame,
) -> Iterator[tuple[tuple[str, str | None], dict[str, Values]]]:
    """(number, target) -> group -> seed -> value, in order of appearance."""
    found: dict[tuple[str, str | None], dict[str, Values]] = {}
    for row in values.to_dict("records"):
        target = row["target"] if isinstance(row["target"], str) else None
        group = found.setdefault((row["number"], target), {}).setdefault(row["group"], {})
        value = row["value"]
        group[int(row["seed"])] = str(row["reason"]) if value != value else float(value)
    yield from found.items()


def _baselines(values: pd.DataFrame) -> dict[tuple[str, str | None, str], float]:
    """(number, target, group) -> mean baseline of its runs, where there is one."""
    known = values[values["baseline"].notna()]
    means = known.groupby(["number", "target", "group"], dropna=False)["baseline"].mean()
    return {
        (number, target if isinstance(target, str) else None, group): float(mean)
        for (number, target, group), mean in means.items()
    }


def _less_one(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.array([len(a), len(b)]) - 1.0


def _rounding(values: Sequence[float]) -> float:
    """A standard error up to this is none."""
    return 1e-12 * float(np.abs(values).max())


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _plain(value: Any) -> Any:
    """As a cell of parquet can hold it."""
    return json.dumps(value) if isinstance(value, list | dict) else value
