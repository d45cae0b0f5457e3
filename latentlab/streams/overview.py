"""One pass over everything: what the dimensions carry, and what is known of each target."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentlab.artifacts import SPLITS
from latentlab.dimensions import dimension_table
from latentlab.errors import DataError
from latentlab.integrity import check_stamp
from latentlab.streams.tables import Tables


@dataclass(frozen=True)
class Known:
    """One target on the images of one split where it is known.

    Attributes:
        n: Images.
        mean: Of the values; the share of positives of an attribute.
        low, high: Smallest and largest value.
    """

    n: int
    mean: float
    low: float
    high: float

    @property
    def positives(self) -> int:
        return round(self.n * self.mean) if self.n else 0


@dataclass(frozen=True)
class Overview:
    """Counts of a table, and its dimensions.

    Attributes:
        rows: Split -> images.
        dimensions: As `summarize_dimensions` gives them.
        known: (target, split) -> what is known there.
    """

    rows: dict[str, int]
    dimensions: pd.DataFrame
    known: dict[tuple[str, str], Known]


class Moments:
    """Mean and variance of columns over rows that come in parts, as stable as in one pass over an
    array: parts are joined by their means.

    Source: Chan, Golub & LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115
    """

    def __init__(self, columns: int):
        self.rows = 0
        self.mean, self._squares = np.zeros(columns), np.zeros(columns)

    def add(self, values: np.ndarray) -> None:
        """(rows, columns), at least one row."""
        rows, mean = len(values), values.mean(axis=0)
        squares = np.square(values - mean).sum(axis=0)
        total, apart = self.rows + rows, mean - self.mean
        self._squares += squares + np.square(apart) * self.rows * rows / total
        self.mean += apart * rows / total
        self.rows = total

    @property
    def variance(self) -> np.ndarray:
        return self._squares / max(self.rows, 1)


def overview(tables: Tables) -> Overview:
    """Read everything once.

    Raises:
        DataError: A file is not as it was written, there is no row, or a value is not what it must
            be.
    """
    for path in (*tables.latent_files, *tables.label_files):
        try:
            check_stamp(path)
        except ValueError as error:
            raise DataError(f"{path} is damaged: {error}. Make it again.") from error
    latents, targets = len(tables.columns), list(tables.roles)
    mu, others = Moments(latents), Moments(2 * latents)  # KL, and posterior variance
    rows = dict.fromkeys(SPLITS, 0)
    shape = (len(SPLITS), len(targets))
    count, total = np.zeros(shape, np.int64), np.zeros(shape)
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    for slab in tables.slabs(logvars=True):
        mu.add(slab.codes)
        if slab.logvar is not None:
            variance = np.exp(slab.logvar)
            kl = 0.5 * (slab.codes**2 + variance - 1.0 - slab.logvar)
            others.add(np.column_stack([kl, variance]))
        for number, split in enumerate(SPLITS):
            values = slab.values[slab.split == split]
            rows[split] += len(values)
            known = np.isfinite(values)
            count[number] += known.sum(axis=0)
            total[number] += np.where(known, values, 0.0).sum(axis=0)
            if len(values):
                low[number] = np.fmin(low[number], np.where(known, values, np.inf).min(axis=0))
                high[number] = np.fmax(high[number], np.where(known, values, -np.inf).max(axis=0))
    if not mu.rows:
        raise DataError(f"{tables.latent_files[0].parent} has no row. Encode some images first.")
    kl = variance = np.full(latents, np.nan)
    if others.rows:
        kl, variance = others.mean[:latents], others.mean[latents:]
    with np.errstate(invalid="ignore"):
        mean = total / count
    return Overview(
        rows,
        dimension_table(tables.columns, mu.mean, mu.variance, kl, variance),
        {
            (target, split): Known(
                int(count[number, column]),
                float(mean[number, column]),
                float(low[number, column]),
                float(high[number, column]),
            )
            for number, split in enumerate(SPLITS)
            for column, target in enumerate(targets)
        },
    )
