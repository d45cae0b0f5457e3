"""Gaussians about the decoder's output.

The output is the mean itself and not its logit: with squared errors, a sigmoid that gives the black
that most pixels of a drawing have passes next to no gradient on for the few that are white.
"""

import math

import torch
from torch import Tensor, nn

from latentlab.models.likelihoods.likelihood import Likelihood, PixelLikelihood
from latentlab.models.likelihoods.numerics import full_precision, soft_floor

VARIANCE = 0.5  # of FixedGaussian
# Pixels are stored in steps of 1/255, on which a Gaussian can shrink and its density grow without
# end. This floor is a standard deviation of 1/100, two and a half steps.
MIN_VARIANCE = 1e-4
START = 0.1  # variance at which learning starts, about that of the pixels of photographs


class FixedGaussian(PixelLikelihood):
    """A Gaussian of variance 1/2: the loss is the summed squared error, but for a constant.

    "MSE" as the field says. The constant is kept, so that values are nats of a density and
    comparable.
    """

    def mean(self, parameters: Tensor) -> Tensor:
        return _centre(parameters).clamp(0, 1)

    def negative_log(self, parameters: Tensor, x: Tensor) -> Tensor:
        squares = (x - _centre(parameters)).square()
        return squares / (2 * VARIANCE) + 0.5 * math.log(2 * math.pi * VARIANCE)

    def draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        return _gaussian_draw(_centre(parameters), math.sqrt(VARIANCE), generator)


class ScalarGaussian(PixelLikelihood):
    """One learned variance for all pixels, never under MIN_VARIANCE: the data set the weight of
    the squared error, and so of the KL term.

    Attributes:
        logvar: Logarithm of the variance before its floor, a scalar.

    Source: Rybkin et al. 2021 (sigma-VAE), https://arxiv.org/abs/2006.13202
    """

    def __init__(self, channels: int, side: int):
        super().__init__(channels, side)
        self.logvar = nn.Parameter(torch.tensor(math.log(START)))

    def mean(self, parameters: Tensor) -> Tensor:
        return _centre(parameters).clamp(0, 1)

    def negative_log(self, parameters: Tensor, x: Tensor) -> Tensor:
        return _gaussian_nats(x - _centre(parameters), _floored(self.logvar))

    def draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        scale = (0.5 * _floored(self.logvar)).exp()
        return _gaussian_draw(_centre(parameters), scale, generator)


class PixelGaussian(Likelihood):
    """A variance for every value of the image, never under MIN_VARIANCE.

    The decoder gives the means and then the log-variances relative to START, so that a decoder
    that gives 0 starts there.

    Source: Kingma & Welling 2014, appendix C.2, https://arxiv.org/abs/1312.6114
    """

    def __init__(self, channels: int, side: int):
        super().__init__()
        self.outputs = 2 * channels

    def mean(self, parameters: Tensor) -> Tensor:
        return _centre(parameters.chunk(2, dim=1)[0]).clamp(0, 1)

    def negative_log(self, parameters: Tensor, x: Tensor) -> Tensor:
        centre, logvar = parameters.chunk(2, dim=1)
        return _gaussian_nats(x - _centre(centre), _floored(math.log(START) + logvar))

    def draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        centre, logvar = full_precision(parameters).chunk(2, dim=1)
        scale = (0.5 * _floored(math.log(START) + logvar)).exp()
        return _gaussian_draw(_centre(centre), scale, generator)


def _centre(output: Tensor) -> Tensor:
    """The mean that a decoder's output stands for; 0 is mid grey. It may lie outside of [0, 1]."""
    return 0.5 + output


def _floored(logvar: Tensor) -> Tensor:
    return soft_floor(logvar, math.log(MIN_VARIANCE))


def _gaussian_nats(difference: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (difference.square() * (-logvar).exp() + logvar + math.log(2 * math.pi))


def _gaussian_draw(mean: Tensor, scale: Tensor | float, generator: torch.Generator) -> Tensor:
    """A draw, clamped to [0, 1]: a Gaussian knows no edges, pictures do."""
    noise = torch.randn(mean.shape, generator=generator).to(mean.device)
    return (mean + scale * noise).clamp(0, 1)
