"""Latents, or images by way of their latents, to pictures."""

import numpy as np
import torch

from latentlab.data.batches import to_pictures, to_tensor
from latentlab.models.vae import VAE
from latentlab.randomness import torch_generator

BATCH = 256  # pictures decoded at a time


@torch.no_grad()
def decode(model: VAE, z: np.ndarray) -> np.ndarray:
    """Latents (n, latents) to mean pictures, uint8 (n, side, side, channels)."""
    device = next(model.parameters()).device
    model.eval()
    codes = torch.from_numpy(np.array(z, dtype=np.float32))  # a copy: tables may be read-only
    return np.concatenate(
        [to_pictures(model.decode(block.to(device))) for block in codes.split(BATCH)]
    )


@torch.no_grad()
def sample(model: VAE, count: int, seed: int, *, draw: bool = False) -> np.ndarray:
    """Pictures of draws from the prior, uint8 (count, side, side, channels).

    Args:
        draw: Draw every pixel from the likelihood too, instead of showing its mean.
    """
    generator = torch_generator(seed, "samples")
    model.eval()
    if not draw:
        return to_pictures(model.sample(count, generator))
    parameters = model.decoder(model.prior(count, generator)).float()
    return to_pictures(model.likelihood.draw(parameters, generator))


@torch.no_grad()
def reconstruct(model: VAE, pictures: np.ndarray, *, seed: int | None = None) -> np.ndarray:
    """Pictures through their posterior and back, uint8 (n, side, side, channels).

    Args:
        seed: Take a sample of the posterior with this seed; its mean if not given.
    """
    device = next(model.parameters()).device
    model.eval()
    blocks = np.array_split(pictures, -(-len(pictures) // BATCH))
    generator = None if seed is None else torch_generator(seed, "reconstructions")
    made = []
    for block in blocks:
        posterior = model.encode(to_tensor(block, device))
        z = posterior.mu if generator is None else posterior.sample(generator)
        made.append(to_pictures(model.decode(z)))
    return np.concatenate(made)
