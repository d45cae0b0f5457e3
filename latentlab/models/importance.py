"""The likelihood of images by weighing draws from their posteriors."""

import math

import torch
from torch import Tensor

from latentlab.data.batches import Batch
from latentlab.models.posteriors import Draw
from latentlab.models.vae import VAE


def log_weight(model: VAE, draw: Draw, reconstruction: Tensor) -> Tensor:
    """log p(x | z) p(z) / q(z | x) at a draw of the posterior, nats per image, (batch,).

    Args:
        reconstruction: -log p(x | z), (batch,).
    """
    assert draw.log_q is not None
    return model.log_prior(draw.z) - draw.log_q.sum(dim=1) - reconstruction


@torch.no_grad()
def log_likelihood(model: VAE, batch: Batch, samples: int, generator: torch.Generator) -> Tensor:
    """log mean_k p(x | z_k) p(z_k) / q(z_k | x), nats per image, (batch,).

    A lower bound of log p(x) in expectation, which it comes to as draws are added. Time grows with
    the draws, memory does not.

    Args:
        samples: Draws from the posterior of each image (K).

    Raises:
        ValueError: the posterior has no density.

    Source: Burda et al. 2016, https://arxiv.org/abs/1509.00519
    """
    posterior = model.encode(batch.x, batch.condition)
    if not posterior.density:
        raise ValueError("codes without a distribution give no likelihood")
    total = torch.full((len(batch.x),), -math.inf, device=batch.x.device)
    for _ in range(samples):
        draw = posterior.sample(generator)
        reconstruction = model.reconstruction(draw.z, batch, posterior.context)
        total = torch.logaddexp(total, log_weight(model, draw, reconstruction))
    return total - math.log(samples)
