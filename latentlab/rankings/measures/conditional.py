"""Correlation of a dimension with the target, the other attributes held."""

import numpy as np

from latentlab.rankings.measures.correlation import correlated, linear_null
from latentlab.rankings.measures.measure import Measured, Null
from latentlab.rankings.tasks import Task

RIDGE = 1e-4  # relative; of the regressions on the other attributes
LEFT = 1e-3  # share of variance below which the others determine a target or a dimension
MIN_FREE = 10  # images that must remain after one per attribute is taken off


def conditional(task: Task) -> Measured | str:
    """Partial correlation of dimension and target given all other attributes, on test.

    CelebA's labels come together (Smiling, High_Cheekbones, Mouth_Slightly_Open); this is what a
    dimension knows of one that the others do not tell. Dimension and target are regressed on the
    others (ridge, 1e-4 of their variance); what is left is correlated. An attribute that is unknown
    for an image counts as its mean there; images where the target is unknown are left out.

    The regressions are held fixed in the resamples, which changes the spread of a partial
    correlation only to second order; the attributes' degrees of freedom widen it.

    Source: Frisch & Waugh 1933, https://doi.org/10.2307/1907330
    """
    left = _left(task)
    if isinstance(left, str):
        return left
    found, rows = correlated(*left), len(task.test)
    free = rows - _others(task).sum()
    return Measured(found.values, found.influence * np.sqrt(rows / free))


def conditional_null(task: Task) -> Null | None:
    """Shuffles what the others leave of the target, against what they leave of the dimensions.

    Source: Freedman & Lane 1983, https://doi.org/10.1080/07350015.1983.10509354
    """
    left = _left(task)
    return None if isinstance(left, str) else linear_null(left[0].astype(np.float32), left[1])


def _others(task: Task) -> np.ndarray:
    """Which attributes are held: others than the target that vary on test, bool (attributes,)."""
    varies = task.test.covariates.any(axis=0)
    return np.asarray(varies & (task.test.attributes.columns != task.target))


def _left(task: Task) -> tuple[np.ndarray, np.ndarray] | str:
    """What the others leave of codes and target, standardised, (rows, latents) and (rows, 1)."""
    rows, held = task.test, _others(task)
    number = int(held.sum())
    if not number:
        return "there are no other attributes that vary on the test images"
    if len(rows) - number < MIN_FREE:
        return f"{len(rows)} test images are too few for {number} other attributes"
    w, z, y = rows.covariates, rows.z, task.y_standardized
    gram = rows.once("attributes by attributes", lambda: w.T @ w)[np.ix_(held, held)]
    gram = gram + RIDGE * len(rows) * np.eye(number)
    products = np.column_stack([rows.once("attributes by codes", lambda: w.T @ z), w.T @ y])
    slopes = np.zeros_like(products)
    slopes[held] = np.linalg.solve(gram, products[held])
    left = (z - w @ slopes[:, :-1], y - w @ slopes[:, -1:])
    if (left[1] ** 2).mean() < LEFT:
        return "the other attributes determine it"
    return _unless_determined(left[0]), _unless_determined(left[1])


def _unless_determined(left: np.ndarray) -> np.ndarray:
    """Columns of mean 0 with variance 1, or 0 where the others determine them."""
    variance = (left**2).mean(axis=0)
    return np.where(variance < LEFT, 0.0, left / np.sqrt(np.maximum(variance, LEFT)))
