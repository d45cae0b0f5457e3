"""From the importance of each latent for each factor to disentanglement and completeness."""

import numpy as np
from scipy.stats import entropy

ALMOST_NOTHING = 1e-11  # added to every importance, as the published study does


def disentanglement(importance: np.ndarray) -> tuple[float, np.ndarray]:
    """Does each latent matter for one factor alone?

    Args:
        importance: Not negative, (latents, factors); at least two factors.

    Returns:
        The mean over the latents, weighted by how much each matters at all, and the latents' own
        values: 1 minus the entropy of the latent's row, to the base of the number of factors.

    Source: Eastwood & Williams 2018, section 2, https://openreview.net/forum?id=By-7dz-AZ, with the
    weights of the published study, https://arxiv.org/abs/1811.12359.
    """
    return _concentration(importance)


def completeness(importance: np.ndarray) -> tuple[float, np.ndarray]:
    """Does one latent alone matter for each factor? As `disentanglement`, of the columns."""
    return _concentration(importance.T)


def _concentration(importance: np.ndarray) -> tuple[float, np.ndarray]:
    rows = 1 - entropy(importance + ALMOST_NOTHING, axis=1, base=importance.shape[1])
    weights = importance.sum(axis=1)
    if not weights.sum():
        weights = np.ones_like(weights)
    return float(np.average(rows, weights=weights)), rows
