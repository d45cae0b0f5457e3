"""What a network gives, and the arithmetic of sides that all of them share."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from torch import nn

from latentlab.errors import ConfigError


class Network(Protocol):
    """Two halves that belong together. Each call gives a new module with fresh weights.

    Attributes:
        features: Length of the vector that the encoder's half gives.
    """

    features: int

    def encoder(self) -> nn.Module:
        """(batch, channels, side, side) -> (batch, features)."""
        ...

    def decoder(self, inputs: int, outputs: int) -> nn.Module:
        """(batch, inputs) -> (batch, outputs, side, side), any real numbers."""
        ...


def halved(side: int, times: int) -> list[int]:
    """The sides of the maps from the image down, each half of the one before, rounded down.

    Raises:
        ConfigError: the last would have no pixel.
    """
    sides = [side >> done for done in range(times + 1)]
    if sides[-1] < 1:
        raise ConfigError(
            f"a side of {side} cannot be halved {times} times. Take fewer model.widths, at most"
            f" {side.bit_length() - 1}, or a larger data.side."
        )
    return sides


def check_widths(widths: Sequence[int], default: Sequence[int]) -> tuple[int, ...]:
    """The widths, or the network's own where none are given."""
    return tuple(widths) if len(widths) else tuple(default)


def doubling(sides: Sequence[int]) -> list[int]:
    """The `output_padding` of each transposed convolution (kernel 4, stride 2, padding 1) that
    leads back up `sides`: 1 where a side is odd, since halving rounded down."""
    return [before - 2 * after for before, after in pairwise(sides)][::-1]
