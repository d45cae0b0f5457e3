"""What lies between the encoder's features and the decoder: latents, their posterior and prior."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from latentlab.noise import normal, sent


@dataclass(frozen=True)
class Draw:
    """One draw from the posterior of each image.

    Attributes:
        z: (batch, latents); gradients flow into the posterior's parameters.
        log_q: Logarithm of its density, nats per latent, (batch, latents); where the density has
            no part for each latent, equal shares. None where there is no density.
    """

    z: Tensor
    log_q: Tensor | None


class Posterior(Protocol):
    """The latents of a batch of images.

    Attributes:
        mu: Means, or the one value that stands for the distribution, (batch, latents).
        logvar: Log-variances, likewise; None where they are unknown or there is no distribution.
        context: What the decoder needs beside the latents, (batch, values); None if nothing.
        density: Whether draws have a density (`log_q`).
    """

    density: ClassVar[bool]

    @property
    def mu(self) -> Tensor: ...

    @property
    def logvar(self) -> Tensor | None: ...

    @property
    def context(self) -> Tensor | None: ...

    def sample(self, generator: torch.Generator) -> Draw:
        """One draw an image.

        The noise comes from a generator on the CPU, so that it is the same on every device.
        """
        ...

    def kl(self, draw: Draw) -> Tensor:
        """Divergence from the prior, nats per latent, (batch, latents).

        In closed form where there is one; else estimated at `draw`, which came from `sample`."""
        ...


class Head(nn.Module, ABC):
    """Turns the encoder's features into the posteriors of a batch, and knows the prior.

    Unless a head says otherwise, the prior is N(0, 1) for every latent and the decoder reads the
    latents as they are.

    Attributes:
        feature: What `mu` of its posteriors is called in a table's columns.
        contextual: Whether its posteriors have a context.
    """

    feature: ClassVar[str] = "mu"
    contextual: ClassVar[bool] = False

    @abstractmethod
    def forward(self, features: Tensor) -> Posterior:
        """(batch, features) -> the posterior of each image."""

    def log_prior(self, z: Tensor) -> Tensor:
        """Logarithm of the prior's density, nats per image, (batch, latents) -> (batch,)."""
        return gaussian_log_prob(z).sum(dim=-1)

    def draw(
        self, count: int, latents: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, Tensor | None]:
        """Draws from the prior, (count, latents), and their context if they have any."""
        return noise_like(torch.empty(count, latents, device=device), generator), None

    def unfold(self, z: Tensor, context: Tensor | None) -> Tensor:
        """What the decoder reads, given latents, (batch, latents), and context."""
        return z


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
    # A number becomes a scalar where it is needed, instead of being sent there.
    logvar = logvar.to(z) if isinstance(logvar, Tensor) else z.new_full((), logvar)
    squares = (z - mu).square() * (-logvar).exp()
    return -0.5 * (squares + logvar + math.log(2 * math.pi))


def noise_like(mu: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise of this shape, the same on every device."""
    return sent(normal(mu.shape, generator), mu.device)
