"""What an objective is given and gives back for a batch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from latentlab.data.batches import Batch
from latentlab.models.posteriors import Draw, Posterior
from latentlab.models.vae import VAE

FINAL_STEP = 1 << 60  # a step after the end of every schedule


@dataclass(frozen=True)
class Step:
    """The moment an objective is asked at.

    Attributes:
        generator: All chance comes from it.
        number: Of the step, counted from 0, which schedules depend on; validation asks for
            FINAL_STEP, so that epochs are compared by one measure.
        critic: The network that the objective's `build_critic` gave, if it has one.
    """

    generator: torch.Generator
    number: int = 0
    critic: nn.Module | None = None

    def scheduled(self, schedule: Callable[[int], float]) -> float | Tensor:
        """The value of a schedule at this step.

        A number; where steps are recorded and replayed, a scalar on the device that changes from
        step to step. An objective that reads `number` instead is never recorded.
        """
        return schedule(self.number)


@dataclass(frozen=True)
class Terms:
    """The value to minimise and its parts.

    Attributes:
        loss: Scalar with gradient, nats per image averaged over the batch.
        reconstruction: Negative log-likelihood, nats per image, (batch,), without gradient.
        kl: Nats per latent, (batch, latents), without gradient.
        mu: Posterior means, (batch, latents), without gradient.
        beta: The weight the KL term had at this step, as `Step.scheduled` gave it if it did.
        extra: Further parts by name, means over the batch without gradient; they become the
            columns `train_*` and `valid_*` of the history.
        critic_loss: What the objective's own network is to minimise; None without one.
    """

    loss: Tensor
    reconstruction: Tensor
    kl: Tensor
    mu: Tensor
    beta: float | Tensor
    extra: dict[str, Tensor] = field(default_factory=dict)
    critic_loss: Tensor | None = None


class Objective(Protocol):
    def __call__(self, model: VAE, batch: Batch, at: Step) -> Terms:
        """The terms of the loss of a batch.

        An objective that trains a network beside the model has a method `build_critic(latents) ->
        nn.Module`.
        """
        ...


def one_draw(
    model: VAE, batch: Batch, posterior: Posterior, at: Step
) -> tuple[Draw, Tensor, Tensor]:
    """A draw of the posterior, the reconstruction from it, (batch,), and the divergence, (batch,
    latents), in nats."""
    draw = posterior.sample(at.generator)
    return draw, model.reconstruction(draw.z, batch, posterior.context), posterior.kl(draw)


def terms(
    loss: Tensor,
    reconstruction: Tensor,
    kl: Tensor,
    posterior: Posterior,
    beta: float | Tensor,
    extra: dict[str, Tensor] | None = None,
    critic_loss: Tensor | None = None,
) -> Terms:
    """Terms with everything but the losses cut off from the gradient."""
    said = {name: value.detach() for name, value in (extra or {}).items()}
    return Terms(
        loss, reconstruction.detach(), kl.detach(), posterior.mu.detach(), beta, said, critic_loss
    )
