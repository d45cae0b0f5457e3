"""What every likelihood gives."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Likelihood(nn.Module, ABC):
    """A distribution of images whose parameters the decoder gives. It may have weights of its own.

    Attributes:
        outputs: Channels that the decoder must give.
    """

    outputs: int

    @abstractmethod
    def mean(self, parameters: Tensor) -> Tensor:
        """The expected image in [0, 1]: (batch, outputs, side, side) ->
        (batch, channels, side, side)."""

    @abstractmethod
    def negative_log(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Nats of each image value, (batch, channels, side, side), or of each pixel with all its
        channels, (batch, 1, side, side). Their sum is the negative log-likelihood of the image.

        Args:
            x: Images in [0, 1], (batch, channels, side, side); levels of 1/255 where the
                likelihood is of discrete pixels.
        """

    @abstractmethod
    def draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """Images drawn pixel by pixel, in [0, 1], (batch, channels, side, side)."""


class PixelLikelihood(Likelihood):
    """Base of likelihoods whose decoder gives one value for each value of the image."""

    def __init__(self, channels: int, side: int):
        super().__init__()
        self.outputs = channels


def uniform_like(x: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform draws from [0, 1) of this shape, the same on every device."""
    return torch.rand(x.shape, generator=generator).to(x.device)
