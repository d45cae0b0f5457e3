"""JEMMIG: the information gap that also asks the best latent to know nothing else."""

import numpy as np
import pandas as pd

from latentlab.metrics.binned import BINS, Information, information
from latentlab.metrics.mutual_information_gap import lead
from latentlab.metrics.result import ALL_CONSTANT, Result


def joint_entropy_gap(
    codes: pd.DataFrame, factors: pd.DataFrame, *, bins: int = BINS, seed: int = 0
) -> Result:
    """Joint entropy of a factor and its best latent minus the information gap, turned to [0, 1].

    Args:
        codes: Posterior means, one row an image, one column a latent.
        factors: Same index, one column a factor, cut as for the mutual information gap.
        seed: Not used: nothing is drawn.

    Returns:
        Mean over the factors of 1 - JEMMIG / (H(factor) + log(bins)), the normalised form, where
        more is better; `jemmig` holds the plain ones in nats, where less is better. 1 needs a
        latent whose bin and the factor's value tell each other, with nothing left over.

    Raises:
        DataError: A value is missing or infinite, or the tables are not of the same images.

    Source: Do & Tran 2020, section 3.4, https://arxiv.org/abs/1908.09961, with binned means where
    they draw from the posterior.
    """
    return joint_entropy_gap_of(information(codes, factors, bins))


def joint_entropy_gap_of(found: Information) -> Result:
    """The same from what was counted, wherever the images are."""
    if not len(found.factors):
        return Result(None, ALL_CONSTANT, found.settings)
    best = found.mutual.argmax(axis=0)
    joint = found.code_entropies[best] + found.entropies - found.mutual.max(axis=0)
    plain = joint - lead(found.mutual, axis=0)
    normalised = 1 - plain / (found.entropies + np.log(found.bins))
    settings = {
        **found.settings,
        "jemmig": found.by_factor(plain),
        "per_factor": found.by_factor(normalised),
    }
    return Result(float(normalised.mean()), None, settings)
