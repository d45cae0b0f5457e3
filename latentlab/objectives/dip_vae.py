"""Codes of all images with the identity for a covariance."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from latentlab.data.batches import Batch
from latentlab.models.vae import VAE
from latentlab.objectives.requirements import Need, check_posterior
from latentlab.objectives.terms import Step, Terms, one_draw, terms


@dataclass(frozen=True)
class DIPVAE:
    """reconstruction + KL + lambda_off_diagonal * sum of the squared covariances of two latents
    + lambda_diagonal * sum of the squared distances of their variances from 1, nats per image.

    The covariance is that of the batch, divided by its number of images.

    Attributes:
        kind: Of which covariance: `i` of the posterior means; `ii` of draws from the posteriors
            of all images, which is that of the means plus the mean posterior variances.
        lambda_diagonal: Weight of the variances' distance from 1; 10 times lambda_off_diagonal
            for `i` and equal to it for `ii` in the paper.
        lambda_off_diagonal: Weight of the covariances.

    Extra:
        penalty: The two sums with their weights.

    Source: Kumar et al. 2018, https://arxiv.org/abs/1711.00848
    """

    kind: Literal["i", "ii"] = "ii"
    lambda_diagonal: Annotated[float, Ge(0)] = 10.0
    lambda_off_diagonal: Annotated[float, Ge(0)] = 10.0

    needs: ClassVar[Need] = "gaussian"

    def __call__(self, model: VAE, batch: Batch, at: Step) -> Terms:
        posterior = model.encode(batch.x, batch.condition)
        check_posterior(posterior, self.needs, "dip_vae")
        _, reconstruction, kl = one_draw(model, batch, posterior, at)
        assert posterior.logvar is not None
        covariance = _covariance(posterior.mu)
        if self.kind == "ii":
            covariance = covariance + posterior.logvar.float().exp().mean(dim=0).diag()
        penalty = self.penalty(covariance)
        loss = (reconstruction + kl.sum(dim=1)).mean() + penalty
        return terms(loss, reconstruction, kl, posterior, 1.0, {"penalty": penalty})

    def penalty(self, covariance: Tensor) -> Tensor:
        """How far a covariance, (latents, latents), is from the identity; a scalar."""
        variances = covariance.diagonal()
        squares = covariance.square().sum() - variances.square().sum()
        distance = (variances - 1).square().sum()
        return self.lambda_off_diagonal * squares + self.lambda_diagonal * distance


def _covariance(mu: Tensor) -> Tensor:
    """(batch, latents) -> (latents, latents)"""
    with torch.autocast(mu.device.type, enabled=False):  # a product, but not the networks'
        centred = mu.float() - mu.float().mean(dim=0)
        return centred.T @ centred / len(mu)
