"""Total correlation of the codes, as if they were Gaussian: how far from independent are they?"""

import numpy as np
import pandas as pd

from latentlab.metrics.result import COLLAPSED, Result
from latentlab.metrics.samples import check_codes

SINGULAR = 1e-13  # smallest eigenvalue of the correlations, under which it is rounding
DEPENDENT = "a latent is a linear function of others, or there are too few rows: it is infinite"


def gaussian_total_correlation(codes: pd.DataFrame, *, seed: int = 0) -> Result:
    """Divergence of a Gaussian with the codes' covariance from the product of its marginals.

    Args:
        codes: Posterior means, one row an image, one column a latent. Constant latents depend on
            nothing and are left out; `constant_latents` names them.
        seed: Not used: nothing is drawn.

    Returns:
        In nats, 0 where no two latents are correlated. None where it would be infinite.

    Raises:
        DataError: A value is missing or infinite.

    Source: Watanabe 1960, for Gaussians; used so in Locatello et al. 2019, appendix,
    https://arxiv.org/abs/1811.12359.
    """
    covariance, settings = _covariance(codes)
    if covariance is None:
        return Result(None, COLLAPSED, settings)
    deviation = np.sqrt(np.diag(covariance))
    correlations = covariance / np.outer(deviation, deviation)
    if np.linalg.eigvalsh(correlations).min() < SINGULAR:
        return Result(None, DEPENDENT, settings)
    score = -0.5 * np.linalg.slogdet(correlations)[1]
    return Result(max(float(score), 0.0), None, settings)


def wasserstein_total_correlation(codes: pd.DataFrame, *, seed: int = 0) -> Result:
    """Squared Wasserstein distance of such a Gaussian from the product of its marginals.

    Args, Raises and Source: as `gaussian_total_correlation`.

    Returns:
        In squared units of the codes, 0 where no two latents are correlated; finite even where one
        is a function of others. It grows with the codes' scale.
    """
    covariance, settings = _covariance(codes)
    if covariance is None:
        return Result(None, COLLAPSED, settings)
    return Result(_wasserstein(covariance), None, settings)


def normalised_wasserstein_correlation(codes: pd.DataFrame, *, seed: int = 0) -> Result:
    """`wasserstein_total_correlation` over the sum of the variances: without a unit."""
    covariance, settings = _covariance(codes)
    if covariance is None:
        return Result(None, COLLAPSED, settings)
    return Result(_wasserstein(covariance) / float(np.trace(covariance)), None, settings)


def _wasserstein(covariance: np.ndarray) -> float:
    deviation = np.sqrt(np.diag(covariance))
    between = covariance * np.outer(deviation, deviation)
    roots = np.sqrt(np.linalg.eigvalsh(between).clip(min=0.0))
    return max(float(2 * (np.trace(covariance) - roots.sum())), 0.0)


def _covariance(codes: pd.DataFrame) -> tuple[np.ndarray | None, dict[str, object]]:
    """Covariance of the latents that vary, None if none does, and the settings."""
    check_codes(codes)
    z = codes.to_numpy(np.float64)
    moves = np.ptp(z, axis=0) > 0
    constant = [str(name) for name in codes.columns[~moves]]
    settings: dict[str, object] = {"rows": len(z), "constant_latents": constant}
    return (np.atleast_2d(np.cov(z[:, moves].T)) if moves.any() else None), settings
