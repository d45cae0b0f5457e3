"""How likely a grid of codes is: each code given those before it, row by row."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentlab.models.gated_stack import GatedStack
from latentlab.models.likelihoods.numerics import full_precision


class CodePrior(nn.Module):
    """A categorical distribution of each code given those before it and, perhaps, feature maps.

    The codes are embedded and read by a `GatedStack`. The feature maps lie on the same grid, such
    as those of a coarser grid of codes, brought to this size.

    Source: van den Oord et al. 2017, https://arxiv.org/abs/1711.00937; over two grids Razavi et
    al. 2019 (VQ-VAE-2), https://arxiv.org/abs/1906.00446, without their attention
    """

    def __init__(
        self,
        codes: int,
        features: int = 0,
        width: int = 64,
        kernels: Sequence[int] = (7, 3, 3, 3),
    ):
        """
        Args:
            codes: How many different ones there are.
            features: Maps of the condition; 0 for none.
            width: Of a code's embedding and of the layers.
            kernels: Side of each layer's (uncut) kernel, odd; see `GatedStack` for their reach.
        """
        super().__init__()
        self.codes = codes
        self.embedding = nn.Embedding(codes, width)
        self.stack = GatedStack(width, width, features, kernels, outputs=codes)

    def conditionals(self, codes: Tensor, features: Tensor | None = None) -> Tensor:
        """Logits of what each code is given those before it, (batch, codes, height, width)."""
        if features is None:
            features = self._no_features(*codes.shape)
        return full_precision(self.stack(self._embedded(codes), features))

    def negative_log(self, codes: Tensor, features: Tensor | None = None) -> Tensor:
        """Nats of each code given those before it; their sum is those of the grid.

        Args:
            codes: int64, (batch, height, width).
            features: (batch, features, height, width), where the prior was built for some.

        Returns:
            (batch, height, width), not reduced, never negative.
        """
        return functional.cross_entropy(self.conditionals(codes, features), codes, reduction="none")

    @torch.no_grad()
    def draw(
        self,
        count: int,
        height: int,
        width: int,
        generator: torch.Generator,
        features: Tensor | None = None,
    ) -> Tensor:
        """Grids drawn code by code, int64, (count, height, width): as many steps as positions.

        Args:
            generator: Of the CPU, whatever the device of the weights.
            features: (count, features, height, width), where the prior was built for some.
        """
        if features is None:
            features = self._no_features(count, height, width)
        noise = torch.rand(count, 1, height, width, generator=generator).to(features.device)
        drawn = torch.zeros_like(noise[:, 0], dtype=torch.int64)

        def choose(logits: Tensor, row: int, column: int) -> Tensor:
            here = (slice(row, row + 1), slice(column, column + 1))
            below = full_precision(logits).softmax(dim=1).cumsum(dim=1) <= noise[:, :, *here]
            chosen = below.sum(dim=1).clamp(max=self.codes - 1)
            drawn[:, *here] = chosen
            return self._embedded(chosen)

        self.stack.fill(features, choose)
        return drawn

    def _embedded(self, codes: Tensor) -> Tensor:
        """(batch, height, width) -> (batch, width of an embedding, height, width)"""
        return self.embedding(codes).movedim(-1, 1)

    def _no_features(self, batch: int, height: int, width: int) -> Tensor:
        return self.embedding.weight.new_zeros(batch, 0, height, width)
