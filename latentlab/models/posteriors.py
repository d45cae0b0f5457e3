"""Distributions over the latents of an image, and their divergence from the prior.

A head turns the encoder's features into the posteriors of a batch.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn


class Posterior(Protocol):
    """The latents of a batch of images.

    Attributes:
        mu: Means, (batch, latents).
        logvar: Log-variances, likewise; None where there is no distribution.
        context: What the decoder needs beside the latents, (batch, ...); None if nothing.
    """

    @property
    def mu(self) -> Tensor: ...

    @property
    def logvar(self) -> Tensor | None: ...

    @property
    def context(self) -> Tensor | None: ...

    def sample(self, generator: torch.Generator) -> Tensor:
        """One draw an image, (batch, latents); gradients flow into the parameters.

        The noise comes from a generator on the CPU, so that it is the same on every device.
        """
        ...

    def kl(self, z: Tensor) -> Tensor:
        """Divergence from the prior, nats per latent, (batch, latents).

        In closed form where there is one; else estimated at `z`, a draw of `sample`."""
        ...

    def log_prob(self, z: Tensor) -> Tensor:
        """Logarithm of the density at `z`, nats per image, (batch,)."""
        ...


def gaussian_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL divergence from N(mu, exp(logvar)) to N(0, 1), in nats, one value per latent.

    Args:
        mu, logvar: Posterior means and log-variances, (batch, latents).

    Returns:
        (batch, latents), not reduced, never negative.

    Source: Kingma & Welling 2014, appendix B, https://arxiv.org/abs/1312.6114
    """
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar)


def gaussian_log_prob(z: Tensor, mu: Tensor | float = 0.0, logvar: Tensor | float = 0.0) -> Tensor:
    """Logarithm of the density of N(mu, exp(logvar)) at z, elementwise, in nats."""
    logvar = torch.as_tensor(logvar, dtype=z.dtype, device=z.device)
    squares = (z - mu).square() * (-logvar).exp()
    return -0.5 * (squares + logvar + math.log(2 * math.pi))


def noise_like(mu: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise of this shape, the same on every device."""
    return torch.randn(mu.shape, generator=generator).to(mu.device)


@dataclass(frozen=True)
class Gaussian:
    """A diagonal Gaussian for each image; `mu` and `logvar` are (batch, latents)."""

    mu: Tensor
    logvar: Tensor
    context: Tensor | None = None

    def sample(self, generator: torch.Generator) -> Tensor:
        return self.mu + (0.5 * self.logvar).exp() * noise_like(self.mu, generator)

    def kl(self, z: Tensor | None = None) -> Tensor:
        return gaussian_kl(self.mu, self.logvar)

    def log_prob(self, z: Tensor) -> Tensor:
        return gaussian_log_prob(z, self.mu, self.logvar).sum(dim=-1)


class GaussianHead(nn.Module):
    """Two linear layers from features to means and log-variances."""

    def __init__(self, features: int, latents: int):
        super().__init__()
        self.mu = nn.Linear(features, latents)
        self.logvar = nn.Linear(features, latents)

    def forward(self, features: Tensor) -> Gaussian:
        """(batch, features) -> the posterior of each image."""
        return Gaussian(self.mu(features), self.logvar(features))


@dataclass(frozen=True)
class Point:
    """No distribution: every image has one code, and there is no prior to be away from."""

    mu: Tensor
    logvar: None = None
    context: Tensor | None = None

    def sample(self, generator: torch.Generator) -> Tensor:
        return self.mu

    def kl(self, z: Tensor | None = None) -> Tensor:
        return torch.zeros_like(self.mu)

    def log_prob(self, z: Tensor) -> Tensor:
        raise TypeError("a code without a distribution has no density")


class PointHead(nn.Module):
    """One linear layer from features to codes."""

    def __init__(self, features: int, latents: int):
        super().__init__()
        self.mu = nn.Linear(features, latents)

    def forward(self, features: Tensor) -> Point:
        """(batch, features) -> the code of each image."""
        return Point(self.mu(features))
