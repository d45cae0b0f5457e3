"""A user's own encoder and decoder, from Python. A config can name one only after the program that
reads it has registered it: no file can make latentlab import code.
"""

import importlib
from collections.abc import Callable, Sequence

import torch
from torch import nn

from latentlab.errors import ConfigError
from latentlab.models.networks.network import Network

Build = Callable[..., nn.Module]


class Custom:
    """A network made of two functions.

    Args:
        encoder: (channels, side) -> a module from (batch, channels, side, side) to (batch,
            features).
        decoder: (inputs, outputs, side) -> a module from (batch, inputs) to (batch, outputs, side,
            side).
    """

    def __init__(self, encoder: Build, decoder: Build, name: str, channels: int, side: int):
        self._encoder, self._decoder = encoder, decoder
        self.name, self.channels, self.side = name, channels, side
        self.features = self._measured()

    def encoder(self) -> nn.Module:
        return self._encoder(self.channels, self.side)

    def decoder(self, inputs: int, outputs: int) -> nn.Module:
        decoder = self._decoder(inputs, outputs, self.side)
        with torch.no_grad():
            device = next(decoder.parameters()).device
            made = decoder.eval()(torch.zeros(2, inputs, device=device))
        decoder.train()
        self._check("decoder", tuple(made.shape), (2, outputs, self.side, self.side))
        return decoder

    def _measured(self) -> int:
        """Length of the encoder's features, by trying it without spending memory."""
        with torch.device("meta"), torch.no_grad():
            pixels = torch.zeros(2, self.channels, self.side, self.side)
            shape = tuple(self.encoder().eval()(pixels).shape)
        self._check("encoder", (*shape[:1], *shape[2:]), (2,))
        return int(shape[1])

    def _check(self, half: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
        if shape != wanted:
            meant = "(2, features)" if half == "encoder" else wanted
            raise ConfigError(
                f"`model.network`: the {half} of {self.name} gives {shape} for a batch of 2 at side"
                f" {self.side}, where {meant} is needed."
            )


def register_network(name: str, encoder: str | Build, decoder: str | Build) -> None:
    """Let `model.network` be `name` in this process.

    Args:
        name: Not one of those that are there.
        encoder, decoder: As of `Custom`; functions, or where to find them, `module:callable`.

    Raises:
        ConfigError: the name is taken, or there is no such function.
    """
    from latentlab.models.networks import NETWORKS

    if name in NETWORKS:
        raise ConfigError(f"a network {name} is there already. Choose another name.")
    halves = _found(encoder), _found(decoder)

    def build(channels: int, side: int, widths: Sequence[int] = ()) -> Network:
        return Custom(*halves, name, channels, side)

    NETWORKS[name] = build


def _found(what: str | Build) -> Build:
    if callable(what):
        return what
    module, _, name = what.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{what} cannot be imported: {error}. Write it as module:callable."
        ) from None
    if not callable(found):
        raise ConfigError(f"{what} is not callable: give a function or a class.")
    return found
