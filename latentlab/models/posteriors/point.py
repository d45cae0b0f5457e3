"""One code for each image."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from latentlab.models.posteriors.posterior import Draw, Head


@dataclass(frozen=True)
class Point:
    """No distribution: every image has one code, and there is no prior to be away from."""

    mu: Tensor
    logvar: None = None
    context: Tensor | None = None

    density: ClassVar[bool] = False

    def sample(self, generator: torch.Generator) -> Draw:
        return Draw(self.mu, None)

    def kl(self, draw: Draw | None = None) -> Tensor:
        return torch.zeros_like(self.mu)


class PointHead(Head):
    """One linear layer from features to codes. Draws from the prior are N(0, 1), though no code
    was asked to lie there."""

    def __init__(self, features: int, latents: int):
        super().__init__()
        self.mu = nn.Linear(features, latents)

    def forward(self, features: Tensor) -> Point:
        return Point(self.mu(features))
