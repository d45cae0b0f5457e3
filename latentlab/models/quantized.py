"""Models with discrete codes on a grid."""

from typing import Annotated

from annotated_types import Ge, Gt, Lt

from latentlab.models.grid_networks import GridDecoder, GridEncoder
from latentlab.models.likelihoods import LIKELIHOODS
from latentlab.models.networks.network import halved
from latentlab.models.posteriors import OneLevel, TwoLevels
from latentlab.models.vae import VAE, Latents
from latentlab.naming import chosen

Decay = Annotated[float, Gt(0), Lt(1)]


def vq_vae(
    channels: int,
    side: int,
    latents: Latents = 32,
    codes: Annotated[int, Ge(2)] = 256,
    width: Annotated[int, Ge(1)] = 64,
    halvings: Annotated[int, Ge(1)] = 3,
    decay: Decay = 0.99,
    likelihood: str = "bernoulli",
) -> VAE:
    """One grid of discrete codes with an autoregressive prior over it.

    Args:
        latents: Dimension of the codes' vectors, which is that of the pooled embedding.
        codes: In the book.
        width: Channels of the convolutions.
        halvings: Of the side, down to the grid.
        decay: Of the moving averages that are the codes' vectors.

    Source: van den Oord et al. 2017, https://arxiv.org/abs/1711.00937
    """
    pixels = chosen(LIKELIHOODS, likelihood, "model.likelihood")(channels, side)
    sides = halved(side, halvings)
    return VAE(
        GridEncoder(channels, width, latents, sides),
        OneLevel(latents, sides[-1], codes, decay),
        GridDecoder(latents, pixels.outputs, width, sides),
        pixels,
        latents,
    )


def vq_vae_2(
    channels: int,
    side: int,
    latents: Latents = 16,
    codes: Annotated[int, Ge(2)] = 256,
    width: Annotated[int, Ge(1)] = 64,
    halvings: Annotated[int, Ge(1)] = 2,
    decay: Decay = 0.99,
    likelihood: str = "bernoulli",
) -> VAE:
    """A grid of codes, and one of half its side above it, both with autoregressive priors.

    Args:
        latents: Dimension of the codes' vectors of each level; the table holds those of the
            coarse level first.
        halvings: Of the side, down to the fine grid.
        codes, width, decay, likelihood: As of `vq_vae`.

    Source: Razavi et al. 2019, https://arxiv.org/abs/1906.00446
    """
    pixels = chosen(LIKELIHOODS, likelihood, "model.likelihood")(channels, side)
    sides = halved(side, halvings + 1)
    upper, lower = sides[-2:], sides[:-1]
    head = TwoLevels(
        width,
        latents,
        (sides[-1], sides[-2]),
        codes,
        decay,
        coarsen=GridEncoder(width, width, latents, upper),
        refine=GridDecoder(latents, latents, width, upper),
    )
    return VAE(
        GridEncoder(channels, width, width, lower),
        head,
        GridDecoder(2 * latents, pixels.outputs, width, lower),
        pixels,
        2 * latents,
    )
