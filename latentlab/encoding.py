"""Model and images to the latents table, streaming: memory does not grow with the images."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch

from latentlab.artifacts import logvar_name, mu_name
from latentlab.data.batches import to_tensor
from latentlab.models.vae import VAE


@torch.no_grad()
def encode_images(
    model: VAE,
    images: np.ndarray,
    samples: pd.DataFrame,
    *,
    batch_size: int,
    device: torch.device,
    progress: Callable[[int], None] = lambda images: None,
) -> Iterator[pd.DataFrame]:
    """The posterior of every image, in the order of `samples`, a batch at a time.

    Args:
        images: uint8 (images, side, side, channels).
        samples: One row an image, with `image_id` and `split`.
        progress: Called with the number of images just encoded.

    Yields:
        Frames with `image_id`, `split`, `mu_*`, `logvar_*` (float32; no logvar for codes without a
        distribution), `reconstruction` (nats per image, decoded from the posterior mean) and `kl`
        (nats per image).
    """
    model.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    latents = range(model.latents)
    for start in range(0, len(samples), batch_size):
        stop = min(start + batch_size, len(samples))
        x = to_tensor(images[start:stop], device)
        posterior = model.encode(x)
        parts = {mu_name(k): posterior.mu[:, k] for k in latents}
        if posterior.logvar is not None:
            parts |= {logvar_name(k): posterior.logvar[:, k] for k in latents}
        values = torch.stack(list(parts.values()), dim=1).float().cpu().numpy()
        frame = pd.DataFrame(values, columns=list(parts))
        frame.insert(0, "image_id", samples["image_id"].to_numpy()[start:stop])
        frame.insert(1, "split", samples["split"].to_numpy()[start:stop])
        frame["reconstruction"] = model.reconstruction(posterior.mu, x).float().cpu().numpy()
        frame["kl"] = posterior.kl(posterior.mu).sum(dim=1).float().cpu().numpy()
        yield frame
        progress(stop - start)
