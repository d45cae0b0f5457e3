"""Discrete codes on one grid or two."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentlab.models.code_prior import CodePrior
from latentlab.models.codebook import Codebook, Quantized
from latentlab.models.posteriors.posterior import Draw, Head


@dataclass(frozen=True)
class Codes:
    """The codes of a batch of images; they are certain, not a distribution.

    As latents stand the pooled embeddings: the mean over the grid of each dimension of the codes'
    vectors, level after level. What is left of the grids when the means are taken out is the
    context, so that moving a latent moves that dimension everywhere alike.

    Attributes:
        levels: The coarsest first.
        codes: Number of codes of each level's book.
        price: -log p(codes) of grids of codes, nats per image.
    """

    levels: tuple[Quantized, ...]
    codes: tuple[int, ...]
    price: Callable[[Sequence[Tensor]], Tensor]

    density: ClassVar[bool] = False
    logvar: ClassVar[None] = None

    @cached_property
    def mu(self) -> Tensor:
        return torch.cat([level.embeddings.mean((2, 3)) for level in self.levels], dim=1)

    @cached_property
    def context(self) -> Tensor:
        return residual([level.embeddings for level in self.levels])

    @property
    def distance(self) -> Tensor:
        """Squared distance between what the encoder said and the codes' vectors, (batch,)."""
        return torch.stack([level.distance for level in self.levels]).sum(dim=0)

    def sample(self, generator: torch.Generator) -> Draw:
        return Draw(self.mu, None)

    def kl(self, draw: Draw | None = None) -> Tensor:
        """-log p(codes), in equal shares for each latent: codes belong to none of them."""
        latents = sum(level.embeddings.shape[1] for level in self.levels)
        nats = self.price([level.codes for level in self.levels])
        return (nats / latents)[:, None].expand(-1, latents)

    def histogram(self) -> Tensor:
        """Share of the positions that have each code, level after level, (batch, codes)."""
        return torch.cat(
            [
                functional.one_hot(level.codes.flatten(1), count).float().mean(dim=1)
                for level, count in zip(self.levels, self.codes, strict=True)
            ],
            dim=1,
        )

    def perplexity(self) -> Tensor:
        """exp of the entropy of the codes in the batch, the mean over levels; a scalar."""
        shares = self.histogram().mean(dim=0).split(self.codes)
        return torch.stack([torch.special.entr(one).sum().exp() for one in shares]).mean()


def residual(grids: Sequence[Tensor]) -> Tensor:
    """Grids (batch, dimension, height, width) without their means, all in one row an image."""
    return torch.cat([(one - one.mean((2, 3), keepdim=True)).flatten(1) for one in grids], dim=1)


class CodesHead(Head):
    """What one and two levels share: the decoder reads all levels at the size of the finest."""

    feature: ClassVar[str] = "pooled"
    contextual: ClassVar[bool] = True

    def __init__(self, dimensions: Sequence[int], sides: Sequence[int], books: Sequence[Codebook]):
        """
        Args:
            dimensions, sides: Of each level's grid, the coarsest first.
        """
        super().__init__()
        self.dimensions, self.sides = tuple(dimensions), tuple(sides)
        self.books = nn.ModuleList(books)
        self.counts = tuple(book.codes for book in books)

    @abstractmethod
    def draw_codes(self, count: int, generator: torch.Generator) -> list[Tensor]:
        """Draws from the prior over codes, a grid (count, side, side) a level."""

    @abstractmethod
    def price(self, codes: Sequence[Tensor]) -> Tensor:
        """-log p(codes), nats per image, (batch,)."""

    def log_prior(self, z: Tensor) -> Tensor:
        raise TypeError("pooled embeddings of discrete codes have no density")

    def draw(
        self, count: int, latents: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, Tensor | None]:
        grids = self.embedded(self.draw_codes(count, generator))
        return torch.cat([grid.mean((2, 3)) for grid in grids], dim=1), residual(grids)

    def embedded(self, codes: Sequence[Tensor]) -> list[Tensor]:
        """The codes' vectors, (batch, dimension, side, side) a level."""
        return [self.book(level).lookup(one) for level, one in enumerate(codes)]

    def unfold(self, z: Tensor, context: Tensor | None) -> Tensor:
        """(batch, sum of dimensions, side, side)"""
        assert context is not None
        shapes = [
            (dimension, side, side)
            for dimension, side in zip(self.dimensions, self.sides, strict=True)
        ]
        parts = context.split([dimension * side**2 for dimension, side, _ in shapes], dim=1)
        means = z.split(self.dimensions, dim=1)
        grids = [
            part.unflatten(1, shape) + mean[:, :, None, None]
            for part, shape, mean in zip(parts, shapes, means, strict=True)
        ]
        return torch.cat([enlarged(grid, self.sides[-1]) for grid in grids], dim=1)

    def book(self, level: int) -> Any:
        return self.books[level]


class OneLevel(CodesHead):
    """A grid of codes and a prior over it.

    Source: van den Oord et al. 2017, https://arxiv.org/abs/1711.00937
    """

    def __init__(self, dimension: int, side: int, codes: int, decay: float):
        super().__init__([dimension], [side], [Codebook(codes, dimension, decay)])
        self.prior = CodePrior(codes)

    def forward(self, features: Tensor) -> Codes:
        """A grid, (batch, dimension, side, side), to its codes."""
        return Codes((self.book(0)(features),), self.counts, self.price)

    def price(self, codes: Sequence[Tensor]) -> Tensor:
        return self.prior.negative_log(codes[0]).sum((1, 2))

    def draw_codes(self, count: int, generator: torch.Generator) -> list[Tensor]:
        return [self.prior.draw(count, self.sides[0], self.sides[0], generator)]


class TwoLevels(CodesHead):
    """A coarse grid of codes, and a fine one that is encoded and expected given the coarse one.

    Source: Razavi et al. 2019, https://arxiv.org/abs/1906.00446
    """

    def __init__(
        self,
        fine_features: int,
        dimension: int,
        sides: tuple[int, int],
        codes: int,
        decay: float,
        coarsen: nn.Module,
        refine: nn.Module,
    ):
        """
        Args:
            fine_features: Channels of the encoder's grid.
            sides: Of the coarse and of the fine grid.
            coarsen: (batch, fine_features, fine, fine) -> (batch, dimension, coarse, coarse).
            refine: (batch, dimension, coarse, coarse) -> (batch, dimension, fine, fine).
        """
        books = [Codebook(codes, dimension, decay) for _ in sides]
        super().__init__([dimension, dimension], sides, books)
        self.coarsen, self.refine = coarsen, refine
        self.merge = nn.Conv2d(fine_features + dimension, dimension, 1)
        self.coarse_prior = CodePrior(codes)
        self.fine_prior = CodePrior(codes, features=dimension)

    def forward(self, features: Tensor) -> Codes:
        """The encoder's grid, (batch, fine_features, fine, fine), to the codes of both levels."""
        coarse = self.book(0)(self.coarsen(features))
        told = torch.cat([features, self.refine(coarse.embeddings)], dim=1)
        fine = self.book(1)(self.merge(told))
        return Codes((coarse, fine), self.counts, self.price)

    def price(self, codes: Sequence[Tensor]) -> Tensor:
        coarse = self.coarse_prior.negative_log(codes[0]).sum((1, 2))
        return coarse + self.fine_prior.negative_log(codes[1], self._above(codes[0])).sum((1, 2))

    def draw_codes(self, count: int, generator: torch.Generator) -> list[Tensor]:
        small, large = self.sides
        coarse = self.coarse_prior.draw(count, small, small, generator)
        return [
            coarse,
            self.fine_prior.draw(count, large, large, generator, self._above(coarse)),
        ]

    def _above(self, codes: Tensor) -> Tensor:
        """What the fine level's prior sees of the coarse one."""
        return enlarged(self.book(0).lookup(codes), self.sides[1])


def enlarged(grid: Tensor, side: int) -> Tensor:
    """(batch, dimension, n, n) -> (batch, dimension, side, side), each value as often as needed."""
    if grid.shape[-1] == side:
        return grid
    return functional.interpolate(grid, size=(side, side), mode="nearest")
