"""What a probe's score is to be held against: codes that nobody trained, and directions by chance.

A control is a latents table of the same images (`pixel_components` makes one of pictures), or the
latents with something taken away: labels in another order, directions that mean nothing.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from latentlab.artifacts import latent_columns, mu_name
from latentlab.errors import DataError
from latentlab.randomness import numpy_generator

SHUFFLED, RANDOM = "shuffled labels", "random directions"
UNTRAINED, PIXELS = "untrained encoder", "pixels (PCA)"

FIT_IMAGES = 20_000  # of train, that the components are fitted on; a random choice of more
_BATCH = 512  # images turned into floats at a time
_SPARE = 10  # directions beyond those asked for, which the iteration sharpens them with
_PASSES = 6


def pixel_components(
    images: np.ndarray, samples: pd.DataFrame, latents: int, *, seed: int
) -> pd.DataFrame:
    """Principal components of the pixels: a code of the same width that needs no training.

    Fitted on train only, by subspace iteration on the covariance with a few images in memory at a
    time; no array of images x pixels is ever made.

    Args:
        images: uint8, (images, side, side, channels); a memory map will do.
        samples: `image_id` and `split` of the same images, in this order.
        latents: Columns wanted; fewer where train has fewer images or an image fewer pixels.

    Returns:
        `image_id`, `split`, `mu_000`.. by falling variance, in units of pixel values from 0 to 1.

    Raises:
        DataError: Images and samples differ in number, or none is of train.

    Source: Halko, Martinsson & Tropp 2011, section 4.5, https://doi.org/10.1137/090771806
    """
    if len(images) != len(samples):
        raise DataError(
            f"There are {len(images)} images and {len(samples)} rows of samples. Give both of one"
            " data folder."
        )
    train = np.flatnonzero((samples["split"] == "train").to_numpy())
    if not len(train):
        raise DataError(
            "No image is of the split train, so no components can be fitted. Give some that are."
        )
    draw = numpy_generator(seed, "pixel components")
    if len(train) > FIT_IMAGES:
        train = np.sort(draw.choice(train, FIT_IMAGES, replace=False))
    pixels = int(np.prod(images.shape[1:]))
    latents = min(latents, len(train), pixels)
    basis = draw.standard_normal((pixels, min(latents + _SPARE, len(train), pixels)))
    basis = np.linalg.qr(basis.astype(np.float32))[0]
    mean = _mean(images, train)
    for _ in range(_PASSES):
        basis = np.linalg.qr(_spread(images, train, mean, basis))[0]
    # Within the subspace the components are exact.
    small = basis.T @ _spread(images, train, mean, basis)
    vectors = np.linalg.eigh((small + small.T).astype(np.float64))[1][:, ::-1]
    basis = basis @ vectors[:, :latents].astype(np.float32)
    codes = np.empty((len(images), latents), dtype=np.float32)
    for start in range(0, len(images), _BATCH):
        codes[start : start + _BATCH] = (_flat(images, slice(start, start + _BATCH)) - mean) @ basis
    made = pd.DataFrame(codes, columns=[mu_name(index) for index in range(latents)])
    made.insert(0, "image_id", samples["image_id"].to_numpy())
    made.insert(1, "split", samples["split"].to_numpy())
    return made


def codes_of(table: pd.DataFrame, ids: pd.Series, name: str) -> np.ndarray:
    """The codes of a control in the order of `ids`, (images, latents).

    Raises:
        DataError: It has no latents, or lacks an image, or a value is not finite.
    """
    columns = latent_columns(table)
    if not columns or "image_id" not in table.columns:
        raise DataError(
            f"The control {name!r} has no column {'mu_000' if not columns else 'image_id'}."
            " Give it as a latents table: image_id, mu_000, mu_001, ..."
        )
    found = pd.Index(table["image_id"]).get_indexer_for(ids)
    if len(found) != len(ids) or (found < 0).any():
        missing = ids[~ids.isin(table["image_id"])]
        what = f"lacks image_id {missing.iloc[0]!r}" if len(missing) else "repeats an image_id"
        raise DataError(f"The control {name!r} {what}. Give one row for every image.")
    codes = table[columns].to_numpy(np.float64)[found]
    if not np.isfinite(codes).all():
        raise DataError(f"The control {name!r} holds values that are missing or infinite.")
    return codes


def random_directions(latents: int, *, seed: int) -> np.ndarray:
    """As many unit vectors as latents, drawn evenly from the sphere, (directions, latents)."""
    drawn = numpy_generator(seed, RANDOM).standard_normal((latents, latents))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def best_projection(
    z: np.ndarray, y: np.ndarray, train: np.ndarray, directions: np.ndarray
) -> np.ndarray:
    """Latents along the direction that correlates most with a target on train, (images, 1).

    Args:
        z: Standardised latents, (images, latents).
        y: (images,); NaN where unknown.
        train: Whether an image is of train, (images,).
    """
    rows = train & np.isfinite(y)
    projected = z @ directions.T
    inside = projected[rows] - projected[rows].mean(axis=0)
    deviation = np.sqrt(np.square(inside).sum(axis=0))
    along = np.abs((y[rows] - y[rows].mean()) @ inside)
    best = int(np.argmax(along / np.where(deviation > 0, deviation, np.inf)))
    return projected[:, [best]]


def shuffled(split: Sequence[str] | np.ndarray, *, seed: int) -> np.ndarray:
    """Rows in another order within each split, (images,): labels that go with other images."""
    split = np.asarray(split)
    order = np.arange(len(split))
    draw = numpy_generator(seed, SHUFFLED)
    for name in pd.unique(split):
        rows = np.flatnonzero(split == name)
        order[rows] = draw.permutation(rows)
    return order


def _flat(images: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    """(images, pixels), float32 from 0 to 1."""
    taken = np.asarray(images[rows])
    return taken.reshape(len(taken), -1).astype(np.float32) / np.float32(255.0)


def _mean(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    total = np.zeros(int(np.prod(images.shape[1:])))
    for start in range(0, len(rows), _BATCH):
        total += _flat(images, rows[start : start + _BATCH]).sum(axis=0, dtype=np.float64)
    return (total / len(rows)).astype(np.float32)


def _spread(
    images: np.ndarray, rows: np.ndarray, mean: np.ndarray, basis: np.ndarray
) -> np.ndarray:
    """Covariance of the pixels times a basis, (pixels, vectors)."""
    total = np.zeros(basis.shape, dtype=np.float64)
    for start in range(0, len(rows), _BATCH):
        centred = _flat(images, rows[start : start + _BATCH]) - mean
        total += centred.T @ (centred @ basis)
    return (total / len(rows)).astype(np.float32)
