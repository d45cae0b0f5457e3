"""The area under the ROC curve of a single dimension."""

import numpy as np

from latentlab.rankings.measures.measure import Measured, Null
from latentlab.rankings.measures.spearman import rank_columns
from latentlab.rankings.orders import Order
from latentlab.rankings.tasks import Task


def auc(task: Task) -> Measured | str:
    """P(a positive image has a larger posterior mean than a negative one), equals counting half.

    Below 0.5 where the dimension falls as the attribute appears: 1 - AUC is that of the
    dimension turned round.
    """
    if not 0 < task.y_test.sum() < len(task.y_test):
        return "the test images are all positive or all negative"
    return areas(task.test.order, task.y_test)


def auc_null(task: Task) -> Null:
    positives, rows = task.y_test.sum(), len(task.test)
    # From the sum of the positives' standardised ranks to their centred ranks, and to the area.
    scale = task.test.order.shares.std(axis=0) * rows / (positives * (rows - positives))
    return Null(rank_columns(task.test), task.values, lambda sums: np.abs(sums[:, 0]) * scale)


def areas(order: Order, y: np.ndarray) -> Measured:
    """The area of each column of the order for labels y of 0 and 1, (rows,), both present.

    Source: DeLong, DeLong & Clarke-Pearson 1988, https://doi.org/10.2307/2531595: what an image
    adds is its placement, the share of the other class that it beats.
    """
    positives, rows = y.sum(), len(y)
    negatives, positive = rows - positives, y[:, None] == 1
    below = order.below(y)  # of the positives; all rows less these are the negatives
    beaten = (order.shares + 0.5) * rows - below
    placements = np.where(positive, beaten / negatives, 1.0 - below / positives)
    area = placements[y == 1].mean(axis=0)
    share = np.where(positive, rows / positives, rows / negatives)
    return Measured(area, share * (placements - area))
