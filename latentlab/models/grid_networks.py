"""Networks from an image, or a map of features, to a smaller grid of vectors and back."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from latentlab.models.networks.network import doubling


class GridEncoder(nn.Module):
    """Halving convolutions of kernel 4, two residual blocks, and a vector for each position.

    Source: van den Oord et al. 2017, section 4.1, https://arxiv.org/abs/1711.00937
    """

    def __init__(self, channels: int, width: int, dimension: int, sides: Sequence[int]):
        """
        Args:
            channels: Of the image or map that comes in.
            width: Channels of the layers.
            dimension: Of the vectors that come out.
            sides: Of the maps from the input down, two or more; see `networks.network.halved`.
        """
        super().__init__()
        blocks: list[nn.Module] = []
        for before, after in pairwise((channels, *[width] * (len(sides) - 1))):
            blocks += [nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(
            *blocks[:-1],  # a residual block begins with a ReLU
            ResidualBlock(width),
            ResidualBlock(width),
            nn.ReLU(),
            nn.Conv2d(width, dimension, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, sides[0], sides[0]) -> (batch, dimension, sides[-1], sides[-1])"""
        return self.layers(x)


class GridDecoder(nn.Module):
    """The mirror image of `GridEncoder`, with transposed convolutions.

    Source: as of `GridEncoder`.
    """

    def __init__(self, dimension: int, outputs: int, width: int, sides: Sequence[int]):
        """
        Args:
            dimension: Of the vectors that come in.
            outputs: Channels that come out.
            width: Channels of the layers.
            sides: Those of the encoder, from the largest down.
        """
        super().__init__()
        blocks: list[nn.Module] = []
        steps = zip([*[width] * (len(sides) - 2), outputs], doubling(sides), strict=True)
        for after, odd in steps:
            up = nn.ConvTranspose2d(width, after, 4, stride=2, padding=1, output_padding=odd)
            blocks += [nn.ReLU(), up]
        self.layers = nn.Sequential(
            nn.Conv2d(dimension, width, 1), ResidualBlock(width), ResidualBlock(width), *blocks
        )

    def forward(self, grid: Tensor) -> Tensor:
        """(batch, dimension, sides[-1], sides[-1]) -> (batch, outputs, sides[0], sides[0]), any
        real numbers."""
        return self.layers(grid)


class ResidualBlock(nn.Module):
    """ReLU, 3x3 convolution, ReLU, 1x1 convolution, added to what comes in."""

    def __init__(self, width: int):
        super().__init__()
        self.change = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.change(x)
