"""How much pairs of latents go together: correlation, and information of binned codes."""

import numpy as np
import pandas as pd

from latentlab.metrics.binned import BINS, binned_columns, mutual_information
from latentlab.metrics.result import COLLAPSED, ONE_LATENT, Result
from latentlab.metrics.samples import check_codes

ONE_MOVES = "only one latent varies; at least two are needed"


def mean_absolute_correlation(codes: pd.DataFrame, *, seed: int = 0) -> Result:
    """Mean over the pairs of latents of the absolute Pearson correlation.

    Args:
        codes: Posterior means, one row an image, one column a latent. A constant latent has no
            correlation and is left out; `constant_latents` names them.
        seed: Not used: nothing is drawn.

    Returns:
        In [0, 1]; about sqrt(2 / (pi rows)) for independent codes.

    Raises:
        DataError: A value is missing or infinite.
    """
    check_codes(codes)
    z = codes.to_numpy(np.float64)
    moves = np.ptp(z, axis=0) > 0
    constant = [str(name) for name in codes.columns[~moves]]
    settings = {"rows": len(z), "constant_latents": constant}
    if moves.sum() < 2:
        return Result(None, ONE_MOVES if moves.any() else COLLAPSED, settings)
    correlations = np.abs(np.corrcoef(z[:, moves].T))
    return Result(float(_off_diagonal(correlations)), None, settings)


def mutual_information_score(codes: pd.DataFrame, *, bins: int = BINS, seed: int = 0) -> Result:
    """Mean over the pairs of latents of the mutual information of their bins, in nats.

    Args:
        codes: Posterior means, one row an image, one column a latent. A constant latent has no
            information and counts 0.
        bins: Of equal width, between a latent's smallest and largest value.
        seed: Not used: nothing is drawn.

    Returns:
        Never negative; about (bins - 1)^2 / (2 rows) for independent codes.

    Raises:
        DataError: A value is missing or infinite.

    Source: Locatello et al. 2019, appendix, https://arxiv.org/abs/1811.12359.
    """
    check_codes(codes)
    settings = {"rows": len(codes), "bins": bins}
    if len(codes.columns) < 2:
        return Result(None, ONE_LATENT, settings)
    cut = binned_columns(codes, bins)
    if not (cut > 0).any():
        return Result(None, COLLAPSED, settings)
    return Result(float(_off_diagonal(mutual_information(cut, cut)[0])), None, settings)


def _off_diagonal(values: np.ndarray) -> float:
    """Mean of all entries but the diagonal's."""
    size = len(values)
    return (values.sum() - np.trace(values)) / (size * (size - 1))
