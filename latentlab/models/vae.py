"""The variational autoencoder: encoder, posterior, decoder and likelihood, put together."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from annotated_types import Ge, MinLen
from torch import Tensor, nn

from latentlab.errors import ConfigError
from latentlab.models.decoders import ConvDecoder
from latentlab.models.encoders import ConvEncoder
from latentlab.models.likelihoods import LIKELIHOODS, Likelihood
from latentlab.models.posteriors import Gaussian


class VAE(nn.Module):
    """Any encoder and decoder with latents of the same number between them.

    Attributes:
        latents: Number of latent dimensions.
        likelihood: Turns the decoder's output into a mean image or into nats.
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, likelihood: Likelihood, latents: int
    ):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.latents = latents

    def encode(self, x: Tensor) -> Gaussian:
        """(batch, channels, side, side) in [0, 1] -> the posterior of each image."""
        return Gaussian(*self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        """(batch, latents) -> mean images in [0, 1], (batch, channels, side, side)."""
        return self.likelihood.mean(self.decoder(z))

    def reconstruction(self, z: Tensor, x: Tensor) -> Tensor:
        """Negative log-likelihood of the images given latents, nats per image, (batch,)."""
        return self.likelihood.negative_log(self.decoder(z), x)

    def forward(self, x: Tensor) -> Tensor:
        """Images to their reconstructions from the posterior mean."""
        return self.decode(self.encode(x).mu)

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Mean images of draws from the prior, (count, channels, side, side)."""
        device = next(self.parameters()).device
        return self.decode(torch.randn(count, self.latents, generator=generator).to(device))


def vae(
    channels: int,
    side: int,
    latents: Annotated[int, Ge(1)] = 32,
    widths: Annotated[Sequence[Annotated[int, Ge(1)]], MinLen(1)] = (32, 64, 128),
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
) -> VAE:
    """The reference network: convolutions of the given widths, mirrored in the decoder.

    At side 64 the default widths give an 8x8x128 map, flattened to 8192, between two heads of
    `latents` values each.
    """
    halvings = 2 ** len(widths)
    if side % halvings:
        fitting = max(halvings, round(side / halvings) * halvings)
        raise ConfigError(
            f"a side of {side} cannot be halved {len(widths)} times."
            f" Take data.side={fitting}, or fewer model.widths."
        )
    return VAE(
        ConvEncoder(channels, side, latents, widths),
        ConvDecoder(channels, side, latents, widths),
        LIKELIHOODS[likelihood](),
        latents,
    )
