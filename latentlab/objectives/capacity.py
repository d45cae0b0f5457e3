"""A divergence that is steered to a target instead of being pressed down."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge

from latentlab.data.batches import Batch
from latentlab.models.vae import VAE
from latentlab.objectives.requirements import Need, check_posterior
from latentlab.objectives.schedules import linear
from latentlab.objectives.terms import Step, Terms, one_draw, terms


@dataclass(frozen=True)
class Capacity:
    """reconstruction + gamma * |KL - C|, in nats per image; C rises from 0 to `capacity`.

    KL is the batch's mean. With capacity 0 this is the beta-VAE of beta = gamma, with gamma 0 the
    reconstruction alone.

    Attributes:
        gamma: Weight of the distance between the KL term and C.
        capacity: Nats per image that C comes to.
        steps: Steps in which C rises, on a line; 0 starts at the end.

    Extra:
        capacity: C at this step.

    Source: Burgess et al. 2018, https://arxiv.org/abs/1804.03599
    """

    gamma: Annotated[float, Ge(0)] = 1000.0
    capacity: Annotated[float, Ge(0)] = 25.0
    steps: Annotated[int, Ge(0)] = 100_000

    needs: ClassVar[Need] = "density"

    def __call__(self, model: VAE, batch: Batch, at: Step) -> Terms:
        posterior = model.encode(batch.x, batch.condition)
        check_posterior(posterior, self.needs, "capacity")
        _, reconstruction, kl = one_draw(model, batch, posterior, at)
        target = at.scheduled(lambda step: self.capacity * linear(step, self.steps))
        distance = (kl.sum(dim=1).mean() - target).abs()
        loss = reconstruction.mean() + self.gamma * distance
        extra = {"capacity": torch.zeros_like(loss) + target}
        return terms(loss, reconstruction, kl, posterior, self.gamma, extra)
