"""The Bernoulli's exponential family, normalised on the whole of [0, 1]."""

import torch
from torch import Tensor

from latentlab.models.likelihoods.likelihood import PixelLikelihood, uniform_like
from latentlab.models.likelihoods.numerics import full_precision

NEAR = 0.5  # logits under which the closed forms lose digits and the series are used


class ContinuousBernoulli(PixelLikelihood):
    """p(x) = C(lambda) lambda^x (1 - lambda)^(1 - x) on [0, 1], lambda the sigmoid of the logits.

    With the logit `a` this is exp(a x) / int_0^1 exp(a t) dt, whose logarithm is
    a (x - 1/2) - log(sinh(a / 2) / (a / 2)): no number near lambda = 0, 1/2 or 1 is ill-behaved.
    The nats are of a density and may be negative.

    Source: Loaiza-Ganem & Cunningham 2019, https://arxiv.org/abs/1907.06845
    """

    def mean(self, parameters: Tensor) -> Tensor:
        a = full_precision(parameters)
        near, small, large = _parts(a)
        series = small / 12 - small**3 / 720 + small**5 / 30240
        return (0.5 + torch.where(near, series, 0.5 / torch.tanh(large / 2) - 1 / large)).clamp(
            0, 1
        )

    def negative_log(self, parameters: Tensor, x: Tensor) -> Tensor:
        return (0.5 - x) * parameters + _log_sinh_ratio(parameters)

    def draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """By the inverse of the distribution function, log(1 + u (exp(a) - 1)) / a.

        A positive logit is the mirror image of the negative one, which cannot overflow.
        """
        a = full_precision(parameters)
        u = uniform_like(a, generator)
        positive = a > 0
        below = -a.abs().clamp(min=1e-6)  # so close to 0 the draw is `u`
        mirrored = torch.log1p(torch.where(positive, 1 - u, u) * torch.expm1(below)) / below
        mirrored = mirrored.clamp(0, 1)
        return torch.where(positive, 1 - mirrored, mirrored)


def _log_sinh_ratio(a: Tensor) -> Tensor:
    """log(sinh(a / 2) / (a / 2)), an even function that is 0 at 0."""
    near, small, large = _parts(a)
    series = small**2 / 24 - small**4 / 2880 + small**6 / 181440
    size = large.abs()
    return torch.where(near, series, size / 2 + torch.log1p(-torch.exp(-size)) - size.log())


def _parts(a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where the series holds, and what each branch may read: the other's values would spoil its
    gradient even where they are not chosen."""
    near = a.abs() < NEAR
    return near, torch.where(near, a, 0.0), torch.where(near, 1.0, a)
