"""MIG-sup: the information gap seen from the latents."""

import pandas as pd

from latentlab.metrics.binned import BINS, Information, information
from latentlab.metrics.mutual_information_gap import lead
from latentlab.metrics.result import ALL_CONSTANT, ONE_FACTOR, Result


def latent_information_gap(
    codes: pd.DataFrame, factors: pd.DataFrame, *, bins: int = BINS, seed: int = 0
) -> Result:
    """How far the factor a latent knows most of leads the factor it knows second most of.

    Args:
        codes: Posterior means, one row an image, one column a latent. A latent that knows nothing
            has no lead and counts 0.
        factors: Same index, one column a factor, cut as for the mutual information gap.
        seed: Not used: nothing is drawn.

    Returns:
        The mean over the latents of the lead, in shares of the factors' entropies, in [0, 1].

    Raises:
        DataError: A value is missing or infinite, or the tables are not of the same images.

    Source: Li et al. 2020, section 4, https://arxiv.org/abs/2002.10549.
    """
    return latent_information_gap_of(information(codes, factors, bins))


def latent_information_gap_of(found: Information) -> Result:
    """The same from what was counted, wherever the images are."""
    if len(found.factors) < 2:
        reason = ONE_FACTOR if len(found.factors) else ALL_CONSTANT
        return Result(None, reason, found.settings)
    leads = lead(found.shares, axis=1)
    settings = {**found.settings, "per_latent": found.by_latent(leads)}
    return Result(float(leads.mean()), None, settings)
