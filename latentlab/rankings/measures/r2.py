"""The variance that a single dimension explains."""

from latentlab.rankings.measures.correlation import correlation, correlation_null
from latentlab.rankings.measures.measure import Measured, Null
from latentlab.rankings.tasks import Task


def r2(task: Task) -> Measured | str:
    """R2 of the least squares line of target on dimension, which is the square of Pearson's r.

    The line is both fitted and scored on the known test images: with one slope and hundreds of
    images, that flatters it by about 1 / images. Measured as r and squared at last.
    """
    return correlation(task)


def r2_null(task: Task) -> Null:
    return correlation_null(task)
