"""DCI: disentanglement, completeness and informativeness from estimators that predict factors."""

import warnings
from typing import Literal

import numpy as np
import pandas as pd

from latentlab.metrics.binned import BINS
from latentlab.metrics.boosted_trees import Classes, Loss, Squares, boosted, explained
from latentlab.metrics.importance import completeness, disentanglement
from latentlab.metrics.result import ONE_FACTOR, ONE_LATENT, Result, named
from latentlab.metrics.samples import Samples, samples

Estimator = Literal["boosted_trees", "fast_trees", "random_forest", "lasso"]
NAMES = ("dci_disentanglement", "dci_completeness", "dci_informativeness")


def dci(
    codes: pd.DataFrame,
    factors: pd.DataFrame,
    test_codes: pd.DataFrame,
    test_factors: pd.DataFrame,
    *,
    estimator: Estimator = "boosted_trees",
    bins: int = BINS,
    seed: int = 0,
) -> dict[str, Result]:
    """Predict every factor from all latents, and see which latents the prediction uses.

    Args:
        codes, factors: To fit: posterior means, one row an image, one column a latent; factors of
            the same images.
        test_codes, test_factors: The same of other images.
        estimator: `boosted_trees` is the published study's, scikit-learn's gradient boosting;
            `fast_trees` the same on binned latents, all factors in step; `random_forest` and
            `lasso` those of the source, the lasso with its penalty by cross-validation.
        bins: A factor of whole numbers, or with at most so many distinct values, is a class, but
            for the lasso, which takes all factors as numbers.
        seed: Of the trees' ties, the forests' draws.

    Returns:
        `dci_disentanglement` and `dci_completeness`, in [0, 1], 0 where no latent helps; see
        `importance`. `dci_informativeness`: the mean over the factors of the accuracy for classes
        and of R squared for numbers, on test. With settings of all three: `importance`, latent ->
        factor -> share; `unconverged`: factors whose lasso wanted more steps.

    Raises:
        DataError: A value is missing or infinite, or the tables do not fit one another.

    Source: Eastwood & Williams 2018, https://openreview.net/forum?id=By-7dz-AZ, with the trees and
    the weights of Locatello et al. 2019, https://arxiv.org/abs/1811.12359.
    """
    given = samples(codes, factors, test_codes, test_factors)
    settings = {**given.settings, "estimator": estimator}
    if given.obstacle is not None:
        return dict.fromkeys(NAMES, Result(None, given.obstacle, settings))
    numbers = [estimator == "lasso" or not given.is_discrete(name, bins) for name in given.factors]
    if estimator == "fast_trees":
        importance, scores = _fast_trees(given, numbers)
    else:
        importance, scores, unfinished = _one_by_one(given, numbers, estimator, seed)
        if estimator == "lasso":
            settings["unconverged"] = unfinished
    settings |= {
        "scores": dict(
            zip(given.factors, np.where(numbers, "r2", "accuracy").tolist(), strict=True)
        ),
        "informativeness": named(given.factors.columns, scores),
        "importance": {
            str(latent): named(given.factors.columns, row)
            for latent, row in zip(codes.columns, importance, strict=True)
        },
    }
    results = {name: Result(None, None, settings) for name in NAMES}
    latents, known = importance.shape
    results[NAMES[0]] = (
        Result(disentanglement(importance)[0], None, settings)
        if known > 1
        else Result(None, ONE_FACTOR, settings)
    )
    results[NAMES[1]] = (
        Result(completeness(importance)[0], None, settings)
        if latents > 1
        else Result(None, ONE_LATENT, settings)
    )
    results[NAMES[2]] = Result(float(np.mean(scores)), None, settings)
    return results


def _fast_trees(given: Samples, numbers: list[bool]) -> tuple[np.ndarray, list[float]]:
    losses: list[Loss] = [
        Squares(given.factors[name].to_numpy())
        if number
        else Classes(given.factors[name].to_numpy())
        for name, number in zip(given.factors, numbers, strict=True)
    ]
    importance, answers = boosted(
        given.codes.to_numpy(np.float64), losses, given.test_codes.to_numpy(np.float64)
    )
    truth = [given.test_factors[name].to_numpy() for name in given.factors]
    scores = [
        loss.score(answer, values)
        for loss, answer, values in zip(losses, answers, truth, strict=True)
    ]
    return importance, scores


def _one_by_one(
    given: Samples, numbers: list[bool], estimator: Estimator, seed: int
) -> tuple[np.ndarray, list[float], list[str]]:
    """Importances, (latents, factors), scores on test, and factors whose lasso did not converge,
    by scikit-learn."""
    # On use: it takes a second to load, and who reads a table of metrics need not wait for it.
    from sklearn.ensemble import (
        GradientBoostingClassifier,
        GradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LassoCV

    made = {
        ("boosted_trees", False): lambda: GradientBoostingClassifier(random_state=seed),
        ("boosted_trees", True): lambda: GradientBoostingRegressor(random_state=seed),
        ("random_forest", False): lambda: RandomForestClassifier(random_state=seed),
        ("random_forest", True): lambda: RandomForestRegressor(random_state=seed),
        ("lasso", True): LassoCV,
    }
    z, test_z = given.codes.to_numpy(np.float64), given.test_codes.to_numpy(np.float64)
    if estimator == "lasso":
        z, test_z = given.standardised()
    columns, scores, unfinished = [], [], []
    for name, number in zip(given.factors, numbers, strict=True):
        model = made[estimator, number]()
        with warnings.catch_warnings():  # one for every fold and penalty; what counts is the last
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(z, given.factors[name].to_numpy())
        if estimator == "lasso" and model.n_iter_ >= model.max_iter:
            unfinished.append(str(name))
        weights = model.coef_ if estimator == "lasso" else model.feature_importances_
        columns.append(np.abs(weights))
        answer, truth = model.predict(test_z), given.test_factors[name].to_numpy()
        scores.append(explained(answer, truth) if number else float(np.mean(answer == truth)))
    return np.column_stack(columns), scores, unfinished
