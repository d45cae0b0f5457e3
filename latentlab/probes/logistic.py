"""Logistic regression on standardised latents: how an attribute is read off the code."""

from functools import cache
from typing import Any, Self

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


class LogisticProbe(ClassifierMixin, BaseEstimator):
    """Binary logistic regression with an L2 penalty on standardised weights.

    Minimises, over weights w and a free intercept b, with z the latents standardised on the rows
    of `fit`,

        sum over images of log(1 + exp(-y (w z + b)))  +  penalty / 2 * |w|^2,     y in {-1, +1},

    the negative log-posterior under w ~ N(0, 1 / penalty). scikit-learn's C is 1 / penalty. The
    loss is a sum: the same penalty weighs less with more images.

    Args:
        penalty: Zero or more; 0 is plain maximum likelihood.
        max_iter, tol: Of scikit-learn's lbfgs solver; tol is on the mean gradient.

    Attributes:
        classes_: The two values, negative first.
        weights_: Log-odds per standard deviation of each latent, (latents,).
        mean_, scale_: Mean and standard deviation of each latent in `fit`, (latents,).
        coef_: Log-odds per unit of each latent, (latents,): a direction in latent space.
        intercept_: Log-odds at latent 0.
    """

    def __init__(self, penalty: float = 1.0, max_iter: int = 1000, tol: float = 1e-6):
        self.penalty = penalty
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to latents X (images, latents) and labels y (images,) with two values."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        if self.penalty < 0:
            raise ValueError(f"penalty must not be negative; it is {self.penalty}.")
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind != "binary":
            raise ValueError(
                f"Only binary classification is supported. The type of the target is {kind}."
            )
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class only, {self.classes_[0]!r}; two are needed.")
        scaler = StandardScaler().fit(X)
        model = LogisticRegression(
            C=1.0 / self.penalty if self.penalty else np.inf, max_iter=self.max_iter, tol=self.tol
        )
        # lbfgs works on vectors as short as a code: on a busy machine, threads that wait for each
        # other make every one of its steps a hundred times slower.
        with _threads().limit(limits=1, user_api="blas"):
            model.fit(scaler.transform(X), y == self.classes_[1])
        self.mean_, self.scale_ = scaler.mean_, scaler.scale_
        self.weights_ = model.coef_[0]
        self.n_iter_ = int(model.n_iter_[0])
        self.coef_ = self.weights_ / self.scale_
        self.intercept_ = float(model.intercept_[0] - self.coef_ @ self.mean_)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Log-odds of the second class, (images,)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return X @ self.coef_ + self.intercept_

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, (images, 2)."""
        positive = expit(self.decision_function(X))
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: Any) -> np.ndarray:
        """The more probable class, (images,)."""
        positive = self.decision_function(X) > 0
        return self.classes_[positive.astype(int)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


@cache
def _threads() -> ThreadpoolController:
    """Of the libraries loaded when the first probe is fitted; finding them takes milliseconds."""
    return ThreadpoolController()
