"""What binned latents know of factors, counted over files: the same numbers as in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from latentlab.errors import DataError
from latentlab.metrics.binned import BINS, Counts, Information
from latentlab.metrics.result import CONSTANT
from latentlab.streams.tables import Tables

MOST_VALUES = 10_000  # of a factor of whole numbers


@dataclass
class _Range:
    """Which values a factor takes."""

    low: float = np.inf
    high: float = -np.inf
    values: np.ndarray = field(default_factory=lambda: np.empty(0))
    many: bool = False  # more values than are kept

    def add(self, column: np.ndarray) -> None:
        self.low, self.high = min(self.low, column.min()), max(self.high, column.max())
        if not self.many or (np.mod(self.values, 1) == 0).all():
            found = np.union1d(self.values, column)
            self.many |= len(found) > MOST_VALUES
            self.values = found[:MOST_VALUES]

    def edges(self, name: str, bins: int) -> np.ndarray | None:
        """Of equal-width bins; None where values are taken as they are."""
        whole = bool((np.mod(self.values, 1) == 0).all())
        if whole and self.many:
            raise DataError(
                f"Factor {name} has more than {MOST_VALUES:,} whole values. Give it as a statistic"
                " (leave out --factor), or cut it into classes."
            )
        discrete = whole or len(self.values) <= bins
        return None if discrete else edges_between(self.low, self.high, bins)

    def labels(self, column: np.ndarray, edges: np.ndarray | None) -> np.ndarray:
        if edges is None:
            return np.searchsorted(self.values, column)
        return np.digitize(column, edges[:-1]) - 1


def information(tables: Tables, factors: Sequence[str], bins: int = BINS) -> Information:
    """As `metrics.binned.information` on the images whose factors are all known, in two passes.

    Args:
        factors: Targets of the tables.

    Raises:
        DataError: No image has all factors known, or a factor has too many whole values.
    """
    columns = [list(tables.roles).index(name) for name in factors]
    precision = tables.precision
    low = np.full(len(tables.columns), np.inf)
    high = -low
    ranges = [_Range() for _ in factors]
    for slab in tables.slabs():
        known = np.isfinite(slab.values[:, columns]).all(axis=1)
        if known.any():
            low = np.minimum(low, slab.codes[known].min(axis=0))
            high = np.maximum(high, slab.codes[known].max(axis=0))
            for one, column in zip(ranges, columns, strict=True):
                one.add(slab.values[known, column])
    if not np.isfinite(low).all():
        raise DataError(
            f"No image of {tables.label_files[0].parent} has all factors known."
            " Leave some factors out."
        )
    cuts = [
        edges_between(*ends, bins)
        for ends in zip(low.astype(precision), high.astype(precision), strict=True)
    ]
    kept = [index for index, one in enumerate(ranges) if one.low < one.high]
    edges = {index: ranges[index].edges(factors[index], bins) for index in kept}
    values = [len(ranges[k].values) if edges[k] is None else bins for k in kept]
    counts = Counts.none(np.full(len(cuts), bins), np.array(values, np.int64))
    for slab in tables.slabs():
        known = np.isfinite(slab.values[:, columns]).all(axis=1)
        if known.any():
            counts.add(
                np.column_stack([_binned(slab.codes[known, k], cut) for k, cut in enumerate(cuts)]),
                np.column_stack(
                    [ranges[k].labels(slab.values[known, columns[k]], edges[k]) for k in kept]
                )
                if kept
                else np.empty((known.sum(), 0), np.int64),
            )
    mutual, code_entropies, entropies = counts.information()
    return Information(
        mutual,
        entropies,
        code_entropies,
        pd.Index(tables.columns),
        pd.Index([factors[k] for k in kept]),
        {name: CONSTANT for k, name in enumerate(factors) if k not in kept},
        bins,
        counts.images,
    )


def edges_between(low: float, high: float, bins: int) -> np.ndarray | None:
    """Edges of equal-width bins, in the precision of the ends, as `metrics.binned.binned` has them;
    None where the range is too narrow for that: the column is constant."""
    try:
        return np.histogram_bin_edges(np.array([low, high]), bins)
    except ValueError:
        return None


def _binned(values: np.ndarray, edges: np.ndarray | None) -> np.ndarray:
    if edges is None:
        return np.zeros(len(values), np.int64)
    return np.digitize(values, edges[:-1]) - 1
