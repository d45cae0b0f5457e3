"""Latents, or images by way of their latents, to pictures."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentlab.data.batches import Pictures, row_blocks, to_pictures
from latentlab.models.pixel_layers import quick_pixels
from latentlab.models.vae import VAE
from latentlab.randomness import torch_generator

BATCH = 64  # pictures decoded at a time; what 256 hold no longer fits into a CPU's caches


@dataclass(frozen=True)
class Places:
    """Where in latent space some pictures lie.

    Attributes:
        z: (n, latents).
        context: What the decoder needs beside them, (n, values); None for most models.
    """

    z: np.ndarray
    context: np.ndarray | None = None

    def moved(self, z: np.ndarray) -> "Places":
        """Other latents, (m, latents), with the context of this one place."""
        if self.context is None:
            return Places(z)
        return Places(z, np.broadcast_to(self.context, (len(z), self.context.shape[1])))

    def mixed(self, weights: np.ndarray) -> "Places":
        """Weighted sums of latents and of contexts: weights (m, n) -> m places."""
        return Places(weights @ self.z, None if self.context is None else weights @ self.context)


@torch.no_grad()
def decode(model: VAE, places: Places) -> np.ndarray:
    """Mean pictures, uint8 (n, side, side, channels)."""
    device = next(model.parameters()).device
    model.eval()
    made = []
    with quick_pixels(model):
        for rows in row_blocks(np.arange(len(places.z)), BATCH):
            z = _tensor(places.z[rows], device)
            context = None if places.context is None else _tensor(places.context[rows], device)
            made.append(to_pictures(model.decode(z, context)))
    return np.concatenate(made)


@torch.no_grad()
def places_of(model: VAE, pictures: Pictures, rows: np.ndarray, seed: int | None = None) -> Places:
    """The latents of these rows of the prepared arrays.

    Args:
        seed: Take a sample of the posterior with this seed; its mean if not given.
    """
    device = next(model.parameters()).device
    model.eval()
    generator = None if seed is None else torch_generator(seed, "reconstructions")
    latents, contexts = [], []
    order = np.argsort(rows, kind="stable")  # batches come in rising order
    for block in row_blocks(rows[order], BATCH):
        batch = pictures.batch(block, device)
        posterior = model.encode(batch.x, batch.condition)
        z = posterior.mu if generator is None else posterior.sample(generator).z
        latents.append(z.float().cpu().numpy())
        if posterior.context is not None:
            contexts.append(posterior.context.float().cpu().numpy())
    back = np.argsort(order)
    context = np.concatenate(contexts)[back] if contexts else None
    return Places(np.concatenate(latents)[back], context)


@torch.no_grad()
def prior_places(model: VAE, count: int, seed: int, conditions: np.ndarray | None = None) -> Places:
    """Draws from the prior.

    Args:
        conditions: (count, conditions), for a model that is told any.
    """
    model.eval()
    told = None if conditions is None else torch.from_numpy(np.array(conditions, np.float32))
    z, context = model.prior(count, torch_generator(seed, "samples"), told)
    return Places(z.cpu().numpy(), None if context is None else context.cpu().numpy())


@torch.no_grad()
def draw_pixels(model: VAE, places: Places, seed: int) -> np.ndarray:
    """Pictures whose every pixel is drawn from the likelihood, uint8 (n, side, side, channels)."""
    device = next(model.parameters()).device
    model.eval()
    context = None if places.context is None else _tensor(places.context, device)
    generator = torch_generator(seed, "pixels")
    return to_pictures(model.draw(_tensor(places.z, device), generator, context))


def reconstruct(
    model: VAE, pictures: Pictures, rows: np.ndarray, *, seed: int | None = None
) -> np.ndarray:
    """These rows through their posterior and back, uint8 (n, side, side, channels).

    Args:
        seed: As of `places_of`.
    """
    return decode(model, places_of(model, pictures, rows, seed))


def _tensor(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32)).to(device)  # tables may be read-only
