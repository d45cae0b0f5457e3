"""The network of the capacity paper, which later disentanglement studies took over."""

from collections.abc import Sequence

from torch import Tensor, nn

from latentlab.errors import ConfigError
from latentlab.models.networks.convolutional import Convolutional
from latentlab.models.networks.network import check_widths

WIDTH, DENSE = 32, 256
SMALLEST = 4  # side of the last map at side 64


class Burgess:
    """Convolutions of 32 channels (kernel 4, stride 2, ReLU) down to 4x4, two dense layers of 256,
    and the mirror image. Four convolutions at side 64, one more or less for each doubling.

    Source: Burgess et al. 2018, appendix A, https://arxiv.org/abs/1804.03599
    """

    features = DENSE

    def __init__(self, channels: int, side: int, widths: Sequence[int] = ()):
        if len(widths):
            raise ConfigError(
                "model.widths cannot be chosen for the network burgess; take model.network=conv."
            )
        times = max(1, (side // SMALLEST).bit_length() - 1)
        self.trunk = Convolutional(channels, side, check_widths((), (WIDTH,) * times))

    def encoder(self) -> nn.Module:
        return nn.Sequential(
            self.trunk.encoder(),
            nn.Linear(self.trunk.features, DENSE), nn.ReLU(),
            nn.Linear(DENSE, DENSE), nn.ReLU(),
        )  # fmt: skip

    def decoder(self, inputs: int, outputs: int) -> nn.Module:
        return _Decoder(inputs, self.trunk.decoder(DENSE, outputs))


class _Decoder(nn.Module):
    def __init__(self, inputs: int, trunk: nn.Module):
        super().__init__()
        self.dense = nn.Sequential(
            nn.Linear(inputs, DENSE), nn.ReLU(), nn.Linear(DENSE, DENSE), nn.ReLU()
        )
        self.trunk = trunk

    def forward(self, z: Tensor) -> Tensor:
        return self.trunk(self.dense(z))
