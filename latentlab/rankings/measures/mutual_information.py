"""Mutual information of a single dimension and the target, both cut into few bins."""

import numpy as np
from scipy.special import xlogy

from latentlab.rankings.measures.measure import Measured, Null
from latentlab.rankings.tasks import Rows, Task

BINS = 6  # of equal count, per dimension
VALUES = 5  # of equal count, per target that has more distinct values


def mutual_information(task: Task) -> Measured | str:
    """Mutual information of the counts on the known test images, in nats, less its bias.

    Dimensions are cut into BINS of equal count; equal codes stay together. Attributes, and targets
    with at most VALUES distinct values, are taken as they are, others cut into VALUES of equal
    count. The bias (bins - 1) (values - 1) / (2 images) is taken off, so that the mean of an
    independent dimension is 0 and single ones come out below. Several images of one person
    leave more bias than that. Binning only ever loses information.

    Source: bias: Miller 1955; Panzeri & Treves 1996, https://doi.org/10.1080/0954898X.1996.11978656;
    spread: Moddemeijer 1989, https://doi.org/10.1016/0165-1684(89)90132-1
    """
    rows, latents = task.test.codes.shape
    value = value_bins(task)
    if not value.max():
        return "the target is constant on the test images"
    bins, values = latent_bins(task.test), int(value.max()) + 1
    place = (np.arange(latents) * BINS + bins) * values + value[:, None]
    counts = np.bincount(place.ravel(), minlength=latents * BINS * values)
    joint = counts.reshape(latents, BINS, values) / rows
    of_bin, of_value = joint.sum(axis=2, keepdims=True), joint.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):  # empty cells
        ratio = np.where(joint > 0, np.log(joint / (of_bin * of_value)), 0.0)
    information = (joint * ratio).sum(axis=(1, 2))
    freedom = ((of_bin > 0).sum(axis=(1, 2)) - 1) * (values - 1)
    defined = np.where(freedom > 0, information - freedom / (2 * rows), np.nan)
    influence = ratio.ravel()[place] - information
    return Measured(defined, influence, freedom / (2 * rows**2))


def mutual_information_null(task: Task) -> Null:
    """Of the counts, where only sums of count * log(count) differ between shuffles."""
    rows, latents = task.test.codes.shape
    value, bins = value_bins(task), latent_bins(task.test)
    values = int(value.max()) + 1
    # The last bin and the first value follow from the totals.
    indicators = task.values
    if not task.binary:
        indicators = (value[:, None] == np.arange(1, values)).astype(np.float32)
    of_bin = np.stack([(bins == number).sum(axis=0) for number in range(BINS)], axis=1)
    of_value = np.bincount(value, minlength=values)[1:]
    table = xlogy(np.arange(rows + 1), np.arange(rows + 1))
    fixed = table[rows] - table[of_bin].sum(axis=1) - table[np.bincount(value)].sum()

    def columns() -> np.ndarray:
        shares = np.stack([bins == number for number in range(BINS - 1)], axis=2)
        return shares.reshape(rows, -1).astype(np.float32)

    def statistic(sums: np.ndarray) -> np.ndarray:
        known = np.rint(sums).astype(np.int64).reshape(len(sums), values - 1, latents, BINS - 1)
        last_bin = of_value[None, :, None] - known.sum(axis=3)
        known = np.concatenate([known, last_bin[..., None]], axis=3)
        total = table[known].sum(axis=(1, 3)) + table[of_bin - known.sum(axis=1)].sum(axis=2)
        return np.asarray((total + fixed) / rows)

    return Null(task.test.once("bin columns", columns), indicators, statistic)


def latent_bins(rows: Rows) -> np.ndarray:
    """Number of the bin of each code, from 0, (rows, latents)."""
    return rows.once("bins", lambda: equal_counts(rows.order.shares, BINS))


def value_bins(task: Task) -> np.ndarray:
    """Number of the target's value, or of its bin, from 0 without a gap, (rows,)."""
    distinct, numbers = np.unique(task.y_test, return_inverse=True)
    if len(distinct) > VALUES:
        bins = equal_counts(task.y_order.shares[:, 0], VALUES)
        numbers = np.unique(bins, return_inverse=True)[1]
    return numbers


def equal_counts(shares: np.ndarray, bins: int) -> np.ndarray:
    """Mid-ranks as centred shares, (..., ) in (-0.5, 0.5), to numbers of bins from 0."""
    return np.minimum((shares + 0.5) * bins, bins - 1).astype(np.intp)
