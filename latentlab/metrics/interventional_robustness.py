"""IRS: does a latent stay put while everything but one factor changes?"""

import numpy as np
import pandas as pd

from latentlab.alignment import check_factors
from latentlab.metrics.binned import BINS, binned
from latentlab.metrics.result import ALL_CONSTANT, COLLAPSED, Result, named, varying

QUANTILE = 0.99  # of the deviations; the largest would be one image's


def interventional_robustness(
    codes: pd.DataFrame, factors: pd.DataFrame, *, bins: int = BINS, seed: int = 0
) -> Result:
    """How little a latent deviates among images that share the value of its factor.

    For every latent and factor: the 0.99 quantile of the deviations from the mean of the images
    with one value, averaged over the values, relative to the latent's largest deviation from its
    mean over all images. 1 minus the smallest of these is the latent's score.

    Args:
        codes: Posterior means, one row an image, one column a latent. A constant latent has no
            deviation to compare with and is left out; `constant_latents` names it.
        factors: Same index, one column a factor, each cut into `bins` bins of equal width.
        seed: Not used: nothing is drawn.

    Returns:
        The mean over the latents, weighted by their largest deviations, at most 1. It compares a
        quantile with a maximum, and so is above 0 even for noise. None where every latent is
        constant.

    Raises:
        DataError: A value is missing or infinite, or the tables are not of the same images.

    Source: Suter et al. 2019, https://arxiv.org/abs/1811.00007, with the quantile and the bins of
    Locatello et al. 2019, https://arxiv.org/abs/1811.12359.
    """
    check_factors(codes, factors)
    kept, reasons = varying(factors)
    z = codes.to_numpy(np.float64)
    moves = np.ptp(z, axis=0) > 0
    settings = {
        "bins": bins,
        "quantile": QUANTILE,
        "rows": len(codes),
        "reasons": reasons,
        "constant_latents": [str(name) for name in codes.columns[~moves]],
    }
    if not moves.any() or kept.columns.empty:
        return Result(None, COLLAPSED if len(kept.columns) else ALL_CONSTANT, settings)
    z = z[:, moves]
    largest = np.abs(z - z.mean(axis=0)).max(axis=0)
    deviations = np.column_stack(
        [_deviation(z, binned(kept[name].to_numpy(), bins)) for name in kept.columns]
    )
    robust = 1 - deviations / largest[:, None]
    best = robust.max(axis=1)
    parents = kept.columns[robust.argmax(axis=1)]
    latents = codes.columns[moves]
    settings |= {
        "per_latent": named(latents, best),
        "parents": {str(name): str(factor) for name, factor in zip(latents, parents, strict=True)},
    }
    return Result(float(np.average(best, weights=largest)), None, settings)


def _deviation(z: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Mean over the classes of the quantile of the deviations from the class mean, (latents,)."""
    order = np.argsort(classes, kind="stable")
    starts = np.flatnonzero(np.diff(classes[order], prepend=-1))
    found = [
        np.quantile(np.abs(rows - rows.mean(axis=0)), QUANTILE, axis=0)
        for rows in np.split(z[order], starts[1:])
    ]
    return np.mean(found, axis=0)
