"""Each pixel value is the probability of a coin."""

import torch
from torch import Tensor
from torch.nn import functional

from latentlab.models.likelihoods.likelihood import PixelLikelihood, uniform_like


class Bernoulli(PixelLikelihood):
    """Cross-entropy between pixel values and the sigmoid of the logits, as in the first VAEs.

    A distribution of black and white pixels; for grey ones it is a bound on none, and its value
    cannot fall below the entropy of the pixels themselves.
    """

    def mean(self, parameters: Tensor) -> Tensor:
        return parameters.sigmoid()

    def negative_log(self, parameters: Tensor, x: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(parameters, x, reduction="none")

    def draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        return (uniform_like(parameters, generator) < parameters.sigmoid()).to(parameters.dtype)
