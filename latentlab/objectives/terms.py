"""What an objective gives back for a batch."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from latentlab.models.vae import VAE


@dataclass(frozen=True)
class Terms:
    """The value to minimise and its parts.

    Attributes:
        loss: Scalar with gradient, nats per image averaged over the batch.
        reconstruction: Negative log-likelihood, nats per image, (batch,), without gradient.
        kl: Nats per latent, (batch, latents), without gradient.
        beta: The weight the KL term had at this step.
    """

    loss: Tensor
    reconstruction: Tensor
    kl: Tensor
    beta: float


class Objective(Protocol):
    def __call__(self, model: VAE, x: Tensor, generator: torch.Generator, step: int) -> Terms:
        """Images (batch, channels, side, side) in [0, 1] to the terms of the loss.

        All chance comes from `generator`; schedules depend on `step`, counted from 0.
        """
        ...
