"""What every model is: an encoder, a posterior, a decoder and a likelihood, put together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from latentlab.data.batches import Batch
from latentlab.models.likelihoods import LIKELIHOODS, Likelihood
from latentlab.models.likelihoods.likelihood import uniform_like
from latentlab.models.networks import NETWORKS
from latentlab.models.posteriors import GaussianHead, Head, PointHead, Posterior
from latentlab.naming import chosen

Widths = Sequence[Annotated[int, Ge(1)]]
Latents = Annotated[int, Ge(1)]


class VAE(nn.Module):
    """Any encoder and decoder with latents between them.

    Attributes:
        latents: Number of latent dimensions.
        likelihood: Turns the decoder's output into a mean image, into nats, or into draws.
        conditions: Names of what the model is told of each image; empty for most models.
        masked: Whether there is a second decoder, for the mask.
        contextual: Whether posteriors have a context, which decoding then needs.
    """

    def __init__(
        self,
        encoder: nn.Module,
        head: Head,
        decoder: nn.Module,
        likelihood: Likelihood,
        latents: int,
        *,
        mask_decoder: nn.Module | None = None,
        conditions: Sequence[str] = (),
    ):
        """
        Args:
            encoder: (batch, channels + conditions, side, side) -> what the head reads, (batch,
                features) for most.
            head: That -> a `Posterior`.
            decoder: What `head.unfold` gives and the conditions, (batch, latents + conditions) for
                most -> (batch, likelihood.outputs, side, side).
            mask_decoder: The same -> logits of the mask, (batch, 1, side, side).
        """
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.decoder = decoder
        self.mask_decoder = mask_decoder
        self.likelihood = likelihood
        self.latents = latents
        self.conditions = tuple(conditions)

    @property
    def masked(self) -> bool:
        return self.mask_decoder is not None

    @property
    def contextual(self) -> bool:
        return bool(self.conditions) or self.head.contextual

    def encode(self, x: Tensor, condition: Tensor | None = None) -> Posterior:
        """The posterior of each image.

        Args:
            x: (batch, channels, side, side) in [0, 1].
            condition: (batch, conditions), where the model has any; 1 for yes, -1 for no, 0 for
                unknown.
        """
        if not self.conditions:
            return self.head(self.encoder(x))
        if condition is None:
            raise ValueError(f"this model must be told {', '.join(self.conditions)} of each image")
        planes = condition[:, :, None, None].expand(-1, -1, *x.shape[2:])
        posterior = self.head(self.encoder(torch.cat([x, planes], dim=1)))
        return replace(posterior, context=condition)

    def decode(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """Latents to mean images in [0, 1], (batch, channels, side, side).

        Where there is a mask, the image times the probability of the mask.

        Args:
            z: (batch, latents).
            context: As the posterior or `prior` gave it.
        """
        inputs = self._inputs(z, context)
        mean = self.likelihood.mean(self.decoder(inputs))
        return mean if self.mask_decoder is None else mean * self.mask_decoder(inputs).sigmoid()

    def draw(self, z: Tensor, generator: torch.Generator, context: Tensor | None = None) -> Tensor:
        """Images drawn pixel by pixel, in [0, 1], (batch, channels, side, side)."""
        inputs = self._inputs(z, context)
        drawn = self.likelihood.draw(self.decoder(inputs).float(), generator)
        if self.mask_decoder is None:
            return drawn
        kept = self.mask_decoder(inputs).float().sigmoid()
        return drawn * (uniform_like(kept, generator) < kept)

    def reconstruction(self, z: Tensor, batch: Batch, context: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of the images given latents, nats per image, (batch,).

        Where there is a mask, that of the image counts where the true mask keeps it, and the
        mask's own comes on top.
        """
        inputs = self._inputs(z, context)
        nats = self.likelihood.negative_log(self.decoder(inputs).float(), batch.x)
        if self.mask_decoder is None:
            return nats.sum((1, 2, 3))
        if batch.mask is None:
            raise ValueError("this model has a decoder for masks, and the batch has none")
        logits = self.mask_decoder(inputs).float()
        of_mask = functional.binary_cross_entropy_with_logits(logits, batch.mask, reduction="none")
        return (nats * batch.mask).sum((1, 2, 3)) + of_mask.sum((1, 2, 3))

    def log_prior(self, z: Tensor) -> Tensor:
        """Logarithm of the prior's density at `z`, nats per image, (batch,)."""
        return self.head.log_prior(z)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Images to their reconstructions from the posterior mean."""
        posterior = self.encode(x, condition)
        return self.decode(posterior.mu, posterior.context)

    def prior(
        self, count: int, generator: torch.Generator, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Draws from the prior, (count, latents), and the context to decode them with.

        Args:
            condition: (count, conditions), where the model has any.
        """
        device = next(self.parameters()).device
        z, context = self.head.draw(count, self.latents, generator, device)
        if not self.conditions:
            return z, context
        if condition is None:
            raise ValueError(f"this model must be told {', '.join(self.conditions)} of each draw")
        return z, condition.to(device)

    def _inputs(self, z: Tensor, context: Tensor | None) -> Tensor:
        """What the decoders read."""
        inputs = self.head.unfold(z, context)
        if not self.conditions:
            return inputs
        if context is None:
            raise ValueError(f"this model must be told {', '.join(self.conditions)} to decode")
        return torch.cat([inputs, context], dim=1)


def vae(
    channels: int,
    side: int,
    latents: Latents = 32,
    network: str = "conv",
    widths: Widths = (),
    likelihood: str = "bernoulli",
    masked: bool = False,
) -> VAE:
    """A diagonal Gaussian posterior and a standard normal prior.

    Args:
        network: One of NETWORKS.
        widths: Of its layers; the network's own if none are given.
        likelihood: One of LIKELIHOODS.
        masked: Learn the data's masks with a second decoder, and the image where they keep it.

    Source: Kingma & Welling 2014, https://arxiv.org/abs/1312.6114
    """
    return assembled(
        lambda features: GaussianHead(features, latents),
        latents,
        Surroundings(channels, side, network, widths, likelihood, masked),
    )


def autoencoder(
    channels: int,
    side: int,
    latents: Latents = 32,
    network: str = "conv",
    widths: Widths = (),
    likelihood: str = "bernoulli",
    masked: bool = False,
) -> VAE:
    """One code for each image and no prior, so that its KL term is 0.

    Args: as of `vae`.

    Source: Hinton & Salakhutdinov 2006, https://doi.org/10.1126/science.1127647
    """
    return assembled(
        lambda features: PointHead(features, latents),
        latents,
        Surroundings(channels, side, network, widths, likelihood, masked),
    )


@dataclass(frozen=True)
class Surroundings:
    """What stands around a head.

    Attributes:
        channels, side: Of the images.
        network: One of NETWORKS.
        widths: Of its layers.
        likelihood: One of LIKELIHOODS.
        masked: Whether there is a second decoder, for the mask.
        conditions: Names of what the model is told of each image.
    """

    channels: int
    side: int
    network: str
    widths: Sequence[int]
    likelihood: str
    masked: bool = False
    conditions: tuple[str, ...] = ()


def assembled(
    head: Callable[[int], Head], latents: int, around: Surroundings, read: int | None = None
) -> VAE:
    """A model around a head.

    Args:
        head: Makes it, given the number of features it will read.
        latents: Number of latent dimensions.
        read: Values that the head gives the decoder; `latents` if not said.
    """
    pixels = chosen(LIKELIHOODS, around.likelihood, "model.likelihood")(
        around.channels, around.side
    )
    network = chosen(NETWORKS, around.network, "model.network")
    halves = network(around.channels + len(around.conditions), around.side, around.widths)
    told = (latents if read is None else read) + len(around.conditions)
    # In this order, which decides the initial weights of a seed.
    encoder, between = halves.encoder(), head(halves.features)
    decoder = halves.decoder(told, pixels.outputs)
    return VAE(
        encoder,
        between,
        decoder,
        pixels,
        latents,
        mask_decoder=halves.decoder(told, 1) if around.masked else None,
        conditions=around.conditions,
    )
