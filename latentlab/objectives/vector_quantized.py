"""Reconstruction from discrete codes, and the price of the codes."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from latentlab.data.batches import Batch
from latentlab.models.posteriors import Codes
from latentlab.models.vae import VAE
from latentlab.objectives.requirements import Need, check_posterior
from latentlab.objectives.terms import Step, Terms, one_draw, terms


@dataclass(frozen=True)
class VectorQuantized:
    """reconstruction + -log p(codes) + commitment * |e(x) - code|^2, in nats per image.

    The squared distance is summed over positions and dimensions, and its gradient goes to the
    encoder alone; the codebook follows by moving averages. The codes are discrete, so that their
    negative log-likelihood trains their prior and nothing else: reconstruction and prior are
    learned side by side, with no second stage. `Terms.kl` is that likelihood, which is the KL
    divergence of codes that are certain, in equal shares for each latent.

    Attributes:
        commitment: Weight of the distance between what the encoder says and its code.

    Extra:
        commitment: The distance, without its weight.
        perplexity: exp of the entropy of the codes in use in the batch, the mean over levels.

    Source: van den Oord et al. 2017, https://arxiv.org/abs/1711.00937
    """

    commitment: Annotated[float, Ge(0)] = 0.25

    needs: ClassVar[Need] = "codes"

    def __call__(self, model: VAE, batch: Batch, at: Step) -> Terms:
        posterior = model.encode(batch.x, batch.condition)
        check_posterior(posterior, self.needs, "vector_quantized")
        assert isinstance(posterior, Codes)
        _, reconstruction, kl = one_draw(model, batch, posterior, at)
        distance = posterior.distance.mean()
        loss = (reconstruction + kl.sum(dim=1)).mean() + self.commitment * distance
        extra = {"commitment": distance, "perplexity": posterior.perplexity()}
        return terms(loss, reconstruction, kl, posterior, 1.0, extra)
