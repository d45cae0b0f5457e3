"""A network over a grid that sees, at each position, only those before it, row by row."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

# What is put at a position: (what it is given, (batch, outputs, 1, 1), its row, its column) ->
# (batch, channels, 1, 1), as the stack reads it.
Choice = Callable[[Tensor, int, int], Tensor]


class GatedStack(nn.Module):
    """Gated masked convolutions, whose every layer also sees the feature maps of a condition.

    A vertical stack reads all positions of the rows above within reach, a horizontal one the
    positions to the left and the vertical stack, so that no position in reach is in a blind spot.
    Instead of masking kernels, each stack shifts its input by one position, down or to the right,
    and pads above and to the left.

    With kernels of 7, 3, 3, 3 a position sees 7 rows up, 6 columns to each side there, and 7
    positions to its left.

    Source: van den Oord et al. 2016, https://arxiv.org/abs/1606.05328
    """

    def __init__(
        self, channels: int, width: int, features: int, kernels: Sequence[int], outputs: int
    ):
        """
        Args:
            channels: Of the input.
            width: Channels of the layers.
            features: Maps of the condition; may be 0.
            kernels: Side of each layer's (uncut) kernel, odd.
            outputs: Values said of each position.
        """
        super().__init__()
        # One more channel is 1 inside the grid, so that the border is no position like others.
        inputs = [channels + 1, *[width] * (len(kernels) - 1)]
        self.layers = nn.ModuleList(
            _Layer(before, width, features, kernel)
            for before, kernel in zip(inputs, kernels, strict=True)
        )
        self.head = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 1),
            nn.ReLU(),
            nn.Conv2d(width, outputs, 1),
        )

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """What is said of each position given those before it, in one pass.

        Args:
            x: (batch, channels, height, width).
            features: (batch, features, height, width).

        Returns:
            (batch, outputs, height, width), in the precision of the arithmetic.
        """
        seen = _with_ones(x)
        down = functional.pad(seen, (0, 0, 1, 0))[:, :, :-1]
        across = functional.pad(seen, (1, 0, 0, 0))[:, :, :, :-1]
        for layer in self._layers:
            gates, side_gates = layer.told(features)
            gates = gates + layer.down(functional.pad(down, layer.above))
            side_gates = side_gates + layer.link(gates)
            across = layer.step(functional.pad(across, layer.left), side_gates)
            down = _gated(gates)
        return self.head(across)

    @torch.no_grad()
    def fill(self, features: Tensor, choose: Choice) -> None:
        """Go through a grid position by position, putting at each what `choose` says.

        Each value of each layer is computed once: about as many steps as positions.

        Args:
            features: (batch, features, height, width), which also tells the grid's shape.
        """
        batch, _, height, width = features.shape
        layers = self._layers
        conditions = [layer.told(features) for layer in layers]
        # The padded input of each layer's vertical stack, filled row by row.
        downs = [
            self._zeros(batch, layer.inputs, height + layer.reach, width + 2 * layer.reach)
            for layer in layers
        ]
        above: Tensor | None = None
        for row in range(height):
            down, links = above, []
            for layer, padded, (gates, side_gates) in zip(layers, downs, conditions, strict=True):
                reach = layer.reach
                if down is not None:
                    padded[:, :, row + reach, reach : reach + width] = down[:, :, 0]
                seen = layer.down(padded[:, :, row : row + reach + 1])
                summed = gates[:, :, row : row + 1] + seen
                links.append(side_gates[:, :, row : row + 1] + layer.link(summed))
                down = _gated(summed)
            above = self._fill_row(row, links, choose)

    def _fill_row(self, row: int, links: Sequence[Tensor], choose: Choice) -> Tensor:
        """Go through a row from left to right, given what each layer's vertical stack says.

        Returns:
            What was put there as the layers see it, (batch, channels + 1, 1, width).
        """
        batch, _, _, width = links[0].shape
        layers = self._layers
        # The padded input of each layer's horizontal stack, filled column by column.
        acrosses = [self._zeros(batch, layer.inputs, 1, width + layer.reach) for layer in layers]
        put: list[Tensor] = []
        for column in range(width):
            across = put[-1] if put else None
            for layer, padded, link in zip(layers, acrosses, links, strict=True):
                if across is not None:
                    padded[:, :, :, column + layer.reach] = across[:, :, :, 0]
                window = padded[:, :, :, column : column + layer.reach + 1]
                across = layer.step(window, link[:, :, :, column : column + 1])
            put.append(_with_ones(choose(self.head(across), row, column)))
        return torch.cat(put, dim=3)

    @property
    def _layers(self) -> list["_Layer"]:
        return cast("list[_Layer]", list(self.layers))

    def _zeros(self, *shape: int) -> Tensor:
        return next(self.parameters()).new_zeros(shape)


class _Layer(nn.Module):
    """A gated layer of both stacks. Its convolutions pad nothing: the caller gives padded input,
    or just the window of the values that are wanted."""

    def __init__(self, inputs: int, width: int, features: int, kernel: int):
        super().__init__()
        self.inputs = inputs
        self.width = width
        self.residual = inputs == width
        self.reach = reach = kernel // 2
        self.above = (reach, reach, reach, 0)  # padding of the vertical stack
        self.left = (reach, 0, 0, 0)  # padding of the horizontal one
        self.down = nn.Conv2d(inputs, 2 * width, (reach + 1, 2 * reach + 1))
        self.across = nn.Conv2d(inputs, 2 * width, (1, reach + 1))
        self.link = nn.Conv2d(2 * width, 2 * width, 1)
        self.condition = nn.Conv2d(features, 4 * width, 1) if features else None
        self.out = nn.Conv2d(width, width, 1)

    def told(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What the condition adds to the gates of the vertical stack and of the horizontal one."""
        if self.condition is None:
            batch, _, height, width = features.shape
            nothing = features.new_zeros(1).expand(batch, 2 * self.width, height, width)
            return nothing, nothing
        gates, side_gates = self.condition(features).chunk(2, dim=1)
        return gates, side_gates

    def step(self, padded: Tensor, side_gates: Tensor) -> Tensor:
        """The horizontal stack: padded input and what comes from elsewhere, to its output."""
        out = self.out(_gated(self.across(padded) + side_gates))
        return out + padded[:, :, :, self.reach :] if self.residual else out


def _gated(gates: Tensor) -> Tensor:
    content, gate = gates.chunk(2, dim=1)
    return content.tanh() * gate.sigmoid()


def _with_ones(x: Tensor) -> Tensor:
    """The input with a channel that tells the grid from its border."""
    return torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
