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
    codes = torch.from_numpy(np.asarray(z, dtype=np.float32))
    return np.concatenate(
        [to_pictures(model.decode(block.to(device))) for block in codes.split(BATCH)]
    )


def sample(model: VAE, count: int, seed: int) -> np.ndarray:
    """Mean pictures of draws from the prior, uint8 (count, side, side, channels)."""
    return to_pictures(model.eval().sample(count, torch_generator(seed, "samples")))


@torch.no_grad()
def reconstruct(model: VAE, pictures: np.ndarray) -> np.ndarray:
    """Pictures through the posterior mean and back, uint8 (n, side, side, channels)."""
    device = next(model.parameters()).device
    model.eval()
    blocks = np.array_split(pictures, -(-len(pictures) // BATCH))
    return np.concatenate([to_pictures(model(to_tensor(block, device))) for block in blocks])
