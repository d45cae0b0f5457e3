"""Pictures along lines through latent space."""

import numpy as np

from latentlab.decoding import Places, decode
from latentlab.models.vae import VAE
from latentlab.pictures import Strip

UNITS = {
    "sd": "standard deviations of the codes",
    "latent": "latent units",
}


def offsets(steps: int, span: float) -> np.ndarray:
    """`steps` evenly spaced values from -span to span, (steps,)."""
    return np.linspace(-span, span, steps)


def spread(codes: np.ndarray, direction: np.ndarray) -> float:
    """Standard deviation of the aggregate posterior's means along a unit direction.

    Args:
        codes: Posterior means, (images, latents).
        direction: (latents,), of length 1.
    """
    return float((codes @ direction).std())


def unit_direction(direction: np.ndarray) -> np.ndarray:
    """The direction at length 1; a zero vector is refused, since it leads nowhere."""
    length = np.linalg.norm(direction)
    if not np.isfinite(length) or length == 0:
        raise ValueError("a direction must have a finite length above 0")
    return np.asarray(direction / length)


def traverse(
    model: VAE,
    anchor: Places,
    direction: np.ndarray,
    *,
    scale: float = 1.0,
    steps: int = 7,
    span: float = 3.0,
    unit: str = "latent",
) -> Strip:
    """Decode the line through `anchor` along `direction`.

    Args:
        anchor: One place z0: an image's posterior mean, or a draw from the prior.
        direction: Any length above 0; only where it points counts, (latents,).
        scale: Latent units that one step of t = 1 covers; `spread(...)` for unit "sd".
        unit: A key of UNITS, for the caption.
    """
    t = offsets(steps, span)
    z = anchor.z + (t * scale)[:, None] * unit_direction(direction)[None, :]
    return Strip(decode(model, anchor.moved(z)), tuple(t.tolist()), UNITS[unit])


def interpolate(model: VAE, ends: Places, steps: int = 9) -> np.ndarray:
    """Decode the straight line between two places, both ends included.

    Returns:
        uint8, (steps, side, side, channels).
    """
    t = np.linspace(0.0, 1.0, steps)
    return decode(model, ends.mixed(np.stack([1 - t, t], axis=1)))


def morph_grid(model: VAE, corners: Places, steps: int = 8) -> np.ndarray:
    """Decode the plane patch between four places.

    Args:
        corners: At the upper left, upper right, lower left and lower right.

    Returns:
        uint8, (steps, steps, side, side, channels), rows from top to bottom.
    """
    t = np.linspace(0.0, 1.0, steps)
    sides = np.stack([1 - t, t], axis=1)  # of the first corner and of the second
    weights = (sides[:, None, :, None] * sides[None, :, None, :]).reshape(steps * steps, 4)
    images = decode(model, corners.mixed(weights))
    return images.reshape(steps, steps, *images.shape[1:])
