"""The FactorVAE score: is a factor told by the one latent that varies least while it is fixed?"""

import numpy as np
import pandas as pd

from latentlab.metrics.binned import BINS
from latentlab.metrics.fixed_factors import BATCH, TEST, TRAIN, Source, points, score_of_rows
from latentlab.metrics.result import Result
from latentlab.randomness import numpy_generator

LEAST = 0.05  # standard deviation of a latent, in units of the prior's, under which it is dead
ALL_DEAD = f"every latent is dead: none has a standard deviation of {LEAST} or more"


def factor_vae_score(
    codes: pd.DataFrame, factors: pd.DataFrame, *, bins: int = BINS, seed: int = 0
) -> Result:
    """The score of a fixed table: batches of rows that share a factor's value.

    Args:
        codes: Posterior means, one row an image, one column a latent.
        factors: Same index, one column a factor; those that are not discrete are cut into `bins`
            bins of equal width. Rows are drawn with replacement: where a value has fewer than about
            64 rows, all latents vary a little less than they would.
        seed: Of the draws.

    Returns:
        Accuracy on new draws, 1 at best. None where every latent is dead.

    Raises:
        DataError: A value is missing or infinite, or the tables are not of the same images.

    Source: as `sampled_factor_vae_score`.
    """
    return score_of_rows(sampled_factor_vae_score, codes, factors, bins, seed)


def sampled_factor_vae_score(
    source: Source,
    *,
    batch: int = BATCH,
    train: int = TRAIN,
    test: int = TEST,
    rows: int = 10_000,
    least: float = LEAST,
    seed: int = 0,
) -> Result:
    """Accuracy of a majority vote that tells the fixed factor from the latent that varies least.

    Args:
        source: A table of rows or a sampler of factors.
        batch: Codes behind one vote.
        train, test: Votes to fit on and to score on.
        rows: Codes that tell each latent's variance over everything.
        least: A latent with a smaller standard deviation is dead and left out: it would vary least,
            relative to its own variance, by rounding alone. `dead` counts them.
        seed: Of the draws.

    Source: Kim & Mnih 2018, section 4, https://arxiv.org/abs/1802.05983, with the numbers and the
    dead latents of Locatello et al. 2019, https://arxiv.org/abs/1811.12359. They give 0 where every
    latent is dead; this gives None.
    """
    rng = numpy_generator(seed, "FactorVAE score")
    variances = source.any(rows, rng).var(axis=0, ddof=1)
    alive = (np.sqrt(variances) >= least) & (variances > 0)
    settings = {
        "batch": batch,
        "train_points": train,
        "test_points": test,
        "variance_rows": rows,
        "least_deviation": least,
        "dead": int((~alive).sum()),
    }
    if not alive.any():
        return Result(None, ALL_DEAD, settings)
    answers = _votes(source, train, batch, variances, alive, rng).argmax(axis=0)
    votes = _votes(source, test, batch, variances, alive, rng)
    right = votes[answers, np.arange(len(answers))].sum()
    return Result(float(right / votes.sum()), None, settings)


def _votes(
    source: Source,
    count: int,
    batch: int,
    variances: np.ndarray,
    alive: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """How often each live latent varied least while each factor was fixed, (factors, latents)."""
    votes = np.zeros((source.factors, alive.sum()), np.int64)
    for factor in points(count, source.factors, rng):
        spread = source.fixed(factor, batch, rng)[:, :, alive].var(axis=1, ddof=1)
        np.add.at(votes, (factor, (spread / variances[alive]).argmin(axis=1)), 1)
    return votes
