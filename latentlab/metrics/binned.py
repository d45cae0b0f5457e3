"""Values in bins of equal width, their entropies, and what binned codes know of factors.

The discretisation of Locatello et al. 2019, https://arxiv.org/abs/1811.12359: bins between the
smallest and the largest value of a column. Information is that of the counts, in nats, and so is
biased upwards by about (bins - 1) (values - 1) / (2 rows).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from latentlab.alignment import check_factors
from latentlab.metrics.result import named, varying

BINS = 20
CELLS = 20_000_000  # of the tables of 0s and 1s that are held at a time
ROUNDING = 1e-12  # nats: information below is what sums of rounded logarithms leave of 0


@dataclass(frozen=True)
class Information:
    """What each latent knows of each factor that varies.

    Attributes:
        mutual: Mutual information, nats, (latents, factors).
        entropies: Of the factors, nats, (factors,).
        code_entropies: Of the binned latents, nats, (latents,).
        latents, factors: The names.
        reasons: Factor that is left out -> why.
        bins: Per latent, and per factor that is not discrete.
        rows: Images used.
    """

    mutual: np.ndarray
    entropies: np.ndarray
    code_entropies: np.ndarray
    latents: pd.Index
    factors: pd.Index
    reasons: dict[str, str]
    bins: int
    rows: int

    @property
    def shares(self) -> np.ndarray:
        """Mutual information as a share of the factor's entropy, (latents, factors)."""
        return self.mutual / self.entropies

    @property
    def settings(self) -> dict[str, Any]:
        return {"bins": self.bins, "rows": self.rows, "reasons": self.reasons}

    def by_factor(self, values: np.ndarray) -> dict[str, float]:
        return named(self.factors, values)

    def by_latent(self, values: np.ndarray) -> dict[str, float]:
        return named(self.latents, values)


def information(codes: pd.DataFrame, factors: pd.DataFrame, bins: int) -> Information:
    """Count the pairs of bins of every latent and factor.

    Args:
        codes: Posterior means, one row an image, one column a latent. Their precision is kept: bin
            edges depend on it.
        factors: Same index, one column a factor; see `labels` for how it is cut.

    Raises:
        DataError: A value is missing or infinite, or the tables are not of the same images.
    """
    check_factors(codes, factors)
    kept, reasons = varying(factors)
    cut = binned_columns(codes, bins)
    classes = [labels(kept[name].to_numpy(), bins) for name in kept.columns]
    classes_at_once = np.column_stack(classes) if classes else np.empty((len(cut), 0), np.int64)
    mutual, code_entropies, entropies = mutual_information(cut, classes_at_once)
    return Information(
        mutual, entropies, code_entropies, codes.columns, kept.columns, reasons, bins, len(codes)
    )


def mutual_information(
    codes: np.ndarray, classes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What every column of codes knows of every column of classes, by their joint counts, in nats.

    Args:
        codes: Whole numbers from 0, (images, latents).
        classes: Whole numbers from 0, (images, factors).

    Returns:
        Mutual information, never negative, (latents, factors); entropies of the codes (latents,)
        and of the classes (factors,).
    """
    counts = Counts.none(codes.max(axis=0) + 1, classes.max(axis=0) + 1)
    counts.add(codes, classes)
    return counts.information()


@dataclass
class Counts:
    """How often the values of codes and classes occur, alone and together.

    Attributes:
        code_starts, class_starts: Where each column's values begin if all are put side by side, and
            where the last end.
        codes, classes: Images with each value.
        joint: Images with each value of a code and each of a class, (codes, classes).
    """

    code_starts: np.ndarray
    class_starts: np.ndarray
    codes: np.ndarray
    classes: np.ndarray
    joint: np.ndarray
    images: int = 0

    @classmethod
    def none(cls, code_values: np.ndarray, class_values: np.ndarray) -> "Counts":
        """Before any image, from the number of values of each column."""
        starts = [
            np.concatenate([[0], np.cumsum(values)]).astype(np.int64)
            for values in (code_values, class_values)
        ]
        size, other = (int(each[-1]) for each in starts)
        alone = np.zeros(size), np.zeros(other)
        return cls(starts[0], starts[1], *alone, np.zeros((size, other)))

    def add(self, codes: np.ndarray, classes: np.ndarray) -> None:
        """Count images; whole numbers from 0, (images, columns) each."""
        step = max(64, CELLS // (len(self.codes) + len(self.classes)))
        for first in range(0, len(codes), step):
            rows = slice(first, first + step)
            one = _one_hot(codes[rows], self.code_starts)
            other = _one_hot(classes[rows], self.class_starts)
            # As a product of 0s and 1s; exact, since float32 holds whole numbers up to 2**24.
            self.joint += one.T @ other
        self.codes += _tally(codes, self.code_starts)
        self.classes += _tally(classes, self.class_starts)
        self.images += len(codes)

    def information(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `mutual_information` gives it."""
        code_shares, class_shares = self.codes / self.images, self.classes / self.images
        code_entropies = _sums(_surprise(code_shares), self.code_starts)
        class_entropies = _sums(_surprise(class_shares), self.class_starts)
        together = _sums(_surprise(self.joint / self.images), self.code_starts)
        both = _sums(together.T, self.class_starts).T
        found = code_entropies[:, None] + class_entropies - both
        return np.where(found < ROUNDING, 0.0, found), code_entropies, class_entropies


def _one_hot(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """float32 0 and 1, (images, values of all columns)."""
    found = np.zeros((len(values), starts[-1]), np.float32)
    found[np.arange(len(values))[:, None], values + starts[:-1]] = 1
    return found


def _tally(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Images with each value of each column, (values of all columns,)."""
    return np.bincount((values + starts[:-1]).ravel(), minlength=starts[-1])


def _surprise(shares: np.ndarray) -> np.ndarray:
    return -shares * np.log(shares, out=np.zeros_like(shares), where=shares > 0)


def _sums(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sums over the values of each column, along the first axis."""
    if len(starts) == 1:
        return np.empty((0, *values.shape[1:]))
    return np.add.reduceat(values, starts[:-1], axis=0)


def is_discrete(values: np.ndarray, bins: int) -> bool:
    """Whether a factor is taken as it is: whole numbers, or at most `bins` distinct values."""
    distinct = np.unique(values)
    return len(distinct) <= bins or bool((np.mod(distinct, 1) == 0).all())


def labels(values: np.ndarray, bins: int) -> np.ndarray:
    """Number of the value, from 0, of a discrete factor; of the equal-width bin of any other."""
    if is_discrete(values, bins):
        return np.unique(values, return_inverse=True)[1]
    return binned(values, bins)


def binned_columns(codes: pd.DataFrame, bins: int) -> np.ndarray:
    """`binned` for each column, (images, latents)."""
    return np.column_stack([binned(codes[name].to_numpy(), bins) for name in codes.columns])


def binned(values: np.ndarray, bins: int) -> np.ndarray:
    """Number of the equal-width bin of each value, from 0; the largest value is in the last."""
    try:
        edges = np.histogram_bin_edges(values, bins)
    except ValueError:  # the range is too narrow for the precision: the column is constant
        return np.zeros(len(values), dtype=np.int64)
    return np.digitize(values, edges[:-1]) - 1
