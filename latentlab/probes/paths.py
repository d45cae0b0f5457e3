"""What linear probes have in common: answers of all targets at all penalties, and the choice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data


@dataclass(frozen=True)
class Paths:
    """Linear answers to every target at every penalty.

    Attributes:
        penalties: (penalties,).
        weights: Per standard deviation of each latent over the target's known images,
            (targets, penalties, latents).
        coef: Per unit of each latent, (targets, penalties, latents).
        intercept: The answer at latent 0, (targets, penalties).
        mean, scale: Of each latent over the target's known images, (targets, latents).
        held_out: Mean loss on images that were left out of the fit, (targets, penalties); without
            columns where there were no folds.
        solved: Whether every fit of the target converged, (targets,).
        iterations: (targets,).
    """

    penalties: np.ndarray
    weights: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    held_out: np.ndarray
    solved: np.ndarray
    iterations: np.ndarray

    def of(self, target: int) -> "Paths":
        """The path of one target, as that of a single one."""
        one = slice(target, target + 1)
        names = (
            "weights",
            "coef",
            "intercept",
            "mean",
            "scale",
            "held_out",
            "solved",
            "iterations",
        )
        return replace(self, **{name: getattr(self, name)[one] for name in names})

    def best(self) -> np.ndarray:
        """Index of the penalty with the smallest held-out loss, the first of equals, (targets,)."""
        if not self.held_out.shape[1]:
            return np.zeros(len(self.weights), dtype=int)
        return self.held_out.argmin(axis=1)


def checked_penalties(penalty: float | Sequence[float]) -> np.ndarray:
    """One penalty or several as an array, or a ValueError that names the wrong one."""
    penalties = np.atleast_1d(np.asarray(penalty, dtype=np.float64))
    if penalties.ndim != 1 or not len(penalties):
        raise ValueError(f"penalty must be a number or a list of numbers; it is {penalty!r}.")
    wrong = penalties[~(np.isfinite(penalties) & (penalties >= 0))]
    if len(wrong):
        raise ValueError(f"penalty must not be negative; it is {wrong[0]:g}.")
    return penalties


class LinearProbe:
    """Attributes and answers of a fitted linear probe, for one target or several."""

    # Arrays, or numbers where there is one target.
    weights_: Any
    coef_: Any
    intercept_: Any
    mean_: Any
    scale_: Any
    penalty_: Any
    held_out_: Any
    n_features_in_: int

    def adopt(self, paths: Paths, chosen: np.ndarray | None = None, *, single: bool) -> Self:
        """Take over one penalty a target from a path.

        Args:
            chosen: Its index, (targets,); the best on held-out images where None.
            single: Whether y had one dimension: attributes then lose that of the targets.
        """
        chosen = paths.best() if chosen is None else chosen
        every = np.arange(len(chosen))
        found = {
            "weights_": paths.weights[every, chosen],
            "coef_": paths.coef[every, chosen],
            "intercept_": paths.intercept[every, chosen],
            "mean_": paths.mean,
            "scale_": paths.scale,
            "penalty_": paths.penalties[chosen],
            "held_out_": paths.held_out,
        }
        for name, value in found.items():
            one = value[0] if single else value
            setattr(self, name, float(one) if np.ndim(one) == 0 else one)
        return self

    def _answer(self, X: Any) -> np.ndarray:
        """(images,) or (images, targets)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        answer: np.ndarray = X @ self.coef_.T + self.intercept_
        return answer
