"""What moving each latent of a run does to the pictures, from the same starting images."""

from collections.abc import Callable, Sequence

import numpy as np

from latentlab.comparison.survival import Changes

# (latents (n, latents), place of the starting image of each (n,)) -> uint8 pictures
Decode = Callable[[np.ndarray, np.ndarray], np.ndarray]


def mean_changes(
    anchors: np.ndarray,
    spread: np.ndarray,
    latents: Sequence[str],
    active: Sequence[str],
    decode: Decode,
) -> Changes:
    """Half the difference of one standard deviation up and one down, averaged over the images.

    Args:
        anchors: Codes of the starting images, (anchors, latents), the same images for every run.
        spread: Standard deviation of each latent's codes, (latents,).
        latents: Names of the columns.
        active: Names of the latents to move.

    Returns:
        `mean` in [-1, 1] of the range of grey levels.
    """
    places = np.tile(np.arange(len(anchors)), 2)
    made = []
    for name in active:
        column = list(latents).index(name)
        moved = np.concatenate([anchors, anchors])
        moved[: len(anchors), column] += spread[column]
        moved[len(anchors) :, column] -= spread[column]
        up, down = np.split(decode(moved, places).astype(np.float32) / 255.0, 2)
        made.append(((up - down) / 2).mean(axis=0).ravel())
    width = made[0].shape if made else (0,)
    return Changes(tuple(active), np.stack(made) if made else np.zeros((0, *width)))
