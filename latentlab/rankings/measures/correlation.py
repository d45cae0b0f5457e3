"""Pearson's correlation; for an attribute, the point-biserial one."""

import numpy as np

from latentlab.rankings.measures.measure import Measured, Null
from latentlab.rankings.tasks import Task


def correlation(task: Task) -> Measured | str:
    """Pearson's r of posterior mean and target on the known test images."""
    return correlated(task.test.z, task.y_standardized)


def correlation_null(task: Task) -> Null:
    columns = task.test.once("z", lambda: task.test.z.astype(np.float32))
    return linear_null(columns, task.values)


def correlated(z: np.ndarray, y: np.ndarray) -> Measured:
    """r of columns z (rows, latents) with y (rows, 1), all with mean 0 and variance 1; 0 / 0 where
    a column is constant.

    Source: influence of r: Devlin et al. 1975, https://doi.org/10.1093/biomet/62.3.531
    """
    r = np.clip((z * y).mean(axis=0), -1.0, 1.0)
    defined = z.any(axis=0) & y.any()
    return Measured(np.where(defined, r, np.nan), z * y - r / 2 * (z**2 + y**2))


def linear_null(columns: np.ndarray, values: np.ndarray) -> Null:
    """The absolute correlation of columns (rows, latents), of mean 0 and variance 1, with shuffled
    values (rows, 1)."""
    scale = len(columns) * (values.std() or 1.0)
    return Null(columns, values, lambda sums: np.abs(sums[:, 0]) / scale)
