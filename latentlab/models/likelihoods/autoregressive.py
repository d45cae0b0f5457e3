"""Each pixel given the ones before it, row by row, and the decoder's features."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from latentlab.models.gated_stack import GatedStack
from latentlab.models.likelihoods.likelihood import Likelihood
from latentlab.models.likelihoods.logistic_mixture import LogisticMixture
from latentlab.models.likelihoods.numerics import full_precision


class Autoregressive(Likelihood):
    """A small gated PixelCNN whose every layer also sees the decoder's feature maps.

    The pixels before a pixel are read by a `GatedStack`; the pixel is then a `LogisticMixture`,
    colours included.

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
            width, kernels: Of the `GatedStack`.
            components, levels: Of the `LogisticMixture`.
        """
        super().__init__()
        self.outputs = features
        self.pixel = LogisticMixture(channels, side, components, levels)
        self.stack = GatedStack(channels, width, features, kernels, self.pixel.outputs)

    def negative_log(self, parameters: Tensor, x: Tensor) -> Tensor:
        """One value a pixel, (batch, 1, side, side), given the true pixels before it."""
        return self.pixel.negative_log(self.conditionals(parameters, x), x)

    def conditionals(self, parameters: Tensor, x: Tensor) -> Tensor:
        """What each pixel is given those before it, as `LogisticMixture` reads it."""
        return full_precision(self.stack(self.pixel.to_line(x), parameters))

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

    def _one_by_one(
        self, parameters: Tensor, value: Callable[[Tensor, int, int], Tensor]
    ) -> Tensor:
        """The image whose every pixel is `value` of (what it is given, its row, its column)."""
        batch, _, height, width = parameters.shape
        kind = torch.promote_types(parameters.dtype, torch.float32)
        x = parameters.new_zeros(batch, self.pixel.channels, height, width, dtype=kind)

        def choose(given: Tensor, row: int, column: int) -> Tensor:
            pixel = value(given, row, column)
            x[:, :, row : row + 1, column : column + 1] = pixel
            return 2 * pixel - 1

        self.stack.fill(parameters, choose)
        return x
