"""Does the answer survive retraining? Exact counts over runs and over pairs of runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from latentlab.alignment import TEXT
from latentlab.comparison.choice import Tally, tallies
from latentlab.comparison.groups import Grouping
from latentlab.comparison.matching import Matching
from latentlab.comparison.numbers import moved_by, verdict_rows
from latentlab.comparison.runs import ComparedRun, targets_of
from latentlab.probes.scoring import LEVEL
from latentlab.verdicts import NOT_ENCODED, SUPPORTED

# One row a group, target and question; `group` is null over all runs, `target` for the whole code.
SURVIVAL_COLUMNS = {
    "group": TEXT, "target": TEXT, "question": TEXT, "value": float, "low": float, "high": float,
    "count": "Int64", "n": "Int64", "baseline": float, "answer": TEXT, "reason": TEXT,
}  # fmt: skip
QUESTIONS = {
    "encoded": "In how many runs a probe reads the target, of those that could measure it.",
    "moved": "In how many runs a single latent moves it.",
    "supported": "In how many runs one latent moves it and nothing else: an axis was found.",
    "same_verdict": "How many runs give the most common verdict.",
    "same_axis": "In how many pairs of runs the two latents that move it most are matched to each"
    " other. The baseline is matching at random.",
    "same_change": "How alike the two runs' pictures change along the latents that move it most:"
    " cosine of the mean change per standard deviation, from the same images. The baseline is that"
    " of latents which are not matched.",
    "match_strength": "Mean absolute correlation of matched dimensions, over pairs of runs. The"
    " baseline is with shuffled images.",
    "matched_change": "How alike pictures change along matched dimensions; as same_change.",
}
SHARED = "no interval: pairs of runs share runs"


@dataclass(frozen=True, eq=False)
class Changes:
    """What moving each active latent of a run does to the pictures.

    Attributes:
        latents: Names, in the order of the rows.
        mean: Mean change of the pictures per standard deviation of the codes, from the same
            starting images in every run, (latents, values).
    """

    latents: tuple[str, ...]
    mean: np.ndarray


@dataclass(frozen=True, eq=False)
class Pair:
    """Two runs: their matching, and how alike each two dimensions change the picture.

    Attributes:
        matching: From the first to the second.
        cosines: Of the mean changes, turned by the sign of the correlation of the codes,
            (active of a, active of b); None where nothing was decoded.
    """

    a: str
    b: str
    matching: Matching
    cosines: np.ndarray | None

    @property
    def _paired(self) -> tuple[np.ndarray, np.ndarray]:
        return self.matching.pairs[:, 0], self.matching.pairs[:, 1]

    @property
    def matched_change(self) -> float | None:
        if self.cosines is None or not len(self.matching.pairs):
            return None
        return float(self.cosines[self._paired].mean())

    @property
    def unmatched_change(self) -> float | None:
        """Mean over all pairs of dimensions that are not matched: the control."""
        if self.cosines is None:
            return None
        alone = np.ones(self.cosines.shape, bool)
        alone[self._paired] = False
        return float(self.cosines[alone].mean()) if alone.any() else None

    def change(self, a: str, b: str) -> float | None:
        """The cosine of one latent of each."""
        if self.cosines is None:
            return None
        at = self.matching.latents_a.index(a), self.matching.latents_b.index(b)
        return float(self.cosines[at])


def wilson(count: int, n: int) -> tuple[float, float]:
    """95 % interval of a share; it holds for few trials, and for none or all of them too.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953
    """
    z = float(stats.norm.ppf((1 + LEVEL) / 2))
    share, weight = count / n, z**2 / n
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * np.sqrt(share * (1 - share) / n + weight / (4 * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def pairs_of(
    runs: Sequence[ComparedRun],
    matchings: Mapping[tuple[str, str], Matching],
    changes: Mapping[str, Changes],
) -> list[Pair]:
    """Every two runs once.

    Args:
        changes: Run -> its changes; a run that could not be decoded is not among them.
    """
    found = []
    for a, b in combinations([run.name for run in runs], 2):
        matching, cosines = matchings[a, b], None
        # A collapsed run has no active dimension, so nothing of it was moved.
        if a in changes and b in changes and matching.latents_a and matching.latents_b:
            first = _directions(changes[a], matching.latents_a)
            second = _directions(changes[b], matching.latents_b)
            cosines = np.sign(matching.r) * (first @ second.T)
        found.append(Pair(a, b, matching, cosines))
    return found


def survival(
    runs: Sequence[ComparedRun], grouping: Grouping, pairs: Sequence[Pair]
) -> pd.DataFrame:
    """Every question of QUESTIONS, for every group and over all runs.

    Args:
        pairs: Of `pairs_of`.

    Returns:
        SURVIVAL_COLUMNS. Shares have their exact `count` of `n`, and where the trials are runs
        Wilson's 95 % interval; pairs of runs share runs, so nothing about them has an interval.
        `baseline`: what chance gives. `answer`: the most common verdict. Over all runs (`group`
        null) pairs are of any two runs, also of different groups.
    """
    known = tallies(runs, grouping)
    axes = {run.name: _axes(run) for run in runs}
    teams: list[tuple[str | None, set[str]]] = [
        (group.name, set(group.runs)) for group in grouping.groups
    ]
    if len(teams) > 1:
        teams.append((None, {run.name for run in runs}))
    rows: list[dict[str, object]] = []
    for team, members in teams:
        inside = [pair for pair in pairs if {pair.a, pair.b} <= members]
        made = _whole_code(inside)
        for target in targets_of(runs):
            if team is None:
                tally = _together([known[group.name, target] for group in grouping.groups])
            else:
                tally = known[team, target]
            of_target = [*_counts(tally), *_same_axis(target, inside, axes)]
            made += [{"target": target, **row} for row in of_target]
        rows += [{"group": team, **row} for row in made]
    return pd.DataFrame(rows, columns=list(SURVIVAL_COLUMNS)).astype(SURVIVAL_COLUMNS)


def _counts(tally: Tally) -> list[dict[str, object]]:
    """The questions whose trials are runs."""
    measured = tally.measured
    encoded = measured - tally.verdicts.get(NOT_ENCODED, 0)
    rows = [
        _share("encoded", encoded, measured, "no run can measure it"),
        _share("moved", tally.moved, measured, "no run can measure it"),
        _share("supported", tally.verdicts.get(SUPPORTED, 0), measured, "no run can measure it"),
    ]
    most = max(tally.verdicts, key=tally.verdicts.__getitem__, default=None)
    common = 0 if most is None else tally.verdicts[most]
    same = _share("same_verdict", common, tally.runs, "no run has a verdict on it")
    return [*rows, {**same, "answer": most}]


def _same_axis(
    target: str, pairs: Sequence[Pair], axes: Mapping[str, Mapping[str, str]]
) -> list[dict[str, object]]:
    """Whether the latents that move the target most are one in pairs of runs, and change alike."""
    both = [pair for pair in pairs if target in axes[pair.a] and target in axes[pair.b]]
    if not both:
        reason = "in no pair of runs does a single latent move it in both"
        return [_null("same_axis", reason), _null("same_change", reason)]
    same, chance = 0, []
    cosines: list[float] = []
    alone: list[float] = []
    for pair in both:
        a, b = axes[pair.a][target], axes[pair.b][target]
        partner = pair.matching.partner(a)
        same += partner is not None and partner[0] == b
        chance.append(1.0 / max(len(pair.matching.latents_a), len(pair.matching.latents_b)))
        cosine, control = pair.change(a, b), pair.unmatched_change
        cosines += [] if cosine is None else [cosine]
        alone += [] if control is None else [control]
    axis = _share("same_axis", same, len(both), "") | {
        "low": None, "high": None, "baseline": float(np.mean(chance)), "reason": SHARED,
    }  # fmt: skip
    return [axis, _over_pairs("same_change", cosines, alone, "nothing was decoded")]


def _whole_code(pairs: Sequence[Pair]) -> list[dict[str, object]]:
    """Match strength and likeness of changes, over all matched dimensions."""
    matched = [
        (float(pair.matching.strengths.mean()), pair.matching.control)
        for pair in pairs
        if pair.matching.control is not None
    ]
    strengths, controls = [one for one, _ in matched], [float(c) for _, c in matched if c]
    moved = [
        (pair.matched_change, pair.unmatched_change)
        for pair in pairs
        if pair.matched_change is not None
    ]
    return [
        _over_pairs("match_strength", strengths, controls, "no two runs can be matched"),
        _over_pairs(
            "matched_change",
            [one for one, _ in moved if one is not None],
            [one for _, one in moved if one is not None],
            "nothing was decoded" if pairs else "no two runs can be matched",
        ),
    ]


def _axes(run: ComparedRun) -> dict[str, str]:
    """Target -> the latent that moves it most, where a single active one does."""
    active = set(run.active)
    found = {target: moved_by(row) for target, row in verdict_rows(run).items()}
    return {target: latent for target, latent in found.items() if latent in active}


def _directions(changes: Changes, latents: Sequence[str]) -> np.ndarray:
    """The changes at length 1, in the order of these latents; what does not change stays 0."""
    mean = changes.mean[[changes.latents.index(latent) for latent in latents]].astype(np.float64)
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    return np.divide(mean, length, out=np.zeros_like(mean), where=length > 0)


def _together(parts: Sequence[Tally]) -> Tally:
    verdicts: dict[str, int] = {}
    for part in parts:
        for verdict, count in part.verdicts.items():
            verdicts[verdict] = verdicts.get(verdict, 0) + count
    return Tally(verdicts, sum(part.moved for part in parts))


def _share(question: str, count: int, n: int, without: str) -> dict[str, object]:
    if not n:
        return _null(question, without)
    low, high = wilson(count, n)
    return {
        "question": question, "value": count / n, "low": low, "high": high, "count": count, "n": n,
    }  # fmt: skip


def _over_pairs(
    question: str, values: Sequence[float], baselines: Sequence[float], without: str
) -> dict[str, object]:
    if not values:
        return _null(question, without)
    baseline = float(np.mean(baselines)) if baselines else None
    return {
        "question": question, "value": float(np.mean(values)), "n": len(values),
        "baseline": baseline, "reason": SHARED,
    }  # fmt: skip


def _null(question: str, reason: str) -> dict[str, object]:
    return {"question": question, "n": 0, "reason": reason}
