"""Modularity: does each latent know of one factor alone?"""

import numpy as np
import pandas as pd

from latentlab.metrics.binned import BINS, Information, information
from latentlab.metrics.result import ALL_CONSTANT, ONE_FACTOR, Result


def modularity(
    codes: pd.DataFrame, factors: pd.DataFrame, *, bins: int = BINS, seed: int = 0
) -> Result:
    """1 minus the squared information about all but the best factor, relative to the best one's.

    Args:
        codes: Posterior means, one row an image, one column a latent. A latent without information
            counts 0, so dead dimensions lower the score; `idle` lists them.
        factors: Same index, one column a factor, cut as for the mutual information gap.
        seed: Not used: nothing is drawn.

    Returns:
        The mean over the latents, in [0, 1].

    Raises:
        DataError: A value is missing or infinite, or the tables are not of the same images.

    Source: Ridgeway & Mozer 2018, section 3, https://arxiv.org/abs/1802.05312, with binned means.
    """
    return modularity_of(information(codes, factors, bins))


def modularity_of(found: Information) -> Result:
    """The same from what was counted, wherever the images are."""
    if len(found.factors) < 2:
        reason = ONE_FACTOR if len(found.factors) else ALL_CONSTANT
        return Result(None, reason, found.settings)
    squared = np.square(found.mutual)
    best = squared.max(axis=1)
    others = squared.sum(axis=1) - best
    spread = np.divide(
        others, best * (len(found.factors) - 1), out=np.ones_like(best), where=best > 0
    )
    idle = [str(name) for name, one in zip(found.latents, best, strict=True) if one == 0]
    settings = {**found.settings, "idle": idle, "per_latent": found.by_latent(1 - spread)}
    return Result(float(np.mean(1 - spread)), None, settings)
