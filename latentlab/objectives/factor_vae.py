"""Total correlation as a network of its own tells it."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from latentlab.data.batches import Batch
from latentlab.models.vae import VAE
from latentlab.noise import sent, uniform
from latentlab.objectives.terms import Step, Terms, one_draw, terms


@dataclass(frozen=True)
class FactorVAE:
    """reconstruction + KL + gamma * TC, in nats per image.

    TC is the total correlation of the latents: the mean logarithm of the ratio between the
    density of the codes and the product of the densities of their latents. A discriminator
    learns that ratio by telling codes from codes whose latents have been exchanged between images
    at random; its own learning rate is `train.critic_learning_rate`.

    As in the paper the batch is split in two: codes of the first half are shown as they are, the
    exchanged ones come from the second. Unlike there the second half's reconstruction and KL
    count as well, so that every image trains the model. A batch of 2 or 3 images is not split: its
    codes serve both ends. A batch of 1 has nothing to exchange: it trains the model, and the
    discriminator rests.

    Attributes:
        gamma: Weight of the total correlation; 0 is the plain VAE.
        width: Units of each of the discriminator's hidden layers.
        depth: Number of hidden layers.

    Extra:
        total_correlation: As the discriminator has it.

    Source: Kim & Mnih 2018, algorithm 2, https://arxiv.org/abs/1802.05983
    """

    gamma: Annotated[float, Ge(0)] = 10.0
    width: Annotated[int, Ge(1)] = 1000
    depth: Annotated[int, Ge(0)] = 6

    def build_critic(self, latents: int) -> nn.Module:
        """A discriminator: (n, latents) -> (n,), the logarithm of the densities' ratio.

        That is the difference of the paper's two logits.
        """
        layers: list[nn.Module] = []
        for before, after in pairwise((latents, *[self.width] * self.depth)):
            layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
        last = nn.Linear(self.width if self.depth else latents, 1)
        return nn.Sequential(*layers, last, nn.Flatten(start_dim=0))

    def __call__(self, model: VAE, batch: Batch, at: Step) -> Terms:
        if at.critic is None:
            raise ValueError("FactorVAE needs the network that its `build_critic` gives")
        posterior = model.encode(batch.x, batch.condition)
        draw, reconstruction, kl = one_draw(model, batch, posterior, at)
        z = draw.z
        joint, others = (z, z) if len(z) < 4 else z.tensor_split(2)
        total_correlation = at.critic(joint).float().mean()
        loss = (reconstruction + kl.sum(dim=1)).mean() + self.gamma * total_correlation
        critic_loss = None
        if len(z) > 1:
            exchanged = permuted(others.detach(), at.generator)
            critic_loss = _cross_entropy(at.critic, joint.detach(), exchanged)
        extra = {"total_correlation": total_correlation}
        return terms(loss, reconstruction, kl, posterior, 1.0, extra, critic_loss)


def permuted(z: Tensor, generator: torch.Generator) -> Tensor:
    """Every latent's values in a random order of their own: draws from the product of densities.

    Args:
        z: Codes, (n, latents).
    """
    order = sent(uniform(z.shape, generator), z.device).argsort(dim=0, stable=True)
    return z.gather(0, order)


def _cross_entropy(critic: nn.Module, joint: Tensor, exchanged: Tensor) -> Tensor:
    """Of telling the two apart, in nats per code; log 2 when they look the same."""
    # -log D = softplus(-logit), -log(1 - D) = softplus(logit)
    as_joint = functional.softplus(-critic(joint).float()).mean()
    as_exchanged = functional.softplus(critic(exchanged).float()).mean()
    return 0.5 * (as_joint + as_exchanged)
