"""The negative evidence lower bound with a weight on its KL term."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from latentlab.models.vae import VAE
from latentlab.objectives.terms import Terms


@dataclass(frozen=True)
class BetaVAE:
    """reconstruction + beta * KL, in nats per image; beta 1 is the plain VAE.

    Both terms are summed over pixels and latents and averaged over the batch: averaging over
    pixels would multiply the working beta by their number.

    Source: Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl
    """

    beta: Annotated[float, Ge(0)] = 1.0

    def __call__(self, model: VAE, x: Tensor, generator: torch.Generator, step: int) -> Terms:
        posterior = model.encode(x)
        reconstruction = model.reconstruction(posterior.sample(generator), x)
        kl = posterior.kl()
        loss = (reconstruction + self.beta * kl.sum(dim=1)).mean()
        return Terms(loss, reconstruction.detach(), kl.detach(), self.beta)
