"""Models by name. A new one is a module beside this file and a line in MODELS.

An entry is a function from plain numbers to a `vae.VAE`.
Its parameters `channels` and `side` come from the data; all others are the user's settings.
"""

from collections.abc import Callable
from typing import Any

import torch

from latentlab.models.quantized import vq_vae, vq_vae_2
from latentlab.models.vae import VAE, autoencoder, vae
from latentlab.models.variants import conditional_vae, flow_vae, hierarchical_vae
from latentlab.randomness import stream

MODELS: dict[str, Callable[..., VAE]] = {
    "vae": vae,
    "autoencoder": autoencoder,
    "flow_vae": flow_vae,
    "hierarchical_vae": hierarchical_vae,
    "conditional_vae": conditional_vae,
    "vq_vae": vq_vae,
    "vq_vae_2": vq_vae_2,
}


def build_model(name: str, settings: dict[str, Any], *, channels: int, side: int, seed: int) -> VAE:
    """A fresh model whose initial weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):  # layers draw from the global generator: give it back
        torch.manual_seed(stream(seed, "weights"))
        return MODELS[name](channels=channels, side=side, **settings)
