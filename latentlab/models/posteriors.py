"""Distributions over the latents of an image, and their divergence from the prior."""

from dataclasses import dataclass

import torch
from torch import Tensor


def gaussian_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL divergence from N(mu, exp(logvar)) to N(0, 1), in nats, one value per latent.

    Args:
        mu, logvar: Posterior means and log-variances, (batch, latents).

    Returns:
        (batch, latents), not reduced, never negative.

    Source: Kingma & Welling 2014, appendix B, https://arxiv.org/abs/1312.6114
    """
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar)


@dataclass(frozen=True)
class Gaussian:
    """A diagonal Gaussian for each image; `mu` and `logvar` are (batch, latents)."""

    mu: Tensor
    logvar: Tensor

    def sample(self, generator: torch.Generator) -> Tensor:
        """One draw an image by reparameterisation; gradients flow into mu and logvar.

        The noise comes from a generator on the CPU, so that it is the same on every device.
        """
        noise = torch.randn(self.mu.shape, generator=generator)
        return self.mu + (0.5 * self.logvar).exp() * noise.to(self.mu.device)

    def kl(self) -> Tensor:
        """Nats per latent, (batch, latents)."""
        return gaussian_kl(self.mu, self.logvar)
