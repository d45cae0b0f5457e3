"""Models whose posterior or prior is another than a Gaussian for each image and N(0, 1)."""

from typing import Annotated

from annotated_types import Ge, MinLen

from latentlab.models.posteriors import FlowHead, FlowKind, GaussianHead, HierarchicalHead
from latentlab.models.vae import VAE, Latents, Surroundings, Widths, assembled


def flow_vae(
    channels: int,
    side: int,
    latents: Latents = 32,
    flow: FlowKind = "inverse_autoregressive",
    steps: Annotated[int, Ge(1)] = 4,
    width: Annotated[int, Ge(1)] = 64,
    network: str = "conv",
    widths: Widths = (),
    likelihood: str = "bernoulli",
    masked: bool = False,
) -> VAE:
    """A Gaussian posterior bent by a normalizing flow, and a standard normal prior.

    Args:
        flow: `planar`, or `inverse_autoregressive`, which needs the extra flows.
        steps: Maps after one another.
        width: Hidden units of an inverse autoregressive map.
        network, widths, likelihood, masked: As of `vae`.

    Source: Rezende & Mohamed 2015, https://arxiv.org/abs/1505.05770; Kingma et al. 2016,
    https://arxiv.org/abs/1606.04934
    """
    return assembled(
        lambda features: FlowHead(features, latents, flow, steps, width),
        latents,
        Surroundings(channels, side, network, widths, likelihood, masked),
    )


def hierarchical_vae(
    channels: int,
    side: int,
    latents: Latents = 32,
    upper_latents: Latents = 8,
    width: Annotated[int, Ge(1)] = 128,
    network: str = "conv",
    widths: Widths = (),
    likelihood: str = "bernoulli",
    masked: bool = False,
) -> VAE:
    """Latents z1 that the decoder reads, and z2 above them with a learned p(z1 | z2).

    The table holds `latents` columns of z1, as seen from what z2 expects of it, and then
    `upper_latents` of z2.

    Args:
        width: Hidden units of p(z1 | z2).
        network, widths, likelihood, masked: As of `vae`.

    Source: Rezende et al. 2014, https://arxiv.org/abs/1401.4082
    """
    return assembled(
        lambda features: HierarchicalHead(features, latents, upper_latents, width),
        latents + upper_latents,
        Surroundings(channels, side, network, widths, likelihood, masked),
        read=latents,
    )


def conditional_vae(
    channels: int,
    side: int,
    conditions: Annotated[tuple[str, ...], MinLen(1)],
    latents: Latents = 32,
    network: str = "conv",
    widths: Widths = (),
    likelihood: str = "bernoulli",
    masked: bool = False,
) -> VAE:
    """Encoder and decoder are told some attributes of each image, so that the latents need not
    hold them.

    Args:
        conditions: Names of attributes of the data.
        network, widths, likelihood, masked: As of `vae`.

    Source: Sohn et al. 2015,
    https://papers.nips.cc/paper/5775-learning-structured-output-representation-using-deep-conditional-generative-models
    """
    return assembled(
        lambda features: GaussianHead(features, latents),
        latents,
        Surroundings(channels, side, network, widths, likelihood, masked, tuple(conditions)),
    )
