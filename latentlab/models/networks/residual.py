"""A residual network: every block adds to what it is given."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from latentlab.models.networks.network import check_widths, halved

WIDTHS = (32, 64, 128, 128)
GROUPS = 8  # of the normalisation, where the width allows


class Residual:
    """A residual block and a halving a width; doubling by nearest neighbours on the way back.

    Blocks are pre-activated (He et al. 2016, https://arxiv.org/abs/1603.05027) with group instead
    of batch normalisation, so that an image's code does not depend on its batch.
    """

    def __init__(self, channels: int, side: int, widths: Sequence[int] = ()):
        self.channels = channels
        self.widths = check_widths(widths, WIDTHS)
        self.sides = halved(side, len(self.widths))
        self.features = self.widths[-1] * self.sides[-1] ** 2

    def encoder(self) -> nn.Module:
        blocks: list[nn.Module] = [nn.Conv2d(self.channels, self.widths[0], 3, padding=1)]
        for before, after in pairwise((self.widths[0], *self.widths)):
            blocks += [_Block(before), nn.Conv2d(before, after, 4, stride=2, padding=1)]
        return nn.Sequential(*blocks, _Block(self.widths[-1]), nn.SiLU(), nn.Flatten())

    def decoder(self, inputs: int, outputs: int) -> nn.Module:
        small = self.sides[-1]
        blocks: list[nn.Module] = [
            nn.Linear(inputs, self.features),
            nn.Unflatten(1, (self.widths[-1], small, small)),
            _Block(self.widths[-1]),
        ]
        widths = (*reversed(self.widths), self.widths[0])
        for (before, after), side in zip(pairwise(widths), reversed(self.sides[:-1]), strict=True):
            blocks += [
                nn.Upsample(size=(side, side)), nn.Conv2d(before, after, 3, padding=1),
                _Block(after),
            ]  # fmt: skip
        return nn.Sequential(*blocks, nn.SiLU(), nn.Conv2d(self.widths[0], outputs, 3, padding=1))


class _Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        groups = next(count for count in range(min(GROUPS, width), 0, -1) if width % count == 0)
        layers = [
            [nn.GroupNorm(groups, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)]
            for _ in range(2)
        ]
        self.change = nn.Sequential(*layers[0], *layers[1])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.change(x)
