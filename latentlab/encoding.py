"""Model and images to the latents table, streaming: memory does not grow with the images."""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from latentlab.artifacts import latent_name, logvar_name
from latentlab.data.batches import Pictures
from latentlab.errors import ConfigError
from latentlab.models.importance import log_likelihood
from latentlab.models.pixel_layers import quick_pixels
from latentlab.models.posteriors import Codes, Posterior
from latentlab.models.vae import VAE
from latentlab.randomness import torch_generator

Features = Literal["mean", "histogram"]


@torch.no_grad()
def encode_images(
    model: VAE,
    pictures: Pictures,
    samples: pd.DataFrame,
    *,
    batch_size: int,
    device: torch.device,
    features: Features = "mean",
    likelihood_samples: int = 0,
    seed: int = 0,
    first: int = 0,
    progress: Callable[[int], None] = lambda images: None,
) -> Iterator[pd.DataFrame]:
    """The posterior of every image, in the order of `samples`, a batch at a time.

    Args:
        pictures: The prepared arrays; masks and conditions where the model has them.
        samples: One row an image to encode, with `image_id` and `split`.
        features: `mean`: the posterior mean, or for discrete codes the pooled embedding;
            `histogram`: for discrete codes the share of positions with each code.
        likelihood_samples: Draws that the likelihood of each image is estimated from; 0 leaves it
            out.
        seed: Of the draws.
        first: Row of the pictures that the first of the samples is, a multiple of `batch_size`.
        progress: Called with the number of images just encoded.

    Yields:
        Frames with `image_id`, `split`, `mu_*` (`pooled_*` or `histogram_*` for discrete codes),
        `logvar_*` (float32; only where the posterior has variances), `reconstruction` (nats per
        image, decoded from the posterior mean), `kl` (nats per image; at one draw where it has no
        closed form), and where asked for `log_likelihood` (nats per image).

    Raises:
        ConfigError: this posterior has no histogram, or no likelihood.
    """
    model.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    if first % batch_size:
        raise ValueError(f"rows begin at {first}, which is no multiple of {batch_size}")
    stop = first + len(samples)
    with quick_pixels(model):
        for start in range(first, stop, batch_size):
            at = np.arange(start, min(start + batch_size, stop))
            batch = pictures.batch(at, device)
            posterior = model.encode(batch.x, batch.condition)
            check_encoding(posterior, features, likelihood_samples)
            noise = torch_generator(seed, "encoding", start)
            parts = _columns(posterior, model.head.feature, features)
            parts["reconstruction"] = model.reconstruction(posterior.mu, batch, posterior.context)
            parts["kl"] = posterior.kl(posterior.sample(noise)).sum(dim=1)
            if likelihood_samples:
                parts["log_likelihood"] = log_likelihood(model, batch, likelihood_samples, noise)
            values = torch.stack(list(parts.values()), dim=1).float().cpu().numpy()
            frame = pd.DataFrame(values, columns=list(parts))
            # Text is only turned to objects for these rows: doing so for all of a column at every
            # batch would take time with the square of the images.
            these = samples.iloc[start - first : start - first + len(at)]
            frame.insert(0, "image_id", these["image_id"].to_numpy())
            frame.insert(1, "split", these["split"].to_numpy())
            yield frame
            progress(len(at))


def check_encoding(posterior: Posterior, features: Features, likelihood_samples: int) -> None:
    """
    Raises:
        ConfigError: this posterior has no histogram, or no likelihood.
    """
    if features == "histogram" and not isinstance(posterior, Codes):
        raise ConfigError(
            "`encode.features`: `histogram` counts discrete codes, which this model has not."
            " Take encode.features=mean, or model.name=vq_vae."
        )
    if likelihood_samples and not posterior.density:
        raise ConfigError(
            "`encode.likelihood_samples`: this model's codes have no density to weigh draws by."
            " Leave it at 0, or take model.name=vae."
        )


def _columns(posterior: Posterior, feature: str, features: Features) -> dict[str, Tensor]:
    """Column name -> values, (batch,)."""
    if features == "histogram":
        assert isinstance(posterior, Codes)
        shares = posterior.histogram()
        return {latent_name("histogram", k): shares[:, k] for k in range(shares.shape[1])}
    mu, logvar = posterior.mu, posterior.logvar
    parts = {latent_name(feature, k): mu[:, k] for k in range(mu.shape[1])}
    if logvar is not None:
        parts |= {logvar_name(k): logvar[:, k] for k in range(mu.shape[1])}
    return parts
