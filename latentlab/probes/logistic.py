"""Logistic regression on standardised latents: how an attribute is read off the code."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_array, check_consistent_length
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import validate_data

from latentlab.probes.blocks import ArraySource, Rows, Source, measure
from latentlab.probes.folds import assign_folds
from latentlab.probes.kernels import threads
from latentlab.probes.newton import solve
from latentlab.probes.paths import LinearProbe, Paths, checked_penalties


class LogisticProbe(LinearProbe, ClassifierMixin, BaseEstimator):
    """Binary logistic regression with an L2 penalty on standardised weights, all targets at once.

    Minimises for every target, over weights w and a free intercept b, with z the latents
    standardised on the images of `fit` whose label is known,

        sum over images of log(1 + exp(-y (w z + b)))  +  penalty / 2 * |w|^2,     y in {-1, +1},

    the negative log-posterior under w ~ N(0, 1 / penalty). scikit-learn's C is 1 / penalty. The
    loss is a sum: the same penalty weighs less with more images.

    Args:
        penalty: Zero or more; 0 is plain maximum likelihood. Of several, each target gets the one
            with the least log-loss on left-out images, the first of equals.
        max_iter: The most steps a fit may take.
        tol: Largest entry of the mean gradient at the optimum.
        cv: Folds among which one of several penalties is chosen: their number, or a scikit-learn
            splitter that tests no image twice (PredefinedSplit for a split of one's own).
        class_weight: None, "balanced" (weights that give both classes of a target half of the
            weight), or {class: weight}.
        device: Where torch does the work, such as "cuda"; NumPy does it where None.

    Attributes:
        classes_: The two values, negative first; the same in all targets.
        weights_: Log-odds per standard deviation of each latent, (latents,) or, where y has two
            dimensions, (targets, latents); so are the next three.
        mean_, scale_: Mean and standard deviation of each latent in `fit`.
        coef_: Log-odds per unit of each latent: a direction in latent space.
        intercept_: Log-odds at latent 0, a number or (targets,).
        penalty_: As given or chosen, a number or (targets,).
        held_out_: Mean log-loss on left-out images, (penalties,) or (targets, penalties); empty
            where nothing was chosen.
        n_iter_: The most steps that a fit took.
    """

    def __init__(
        self,
        penalty: float | Sequence[float] = 1.0,
        max_iter: int = 100,
        tol: float = 1e-6,
        cv: Any = 5,
        class_weight: Mapping[Any, float] | str | None = None,
        device: str | None = None,
    ):
        self.penalty = penalty
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.class_weight = class_weight
        self.device = device

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to latents X (images, latents) and labels y, (images,) or (images, targets).

        Numbers that are NaN are unknown labels: the image is left out of that target alone.
        """
        X = validate_data(self, X, dtype=np.float64)
        labels, single = self._labels(y)
        check_consistent_length(X, labels)
        folds = None
        if np.ndim(self.penalty) and len(checked_penalties(self.penalty)) > 1:
            folds = assign_folds(self.cv, X, labels, stratify=True)
        return self.fit_source(ArraySource(X, labels, folds), _count(folds), single=single)

    def fit_source(self, source: Source, folds: int = 0, *, single: bool = False) -> Self:
        """Fit to chunks whose labels are 0, 1 and NaN. `classes_` is 0 and 1 unless set before."""
        if not hasattr(self, "classes_"):
            self.classes_ = np.array([0, 1])
        paths = logistic_paths(
            source,
            self.penalty,
            folds,
            class_weight=self._class_weight(),
            max_iter=self.max_iter,
            tol=self.tol,
            device=self.device,
        )
        self.n_iter_ = int(paths.iterations.max(initial=0))
        return self.adopt(paths, single=single)

    def decision_function(self, X: Any) -> np.ndarray:
        """Log-odds of the second class, (images,) or (images, targets)."""
        return self._answer(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, (images, 2); of the second, (images, targets), where y in
        `fit` had two dimensions."""
        positive: np.ndarray = expit(self._answer(X))
        return positive if self.coef_.ndim == 2 else np.column_stack([1.0 - positive, positive])

    def predict(self, X: Any) -> np.ndarray:
        """The more probable class, (images,) or (images, targets)."""
        positive = self._answer(X) > 0
        return self.classes_[positive.astype(int)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.target_tags.multi_output = True
        return tags

    def _labels(self, y: Any) -> tuple[np.ndarray, bool]:
        """0, 1 and NaN, (images, targets), and whether y had one dimension. Sets `classes_`."""
        if y is None:
            raise ValueError("fit requires y to be passed, but the target y is None.")
        y = _plain(y)
        y = check_array(
            y, ensure_2d=False, dtype=None, ensure_all_finite=False, input_name="y", estimator=self
        )
        if y.ndim > 2:
            raise ValueError(f"y must have one or two dimensions; it has {y.ndim}.")
        values = y if y.ndim == 2 else y[:, None]
        known = ~pd.isna(values)
        count = np.count_nonzero(known, axis=0)
        if not count.all():
            raise ValueError(f"y{_which(y, count == 0)} has no known label.")
        self.classes_ = _two_values(values, known)
        positive = values == self.classes_[-1]
        of_them = np.count_nonzero(positive, axis=0)
        lacking = (of_them == 0) | (of_them == count)
        if lacking.any():
            raise ValueError(f"y{_which(y, lacking)} holds one class only; two are needed.")
        labels = positive.astype(np.float64, order="C")
        labels[~known] = np.nan
        return labels, y.ndim == 1

    def _class_weight(self) -> tuple[float, float] | str | None:
        """Of a negative and a positive."""
        if self.class_weight is None or self.class_weight == "balanced":
            return self.class_weight
        if not isinstance(self.class_weight, Mapping):
            raise ValueError(
                f'class_weight must be None, "balanced" or a dict; it is {self.class_weight!r}.'
            )
        weights = [float(self.class_weight.get(value, 1.0)) for value in self.classes_.tolist()]
        if not (np.isfinite(weights).all() and min(weights) > 0):
            raise ValueError(f"class weights must be positive; they are {self.class_weight!r}.")
        return weights[0], weights[1]


def logistic_paths(
    source: Source,
    penalties: float | Sequence[float],
    folds: int = 0,
    *,
    class_weight: tuple[float, float] | str | None = None,
    max_iter: int = 100,
    tol: float = 1e-6,
    device: str | None = None,
) -> Paths:
    """The optimum of every target at every penalty, all found together.

    Args:
        source: Labels 0, 1 and NaN.
        penalties: Zero or more.
        folds: Folds of the source; each is left out of fits whose log-loss on it is `held_out`.
        class_weight: Of a negative and a positive, or "balanced".
        max_iter, tol, device: As of LogisticProbe.

    Raises:
        ValueError: A target has one class only, in all images or in those outside of a fold.
    """
    tried = checked_penalties(penalties)
    with threads():
        return _logistic_paths(source, tried, folds, class_weight, max_iter, tol, device)


def _logistic_paths(
    source: Source,
    tried: np.ndarray,
    folds: int,
    class_weight: tuple[float, float] | str | None,
    max_iter: int,
    tol: float,
    device: str | None,
) -> Paths:
    scale = measure(source, folds)
    _check_classes(scale.known, scale.positive)
    weights = None
    if class_weight is not None:
        known, positive = scale.known.sum(axis=0), scale.positive.sum(axis=0)
        weights = np.column_stack([known / (2 * (known - positive)), known / (2 * positive)])
        if not isinstance(class_weight, str):
            weights[:] = class_weight
    rows = Rows(source, scale, folds, weights, device)
    fits = solve(rows, tried, max_iter=max_iter, tol=tol)
    if not fits.solved.all():
        warnings.warn(
            f"{np.count_nonzero(~fits.solved)} of {len(fits.solved)} targets did not converge in"
            f" {max_iter} steps. Raise max_iter, tol or penalty.",
            ConvergenceWarning,
            stacklevel=4,
        )
    shared, intercept = fits.weights[..., :-1], fits.weights[..., -1]
    shared = np.where(scale.constant[:, None], 0.0, shared)
    coef = shared / scale.spread
    # A latent with one value among the known images has no weight; what it had is in the intercept.
    fixed = np.where(scale.constant, (scale.mean - scale.shift) / scale.spread, 0.0)
    intercept = intercept + np.einsum("tpl,tl->tp", fits.weights[..., :-1], fixed)
    total = fits.held_out_weight.sum(axis=1)[:, None]
    return Paths(
        penalties=tried,
        weights=shared * scale.relative[:, None],
        coef=coef,
        intercept=intercept - coef @ scale.shift,
        mean=scale.mean,
        scale=scale.deviation,
        held_out=fits.held_out.sum(axis=1) / total if folds else np.empty((len(coef), 0)),
        solved=fits.solved,
        iterations=fits.iterations,
    )


def _check_classes(known: np.ndarray, positive: np.ndarray) -> None:
    """Every training set needs both classes. Counts are (folds + 1, targets), NO_FOLD last."""
    for fold in (None, *range(len(known) - 1)):
        left = 0 if fold is None else np.array([known[fold], positive[fold]])
        all_known, all_positive = np.array([known.sum(axis=0), positive.sum(axis=0)]) - left
        lacking = np.flatnonzero((all_positive == 0) | (all_positive == all_known))
        if len(lacking):
            where = "" if fold is None else f" outside of fold {fold}; try fewer folds"
            raise ValueError(f"target {lacking[0]} holds one class only{where}.")


def _two_values(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The different known labels: two, or one. Anything else is refused.

    Labels of a large table are numbers, of which the least and the largest are found without
    sorting them all.
    """
    if values.dtype.kind in "biuf":
        numbers = values if known.all() else values[known]
        least, most = numbers.min(), numbers.max()
        two = (values == least) | (values == most)
        if np.count_nonzero(two) == np.count_nonzero(known) and float(most).is_integer():
            return np.unique(np.array([least, most], dtype=values.dtype))
        if not np.isfinite([least, most]).all():
            raise ValueError("Input y contains infinity.")
    kind = type_of_target(values[known], input_name="y")
    found = np.unique(values[known])
    if len(found) > 2 or kind.startswith("continuous"):
        raise ValueError(
            f"Only binary classification is supported. The type of the target is {kind}."
        )
    return np.asarray(found)


def _plain(y: Any) -> Any:
    """Nullable pandas columns as float with NaN; anything else as it is."""
    if isinstance(y, pd.DataFrame | pd.Series):
        kinds = [y.dtype] if isinstance(y, pd.Series) else list(y.dtypes)
        if any(isinstance(kind, pd.api.extensions.ExtensionDtype) for kind in kinds) and all(
            pd.api.types.is_bool_dtype(kind) or pd.api.types.is_numeric_dtype(kind)
            for kind in kinds
        ):
            return y.to_numpy(np.float64, na_value=np.nan)
    return y


def _which(y: np.ndarray, targets: np.ndarray) -> str:
    return "" if y.ndim == 1 else f"[:, {np.flatnonzero(targets)[0]}]"


def _count(folds: np.ndarray | None) -> int:
    return 0 if folds is None else int(folds.max()) + 1
