"""SAP: how far the latent that predicts a factor best leads the second best."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from latentlab.metrics.binned import BINS
from latentlab.metrics.linear_svm import separators
from latentlab.metrics.mutual_information_gap import lead
from latentlab.metrics.result import ONE_LATENT, Result, named
from latentlab.metrics.samples import Samples, samples

COST = 0.01  # of the support vector machine, times the weight of the class
ROUNDING = 1e-12  # of decisions, whose margin is 1
MIN_VARIANCE = 1e-12  # under which a latent explains nothing of a continuous factor


def separated_predictability(
    codes: pd.DataFrame,
    factors: pd.DataFrame,
    test_codes: pd.DataFrame,
    test_factors: pd.DataFrame,
    *,
    continuous: bool | None = None,
    bins: int = BINS,
    seed: int = 0,
) -> dict[str, Result]:
    """Score every latent on its own for every factor, and take the best minus the second best.

    The score of a discrete factor is the accuracy on test of a linear support vector machine with
    classes weighted by their rarity, fitted on the first tables; of a continuous one, the squared
    correlation in the first tables.

    Args:
        codes, factors: To fit: posterior means, one row an image, one column a latent; factors of
            the same images. A constant latent is answered with one class throughout, which is the
            more frequent one by luck; `constant_latents` names them.
        test_codes, test_factors: The same of other images.
        continuous: Whether the factors are; None decides for each: whole numbers, or at most `bins`
            distinct values, are discrete.
        seed: Not used: nothing is drawn.

    Returns:
        `sap`: the mean lead over the factors, in [0, 1].

    Raises:
        DataError: A value is missing or infinite, or the tables do not fit one another.

    Source: Kumar et al. 2018, section 3, https://openreview.net/forum?id=H1kG7GZAW, with the
    settings of Locatello et al. 2019, https://arxiv.org/abs/1811.12359.
    """
    given = samples(codes, factors, test_codes, test_factors)
    kinds = {
        name: "accuracy"
        if (given.is_discrete(name, bins) if continuous is None else not continuous)
        else "r2"
        for name in given.factors.columns
    }
    settings = {**given.settings, "estimator": "linear SVM", "cost": COST}
    reason = given.obstacle or (ONE_LATENT if len(codes.columns) < 2 else None)
    if reason is not None:
        return {"sap": Result(None, reason, settings)}
    scores = pd.DataFrame(index=codes.columns, columns=given.factors.columns, dtype=np.float64)
    discrete = [name for name, kind in kinds.items() if kind == "accuracy"]
    if discrete:
        scores[discrete] = _accuracies(given, discrete)
    for name in set(kinds) - set(discrete):
        scores[name] = _explained(given.codes, given.factors[name])
    leads = lead(scores.to_numpy(), axis=0)
    constant = codes.columns[np.ptp(codes.to_numpy(), axis=0) == 0]
    settings |= {"constant_latents": list(map(str, constant))}
    settings |= {"scores": kinds, "gaps": named(scores.columns, leads)}
    return {"sap": Result(float(leads.mean()), None, settings)}


def _accuracies(given: Samples, factors: list[str]) -> np.ndarray:
    """Share of the test images in their class, (latents, factors)."""
    tasks = [Task.of(given.factors[name].to_numpy()) for name in factors]
    positives = np.concatenate([task.positives for task in tasks])
    weights = np.column_stack([task.weights for task in tasks])
    ends = np.cumsum([len(task.positives) for task in tasks])
    truth = [given.test_factors[name].to_numpy() for name in factors]
    scores = np.empty((len(given.codes.columns), len(factors)))
    for row, latent in enumerate(given.codes.columns):
        x = given.codes[latent].to_numpy(np.float64)
        slope, intercept = separators(x, positives, weights)
        z = given.test_codes[latent].to_numpy(np.float64)
        decisions = z * slope[:, None] + intercept[:, None]
        for column, task in enumerate(tasks):
            own = decisions[ends[column] - len(task.positives) : ends[column]]
            answers = task.answers(own)
            if task.undecided(own):
                answers = _liblinear(x, given.factors[factors[column]].to_numpy(), z)
            scores[row, column] = np.mean(answers == truth[column])
    return scores


def _liblinear(x: np.ndarray, values: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    """The classes of the test images by the study's own machine: where two classes tie, as they do
    on a constant latent, the order of its sums decides."""
    from sklearn.svm import LinearSVC  # on use, as in dci

    machine = LinearSVC(C=COST, class_weight="balanced").fit(x[:, None], values)
    answers: np.ndarray = machine.predict(test_x[:, None])
    return answers


@dataclass(frozen=True)
class Task:
    """A discrete factor as yes-or-no questions: one for two classes, else one a class.

    Attributes:
        classes: The values, ascending.
        positives: bool, (questions, images).
        weights: Cost of an image that is in the class and of one that is not, (2, questions). As
            liblinear has it, the rest of more than two classes is not weighted.
    """

    classes: np.ndarray
    positives: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Self:
        classes, counts = np.unique(values, return_counts=True)
        balanced = COST * len(values) / (len(classes) * counts)
        if len(classes) == 2:
            return cls(classes, values == classes[1:, None], balanced[::-1, None])
        weights = np.stack([balanced, np.full(len(classes), COST)])
        return cls(classes, values == classes[:, None], weights)

    def answers(self, decisions: np.ndarray) -> np.ndarray:
        """The class of each image, from (questions, images)."""
        if len(self.classes) == 2:
            return self.classes[(decisions[0] > 0).astype(int)]
        return self.classes[decisions.argmax(axis=0)]

    def undecided(self, decisions: np.ndarray) -> bool:
        """Whether rounding decides between two classes for some image."""
        if len(self.classes) == 2:
            lead = np.abs(decisions[0])
        else:
            second, best = np.partition(decisions, -2, axis=0)[-2:]
            lead = best - second
        return bool(lead.min() < ROUNDING)


def _explained(codes: pd.DataFrame, factor: pd.Series) -> np.ndarray:
    """Squared correlation of each latent with the factor, (latents,)."""
    z = codes.to_numpy(np.float64)
    z = z - z.mean(axis=0)
    y = factor.to_numpy(np.float64) - factor.mean()
    variance = (z**2).sum(axis=0) / (len(z) - 1)
    together = np.square(y @ z / (len(z) - 1)) / (y @ y / (len(z) - 1))
    return np.divide(together, variance, out=np.zeros(len(variance)), where=variance > MIN_VARIANCE)
