"""Which prepared image looks most like a picture: a look at whether a decoder repeats what it
was trained on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

BLOCK = 1024  # images read at a time


@dataclass(frozen=True, eq=False)
class Nearest:
    """The image nearest to each of n queries.

    Attributes:
        rows: Row numbers of the images, int64 (n,).
        distances: float64 (n,); of pictures in grey levels, see `grey_levels_apart`.
    """

    rows: np.ndarray
    distances: np.ndarray


def grey_levels_apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How far apart pictures are: the root of the mean squared difference of their values, (n,).

    Args:
        first, second: uint8, (n, height, width, channels); 0 to 255, so 255 is black to white.
    """
    difference = first.astype(np.float64) - second.astype(np.float64)
    return np.asarray(np.sqrt(np.square(difference).mean(axis=(1, 2, 3))))


def nearest_pictures(
    queries: np.ndarray,
    images: np.ndarray,
    rows: np.ndarray,
    progress: Callable[[int], None] = lambda images: None,
) -> Nearest:
    """The picture of these rows that differs least from each query, pixel by pixel.

    Args:
        queries: uint8, (n, height, width, channels).
        images: uint8, (images, height, width, channels), may be memory-mapped.
        rows: Row numbers to look among, rising, at least one.
        progress: Called with the number of images just looked at.
    """
    flat = _flat(queries)
    best = np.full(len(queries), np.inf, np.float32)
    found = np.zeros(len(queries), np.int64)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        others = _flat(images[block])
        # |q - x|^2 without the term of q alone, which does not change the order.
        apart = np.square(others).sum(axis=1)[None, :] - 2.0 * (flat @ others.T)
        nearest = apart.argmin(axis=1)
        value = apart[np.arange(len(queries)), nearest]
        closer = value < best
        best[closer], found[closer] = value[closer], block[nearest[closer]]
        progress(len(block))
    return Nearest(found, grey_levels_apart(queries, np.asarray(images[found])))


def nearest_codes(queries: np.ndarray, codes: np.ndarray, rows: np.ndarray) -> Nearest:
    """The code of these rows that is nearest to each query, as the crow flies, in latent units.

    Args:
        queries: (n, latents).
        codes: (images, latents).
        rows: Row numbers to look among.
    """
    from scipy.spatial import cKDTree

    distances, places = cKDTree(codes[rows]).query(queries)
    return Nearest(rows[places], np.asarray(distances, np.float64))


def _flat(pictures: np.ndarray) -> np.ndarray:
    """float32 (n, values), from -0.5 to 0.5, where sums of squares keep their last digits."""
    return pictures.reshape(len(pictures), -1).astype(np.float32) / 255.0 - 0.5
