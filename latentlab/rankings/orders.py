"""Columns sorted once, from which ranks and sums over all smaller values are had at once."""

from functools import cached_property

import numpy as np


class Order:
    """The order of each column of (rows, columns) numbers; equal values count half."""

    def __init__(self, values: np.ndarray):
        self.rows, self.columns = values.shape
        self._sorted = np.argsort(values, axis=0, kind="stable")
        ascending = np.take_along_axis(values, self._sorted, axis=0)
        place = np.broadcast_to(np.arange(self.rows)[:, None], values.shape)
        new = np.ones(values.shape, dtype=bool)
        new[1:] = ascending[1:] != ascending[:-1]
        self._ties = not new.all()
        if self._ties:  # where the run of equal values that holds a place begins and ends
            self._first = np.maximum.accumulate(np.where(new, place, 0), axis=0)
            ends = np.ones(values.shape, dtype=bool)
            ends[:-1] = new[1:]
            after = np.where(ends, place + 1, self.rows)
            self._last = np.minimum.accumulate(after[::-1], axis=0)[::-1]

    def below(self, weights: np.ndarray) -> np.ndarray:
        """Per row and column, the weight of the rows with a smaller value, plus half that of its
        equals (itself among them).

        Args:
            weights: (rows,), or (rows, w); w is the number of columns, or either is 1.

        Returns:
            (rows, columns), or (rows, w) where the order has one column.
        """
        weights = weights[:, None] if weights.ndim == 1 else weights
        columns = max(weights.shape[1], self.columns)
        where = np.broadcast_to(self._sorted, (self.rows, columns))
        sums = np.zeros((self.rows + 1, columns))
        np.cumsum(np.take_along_axis(weights, where, axis=0), axis=0, out=sums[1:])
        if self._ties:
            first, last = (np.broadcast_to(ends, where.shape) for ends in (self._first, self._last))
            middle = np.take_along_axis(sums, first, axis=0)
            middle += np.take_along_axis(sums, last, axis=0)
        else:
            middle = sums[:-1] + sums[1:]
        found = np.empty_like(middle)
        np.put_along_axis(found, where, middle / 2, axis=0)
        return found

    @cached_property
    def shares(self) -> np.ndarray:
        """Mid-ranks as shares of the rows, less a half: mean 0, inside (-0.5, 0.5),
        (rows, columns)."""
        return self.below(np.ones(self.rows)) / self.rows - 0.5

    @cached_property
    def spread_of_shares(self) -> tuple[np.ndarray, np.ndarray]:
        """Variance of `shares`, (columns,), and what each row adds to it, (rows, columns) with
        mean 0: nothing without equal values, when the variance is 1 / 12 whatever the rows are."""
        variance = (self.shares**2).mean(axis=0)
        above = -self.below(self.shares) / self.rows  # the shares have mean 0
        return variance, self.shares**2 + 2 * above - 3 * variance
