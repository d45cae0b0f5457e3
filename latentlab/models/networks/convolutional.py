"""The reference network: convolutions that halve the side, and their mirror image."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from latentlab.models.networks.network import check_widths, doubling, halved

WIDTHS = (32, 64, 128)


class Convolutional:
    """Kernel 4, stride 2, padding 1, ReLU. At side 64 the default widths give an 8x8x128 map."""

    def __init__(self, channels: int, side: int, widths: Sequence[int] = ()):
        self.channels = channels
        self.widths = check_widths(widths, WIDTHS)
        self.sides = halved(side, len(self.widths))
        self.features = self.widths[-1] * self.sides[-1] ** 2

    def encoder(self) -> nn.Module:
        blocks: list[nn.Module] = []
        for before, after in pairwise((self.channels, *self.widths)):
            blocks += [nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1), nn.ReLU()]
        return nn.Sequential(*blocks, nn.Flatten())

    def decoder(self, inputs: int, outputs: int) -> nn.Module:
        return _Decoder(inputs, outputs, self.widths, self.sides)


class _Decoder(nn.Module):
    def __init__(self, inputs: int, outputs: int, widths: Sequence[int], sides: Sequence[int]):
        super().__init__()
        small = sides[-1]
        self.expand = nn.Linear(inputs, widths[-1] * small**2)
        blocks: list[nn.Module] = [nn.Unflatten(1, (widths[-1], small, small)), nn.ReLU()]
        steps = zip(pairwise((*reversed(widths), outputs)), doubling(sides), strict=True)
        for (before, after), odd in steps:
            up = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, output_padding=odd)
            blocks += [up, nn.ReLU()]
        self.pixels = nn.Sequential(*blocks[:-1])  # no ReLU on what the likelihood reads

    def forward(self, z: Tensor) -> Tensor:
        return self.pixels(self.expand(z))
