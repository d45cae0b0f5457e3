"""What a program computes for the mean of each likelihood, given what the decoder gives.

A likelihood that is not here cannot be carried. A new one is a function and a line in MEANS.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from latentlab.models.likelihoods.bernoulli import Bernoulli
from latentlab.models.likelihoods.continuous_bernoulli import ContinuousBernoulli
from latentlab.models.likelihoods.gaussian import FixedGaussian, PixelGaussian, ScalarGaussian
from latentlab.models.likelihoods.likelihood import Likelihood
from latentlab.models.likelihoods.logistic_mixture import LogisticMixture
from latentlab.portable.layers import Builder, Value

Mean = Callable[[Builder, Any, Value], Value]


def _sigmoid(build: Builder, likelihood: Likelihood, x: Value) -> Value:
    return build.add("apply", [x], likelihood.mean(x.tensor), function="sigmoid")


def _continuous(build: Builder, likelihood: Likelihood, x: Value) -> Value:
    return build.add("apply", [x], likelihood.mean(x.tensor), function="continuous_bernoulli")


def _centre(build: Builder, likelihood: Likelihood, x: Value) -> Value:
    """The decoder gives the mean less a half; it may lie outside of [0, 1]."""
    made: Tensor = likelihood.mean(x.tensor)
    moved = build.add("apply", [x], made, function="affine", scale=1.0, shift=0.5)
    return build.add("apply", [moved], made, function="clamp", low=0.0, high=1.0)


def _first_half(build: Builder, likelihood: Likelihood, x: Value) -> Value:
    """The means stand before the variances."""
    means = x.tensor.chunk(2, dim=1)[0]
    picked = build.add("pick", [x], means, first=0)
    moved = build.add("apply", [picked], means, function="affine", scale=1.0, shift=0.5)
    return build.add("apply", [moved], means, function="clamp", low=0.0, high=1.0)


def _mixture(build: Builder, likelihood: LogisticMixture, x: Value) -> Value:
    return build.add(
        "mixture",
        [x],
        likelihood.mean(x.tensor),
        components=likelihood.components,
        levels=likelihood.levels,
    )


MEANS: dict[type[Likelihood], Mean] = {
    Bernoulli: _sigmoid,
    ContinuousBernoulli: _continuous,
    FixedGaussian: _centre,
    ScalarGaussian: _centre,
    PixelGaussian: _first_half,
    LogisticMixture: _mixture,
}
