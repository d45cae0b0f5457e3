"""Where the codes of the images lie in each dimension, against the prior N(0, 1)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from latentlab.artifacts import FEATURES

POINTS = 61  # places at which a density is told
REACH = 4.0  # they go at least this far to either side of 0
BINS = 30  # of the histogram of the means
IMAGES = 4000  # whose posteriors make up the aggregate; of more, as many evenly spaced
FAR = 3.0  # standard deviations beyond which a mean counts as outside


def densities(latents: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Densities of posterior means and of the aggregate posterior, against the prior.

    Args:
        latents: A latents table. Without `logvar` columns there is no aggregate posterior, and
            codes that are no posterior means have no prior.
        names: The dimensions to look at.

    Returns:
        `latent, z, means, aggregate, prior`, POINTS rows a dimension, z rising evenly. `means` is a
        histogram's height at z, `aggregate` the mean over images of the densities
        N(z; mu, exp(logvar)), so that every column integrates to 1; null where there is none.

    Source: aggregate posterior q(z) as in Hoffman and Johnson 2016,
        https://approximateinference.org/accepted/HoffmanJohnson2016.pdf
    """
    made = []
    every = max(1, -(-len(latents) // IMAGES))
    for name in names:
        mu = latents[name].to_numpy(np.float64)
        reach = max(REACH, float(np.abs(mu).max(initial=0.0)) * 1.02)
        z = np.linspace(-reach, reach, POINTS)
        height, edges = np.histogram(mu, BINS, (-reach, reach), density=True)
        at = np.clip(np.searchsorted(edges, z, side="right") - 1, 0, BINS - 1)
        logvar = f"logvar_{name.partition('_')[2]}"
        aggregate = np.full(POINTS, np.nan)
        if logvar in latents:
            deviation = np.exp(0.5 * latents[logvar].to_numpy(np.float64)[::every])
            aggregate = stats.norm.pdf(z[:, None], mu[::every], deviation).mean(axis=1)
        prior = stats.norm.pdf(z) if name.startswith(FEATURES[0]) else np.full(POINTS, np.nan)
        columns = {"z": z, "means": height[at], "aggregate": aggregate, "prior": prior}
        made.append(pd.DataFrame({"latent": name, **columns}))
    empty = pd.DataFrame(columns=["latent", "z", "means", "aggregate", "prior"])
    return pd.concat(made, ignore_index=True) if made else empty


def spreads(latents: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The shape of the posterior means of each dimension.

    Returns:
        `latent`, `deviation` (standard), `skew` (0 for a symmetric shape) and `outside`, the share
        of images more than FAR standard deviations from the mean (0.0027 of a normal
        distribution). Skew and share are null where nothing varies.
    """
    rows = []
    for name in names:
        mu = latents[name].to_numpy(np.float64)
        centred, deviation = mu - mu.mean(), float(mu.std())
        varies = deviation > 1e-9 * max(1.0, float(np.abs(mu).max(initial=0.0)))
        skew = float(np.mean((centred / deviation) ** 3)) if varies else np.nan
        outside = float(np.mean(np.abs(centred) > FAR * deviation)) if varies else np.nan
        rows.append((name, deviation, skew, outside))
    return pd.DataFrame(rows, columns=["latent", "deviation", "skew", "outside"])
