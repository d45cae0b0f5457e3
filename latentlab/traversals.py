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


def traverse_all(
    model: VAE, anchors: Places, directions: np.ndarray, scales: np.ndarray, t: np.ndarray
) -> np.ndarray:
    """Every anchor moved along every direction, decoded together.

    Args:
        anchors: Places z0, (anchors, latents).
        directions: Any length above 0, (directions, latents).
        scales: Latent units that a step of t = 1 covers, (directions,).
        t: (steps,).

    Returns:
        uint8, (directions, anchors, steps, side, side, channels).
    """
    units = np.stack([unit_direction(one) for one in directions])
    moves = (units * scales[:, None])[:, None, None, :] * t[:, None]
    z = anchors.z[None, :, None, :] + moves
    shape, latents = z.shape[:3], z.shape[3]
    context = anchors.context
    if context is not None:
        wide = np.broadcast_to(context[None, :, None, :], (*shape, context.shape[1]))
        context = wide.reshape(-1, context.shape[1])
    pictures = decode(model, Places(z.reshape(-1, latents), context))
    return pictures.reshape(*shape, *pictures.shape[1:])


def differing(codes: np.ndarray, count: int) -> np.ndarray:
    """Rows that differ: the first, and then each time the one farthest from all before it.

    The outer quarter of the codes is left out, since there the decoder has seen little.

    Args:
        codes: (images, latents), at least one.
        count: Of rows; fewer where there are not as many different ones.

    Returns:
        Their numbers, (at most count,), in the order of choice.

    Source: farthest-first traversal, Gonzalez 1985, https://doi.org/10.1016/0304-3975(85)90224-5
    """
    deviation = codes.std(axis=0)
    scaled = (codes - codes.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    far = np.linalg.norm(scaled, axis=1)
    common = far <= np.quantile(far, 0.75)
    chosen = [0]
    apart = np.linalg.norm(scaled - scaled[0], axis=1)
    while len(chosen) < count:
        following = int(np.argmax(np.where(common, apart, -1.0)))
        if apart[following] <= 0:
            break
        chosen.append(following)
        apart = np.minimum(apart, np.linalg.norm(scaled - scaled[following], axis=1))
    return np.array(chosen)
