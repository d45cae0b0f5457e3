"""The autoencoders with one vector of latents: network, posterior and likelihood, put together."""

from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from latentlab.models.likelihoods import LIKELIHOODS, Likelihood
from latentlab.models.networks import NETWORKS
from latentlab.models.posteriors import (
    GaussianHead,
    PointHead,
    Posterior,
    gaussian_log_prob,
    noise_like,
)
from latentlab.naming import chosen

Widths = Sequence[Annotated[int, Ge(1)]]


class VAE(nn.Module):
    """Any encoder and decoder with latents of the same number between them.

    Attributes:
        latents: Number of latent dimensions.
        likelihood: Turns the decoder's output into a mean image, into nats, or into draws.
    """

    def __init__(
        self,
        encoder: nn.Module,
        head: nn.Module,
        decoder: nn.Module,
        likelihood: Likelihood,
        latents: int,
    ):
        """
        Args:
            encoder: (batch, channels, side, side) -> (batch, features).
            head: (batch, features) -> a `Posterior`.
            decoder: (batch, latents) -> (batch, likelihood.outputs, side, side).
        """
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.decoder = decoder
        self.likelihood = likelihood
        self.latents = latents

    def encode(self, x: Tensor) -> Posterior:
        """(batch, channels, side, side) in [0, 1] -> the posterior of each image."""
        return self.head(self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        """(batch, latents) -> mean images in [0, 1], (batch, channels, side, side)."""
        return self.likelihood.mean(self.decoder(z))

    def reconstruction(self, z: Tensor, x: Tensor) -> Tensor:
        """Negative log-likelihood of the images given latents, nats per image, (batch,)."""
        return self.likelihood.negative_log(self.decoder(z).float(), x).sum((1, 2, 3))

    def log_prior(self, z: Tensor) -> Tensor:
        """Logarithm of the prior's density at `z`, nats per image, (batch,)."""
        return gaussian_log_prob(z).sum(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """Images to their reconstructions from the posterior mean."""
        return self.decode(self.encode(x).mu)

    def prior(self, count: int, generator: torch.Generator) -> Tensor:
        """Draws from the prior, (count, latents)."""
        device = next(self.parameters()).device
        return noise_like(torch.empty(count, self.latents, device=device), generator)

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Mean images of draws from the prior, (count, channels, side, side)."""
        return self.decode(self.prior(count, generator))


def vae(
    channels: int,
    side: int,
    latents: Annotated[int, Ge(1)] = 32,
    network: str = "conv",
    widths: Widths = (),
    likelihood: str = "bernoulli",
) -> VAE:
    """A diagonal Gaussian posterior and a standard normal prior.

    Args:
        network: One of NETWORKS.
        widths: Of its layers; the network's own if none are given.
        likelihood: One of LIKELIHOODS.

    Source: Kingma & Welling 2014, https://arxiv.org/abs/1312.6114
    """
    return _assembled(GaussianHead, channels, side, latents, network, widths, likelihood)


def autoencoder(
    channels: int,
    side: int,
    latents: Annotated[int, Ge(1)] = 32,
    network: str = "conv",
    widths: Widths = (),
    likelihood: str = "bernoulli",
) -> VAE:
    """One code for each image and no prior, so that its KL term is 0.

    Source: Hinton & Salakhutdinov 2006, https://doi.org/10.1126/science.1127647
    """
    return _assembled(PointHead, channels, side, latents, network, widths, likelihood)


def _assembled(
    head: type[nn.Module],
    channels: int,
    side: int,
    latents: int,
    network: str,
    widths: Sequence[int],
    likelihood: str,
) -> VAE:
    halves = chosen(NETWORKS, network, "model.network")(channels, side, widths)
    pixels = chosen(LIKELIHOODS, likelihood, "model.likelihood")(channels, side)
    encoder = halves.encoder()
    posterior = head(halves.features, latents)
    return VAE(encoder, posterior, halves.decoder(latents, pixels.outputs), pixels, latents)
