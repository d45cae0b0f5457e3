"""Explicitness: can each value of each factor be read off all latents by a line?"""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from latentlab.metrics.binned import BINS
from latentlab.metrics.regression import fitted_as_the_study
from latentlab.metrics.result import Result
from latentlab.metrics.samples import samples

ONE_SIDED = "no value is both present and absent in the test images"


def explicitness(
    codes: pd.DataFrame,
    factors: pd.DataFrame,
    test_codes: pd.DataFrame,
    test_factors: pd.DataFrame,
    *,
    bins: int = BINS,
    seed: int = 0,
) -> dict[str, Result]:
    """Area under the curve of a logistic regression, one value against the rest.

    Args:
        codes, factors: To fit: posterior means, one row an image, one column a latent; factors of
            the same images. Latents are standardised; a constant one becomes 0.
        test_codes, test_factors: The same of other images.
        bins: A factor of whole numbers, or with at most so many distinct values, is taken as it is;
            any other is cut into so many bins of equal width.
        seed: Not used: nothing is drawn.

    Returns:
        `explicitness`: the mean on test over values and then factors, 0.5 for chance, 1 at best.

    Raises:
        DataError: A value is missing or infinite, or the tables do not fit one another.

    Source: Ridgeway & Mozer 2018, section 3, https://arxiv.org/abs/1802.05312, with the settings of
    Locatello et al. 2019, https://arxiv.org/abs/1811.12359: scikit-learn's LogisticRegression with
    its defaults, also where 100 steps are too few (`unfinished`). They do not rescale the area, and
    neither does this.
    """
    given = samples(codes, factors, test_codes, test_factors)
    settings = {**given.settings, "estimator": "logistic regression", "bins": bins}
    if given.obstacle is not None:
        return {"explicitness": Result(None, given.obstacle, settings)}
    z, test_z = given.standardised()
    areas: dict[str, float | None] = {}
    unfinished: list[str] = []
    for name in given.factors:
        values, test_values = given.factors[name].to_numpy(), given.test_factors[name].to_numpy()
        if not given.is_discrete(name, bins):
            inner = np.histogram_bin_edges(values, bins)[1:-1]
            values, test_values = np.digitize(values, inner), np.digitize(test_values, inner)
        else:  # counted from 0, since scikit-learn takes fractions for measurements
            levels = np.unique(np.concatenate([values, test_values]))
            values, test_values = (np.searchsorted(levels, one) for one in (values, test_values))
        model = fitted_as_the_study(z, values)
        if model.n_iter_.max() >= model.max_iter:
            unfinished.append(str(name))
        areas[str(name)] = _area(model.predict_proba(test_z), test_values, model.classes_)
    known = [area for area in areas.values() if area is not None]
    settings |= {"per_factor": areas, "unfinished": unfinished}
    if not known:
        return {"explicitness": Result(None, ONE_SIDED, settings)}
    return {"explicitness": Result(float(np.mean(known)), None, settings)}


def _area(shares: np.ndarray, values: np.ndarray, classes: np.ndarray) -> float | None:
    """Mean area under the curve of the classes that some test images have and others have not."""
    ranks = rankdata(shares, axis=0)
    chosen = values[:, None] == classes
    positive, images = chosen.sum(axis=0), len(values)
    both = (positive > 0) & (positive < images)
    if not both.any():
        return None
    above = (ranks * chosen).sum(axis=0) - positive * (positive + 1) / 2
    return float(np.mean(above[both] / (positive * (images - positive))[both]))
