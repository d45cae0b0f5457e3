"""Codes of all images, taken together, distributed as the prior."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from latentlab.data.batches import Batch
from latentlab.errors import ConfigError
from latentlab.models.vae import VAE
from latentlab.objectives.terms import Step, Terms, one_draw, terms

Kernel = Literal["inverse_multiquadratic", "rbf"]


@dataclass(frozen=True)
class InfoVAE:
    """reconstruction + (1 - alpha) * KL + (alpha + lambda_mmd - 1) * MMD, in nats per image.

    MMD is the squared maximum mean discrepancy between the batch's codes and as many draws from
    the prior. Special cases:

    - alpha 1: the KL term is gone and lambda_mmd alone weighs the MMD. This is the Wasserstein
      autoencoder of Tolstikhin et al. 2018 (WAE-MMD), with random codes for a `vae` and fixed
      ones for an `autoencoder`.
    - alpha 0, lambda_mmd 1: the plain VAE.

    Attributes:
        alpha: How much the mutual information of image and code is favoured.
        lambda_mmd: Weight of the distance between the codes of all images and the prior; the
            kernels lie in [0, 1] whatever the image's size, so that it must grow with the pixels.
        kernel: `inverse_multiquadratic`, 1 / (1 + s), whose tails still pull far codes, or `rbf`,
            exp(-s), with s = |a - b|^2 / (2 * bandwidth * latents).
        bandwidth: 1 makes s about 1 for two draws from the prior.

    Extra:
        mmd

    Source: Zhao et al. 2019, https://arxiv.org/abs/1706.02262; Tolstikhin et al.
    2018, algorithm 2, https://arxiv.org/abs/1711.01558
    """

    alpha: Annotated[float, Le(1)] = 1.0
    lambda_mmd: Annotated[float, Ge(0)] = 100.0
    kernel: Kernel = "inverse_multiquadratic"
    bandwidth: Annotated[float, Gt(0)] = 1.0

    def __post_init__(self) -> None:
        if self.alpha + self.lambda_mmd < 1:
            raise ConfigError(
                f"`objective.lambda_mmd` {self.lambda_mmd:g} with `objective.alpha`"
                f" {self.alpha:g} would push the codes away from the prior. Set"
                f" objective.lambda_mmd to {1 - self.alpha:g} or more."
            )

    def __call__(self, model: VAE, batch: Batch, at: Step) -> Terms:
        posterior = model.encode(batch.x, batch.condition)
        draw, reconstruction, kl = one_draw(model, batch, posterior, at)
        prior, _ = model.prior(len(batch.x), at.generator, batch.condition)
        mmd = maximum_mean_discrepancy(draw.z, prior, self.kernel, self.bandwidth)
        weight = 1 - self.alpha
        loss = (reconstruction + weight * kl.sum(dim=1)).mean()
        loss = loss + (self.alpha + self.lambda_mmd - 1) * mmd
        return terms(loss, reconstruction, kl, posterior, weight, {"mmd": mmd})


def maximum_mean_discrepancy(
    a: Tensor, b: Tensor, kernel: Kernel = "inverse_multiquadratic", bandwidth: float = 1.0
) -> Tensor:
    """Squared distance of two distributions, by draws from each; a scalar.

    The unbiased estimate: 0 on average for equal distributions, and so at times negative. 0 for
    a single draw, which has no other of its kind to be compared with.

    Args:
        a, b: (n, latents) each.
        kernel, bandwidth: As in `InfoVAE`.

    Source: Gretton et al. 2012, lemma 6, https://jmlr.org/papers/v13/gretton12a.html
    """
    count = len(a)
    if count < 2:
        return torch.zeros((), device=a.device)
    both = torch.cat([a, b]).float()
    squares = (both[:, None] - both[None]).square().sum(dim=2)
    scaled = squares / (2 * bandwidth * a.shape[1])
    values = (-scaled).exp() if kernel == "rbf" else 1 / (1 + scaled)
    # Two draws of one kind are different ones: a draw is no evidence of its own neighbourhood.
    within_a = (values[:count, :count].sum() - count) / (count * (count - 1))
    within_b = (values[count:, count:].sum() - count) / (count * (count - 1))
    return within_a + within_b - 2 * values[:count, count:].mean()
