"""Ridge regression on standardised latents: how a measured number is read off the code."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data


class RidgeProbe(RegressorMixin, BaseEstimator):
    """Least squares with an L2 penalty on standardised weights.

    Minimises, over weights w and a free intercept b, with z the latents standardised on the rows
    of `fit`,

        sum over images of (y - w z - b)^2 / 2  +  penalty / 2 * |w|^2.

    scikit-learn's alpha is the penalty. The target is not standardised, which only scales w.

    Args:
        penalty: Zero or more; 0 is plain least squares.

    Attributes:
        weights_: Target units per standard deviation of each latent, (latents,).
        mean_, scale_: Mean and standard deviation of each latent in `fit`, (latents,).
        coef_: Target units per unit of each latent, (latents,): a direction in latent space.
        intercept_: The target at latent 0.
    """

    def __init__(self, penalty: float = 1.0):
        self.penalty = penalty

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to latents X (images, latents) and numbers y (images,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        if self.penalty < 0:
            raise ValueError(f"penalty must not be negative; it is {self.penalty}.")
        scaler = StandardScaler().fit(X)
        model = Ridge(alpha=self.penalty).fit(scaler.transform(X), y)
        self.mean_, self.scale_ = scaler.mean_, scaler.scale_
        self.weights_ = model.coef_
        self.coef_ = self.weights_ / self.scale_
        self.intercept_ = float(model.intercept_ - self.coef_ @ self.mean_)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Expected target, (images,)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return X @ self.coef_ + self.intercept_
