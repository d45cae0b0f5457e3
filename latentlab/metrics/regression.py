"""The logistic regression that the published study scores with."""

import warnings
from typing import Any

import numpy as np


def fitted_as_the_study(x: np.ndarray, y: np.ndarray) -> Any:
    """scikit-learn's LogisticRegression with its defaults, (images, features) -> classes. Its
    warning that 100 steps were too few is kept back: more would be another score.

    Its products are so small that a second thread of the linear algebra only waits: on two busy
    cores one thread was 20 times as fast."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression().fit(x, y)
