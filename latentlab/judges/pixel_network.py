"""The small convolutional network that reads targets off pixels."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

MOST_SIDE = 64  # pixels; larger pictures are shrunk to this
WIDTHS = (32, 64, 96, 128)  # channels of the blocks; each halves the side
CELLS = 4  # the last block is averaged to so many by so many cells
FEATURES = 128


class PixelNetwork(nn.Module):
    """Pictures to one number a target, by way of `FEATURES` features.

    Where something is in the picture matters (heads tilt, light comes from a side), so the last
    block is not averaged over the whole picture but to cells of a 4 by 4 grid.
    """

    def __init__(self, channels: int, side: int, targets: int):
        """
        Args:
            channels, side: Of the pictures that it is trained on; those of another side are
                resized to this one, or to 64 pixels where it is larger.
        """
        super().__init__()
        self.channels = channels
        self.side = min(side, MOST_SIDE)
        blocks: list[nn.Module] = [
            nn.Conv2d(channels, WIDTHS[0], kernel_size=4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.ReLU(),
        ]
        for before, after in pairwise(WIDTHS):
            blocks += [
                nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                Residual(after),
            ]
        self.features = nn.Sequential(
            *blocks,
            nn.AdaptiveAvgPool2d(CELLS),
            nn.Flatten(),
            nn.Linear(WIDTHS[-1] * CELLS**2, FEATURES, bias=False),
            nn.BatchNorm1d(FEATURES),
            nn.ReLU(),
        )
        # Not from zero, as heads sometimes begin: what is learned late (a head's yaw beside the
        # colour of its skin) then found features that had lost it, and was never learned.
        self.head = nn.Linear(FEATURES, targets)

    def resized(self, x: Tensor) -> Tensor:
        """Pictures at the side that the network was trained for; shrinking averages over areas."""
        if x.shape[-1] == self.side:
            return x
        return functional.interpolate(
            x, size=(self.side, self.side), mode="bilinear", antialias=True
        )

    def embed(self, x: Tensor) -> Tensor:
        """(batch, channels, side, side) in [0, 1] -> (batch, FEATURES)."""
        features: Tensor = self.features(self.resized(x) * 4 - 2)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, side, side) in [0, 1] -> (batch, targets)."""
        answers: Tensor = self.head(self.embed(x))
        return answers


class Residual(nn.Module):
    """A convolution whose result is added to what it read."""

    def __init__(self, width: int):
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.change(x))
