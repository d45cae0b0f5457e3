"""Whether settings make a model, and what posteriors it has, found out before training."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from latentlab.models.posteriors import Posterior
from latentlab.models.vae import VAE

MOST = 1 << 28  # bytes of weights that are given memory


@torch.no_grad()
def trial_posterior(
    build: Callable[..., VAE], side: int, settings: Mapping[str, Any]
) -> tuple[VAE, Posterior]:
    """A model without meaningful weights, and what its encoder makes of two images.

    It is built on torch's meta device, which takes no memory and draws no random numbers. To
    compute there torch would load its compiler, which takes seconds, so the weights of all but huge
    models become zeros in memory first.

    Args:
        build: One of MODELS.
        side: Of the images, which have three channels.

    Raises:
        ConfigError: no such model can be built at this side.
    """
    with torch.device("meta"):
        model = build(channels=3, side=side, **settings).eval()
    held = [*model.parameters(), *model.buffers()]
    small = sum(one.numel() * one.element_size() for one in held) <= MOST
    device = torch.device("cpu" if small else "meta")
    if small:  # as `to_empty` does it, which would ask the meta device
        model._apply(lambda one: torch.zeros(one.shape, dtype=one.dtype))
    with device:
        told = torch.zeros(2, len(model.conditions)) if model.conditions else None
        return model, model.encode(torch.zeros(2, 3, side, side), told)
