"""Scales on which scores are closer to normal, so that intervals on them can be symmetric."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit


@dataclass(frozen=True)
class Scale:
    """Where a value is closer to normal, and its spread hardly depends on it.

    Attributes:
        to, back: From the value to this scale and back.
        slope: Derivative of `to` at the value.
        ends: Between which values lie; `to` is infinite at those that are finite.
    """

    to: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    ends: tuple[float, float] = (-np.inf, np.inf)


PLAIN = Scale(lambda v: v, lambda v: v, np.ones_like)
ARCTANH = Scale(np.arctanh, np.tanh, lambda v: 1.0 / (1.0 - v**2), (-1.0, 1.0))
LOGIT = Scale(logit, expit, lambda v: 1.0 / (v * (1.0 - v)), (0.0, 1.0))
UNEXPLAINED = Scale(
    lambda v: -np.log1p(-v), lambda u: -np.expm1(-u), lambda v: 1.0 / (1.0 - v), (-np.inf, 1.0)
)
