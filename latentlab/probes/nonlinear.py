"""A small non-linear probe: tells a target that is not encoded from one that is, but not linearly.

Gradient-boosted trees see the latents and the linear probe's answer. With that answer as one more
column they need not build a slope out of steps, so that a score above the linear probe's is what
the latents hold beyond a line.
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from latentlab.probes.kernels import one_thread
from latentlab.probes.logistic import LogisticProbe
from latentlab.probes.ridge import RidgeProbe
from latentlab.randomness import numpy_generator, stream

MAX_IMAGES = 20_000  # of train, and of valid; a random choice of more
TREES = 200  # at most; valid says when to stop
TREES_UNWATCHED = 40  # where valid is too small to say so
MIN_VALID = 50  # images of valid, and 5 of each class, to stop by
_SETTINGS = {
    "learning_rate": 0.08,
    "max_leaf_nodes": 12,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "n_iter_no_change": 10,
}


class NonlinearProbe:
    """Boosted trees on latents and on the answer of a linear probe.

    Args:
        linear: Fitted on the same images of train.
        seed: Of the choice of images.
    """

    def __init__(self, linear: LogisticProbe | RidgeProbe, seed: int):
        self.linear, self.seed = linear, seed

    def fit(
        self, x: np.ndarray, y: np.ndarray, x_valid: np.ndarray, y_valid: np.ndarray
    ) -> "NonlinearProbe":
        """Fit to train and stop by valid.

        Args:
            x, x_valid: (images, latents).
            y, y_valid: Known labels, (images,): bool for a logistic probe, else numbers.
        """
        x, y = self._some(x, y, "train")
        x_valid, y_valid = self._some(x_valid, y_valid, "valid")
        classes = isinstance(self.linear, LogisticProbe)
        kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
        watched = len(y_valid) >= MIN_VALID
        if classes and watched:
            watched = min(y_valid.sum(), (~y_valid).sum()) >= 5
        trees = kind(
            max_iter=TREES if watched else TREES_UNWATCHED,
            early_stopping=watched,
            random_state=stream(self.seed, "nonlinear probe") % 2**32,
            **_SETTINGS,
        )
        watch = {"X_val": self._seen(x_valid), "y_val": y_valid} if watched else {}
        with one_thread():
            self.trees_ = trees.fit(self._seen(x), y, **watch)
        return self

    def answer(self, x: np.ndarray) -> np.ndarray:
        """Log-odds, or the expected number, (images,)."""
        seen = self._seen(x)
        with one_thread():
            if isinstance(self.linear, LogisticProbe):
                return np.asarray(self.trees_.decision_function(seen))
            return np.asarray(self.trees_.predict(seen))

    def _some(self, x: np.ndarray, y: np.ndarray, which: str) -> tuple[np.ndarray, np.ndarray]:
        if len(y) <= MAX_IMAGES:
            return x, y
        draw = numpy_generator(self.seed, f"nonlinear probe {which}")
        rows = np.sort(draw.choice(len(y), MAX_IMAGES, replace=False))
        return x[rows], y[rows]

    def _seen(self, x: np.ndarray) -> np.ndarray:
        return np.column_stack([x, x @ self.linear.coef_ + self.linear.intercept_])
