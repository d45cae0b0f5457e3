"""What each latent dimension carries: KL, spread, and whether it is active at all."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from latentlab.alignment import check_latents
from latentlab.artifacts import latent_columns
from latentlab.errors import DataError

MIN_KL = 0.01  # nats: a dimension with less carries nothing
MIN_VARIANCE = 0.01  # of the posterior mean, in units of the prior's variance


def summarize_dimensions(latents: pd.DataFrame) -> pd.DataFrame:
    """Per latent dimension, over all rows of the table (all splits).

    Args:
        latents: `image_id`, `mu_*` and, where the model has them, `logvar_*`; one row an image.

    Returns:
        One row a dimension, in order:
        `latent`: its name, `mu_000`...;
        `kl`: mean KL from N(mu, exp(logvar)) to N(0, 1) in nats, null without `logvar_*`;
        `mean`, `deviation`: mean and standard deviation of the posterior means;
        `posterior_deviation`: root of the mean posterior variance, null without `logvar_*`.
        The aggregate posterior has variance deviation^2 + posterior_deviation^2;
        `active`: false where `kl` < MIN_KL or deviation^2 < MIN_VARIANCE.

    Source: KL as in Kingma & Welling 2014, appendix B, https://arxiv.org/abs/1312.6114; activity by
    the variance of the mean as in Burda et al. 2016, https://arxiv.org/abs/1509.00519
    """
    check_latents(latents)
    names = latent_columns(latents)
    mu = latents[names].to_numpy(np.float64)
    mean, variance = mu.mean(axis=0), mu.var(axis=0)
    kl = posterior_variance = np.full(len(names), np.nan)
    logvar = _logvar(latents, names)
    if logvar is not None:
        kl = 0.5 * (mu**2 + np.exp(logvar) - 1.0 - logvar).mean(axis=0)
        posterior_variance = np.exp(logvar).mean(axis=0)
    return dimension_table(names, mean, variance, kl, posterior_variance)


def dimension_table(
    names: Sequence[str],
    mean: np.ndarray,
    variance: np.ndarray,
    kl: np.ndarray,
    posterior_variance: np.ndarray,
) -> pd.DataFrame:
    """The table of `summarize_dimensions` from means over the images, (latents,) each; KL and
    posterior variance are NaN where the codes have none."""
    floor = min_variance(names[0].partition("_")[0])
    return pd.DataFrame(
        {
            "latent": list(names),
            "kl": kl,
            "mean": mean,
            "deviation": np.sqrt(variance),
            "posterior_deviation": np.sqrt(posterior_variance),
            "active": ~(kl < MIN_KL) & ~(variance < floor),  # a null kl decides nothing
        }
    )


def inactive_reasons(dimensions: pd.DataFrame) -> dict[str, str]:
    """Latent -> why it is not ranked, for the inactive rows of `summarize_dimensions`."""
    reasons = {}
    for row in dimensions[~dimensions["active"]].itertuples():
        if row.kl < MIN_KL:
            reasons[row.latent] = f"inactive: mean KL {row.kl:.3g} nats"
        else:
            reasons[row.latent] = f"inactive: variance of the mean {row.deviation**2:.3g}"
    return reasons


def min_variance(feature: str) -> float:
    """The variance under which a latent is inactive.

    Args:
        feature: One of `artifacts.FEATURES`. Those of discrete codes have a scale of their own, so
            that all that vary at all count as active.
    """
    return MIN_VARIANCE if feature == "mu" else 1e-12


def _logvar(latents: pd.DataFrame, names: list[str]) -> np.ndarray | None:
    """(images, latents), or None for codes without a posterior variance."""
    wanted = [f"logvar_{name.partition('_')[2]}" for name in names]
    lacking = [name for name in wanted if name not in latents.columns]
    if len(lacking) == len(wanted):
        return None
    if lacking:
        raise DataError(
            f"The latents table has logvar columns, but no {lacking[0]}. Give all, or none."
        )
    return latents[wanted].to_numpy(np.float64)
