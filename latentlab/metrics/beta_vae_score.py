"""The beta-VAE score: is a factor told by which latents differ least while it is fixed?"""

import numpy as np
import pandas as pd

from latentlab.metrics.binned import BINS
from latentlab.metrics.fixed_factors import BATCH, TEST, TRAIN, Source, points, score_of_rows
from latentlab.metrics.regression import fitted_as_the_study
from latentlab.metrics.result import Result
from latentlab.randomness import numpy_generator


def beta_vae_score(
    codes: pd.DataFrame, factors: pd.DataFrame, *, bins: int = BINS, seed: int = 0
) -> Result:
    """The score of a fixed table: pairs of rows that share a factor's value.

    Args:
        codes: Posterior means, one row an image, one column a latent.
        factors: Same index, one column a factor; those that are not discrete are cut into `bins`
            bins of equal width. A row may be drawn again, also as its own partner.
        seed: Of the draws.

    Returns:
        Accuracy on new draws, 1 over the number of factors by chance, 1 at best.

    Raises:
        DataError: A value is missing or infinite, or the tables are not of the same images.

    Source: as `sampled_beta_vae_score`.
    """
    return score_of_rows(sampled_beta_vae_score, codes, factors, bins, seed)


def sampled_beta_vae_score(
    source: Source, *, batch: int = BATCH, train: int = TRAIN, test: int = TEST, seed: int = 0
) -> Result:
    """Accuracy of a logistic regression that tells the fixed factor from mean absolute differences.

    Args:
        source: A table of rows or a sampler of factors, with at least two factors.
        batch: Pairs behind one point.
        train, test: Points to fit on and to score on.
        seed: Of the draws.

    Source: Higgins et al. 2017, section 3, https://openreview.net/forum?id=Sy2fzU9gl, with the
    numbers of Locatello et al. 2019, https://arxiv.org/abs/1811.12359, and scikit-learn's
    LogisticRegression with its defaults on differences that are not standardised.
    """
    rng = numpy_generator(seed, "beta-VAE score")
    settings = {"batch": batch, "train_points": train, "test_points": test}
    model = fitted_as_the_study(*_drawn(source, train, batch, rng))
    differences, fixed = _drawn(source, test, batch, rng)
    return Result(float(np.mean(model.predict(differences) == fixed)), None, settings)


def _drawn(
    source: Source, count: int, batch: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mean absolute differences, (points, latents), and the factor that was fixed, (points,)."""
    differences, fixed = [], []
    for factor in points(count, source.factors, rng):
        one, other = source.pairs(factor, batch, rng)
        differences.append(np.abs(one - other).mean(axis=1))
        fixed.append(factor)
    return np.concatenate(differences), np.concatenate(fixed)
