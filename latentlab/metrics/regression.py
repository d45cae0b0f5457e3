"""The logistic regression that the published study scores with."""

import warnings
from typing import Any

import numpy as np


def fitted_as_the_study(x: np.ndarray, y: np.ndarray) -> Any:
    """scikit-learn's LogisticRegression with its defaults, (images, features) -> classes. Its
    warning that 100 steps were too few is kept back: more would be another score."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression().fit(x, y)
