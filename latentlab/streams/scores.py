"""Scores of probes on test, from counts in cells of the answer and from sums; memory stays flat.

An answer is put into one of up to CELLS cells. Scores of labels are functions of how many positives
and negatives are in each cell: exact where every distinct answer has a cell of its own (up to CELLS
test images), else with pairs in one cell counting half. What that leaves open is at most half the
share of pairs in one cell (`Score.within`), under 1e-5 for continuous answers. How far an image
moves a score is a function of its label and cell as well, so that a second pass gives the influence
of every unit and with it the interval (`rankings.resampling`).

Source: DeLong, DeLong & Clarke-Pearson 1988, https://doi.org/10.2307/2531595
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import logit

from latentlab.probes.logistic import LogisticProbe
from latentlab.probes.ridge import RidgeProbe
from latentlab.probes.scales import ARCTANH, LOGIT, UNEXPLAINED, Scale
from latentlab.rankings.resampling import interval, spread_of_sums
from latentlab.rankings.tasks import MAX_UNITS
from latentlab.streams.tables import Tables

CELLS = 65_536
SCALES = {
    "auc": LOGIT,
    "balanced_accuracy": LOGIT,
    "average_precision": LOGIT,
    "r2": UNEXPLAINED,
    "r": ARCTANH,
}
_Probe = LogisticProbe | RidgeProbe
# Labels and answers, (rows,) each -> how far each image moves each metric, (rows,) a metric.
Moved = Callable[[np.ndarray, np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class Score:
    """A score on test with its interval; `within` bounds how far the value is from that of the
    answers uncut."""

    value: float
    low: float | None
    high: float | None
    baseline: float
    within: float = 0.0


def scores_on_test(
    tables: Tables, fits: Mapping[str, _Probe], train_means: Mapping[str, float], test_rows: int
) -> dict[str, dict[str, Score]]:
    """Every metric of every fitted target on all test images where it is known.

    Args:
        fits: Target -> its probe; each target varies on test.
        train_means: Target -> mean of train: the share of positives above which an image counts
            as positive, and what the baseline of r2 predicts.
        test_rows: Images of test.

    Returns:
        Target -> metric -> score.
    """
    counts = {
        target: _Cells(target, train_means[target])
        if isinstance(probe, LogisticProbe)
        else _Sums(target, train_means[target])
        for target, probe in fits.items()
    }
    stride = -(-test_rows // (CELLS - 1))
    for target, _, answer, place, _ in _answers(tables, fits):
        counts[target].look(answer[place % stride == 0])
    for target, y, answer, _, _ in _answers(tables, fits):
        counts[target].add(y, answer)
    moved = {target: count.influences() for target, count in counts.items()}
    sums = {target: np.zeros((MAX_UNITS, len(count.metrics))) for target, count in counts.items()}
    images = {target: np.zeros(MAX_UNITS) for target in counts}
    for target, y, answer, _, unit in _answers(tables, fits):
        images[target] += np.bincount(unit, minlength=MAX_UNITS)
        for column, one in enumerate(moved[target](y, answer)):
            sums[target][:, column] += np.bincount(unit, one, MAX_UNITS)
    return {target: count.scores(sums[target], images[target]) for target, count in counts.items()}


def _answers(
    tables: Tables, fits: Mapping[str, _Probe]
) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Target, labels, answers, row numbers and units of the test images where it is known."""
    names = list(tables.roles)
    for slab in tables.slabs("test"):
        units = slab.units(MAX_UNITS)
        for target, probe in fits.items():
            y = slab.values[:, names.index(target)]
            known = np.isfinite(y)
            if known.any():
                answer = slab.codes @ probe.coef_ + probe.intercept_
                yield target, y[known], answer[known], slab.place[known], units[known]


class _Cells:
    """Positives and negatives in each cell of an attribute's log-odds."""

    metrics = ("auc", "balanced_accuracy", "average_precision")

    def __init__(self, target: str, share: float):
        self.target, self.threshold = target, float(logit(share))
        self._seen: list[np.ndarray] = []

    def look(self, answers: np.ndarray) -> None:
        """Some answers, among which the edges of cells are taken."""
        self._seen.append(answers)

    @cached_property
    def edges(self) -> np.ndarray:
        """Largest answer of each cell but the last."""
        return np.unique(np.concatenate([*self._seen, [self.threshold]]))

    @cached_property
    def counts(self) -> np.ndarray:
        """Negatives and positives in each cell, (2, cells)."""
        return np.zeros((2, len(self.edges) + 1))

    def add(self, y: np.ndarray, answers: np.ndarray) -> None:
        cell = np.searchsorted(self.edges, answers)
        for label in (0, 1):
            self.counts[label] += np.bincount(cell[y == label], minlength=self.counts.shape[1])

    def influences(self) -> Moved:
        negative, positive = self.counts
        negatives, positives = negative.sum(), positive.sum()
        rows = negatives + positives
        of_negative, of_positive = rows / negatives, rows / positives
        # AUC: the placements of both classes.
        beats = (np.cumsum(negative) - negative / 2) / negatives
        beaten = (_from_here(positive) - positive / 2) / positives
        self.auc = float(beats @ positive / positives)
        self.within = float(positive @ negative / (2 * positives * negatives))
        auc = [of_negative * (beaten - self.auc), of_positive * (beats - self.auc)]
        # Balanced accuracy: a cell ends at the threshold.
        said = np.arange(len(negative)) > np.searchsorted(self.edges, self.threshold)
        hits, rejections = positive[said].sum() / positives, negative[~said].sum() / negatives
        self.balanced = float(hits + rejections) / 2
        balanced = [of_negative * (~said - rejections) / 2, of_positive * (said - hits) / 2]
        # Average precision: what an image adds to the precision at the positives it is above.
        hit, taken = _from_here(positive), np.maximum(_from_here(negative + positive), 1.0)
        precision = hit / taken
        self.precision = float(precision @ positive / positives)
        from_hits = np.cumsum(positive / taken) * of_positive
        from_all = np.cumsum(positive * hit / taken**2) * of_positive
        ranked = [-from_all, of_positive * (precision - self.precision) + from_hits - from_all]
        tables = [np.stack(one) for one in (auc, balanced, ranked)]

        def moved(y: np.ndarray, answers: np.ndarray) -> list[np.ndarray]:
            cell = np.searchsorted(self.edges, answers)
            return [one[y.astype(int), cell] for one in tables]

        return moved

    def scores(self, sums: np.ndarray, images: np.ndarray) -> dict[str, Score]:
        share = float(self.counts[1].sum() / self.counts.sum())
        return _scores(
            dict(zip(self.metrics, (self.auc, self.balanced, self.precision), strict=True)),
            {"auc": 0.5, "balanced_accuracy": 0.5, "average_precision": share},
            sums,
            images,
            {"auc": self.within},
        )


class _Sums:
    """Sums of a number and of the answers to it."""

    metrics = ("r2", "r")

    def __init__(self, target: str, train_mean: float):
        self.target, self.train_mean = target, train_mean
        self.sums, self.rows = np.zeros(6), 0

    def look(self, answers: np.ndarray) -> None:
        """Sums need no edges."""

    def add(self, y: np.ndarray, answers: np.ndarray) -> None:
        # About the mean of train, so that no digits are lost in the differences of squares.
        u, v = y - self.train_mean, answers - self.train_mean
        self.sums += [u.sum(), v.sum(), u @ u, v @ v, u @ v, (u - v) @ (u - v)]
        self.rows += len(y)

    def influences(self) -> Moved:
        u, v, uu, vv, uv, error = self.sums / self.rows
        spread, spread_v = uu - u**2, vv - v**2
        left = error / spread
        self.r2 = float(1.0 - left)
        self.baseline = float(1.0 - uu / spread)
        r = (uv - u * v) / np.sqrt(spread * spread_v) if spread_v > 1e-24 * spread else np.nan
        self.r = float(np.clip(r, -1.0, 1.0))

        def moved(y: np.ndarray, answers: np.ndarray) -> list[np.ndarray]:
            z = (y - self.train_mean - u) / np.sqrt(spread)
            of_r2 = left * z**2 - np.square(y - answers) / spread
            if np.isnan(self.r):
                return [of_r2, np.zeros(len(y))]
            w = (answers - self.train_mean - v) / np.sqrt(spread_v)
            return [of_r2, z * w - self.r / 2 * (z**2 + w**2)]

        return moved

    def scores(self, sums: np.ndarray, images: np.ndarray) -> dict[str, Score]:
        found = {"r2": self.r2, "r": self.r}
        return _scores(found, {"r2": self.baseline, "r": 0.0}, sums, images, {})


def _scores(
    values: Mapping[str, float],
    baselines: Mapping[str, float],
    sums: np.ndarray,
    images: np.ndarray,
    within: Mapping[str, float],
) -> dict[str, Score]:
    found = {}
    for column, (metric, value) in enumerate(values.items()):
        known = spread_of_sums(sums[:, [column]], images)
        scale: Scale = SCALES[metric]
        low, high = (float(end[0]) for end in interval(np.array([value]), known, scale))
        found[metric] = Score(
            value,
            None if np.isnan(low) else low,
            None if np.isnan(high) else high,
            baselines[metric],
            within.get(metric, 0.0),
        )
    return found


def _from_here(counts: np.ndarray) -> np.ndarray:
    """Sums over each cell and all above it."""
    found: np.ndarray = np.cumsum(counts[::-1])[::-1]
    return found
