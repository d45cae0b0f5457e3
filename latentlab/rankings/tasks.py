"""One target on the images where it is known, with what all targets known there share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy import sparse

from latentlab.alignment import Aligned
from latentlab.randomness import numpy_generator
from latentlab.rankings.orders import Order

MAX_UNITS = 4096  # drawn in a bootstrap


class Probe(Protocol):
    """What is asked of a fitted probe: numbers per latent, (latents,), and an intercept.

    Attributes:
        weights_: Per standard deviation of each latent.
        coef_: Per unit of each latent.
        intercept_: The answer at latent 0.
        mean_, scale_: Mean and standard deviation of each latent in the fit.
        penalty: Of half the sum of squared weights, against a loss that is a sum over images.
    """

    weights_: Any
    coef_: Any
    intercept_: Any
    mean_: Any
    scale_: Any
    penalty: Any


class Rows:
    """Some images of one split. What is costly is computed once, when first asked for.

    Attributes:
        codes: Posterior means, (rows, latents).
        attributes: 0 and 1, NaN where unknown, (rows, attributes).
        persons: Number of the person in the image, (rows,); None where unknown.
        units: Number of the unit that a bootstrap draws with the image, (rows,).
        seed: Of what a measure may have to draw.
    """

    def __init__(
        self,
        codes: np.ndarray,
        attributes: pd.DataFrame,
        persons: np.ndarray | None,
        units: np.ndarray,
        seed: int,
    ):
        self.codes, self.attributes, self.persons, self.units = codes, attributes, persons, units
        self.seed = seed
        self._made: dict[str, np.ndarray] = {}

    def once(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """What `make` gives, made when first asked for by this name: for what one measure alone
        needs of these images, whatever the target."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def z(self) -> np.ndarray:
        """Codes with mean 0 and variance 1 over these images; constant ones are 0."""
        return standardized(self.codes)

    @cached_property
    def order(self) -> Order:
        return Order(self.codes)

    @cached_property
    def covariates(self) -> np.ndarray:
        """Attributes with mean 0 and variance 1 over their known images; unknown ones are 0, the
        mean. Constant ones are 0."""
        return np.nan_to_num(standardized(self.attributes.to_numpy()), nan=0.0)

    @cached_property
    def _unit_sums(self) -> sparse.csr_matrix:
        places = (self.units, np.arange(len(self)))
        return sparse.csr_matrix((np.ones(len(self)), places))

    def summed(self, values: np.ndarray) -> np.ndarray:
        """(rows, columns) -> sums over the images of each unit, (units, columns)."""
        return np.asarray(self._unit_sums @ values)


@dataclass(frozen=True)
class Task:
    """One target: `train` and `test` are the images where it is known, `y_train` and `y_test` its
    values there (0 and 1 for an attribute), `probe` the one fitted on train."""

    target: str
    role: str
    probe: Probe
    train: Rows
    y_train: np.ndarray
    test: Rows
    y_test: np.ndarray

    @property
    def binary(self) -> bool:
        return self.role == "attribute"

    @cached_property
    def y_order(self) -> Order:
        return Order(self.y_test[:, None])

    @cached_property
    def y_standardized(self) -> np.ndarray:
        """Values on test with mean 0 and variance 1, (rows, 1)."""
        return standardized(self.y_test[:, None])

    @cached_property
    def values(self) -> np.ndarray:
        """What is shuffled: 0 and 1 for an attribute, else standardised, (test rows, 1)."""
        return self.y_test[:, None] if self.binary else self.y_standardized

    @cached_property
    def ranks(self) -> np.ndarray:
        """`values`, or a number's standardised mid-ranks: an attribute's are as good as itself."""
        return self.values if self.binary else standardized(self.y_order.shares)


class Tasks:
    """Makes the tasks of a table; targets known on the same images share their rows."""

    def __init__(self, aligned: Aligned, roles: dict[str, str], seed: int):
        self._aligned, self._roles, self._seed = aligned, roles, seed
        self._attributes = [name for name, role in roles.items() if role == "attribute"]
        self._shared: dict[tuple[str, bytes], Rows] = {}
        self.units: dict[str, np.ndarray] = {}
        for split in ("train", "test"):
            inside = aligned.split == split
            rng = numpy_generator(seed, f"rankings units {split}")
            self.units[split] = drawn_units(int(inside.sum()), aligned.groups_at(inside), rng)

    def task(self, target: str, probe: Probe) -> Task:
        train, y_train = self._known(target, "train")
        test, y_test = self._known(target, "test")
        return Task(target, self._roles[target], probe, train, y_train, test, y_test)

    def _known(self, target: str, split: str) -> tuple[Rows, np.ndarray]:
        values = self._aligned.values[target].to_numpy()
        inside = self._aligned.split == split
        known = inside & np.isfinite(values)
        key = (split, np.packbits(known).tobytes())
        if key not in self._shared:
            self._shared[key] = Rows(
                self._aligned.codes[known],
                self._aligned.values.loc[known, self._attributes],
                self._aligned.groups_at(known),
                self.units[split][known[inside]],
                self._seed,
            )
        return self._shared[key], values[known]


def drawn_units(
    rows: int, persons: np.ndarray | None, rng: np.random.Generator, most: int = MAX_UNITS
) -> np.ndarray:
    """What a bootstrap draws whole: persons where known, else images, (rows,) numbers from 0.

    More than `most` of them are put together at random into `most` groups. Independent units
    remain independent in groups, so that spread and skewness of a sum over them stay as they are,
    and time and memory no longer grow with the rows.
    """
    units = np.arange(rows) if persons is None else np.unique(persons, return_inverse=True)[1]
    count = int(units.max(initial=-1)) + 1
    return units if count <= most else (rng.permutation(count) % most)[units]


def standardized(values: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and variance 1 over their known rows; constant ones become 0."""
    if not len(values):
        return values
    known = np.isfinite(values)
    number = np.maximum(known.sum(axis=0), 1)
    centred = values - np.where(known, values, 0.0).sum(axis=0) / number
    spread = np.sqrt(np.where(known, centred**2, 0.0).sum(axis=0) / number)
    size = np.abs(np.where(known, values, 0.0)).max(axis=0)
    varies = spread > 1e-9 * size  # less is rounding
    return np.where(varies, centred, 0.0 * centred) / np.where(varies, spread, 1.0)
