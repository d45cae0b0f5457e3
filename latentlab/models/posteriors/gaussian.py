"""A diagonal Gaussian for each image."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from latentlab.models.posteriors.posterior import (
    Draw,
    Head,
    gaussian_kl,
    gaussian_log_prob,
    noise_like,
)


@dataclass(frozen=True)
class Gaussian:
    """N(mu, exp(logvar)) in each latent; both are (batch, latents)."""

    mu: Tensor
    logvar: Tensor
    context: Tensor | None = None

    density: ClassVar[bool] = True

    def sample(self, generator: torch.Generator) -> Draw:
        z = self.mu + (0.5 * self.logvar).exp() * noise_like(self.mu, generator)
        return Draw(z, gaussian_log_prob(z, self.mu, self.logvar))

    def kl(self, draw: Draw | None = None) -> Tensor:
        return gaussian_kl(self.mu, self.logvar)


class GaussianHead(Head):
    """Two linear layers from features to means and log-variances.

    Source: Kingma & Welling 2014, https://arxiv.org/abs/1312.6114
    """

    def __init__(self, features: int, latents: int):
        super().__init__()
        self.mu = nn.Linear(features, latents)
        self.logvar = nn.Linear(features, latents)

    def forward(self, features: Tensor) -> Gaussian:
        return Gaussian(self.mu(features), self.logvar(features))
