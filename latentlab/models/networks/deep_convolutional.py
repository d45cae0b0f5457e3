"""A deeper network with batch normalisation."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from latentlab.models.networks.network import check_widths, doubling, halved

WIDTHS = (32, 64, 128, 256)
SLOPE = 0.2  # of the leaky ReLU below 0


class DeepConvolutional:
    """Kernel 4, stride 2, batch normalisation, leaky ReLU; at side 64 down to a 4x4x256 map.

    Source: the blocks of DCGAN, Radford et al. 2016, https://arxiv.org/abs/1511.06434
    """

    def __init__(self, channels: int, side: int, widths: Sequence[int] = ()):
        self.channels = channels
        self.widths = check_widths(widths, WIDTHS)
        self.sides = halved(side, len(self.widths))
        self.features = self.widths[-1] * self.sides[-1] ** 2

    def encoder(self) -> nn.Module:
        blocks: list[nn.Module] = []
        for before, after in pairwise((self.channels, *self.widths)):
            # The normalisation brings a shift of its own, so the convolution needs none.
            down = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False)
            blocks += [down, nn.BatchNorm2d(after), nn.LeakyReLU(SLOPE)]
        return nn.Sequential(*blocks, nn.Flatten())

    def decoder(self, inputs: int, outputs: int) -> nn.Module:
        small, width = self.sides[-1], self.widths[-1]
        blocks: list[nn.Module] = [
            nn.Linear(inputs, self.features, bias=False),
            nn.Unflatten(1, (width, small, small)),
            nn.BatchNorm2d(width),
            nn.LeakyReLU(SLOPE),
        ]
        widths = (*reversed(self.widths), self.widths[0])
        for (before, after), odd in zip(pairwise(widths), doubling(self.sides), strict=True):
            up = nn.ConvTranspose2d(
                before, after, 4, stride=2, padding=1, output_padding=odd, bias=False
            )
            blocks += [up, nn.BatchNorm2d(after), nn.LeakyReLU(SLOPE)]
        return nn.Sequential(*blocks, nn.Conv2d(self.widths[0], outputs, 3, padding=1))
