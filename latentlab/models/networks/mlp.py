"""A network of dense layers, as in the first VAEs."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from latentlab.models.networks.network import check_widths

WIDTHS = (400,)


class MLP:
    """Dense layers with ReLU: 784-400-20 on MNIST with the default widths and 20 latents.

    Source: Kingma & Welling 2014, appendix C, https://arxiv.org/abs/1312.6114
    """

    def __init__(self, channels: int, side: int, widths: Sequence[int] = ()):
        self.shape = (channels, side, side)
        self.widths = check_widths(widths, WIDTHS)
        self.features = self.widths[-1]

    def encoder(self) -> nn.Module:
        channels, side, _ = self.shape
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise((channels * side**2, *self.widths)):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return nn.Sequential(*layers)

    def decoder(self, inputs: int, outputs: int) -> nn.Module:
        _, side, _ = self.shape
        layers: list[nn.Module] = []
        for before, after in pairwise((inputs, *reversed(self.widths))):
            layers += [nn.Linear(before, after), nn.ReLU()]
        last = nn.Linear(self.widths[0], outputs * side**2)
        return nn.Sequential(*layers, last, nn.Unflatten(1, (outputs, side, side)))
