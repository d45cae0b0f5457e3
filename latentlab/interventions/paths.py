"""Where a direction leads: positions, how far out among the codes, what the background does."""

from dataclasses import dataclass

import numpy as np

from latentlab.errors import ConfigError

FRAME = 8  # the border frame is the side divided by this wide, and at least one pixel
_PICTURES = 256  # turned into floats at a time


def positions(span: float, steps: int) -> np.ndarray:
    """Evenly spaced, from -span to span with an exact 0 in the middle, (steps,).

    Raises:
        ConfigError: There is no middle, or nowhere to go.
    """
    if steps < 3 or steps % 2 == 0:
        raise ConfigError(f"steps is {steps}; it must be odd and at least 3, so that 0 is one.")
    if not span > 0 or not np.isfinite(span):
        raise ConfigError(f"span is {span:g}; it must be a number of deviations above 0.")
    half = steps // 2
    return span * np.arange(-half, half + 1) / half


def aggregate_deviations(
    codes: np.ndarray, vectors: np.ndarray, posterior_variance: np.ndarray | None = None
) -> np.ndarray:
    """Standard deviation of the aggregate posterior along unit vectors, (directions,).

    Args:
        codes: Posterior means, (images, latents).
        vectors: (directions, latents).
        posterior_variance: Mean variance of the posterior in each latent, (latents,). Without it
            the spread is that of the posterior means, the unit of `traversals.spread`.
    """
    variance = (codes @ vectors.T).var(axis=0)
    if posterior_variance is not None:
        variance = variance + np.square(vectors) @ posterior_variance
    return np.sqrt(variance)


@dataclass(frozen=True, eq=False)
class Cloud:
    """The codes of the images, to say how far out a place lies among them.

    Attributes:
        mean: (latents,) of the active ones.
        whiten: (latents, latents): |(z - mean) @ whiten| is the Mahalanobis distance.
        distances: Of the images' own codes, rising, (images,).
        active: (latents,) boolean.
    """

    mean: np.ndarray
    whiten: np.ndarray
    distances: np.ndarray
    active: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, active: np.ndarray) -> "Cloud":
        """Args: codes (images, latents); active (latents,) boolean."""
        mean = codes[:, active].mean(axis=0)
        centred = codes[:, active] - mean
        variances, axes = np.linalg.eigh(centred.T @ centred / len(codes))
        # Latents that repeat one another leave axes without variance: a step along one of those
        # leads out at once, instead of counting for nothing.
        floor = max(1e-9 * variances.max(initial=0.0), np.finfo(float).tiny)
        whiten = axes / np.sqrt(np.maximum(variances, floor))
        distances = np.sort(np.linalg.norm(centred @ whiten, axis=1))
        return cls(mean, whiten, distances, active)

    def quantiles(self, places: np.ndarray) -> np.ndarray:
        """(..., latents) -> share of the images' codes that lie closer to the middle, (...)."""
        distances = np.linalg.norm((places[..., self.active] - self.mean) @ self.whiten, axis=-1)
        closer = np.searchsorted(self.distances, distances * (1 - 1e-9), side="left")
        return np.asarray(closer / len(self.distances))


def squared_errors(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Mean squared difference of pixels in [0, 1], uint8 pictures (n, ...) -> (n,)."""
    errors = np.empty(len(left))
    for start in range(0, len(left), _PICTURES):
        rows = slice(start, start + _PICTURES)
        gap = (left[rows].astype(np.float32) - right[rows]) / 255.0
        errors[rows] = np.square(gap).reshape(len(gap), -1).mean(axis=1)
    return errors


def frames(pictures: np.ndarray) -> np.ndarray:
    """The border of each picture, uint8 (n, side, side, channels) -> (n, pixels)."""
    height, width = pictures.shape[1:3]
    wide = max(1, min(height, width) // FRAME)
    border = np.ones((height, width), dtype=bool)
    border[wide : height - wide, wide : width - wide] = False
    return pictures[:, border].reshape(len(pictures), -1)


def absolute_changes(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Mean absolute difference of uint8 pixels, in [0, 1], (n, pixels) -> (n,)."""
    return np.abs(left.astype(np.int16) - right).mean(axis=1, dtype=np.float64) / 255.0


def cosine_distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """1 - cosine, (n, features) -> (n,); NaN where a vector is zero or not known."""
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    products = np.einsum("nf,nf->n", left, right)
    cosine = np.divide(products, lengths, out=np.full(len(left), np.nan), where=lengths > 0)
    same = (left == right).all(axis=1) & np.isfinite(cosine)
    return np.where(same, 0.0, 1.0 - cosine)  # nothing moved is 0, not what rounding leaves


def pairs_apart(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of rows that are not of the same person: first < second."""
    first, second = np.triu_indices(len(groups), k=1)
    apart = groups[first] != groups[second]
    return first[apart], second[apart]
