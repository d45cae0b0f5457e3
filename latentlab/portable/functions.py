"""The functions that a program may apply, as numpy computes them.

`reports/assets/decoder.js` has the same ones; the tests hold the two against PyTorch.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import erf, expit, log_softmax

NEAR = 0.5  # logits under which the continuous Bernoulli's mean is taken from its series
MIN_LOG_SCALE, MAX_LOG_SCALE = -7.0, 5.0  # of a mixture's components
SHARP = 0.65  # scale in levels under which an expectation is summed edge by edge
WINDOW = 6  # edges on either side that a sharp component can feel


def continuous_bernoulli(x: np.ndarray) -> np.ndarray:
    """The mean of `likelihoods.ContinuousBernoulli` given its logit."""
    near = np.abs(x) < NEAR
    small, large = np.where(near, x, 0.0), np.where(near, 1.0, x)
    series = small / 12 - small**3 / 720 + small**5 / 30240
    return np.clip(0.5 + np.where(near, series, 0.5 / np.tanh(large / 2) - 1 / large), 0, 1)


FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "leaky_relu": lambda x, slope: np.where(x > 0, x, slope * x),
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0))),
    "silu": lambda x: x * expit(x),
    "gelu": lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2))),
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "sigmoid": expit,
    "tanh": np.tanh,
    "exp": np.exp,
    "affine": lambda x, scale, shift: scale * x + shift,
    "clamp": lambda x, low, high: np.clip(x, low, high),
    "continuous_bernoulli": continuous_bernoulli,
}


def mixture_mean(x: np.ndarray, channels: int, components: int, levels: int) -> np.ndarray:
    """The mean of `likelihoods.LogisticMixture` given its parameters, (..., parameters)."""
    step = 2 / (levels - 1)
    ends = np.cumsum([components, components * channels, components * channels])
    log_weights, mu, log_scale, mixing = np.split(x, ends, axis=-1)
    log_scale = np.minimum(
        MIN_LOG_SCALE + np.logaddexp(log_scale - MIN_LOG_SCALE, 0.0), MAX_LOG_SCALE
    )
    weights, mixing = np.exp(log_softmax(log_weights, axis=-1)), np.tanh(mixing)
    known: list[np.ndarray] = []
    for channel in range(channels):
        own = slice(channel * components, (channel + 1) * components)
        centre, first = mu[..., own], channel * (channel - 1) // 2
        for index, value in enumerate(known):
            part = first + index
            centre = centre + mixing[..., part * components : (part + 1) * components] * value
        scale = np.exp(log_scale[..., own]) / step
        known.append(_expected_level((centre + 1) / step, scale, levels) * step - 1)
    means = [(weights * value).sum(axis=-1) for value in known]
    return np.clip((np.stack(means, axis=-1) + 1) / 2, 0, 1)


def _expected_level(mu: np.ndarray, scale: np.ndarray, levels: int) -> np.ndarray:
    """Expectation of a logistic rounded to the levels 0, 1, .., clipped at both ends."""
    last = levels - 1
    wide = np.maximum(scale, SHARP)
    low, high = mu / wide, (mu - last) / wide
    integral = wide * (np.logaddexp(low, 0.0) - np.logaddexp(high, 0.0))
    ends = (expit(high) * expit(-high) - expit(low) * expit(-low)) / (24 * wide)
    nearest = np.floor(np.clip(mu, -1, levels))
    total = np.clip(nearest - WINDOW, 0, last)
    for shift in range(-WINDOW, WINDOW + 1):
        edge = nearest + shift
        mass = expit((mu - edge - 0.5) / np.minimum(scale, SHARP))
        total = total + np.where((edge < 0) | (edge >= last), 0.0, mass)
    return np.where(scale < SHARP, total, integral + ends)
