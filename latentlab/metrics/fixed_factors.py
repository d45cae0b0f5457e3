"""Batches of codes in which one factor is held fixed: drawn from a table of rows, or made anew."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import pandas as pd

from latentlab.alignment import check_factors
from latentlab.errors import DataError
from latentlab.metrics.binned import labels
from latentlab.metrics.result import ALL_CONSTANT, ONE_FACTOR, Result, varying

BATCH = 64  # codes behind one point, as in the published study
TRAIN, TEST = 10_000, 5_000  # points
AT_ONCE = 250  # points whose codes are held in memory


class Source(Protocol):
    """Where codes come from. All chance is the generator's."""

    @property
    def factors(self) -> int:
        """How many factors vary."""
        ...

    def any(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, latents), nothing held fixed."""
        ...

    def fixed(self, factor: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """For each number of a factor, codes that share its value, (points, count, latents)."""
        ...

    def pairs(
        self, factor: np.ndarray, count: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """For each number of a factor, pairs of codes; those of a pair share its value. Two of
        (points, count, latents)."""
        ...


@dataclass(frozen=True)
class Rows:
    """A fixed table. The other factors come as the rows have them, so their dependence stays.

    Attributes:
        codes: (images, latents).
        order: Per factor, images in the order of its values, (factors, images).
        start, size: Per factor, for every image: where in `order` the images with its value begin,
            and how many there are, (factors, images).
    """

    codes: np.ndarray
    order: np.ndarray
    start: np.ndarray
    size: np.ndarray

    @classmethod
    def of(cls, codes: pd.DataFrame, factors: pd.DataFrame, bins: int) -> Self:
        """Factors that are not discrete are cut into bins of equal width.

        Raises:
            DataError: A value is missing or infinite, or the tables are not of the same images.
        """
        check_factors(codes, factors)
        order, start, size = [], [], []
        for name in factors.columns:
            classes = labels(factors[name].to_numpy(), bins)
            counts = np.bincount(classes)
            order.append(np.argsort(classes, kind="stable"))
            start.append((np.cumsum(counts) - counts)[classes])
            size.append(counts[classes])
        return cls(codes.to_numpy(np.float64), np.stack(order), np.stack(start), np.stack(size))

    @property
    def factors(self) -> int:
        return len(self.order)

    def any(self, count: int, rng: np.random.Generator) -> np.ndarray:
        return self.codes[rng.integers(len(self.codes), size=count)]

    def fixed(self, factor: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        chosen = rng.integers(len(self.codes), size=(len(factor), 1))
        return self.codes[self._alike(factor, np.repeat(chosen, count, axis=1), rng)]

    def pairs(
        self, factor: np.ndarray, count: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        chosen = rng.integers(len(self.codes), size=(len(factor), count))
        return self.codes[chosen], self.codes[self._alike(factor, chosen, rng)]

    def _alike(self, factor: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Any row with the same value of the factor, for each of (points, count)."""
        own = factor[:, None]
        size = self.size[own, rows]
        place = self.start[own, rows] + (rng.random(rows.shape) * size).astype(np.int64)
        return self.order[own, place]


@dataclass(frozen=True)
class Sampler:
    """Codes made for factors that are drawn anew each time.

    Attributes:
        draw: (count, generator) -> factors, (count, factors), independent of one another.
        encode: factors, (count, factors) -> codes, (count, latents).
        factors: How many there are.
    """

    draw: Callable[[int, np.random.Generator], np.ndarray]
    encode: Callable[[np.ndarray], np.ndarray]
    factors: int

    def any(self, count: int, rng: np.random.Generator) -> np.ndarray:
        return self._codes(self.draw(count, rng))

    def fixed(self, factor: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        values = self.draw(len(factor) * count, rng).reshape(len(factor), count, -1)
        point = np.arange(len(factor))
        values[point, :, factor] = values[point, 0, factor][:, None]
        return self._codes(values.reshape(-1, values.shape[2])).reshape(len(factor), count, -1)

    def pairs(
        self, factor: np.ndarray, count: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        shape = (len(factor), count, -1)
        first, second = (self.draw(len(factor) * count, rng).reshape(shape) for _ in range(2))
        point = np.arange(len(factor))
        second[point, :, factor] = first[point, :, factor]
        one, other = (self._codes(each.reshape(-1, each.shape[2])) for each in (first, second))
        return one.reshape(shape), other.reshape(shape)

    def _codes(self, factors: np.ndarray) -> np.ndarray:
        codes = np.asarray(self.encode(factors), np.float64)
        if codes.ndim != 2 or len(codes) != len(factors) or not np.isfinite(codes).all():
            raise DataError(
                f"The encoder made {codes.shape} of {len(factors)} rows of factors, or a value that"
                " is not finite. It must give finite numbers, one row for each row of factors."
            )
        return codes


def points(count: int, factors: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Which factor is held fixed for each point, AT_ONCE points at a time."""
    for first in range(0, count, AT_ONCE):
        yield rng.integers(factors, size=min(AT_ONCE, count - first))


def score_of_rows(
    sampled: Callable[..., Result], codes: pd.DataFrame, factors: pd.DataFrame, bins: int, seed: int
) -> Result:
    """A sampled score, asked of a fixed table; None where fewer than two factors vary.

    Args:
        sampled: `(source, *, seed)`.
    """
    kept, reasons = varying(factors)
    settings = {"rows": len(codes), "bins": bins, "reasons": reasons}
    if len(kept.columns) < 2:
        return Result(None, ONE_FACTOR if len(kept.columns) else ALL_CONSTANT, settings)
    result = sampled(Rows.of(codes, kept, bins), seed=seed)
    return Result(result.score, result.reason, {**settings, **result.settings})
