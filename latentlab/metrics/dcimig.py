"""DCIMIG: the information gap of disentanglement, completeness and informativeness in one."""

import numpy as np
import pandas as pd

from latentlab.metrics.binned import BINS, Information, information
from latentlab.metrics.mutual_information_gap import lead
from latentlab.metrics.result import ALL_CONSTANT, Result


def dcimig(
    codes: pd.DataFrame, factors: pd.DataFrame, *, bins: int = BINS, seed: int = 0
) -> Result:
    """How much of the factors' entropy is known by latents that know of one factor alone.

    Each latent stands for the factor it knows most of, with its lead over the factor it knows
    second most of; each factor has the best lead of the latents that stand for it. The score is
    the sum of these over the sum of the factors' entropies.

    Args:
        codes: Posterior means, one row an image, one column a latent.
        factors: Same index, one column a factor, cut as for the mutual information gap. With a
            single one the second is 0.
        seed: Not used: nothing is drawn.

    Returns:
        In [0, 1].

    Raises:
        DataError: A value is missing or infinite, or the tables are not of the same images.

    Source: Sepliarskaia et al. 2019 (3CharM), https://arxiv.org/abs/1910.05587.
    """
    return dcimig_of(information(codes, factors, bins))


def dcimig_of(found: Information) -> Result:
    """The same from what was counted, wherever the images are."""
    if not len(found.factors):
        return Result(None, ALL_CONSTANT, found.settings)
    leads = np.zeros_like(found.mutual)
    rows = np.arange(len(leads))
    leads[rows, found.mutual.argmax(axis=1)] = lead(found.mutual, axis=1)
    best = leads.max(axis=0)
    settings = {**found.settings, "gaps": found.by_factor(best)}
    return Result(float(best.sum() / found.entropies.sum()), None, settings)
