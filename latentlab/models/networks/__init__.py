"""Networks by name: what lies between pixels and features, and between latents and pixels.

An entry is a function of `channels`, `side` and `widths` that gives a `Network`. A new one is a
module beside this file and a line in NETWORKS.
"""

from collections.abc import Callable

from latentlab.models.networks.burgess import Burgess
from latentlab.models.networks.convolutional import Convolutional
from latentlab.models.networks.custom import register_network as register_network
from latentlab.models.networks.deep_convolutional import DeepConvolutional
from latentlab.models.networks.mlp import MLP
from latentlab.models.networks.network import Network as Network
from latentlab.models.networks.residual import Residual

NETWORKS: dict[str, Callable[..., Network]] = {
    "conv": Convolutional,
    "deep_conv": DeepConvolutional,
    "mlp": MLP,
    "burgess": Burgess,
    "residual": Residual,
}
