"""Spearman's rank correlation, equal values sharing their mean rank."""

import numpy as np

from latentlab.rankings.measures.correlation import linear_null
from latentlab.rankings.measures.measure import Measured, Null
from latentlab.rankings.tasks import Rows, Task, standardized


def spearman(task: Task) -> Measured | str:
    """Pearson's r of the mid-ranks on the known test images.

    Its influence includes that ranks move when other images come or go: the bootstrap of ranks that
    are kept fixed would be too wide or too narrow where the two are dependent.

    Source: Croux & Dehon 2010, https://doi.org/10.1007/s10260-010-0142-z, here with ties.
    """
    rows, order, of_y = len(task.test), task.test.order, task.y_order
    f, g = order.shares, of_y.shares
    product = (f * g).mean(axis=0)
    moved = f * g - order.below(g) / rows - of_y.below(f) / rows - 3 * product
    (of_f, moved_f), (of_g, moved_g) = order.spread_of_shares, of_y.spread_of_shares
    with np.errstate(divide="ignore", invalid="ignore"):  # a constant column has no r
        r = product / np.sqrt(of_f * of_g)
        influence = moved / np.sqrt(of_f * of_g) - r / 2 * (moved_f / of_f + moved_g / of_g)
    return Measured(np.clip(r, -1.0, 1.0), influence)


def spearman_null(task: Task) -> Null:
    return linear_null(rank_columns(task.test), task.ranks)


def rank_columns(rows: Rows) -> np.ndarray:
    """Mid-ranks with mean 0 and variance 1, float32 (rows, latents)."""
    return rows.once("ranks", lambda: standardized(rows.order.shares).astype(np.float32))
