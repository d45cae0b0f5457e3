"""Networks from latents to the parameters of a likelihood over pixels."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class ConvDecoder(nn.Module):
    """The mirror image of `ConvEncoder`: transposed convolutions that double the side.

    It gives logits; the likelihood applies the sigmoid, which is more exact than taking the
    logarithm of a sigmoid afterwards.
    """

    def __init__(self, channels: int, side: int, latents: int, widths: Sequence[int]):
        super().__init__()
        small = side // 2 ** len(widths)
        self.expand = nn.Linear(latents, widths[-1] * small**2)
        blocks: list[nn.Module] = [nn.Unflatten(1, (widths[-1], small, small)), nn.ReLU()]
        for before, after in pairwise((*reversed(widths), channels)):
            blocks += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
        self.pixels = nn.Sequential(*blocks[:-1])  # no ReLU on the logits

    def forward(self, z: Tensor) -> Tensor:
        """(batch, latents) -> logits, (batch, channels, side, side)."""
        return self.pixels(self.expand(z))
