"""The negative evidence lower bound with a weight on its KL term."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from latentlab.data.batches import Batch
from latentlab.models.vae import VAE
from latentlab.objectives.schedules import cyclic, linear
from latentlab.objectives.terms import Step, Terms, terms


@dataclass(frozen=True)
class BetaVAE:
    """reconstruction + beta * KL, in nats per image; beta 1 is the plain VAE, 0 the reconstruction
    alone.

    Both terms are summed over pixels and latents and averaged over the batch: averaging over
    pixels would multiply the working beta by their number.

    Attributes:
        beta: Weight of the KL term.
        reconstruction: Weight of the reconstruction; 0 leaves the KL term alone, which shows what
            it does to the codes.
        samples: Draws from the posterior over which the reconstruction is averaged (L).
        anneal: How the weight comes to beta: at once, on a line, or in cycles.
        anneal_steps: Steps that takes.
        cycles: Of a cyclic schedule.
        free_bits: Nats of KL that each latent has for free, averaged over the batch.

    Source: Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl; free bits: Kingma et
    al. 2016, https://arxiv.org/abs/1606.04934
    """

    beta: Annotated[float, Ge(0)] = 1.0
    samples: Annotated[int, Ge(1)] = 1
    anneal: Literal["none", "linear", "cyclic"] = "none"
    anneal_steps: Annotated[int, Ge(1)] = 10_000
    cycles: Annotated[int, Ge(1)] = 4
    free_bits: Annotated[float, Ge(0)] = 0.0
    reconstruction: Annotated[float, Ge(0)] = 1.0

    @property
    def per_image(self) -> bool:
        """Whether the loss of a batch is the mean of its images' own: free bits are not."""
        return not self.free_bits

    def __call__(self, model: VAE, batch: Batch, at: Step) -> Terms:
        posterior = model.encode(batch.x, batch.condition)
        weight = self.beta if self.anneal == "none" else at.scheduled(self.weight)
        draws = [posterior.sample(at.generator) for _ in range(self.samples)]
        context = posterior.context
        reconstruction = _mean([model.reconstruction(one.z, batch, context) for one in draws])
        kl = _mean([posterior.kl(one) for one in draws])
        if self.free_bits:
            # Of the batch's mean, not of every image: a latent may be silent for some of them.
            charged = kl.mean(dim=0).clamp(min=self.free_bits).sum()
            loss = (self.reconstruction * reconstruction).mean() + weight * charged
        else:
            loss = (self.reconstruction * reconstruction + weight * kl.sum(dim=1)).mean()
        return terms(loss, reconstruction, kl, posterior, weight)

    def weight(self, step: int) -> float:
        """beta at this step."""
        if self.anneal == "linear":
            return self.beta * linear(step, self.anneal_steps)
        if self.anneal == "cyclic":
            return self.beta * cyclic(step, self.anneal_steps, self.cycles)
        return self.beta


def _mean(values: list[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else torch.stack(values).mean(dim=0)
