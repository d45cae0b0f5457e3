"""p-values of the strongest of many dimensions, from shuffled targets.

Under the null, images may exchange their values of the target. Where persons are known, only whole
persons with the same number of images may: their values go over together, in order. That is exact
whatever images of one person have in common. A person whose number of images no other has stays in
place, which costs power and nothing else.

Source: max-statistic: Westfall & Young 1993, Resampling-Based Multiple Testing; blocks of equal
size: Winkler et al. 2015, https://doi.org/10.1016/j.neuroimage.2015.05.092
"""

from collections.abc import Iterator, Sequence

import numpy as np

from latentlab.rankings.measures.measure import Null

_CHUNK = 2**22  # places of shuffled images in memory at a time
_SAME = 1e-5  # relative; sums are added up in float32


class Shuffles:
    """Ways in which the images of a table may exchange their values."""

    def __init__(self, rows: int, persons: np.ndarray | None):
        self.rows = rows
        self._alike = [np.arange(rows)[:, None]]  # (persons, images) each, of equal count
        if persons is not None:
            number, count = np.unique(persons, return_inverse=True, return_counts=True)[1:]
            starts = np.concatenate([[0], np.cumsum(count)[:-1]])
            order = np.argsort(number, kind="stable")
            self._alike = [
                order[starts[count == size][:, None] + np.arange(size)]
                for size in np.unique(count)
                if (count == size).sum() > 1
            ]

    @property
    def possible(self) -> bool:
        return any(len(alike) > 1 for alike in self._alike)

    def drawn(self, number: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """`number` of them in chunks (some, rows): whose value each image gets."""
        step = max(1, _CHUNK // max(self.rows, 1))
        for start in range(0, number, step):
            some = min(step, number - start)
            places = np.tile(np.arange(self.rows), (some, 1))
            for row in places:
                for alike in self._alike:
                    row[alike] = alike[rng.permutation(len(alike))]
            yield places


def family_p(
    nulls: Sequence[Null],
    shuffles: Shuffles,
    kept: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """p of every dimension by the largest statistic of all kept dimensions, one array a null.

    Args:
        nulls: Of any targets and measures on the same rows; they share the shuffles.
        kept: Dimensions that compete, bool (latents,).

    Returns:
        (latents,) each: (1 + shuffles whose largest statistic reaches this dimension's) /
        (1 + permutations), NaN for dimensions that are not kept. That any dimension has p <= a has
        probability at most a where the target has nothing to do with any of them.
    """
    itself = np.arange(shuffles.rows)[None]
    own = [found[0] for found in _statistics(nulls, itself)]
    reached = [np.ones(len(kept)) for _ in nulls]
    for places in shuffles.drawn(permutations, rng):
        for index, found in enumerate(_statistics(nulls, places)):
            largest = np.nan_to_num(found[:, kept], nan=-np.inf).max(axis=1, initial=-np.inf)
            level = own[index] - _SAME * np.abs(own[index])
            reached[index] += (largest[:, None] >= level).sum(axis=0)
    return [
        np.where(kept & np.isfinite(one), count / (1.0 + permutations), np.nan)
        for one, count in zip(own, reached, strict=True)
    ]


def _statistics(nulls: Sequence[Null], places: np.ndarray) -> Iterator[np.ndarray]:
    """Each null's statistic after every shuffle, (shuffles, latents), one after the other."""
    values: np.ndarray | None = None
    columns: np.ndarray | None = None
    shuffled: list[np.ndarray] = []
    for null in nulls:
        if null.values is not values:  # measures of one target shuffle the same values
            values, columns = null.values, None
            shuffled = [value[places] for value in np.ascontiguousarray(values.T, np.float32)]
        if null.columns is not columns:
            columns = null.columns
            sums = np.stack([value @ columns for value in shuffled], axis=1)
        yield null.statistic(sums)
