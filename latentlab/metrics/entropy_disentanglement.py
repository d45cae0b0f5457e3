"""MED: disentanglement in the sense of DCI, with mutual information as the importance."""

import pandas as pd

from latentlab.metrics.binned import BINS, Information, information
from latentlab.metrics.importance import completeness, disentanglement
from latentlab.metrics.result import ALL_CONSTANT, ONE_FACTOR, Result


def entropy_disentanglement(
    codes: pd.DataFrame, factors: pd.DataFrame, *, bins: int = BINS, seed: int = 0
) -> Result:
    """Does each latent know of one factor alone, latents weighted by what they know?

    Args:
        codes: Posterior means, one row an image, one column a latent.
        factors: Same index, one column a factor, cut as for the mutual information gap.
        seed: Not used: nothing is drawn.

    Returns:
        In [0, 1]; 0 where no latent knows anything. `completeness` is in the settings.

    Raises:
        DataError: A value is missing or infinite, or the tables are not of the same images.

    Source: Cao et al. 2022, section 3, https://arxiv.org/abs/2206.04756: importance is the mutual
    information as a share of what all latents know of the factor, summed.
    """
    return entropy_disentanglement_of(information(codes, factors, bins))


def entropy_disentanglement_of(found: Information) -> Result:
    """The same from what was counted, wherever the images are."""
    if len(found.factors) < 2:
        reason = ONE_FACTOR if len(found.factors) else ALL_CONSTANT
        return Result(None, reason, found.settings)
    known = found.mutual.sum(axis=0)
    importance = found.mutual / known.clip(min=1e-300)
    score, rows = disentanglement(importance)
    settings = {**found.settings, "per_latent": found.by_latent(rows)}
    if len(found.latents) > 1:
        settings["completeness"], _ = completeness(importance)
    return Result(score, None, settings)
