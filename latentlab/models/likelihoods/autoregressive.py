"""Each pixel given the ones before it, row by row, and the decoder's features."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentlab.models.likelihoods.likelihood import Likelihood
from latentlab.models.likelihoods.logistic_mixture import LogisticMixture
from latentlab.models.likelihoods.numerics import full_precision


class Autoregressive(Likelihood):
    """A small gated PixelCNN whose every layer also sees the decoder's feature maps.

    A vertical stack reads all pixels of the rows above within reach, a horizontal one the pixels
    to the left and the vertical stack, so that no pixel in reach is in a blind spot. Instead of
    masking kernels, each stack shifts its input by one pixel, down or to the right, and pads above
    and to the left. A pixel is then a `LogisticMixture`, colours included.

    With the default kernels a pixel sees 7 rows up, 6 columns to each side there, and 7 pixels to
    its left. That is meant: what lies further must come through the latents, which a decoder that
    saw everything would leave idle.

    `negative_log` is one pass. `mean` and `draw` go pixel by pixel, computing each value of each
    layer once, under `no_grad`: about as many steps as pixels, slow at side 256.

    Source: van den Oord et al. 2016, https://arxiv.org/abs/1601.06759 and (the gated stacks)
    https://arxiv.org/abs/1606.05328; over latents Gulrajani et al. 2017 (PixelVAE),
    https://arxiv.org/abs/1611.05013; the short reach Chen et al. 2017,
    https://arxiv.org/abs/1611.02731
    """

    def __init__(
        self,
        channels: int,
        side: int,
        features: int = 16,
        width: int = 32,
        kernels: Sequence[int] = (7, 3, 3, 3),
        components: int = 5,
        levels: int = 256,
    ):
        """
        Args:
            channels: 1 or 3.
            features: Maps that the decoder gives.
            width: Channels of the layers.
            kernels: Side of each layer's (uncut) kernel, odd.
            components, levels: Of the `LogisticMixture`.
        """
        super().__init__()
        self.outputs = features
        self.pixel = LogisticMixture(channels, side, components, levels)
        # One more channel is 1 inside the image, so that the border is no grey pixel.
        inputs = [channels + 1, *[width] * (len(kernels) - 1)]
        self.layers = nn.ModuleList(
            _Layer(before, width, features, kernel)
            for before, kernel in zip(inputs, kernels, strict=True)
        )
        self.head = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 1),
            nn.ReLU(),
            nn.Conv2d(width, self.pixel.outputs, 1),
        )

    def negative_log(self, parameters: Tensor, x: Tensor) -> Tensor:
        """One value a pixel, (batch, 1, side, side), given the true pixels before it."""
        return self.pixel.negative_log(self.conditionals(parameters, x), x)

    def conditionals(self, parameters: Tensor, x: Tensor) -> Tensor:
        """What each pixel is given those before it, as `LogisticMixture` reads it."""
        seen = _with_ones(self.pixel.to_line(x))
        down = functional.pad(seen, (0, 0, 1, 0))[:, :, :-1]
        across = functional.pad(seen, (1, 0, 0, 0))[:, :, :, :-1]
        for layer in self._layers:
            gates, side_gates = layer.condition(parameters).chunk(2, dim=1)
            gates = gates + layer.down(functional.pad(down, layer.above))
            side_gates = side_gates + layer.link(gates)
            across = layer.step(functional.pad(across, layer.left), side_gates)
            down = _gated(gates)
        return full_precision(self.head(across))

    def mean(self, parameters: Tensor) -> Tensor:
        """Each pixel's expectation given the expectations of those before it, not rounded: a
        likely image rather than the average of all draws."""
        return self._one_by_one(parameters, lambda given, row, column: self.pixel.mean(given))

    def draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """Each pixel drawn given the drawn ones before it."""
        noise = self.pixel.noise(parameters, generator)
        return self._one_by_one(
            parameters,
            lambda given, row, column: self.pixel.choose(
                given, noise[:, :, row : row + 1, column : column + 1]
            ),
        )

    @property
    def _layers(self) -> list["_Layer"]:
        return cast("list[_Layer]", list(self.layers))

    @torch.no_grad()
    def _one_by_one(
        self, parameters: Tensor, value: Callable[[Tensor, int, int], Tensor]
    ) -> Tensor:
        """The image whose every pixel is `value` of (what it is given, its row, its column)."""
        batch, _, height, width = parameters.shape
        kind = torch.promote_types(parameters.dtype, torch.float32)
        x = parameters.new_zeros(batch, self.pixel.channels, height, width, dtype=kind)
        layers = self._layers
        conditions = [layer.condition(parameters).chunk(2, dim=1) for layer in layers]
        # The padded input of each layer's vertical stack, filled row by row.
        downs = [
            x.new_zeros(batch, layer.inputs, height + layer.reach, width + 2 * layer.reach)
            for layer in layers
        ]
        for row in range(height):
            down = _with_ones(2 * x[:, :, row - 1 : row] - 1) if row else None
            links = []
            for layer, padded, (gates, side_gates) in zip(layers, downs, conditions, strict=True):
                reach = layer.reach
                if down is not None:
                    padded[:, :, row + reach, reach : reach + width] = down[:, :, 0]
                seen = layer.down(padded[:, :, row : row + reach + 1])
                summed = gates[:, :, row : row + 1] + seen
                links.append(side_gates[:, :, row : row + 1] + layer.link(summed))
                down = _gated(summed)
            self._fill_row(x, row, links, value)
        return x

    def _fill_row(
        self,
        x: Tensor,
        row: int,
        links: Sequence[Tensor],
        value: Callable[[Tensor, int, int], Tensor],
    ) -> None:
        """Fill a row of `x` from left to right, given what each layer's vertical stack says."""
        batch, _, _, width = x.shape
        layers = self._layers
        # The padded input of each layer's horizontal stack, filled column by column.
        acrosses = [x.new_zeros(batch, layer.inputs, 1, width + layer.reach) for layer in layers]
        for column in range(width):
            here = slice(column, column + 1)
            across = (
                _with_ones(2 * x[:, :, row : row + 1, column - 1 : column] - 1) if column else None
            )
            for layer, padded, link in zip(layers, acrosses, links, strict=True):
                if across is not None:
                    padded[:, :, :, column + layer.reach] = across[:, :, :, 0]
                window = padded[:, :, :, column : column + layer.reach + 1]
                across = layer.step(window, link[:, :, :, here])
            x[:, :, row : row + 1, here] = value(full_precision(self.head(across)), row, column)


class _Layer(nn.Module):
    """A gated layer of both stacks. Its convolutions pad nothing: the caller gives padded input,
    or just the window of the values that are wanted."""

    def __init__(self, inputs: int, width: int, features: int, kernel: int):
        super().__init__()
        self.inputs = inputs
        self.residual = inputs == width
        self.reach = reach = kernel // 2
        self.above = (reach, reach, reach, 0)  # padding of the vertical stack
        self.left = (reach, 0, 0, 0)  # padding of the horizontal one
        self.down = nn.Conv2d(inputs, 2 * width, (reach + 1, 2 * reach + 1))
        self.across = nn.Conv2d(inputs, 2 * width, (1, reach + 1))
        self.link = nn.Conv2d(2 * width, 2 * width, 1)
        self.condition = nn.Conv2d(features, 4 * width, 1)
        self.out = nn.Conv2d(width, width, 1)

    def step(self, padded: Tensor, side_gates: Tensor) -> Tensor:
        """The horizontal stack: padded input and what comes from elsewhere, to its output."""
        out = self.out(_gated(self.across(padded) + side_gates))
        return out + padded[:, :, :, self.reach :] if self.residual else out


def _gated(gates: Tensor) -> Tensor:
    content, gate = gates.chunk(2, dim=1)
    return content.tanh() * gate.sigmoid()


def _with_ones(x: Tensor) -> Tensor:
    """Pixels in [-1, 1] as the stacks see them, with a channel that tells image from border."""
    return torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
