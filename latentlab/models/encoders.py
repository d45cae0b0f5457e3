"""Networks from images to the parameters of a posterior."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class ConvEncoder(nn.Module):
    """Images to the mean and log-variance of each latent; every convolution halves the side.

    Kernel 4, stride 2, padding 1, ReLU; the last feature map is flattened into two linear heads.
    """

    def __init__(self, channels: int, side: int, latents: int, widths: Sequence[int]):
        super().__init__()
        blocks: list[nn.Module] = []
        for before, after in pairwise((channels, *widths)):
            blocks += [nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1), nn.ReLU()]
        self.features = nn.Sequential(*blocks, nn.Flatten())
        flat = widths[-1] * (side // 2 ** len(widths)) ** 2
        self.mu = nn.Linear(flat, latents)
        self.logvar = nn.Linear(flat, latents)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, channels, side, side) in [0, 1] -> mu, logvar, each (batch, latents)."""
        features = self.features(x)
        return self.mu(features), self.logvar(features)
