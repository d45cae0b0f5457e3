"""The clean image from a damaged one."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Le
from torch import Tensor

from latentlab.data.batches import Batch
from latentlab.models.vae import VAE
from latentlab.noise import normal, sent, uniform
from latentlab.objectives.terms import Step, Terms, one_draw, terms


@dataclass(frozen=True)
class Denoising:
    """reconstruction of the clean image from the posterior of a damaged one + beta * KL, in nats
    per image.

    An `autoencoder`, whose KL is 0, becomes the denoising autoencoder. Validation damages its
    images too, each time alike. Encoding after training takes images as they are.

    Attributes:
        noise: Standard deviation of the Gaussian noise on every value of the image, which is in
            [0, 1]; what leaves that range is not cut off.
        masked: Share of the pixels that are set to 0, all channels at once.
        beta: Weight of the KL term.

    Source: Vincent et al. 2008, https://doi.org/10.1145/1390156.1390294; as a bound with a KL
    term: Im et al. 2017, https://arxiv.org/abs/1511.06406
    """

    noise: Annotated[float, Ge(0)] = 0.25
    masked: Annotated[float, Ge(0), Le(1)] = 0.0
    beta: Annotated[float, Ge(0)] = 1.0

    per_image: ClassVar[bool] = True  # the loss of a batch is the mean of its images' own

    def __call__(self, model: VAE, batch: Batch, at: Step) -> Terms:
        posterior = model.encode(self.damaged(batch.x, at.generator), batch.condition)
        _, reconstruction, kl = one_draw(model, batch, posterior, at)
        loss = (reconstruction + self.beta * kl.sum(dim=1)).mean()
        return terms(loss, reconstruction, kl, posterior, self.beta)

    def damaged(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Images, (batch, channels, side, side), with noise first and lost pixels after."""
        if self.noise:
            x = x + self.noise * sent(normal(x.shape, generator), x.device)
        if self.masked:
            x = x * (sent(uniform(x[:, :1].shape, generator), x.device) >= self.masked)
        return x
