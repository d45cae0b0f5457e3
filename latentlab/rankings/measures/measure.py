"""What a measure of association is, and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latentlab.probes.scales import PLAIN, Scale
from latentlab.rankings.tasks import Task


@dataclass(frozen=True)
class Measured:
    """One measure of one target on every dimension.

    Attributes:
        values: (latents,), NaN where it is undefined.
        influence: How much one image moves the value, times the number of images, (rows, latents);
            each column has mean 0. To first order, images drawn c times each give the value plus
            sum(c * influence) / sum(c).
        extra: Variance of the value that the influence does not show, (latents,) or 0.
    """

    values: np.ndarray
    influence: np.ndarray
    extra: np.ndarray | float = 0.0


@dataclass(frozen=True)
class Null:
    """A statistic that is computed from sums of products of columns and shuffled values.

    Attributes:
        columns: (rows, columns), float32.
        values: What is shuffled, (rows, k).
        statistic: (permutations, k, columns) sums -> (permutations, latents), larger for stronger.
    """

    columns: np.ndarray
    values: np.ndarray
    statistic: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Measure:
    """How one measure is computed, ranked and tested.

    Attributes:
        of: Task -> what was measured, or why it could not be, in a few words.
        split: Whose images it is taken from: those of `train` or of `test`.
        scale: On which its intervals are symmetric.
        signed: Whether it is ranked by its distance from `nothing`, in either direction.
        nothing: Its value for a dimension that knows nothing of the target.
        squared: Whether value and interval are squared at last.
        null: Task -> its permutation null; None where it has none.
        attributes, numbers: Whether it is taken of attributes, and of statistics and factors.
        untested: Why there is no q; empty where there is one.
    """

    of: Callable[[Task], Measured | str]
    split: str = "test"
    scale: Scale = PLAIN
    signed: bool = True
    nothing: float = 0.0
    squared: bool = False
    null: Callable[[Task], Null | None] | None = None
    attributes: bool = True
    numbers: bool = True
    untested: str = ""

    def strength(self, values: np.ndarray) -> np.ndarray:
        """What the dimensions are ranked by, largest first."""
        return np.abs(values - self.nothing) if self.signed else values

    def applies(self, task: Task) -> bool:
        return self.attributes if task.binary else self.numbers
