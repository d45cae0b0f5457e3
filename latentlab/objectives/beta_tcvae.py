"""The KL term in three parts, each with its own weight."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from annotated_types import Ge
from torch import Tensor

from latentlab.data.batches import Batch
from latentlab.models.posteriors import Posterior, gaussian_log_prob
from latentlab.models.vae import VAE
from latentlab.objectives.requirements import Need, check_posterior
from latentlab.objectives.terms import Step, Terms, terms

Sampling = Literal["stratified", "weighted"]


class Decomposition(NamedTuple):
    """The parts of the KL term at one draw an image, nats per image, each (batch,)."""

    mutual_information: Tensor  # log q(z | x) - log q(z)
    total_correlation: Tensor  # log q(z) - sum over latents of log q(z_j)
    dimension_kl: Tensor  # sum over latents of log q(z_j), less log p(z)


@dataclass(frozen=True)
class BetaTCVAE:
    """reconstruction + alpha * MI + beta * TC + gamma * dimension KL, in nats per image.

    MI is the mutual information of image and code, TC the total correlation of the latents, and
    the dimension KL how far each latent by itself is from the prior. Their sum is the KL term, so
    that weights of 1 make the plain VAE. All three ask for the density of the codes of all
    images, which is estimated from the batch: its logarithm is biased for small batches.

    Attributes:
        alpha, beta, gamma: Weights of the three parts.
        sampling: How the batch stands for all images, see `aggregate_log_weights`.
        images: Number of images trained on (N); None takes the batch for all there are, which
            holds the mutual information under log(batch).

    Extra:
        mutual_information, total_correlation, dimension_kl

    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942
    """

    alpha: Annotated[float, Ge(0)] = 1.0
    beta: Annotated[float, Ge(0)] = 6.0
    gamma: Annotated[float, Ge(0)] = 1.0
    sampling: Sampling = "stratified"
    images: Annotated[int, Ge(1)] | None = None

    needs: ClassVar[Need] = "gaussian"

    def __call__(self, model: VAE, batch: Batch, at: Step) -> Terms:
        posterior = model.encode(batch.x, batch.condition)
        check_posterior(posterior, self.needs, "beta_tcvae")
        draw = posterior.sample(at.generator)
        reconstruction = model.reconstruction(draw.z, batch, posterior.context)
        log_prior = model.log_prior(draw.z)
        parts = decomposition(posterior, draw.z, log_prior, self.sampling, self.images)
        weighted = (
            self.alpha * parts.mutual_information
            + self.beta * parts.total_correlation
            + self.gamma * parts.dimension_kl
        )
        loss = (reconstruction + weighted).mean()
        extra = {name: part.mean() for name, part in parts._asdict().items()}
        return terms(loss, reconstruction, posterior.kl(draw), posterior, self.beta, extra)


def decomposition(
    posterior: Posterior,
    z: Tensor,
    log_prior: Tensor,
    sampling: Sampling = "stratified",
    images: int | None = None,
) -> Decomposition:
    """The parts of the KL term at `z`, a draw of the posterior; their sum is exact.

    Args:
        posterior: Diagonal Gaussians.
        log_prior: Of `z`, (batch,).
        sampling, images: As in `BetaTCVAE`.
    """
    assert posterior.logvar is not None
    mu, logvar = posterior.mu.float(), posterior.logvar.float()
    # (batch, batch, latents): the density of each row's code under each column's posterior.
    pairs = gaussian_log_prob(z.float()[:, None], mu[None], logvar[None])
    weights = aggregate_log_weights(len(z), images, sampling, z.device)
    log_q = (weights + pairs.sum(dim=2)).logsumexp(dim=1)
    log_q_own = pairs.sum(dim=2).diagonal()
    log_q_each = (weights[:, :, None] + pairs).logsumexp(dim=1).sum(dim=1)
    return Decomposition(log_q_own - log_q, log_q - log_q_each, log_q_each - log_prior)


def aggregate_log_weights(
    count: int, images: int | None, sampling: Sampling, device: torch.device | None = None
) -> Tensor:
    """Logarithms of the weights with which the posteriors of a batch make up that of all images.

    `weighted`: each has 1 / (images * count), appendix C.1; a lower bound of the density in
    expectation, whose weights do not sum to 1.
    `stratified`: a code's own image has 1 / images, which is its share of all images, and the
    rest goes to the others in equal parts. This is the estimate of appendix C.2, unbiased,
    averaged over which of the others is taken for its last one; the average has less variance and
    is exact where the batch is all there is.

    Args:
        count: Images in the batch.
        images: Images in all; None if the batch is all there are.

    Returns:
        (count, count): in row i, column j, the weight of image j in the density at the code of i.
    """
    images = count if images is None else images
    if sampling == "weighted":
        return torch.full((count, count), -math.log(images * count), device=device)
    if count == 1:  # nothing stands for the other images
        return torch.zeros(1, 1, device=device)
    share = (images - 1) / images / (count - 1)
    weights = torch.full((count, count), share, device=device)
    return weights.fill_diagonal_(1 / images).log()
