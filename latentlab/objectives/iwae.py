"""A bound on the likelihood that is tighter the more draws it weighs."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge

from latentlab.data.batches import Batch
from latentlab.models.importance import log_weight
from latentlab.models.vae import VAE
from latentlab.objectives.requirements import Need, check_posterior
from latentlab.objectives.terms import Step, Terms, terms


@dataclass(frozen=True)
class IWAE:
    """-log mean_k p(x | z_k) p(z_k) / q(z_k | x) over draws z_k of q, in nats per image.

    One draw is the negative evidence lower bound; more draws never loosen it, and come to
    -log p(x) in the limit. `Terms.reconstruction` and `kl` are those of an average draw, so that
    the column `elbo` compares with other objectives; the tighter bound is the loss.

    Attributes:
        samples: Draws from the posterior of each image (K); time and memory grow with it.

    Source: Burda et al. 2016, https://arxiv.org/abs/1509.00519
    """

    samples: Annotated[int, Ge(1)] = 5

    needs: ClassVar[Need] = "density"
    per_image: ClassVar[bool] = True  # the loss of a batch is the mean of its images' own

    def __call__(self, model: VAE, batch: Batch, at: Step) -> Terms:
        posterior = model.encode(batch.x, batch.condition)
        check_posterior(posterior, self.needs, "iwae")
        draws = [posterior.sample(at.generator) for _ in range(self.samples)]
        reconstruction = torch.stack(
            [model.reconstruction(draw.z, batch, posterior.context) for draw in draws]
        )
        weights = [
            log_weight(model, draw, nats) for draw, nats in zip(draws, reconstruction, strict=True)
        ]
        bound = torch.stack(weights).logsumexp(dim=0) - math.log(self.samples)
        kl = torch.stack([posterior.kl(draw) for draw in draws]).mean(dim=0)
        return terms(-bound.mean(), reconstruction.mean(dim=0), kl, posterior, 1.0)
