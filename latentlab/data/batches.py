"""Which images make up which batch: a function of (seed, epoch) alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentlab.randomness import numpy_generator


@dataclass(frozen=True)
class Batch:
    """What an objective sees of some images.

    Attributes:
        x: Images in [0, 1], (batch, channels, side, side).
        mask: Share of each pixel that is kept, (batch, 1, side, side); None without masks.
        condition: What is known of each image, (batch, conditions); None where nothing is asked.
    """

    x: Tensor
    mask: Tensor | None = None
    condition: Tensor | None = None


@dataclass(frozen=True)
class Pictures:
    """The prepared arrays that batches are taken from, in memory or memory-mapped.

    Attributes:
        images: uint8, (images, side, side, channels).
        masks: uint8, (images, side, side).
        conditions: float32, (images, conditions).
    """

    images: np.ndarray
    masks: np.ndarray | None = None
    conditions: np.ndarray | None = None

    def batch(self, rows: np.ndarray, device: torch.device | str) -> Batch:
        """These rows, in rising order, since that reads the disk forwards."""
        rows = np.sort(rows)
        mask = None if self.masks is None else to_tensor(self.masks[rows][..., None], device)
        condition = None
        if self.conditions is not None:
            condition = torch.from_numpy(self.conditions[rows]).to(device)
        return Batch(to_tensor(self.images[rows], device), mask, condition)


def epoch_batches(
    rows: np.ndarray, *, batch_size: int, seed: int, epoch: int, first: int = 0
) -> Iterator[np.ndarray]:
    """The batches of one epoch as row numbers of the prepared array, shuffled.

    Args:
        rows: Row numbers to draw from, (n,).
        first: Batches to leave out at the start, to go on in the middle of an epoch.

    Yields:
        Row numbers, (batch_size,); the last batch may be smaller, so that every image counts.
    """
    order = numpy_generator(seed, "batches", epoch).permutation(rows)
    for start in range(first * batch_size, len(order), batch_size):
        yield order[start : start + batch_size]


def row_blocks(rows: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Row numbers in order, `batch_size` at a time."""
    for start in range(0, len(rows), batch_size):
        yield rows[start : start + batch_size]


def to_tensor(images: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """uint8 (n, side, side, channels) -> float32 (n, channels, side, side) in [0, 1].

    The bytes are copied out of the (read-only) map and travel to the device before they grow
    fourfold. Channels stay innermost in memory
    (channels-last), which convolutions prefer and which costs no copy.
    """
    return from_bytes(torch.from_numpy(np.array(images)).to(device, non_blocking=True))


def from_bytes(pixels: Tensor) -> Tensor:
    """As `to_tensor`, of a tensor that is where it is needed."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)


def to_pictures(images: Tensor) -> np.ndarray:
    """float (n, channels, side, side) in [0, 1] -> uint8 (n, side, side, channels)."""
    levels = images.detach().clamp(0, 1).mul(255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
