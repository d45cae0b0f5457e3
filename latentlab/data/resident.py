"""Prepared pictures in the memory of the device that trains on them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentlab.data.batches import Batch, Pictures, from_bytes

SHARE = 0.5  # of the device's free memory that pictures may take
CHUNK = 1 << 26  # bytes that are sent at a time


@dataclass(frozen=True)
class Resident:
    """The arrays of `Pictures` as they are, on a device.

    Attributes:
        images: uint8, (images, side, side, channels).
        masks: uint8, (images, side, side).
        conditions: float32, (images, conditions).
    """

    images: Tensor
    masks: Tensor | None = None
    conditions: Tensor | None = None

    def batch(self, rows: np.ndarray, device: torch.device | str) -> Batch:
        """These rows, in rising order, as `Pictures` gives them."""
        return self.gathered(sent_array(np.sort(rows), self.images.device))

    def gathered(self, rows: Tensor) -> Batch:
        """Rows in the order given: int64, (batch,), on the device."""
        masks, conditions = (
            None if values is None else values.index_select(0, rows)
            for values in (self.masks, self.conditions)
        )
        return placed_batch(self.images.index_select(0, rows), masks, conditions)


def placed_batch(images: Tensor, masks: Tensor | None, conditions: Tensor | None) -> Batch:
    """What an objective sees of bytes that are on its device."""
    return Batch(
        from_bytes(images), None if masks is None else from_bytes(masks[..., None]), conditions
    )


def resident(pictures: Pictures, device: torch.device) -> Resident | None:
    """The pictures on a device; None if they would take more than SHARE of its free memory."""
    arrays = (pictures.images, pictures.masks, pictures.conditions)
    needed = sum(array.nbytes for array in arrays if array is not None)
    if needed > SHARE * free_memory(device):
        return None
    images, masks, conditions = (
        None if array is None else _copied(array, device) for array in arrays
    )
    assert images is not None
    return Resident(images, masks, conditions)


def free_memory(device: torch.device) -> int:
    """Bytes that a CUDA device has left."""
    return torch.cuda.mem_get_info(device)[0]


def _copied(array: np.ndarray, device: torch.device) -> Tensor:
    """A piece at a time, so that a mapped file is never in memory as a whole."""
    kind = torch.float32 if array.dtype == np.float32 else torch.uint8
    there = torch.empty(array.shape, dtype=kind, device=device)
    rows = max(1, CHUNK // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        there[start : start + rows] = sent_array(array[start : start + rows], device)
    return there


def sent_array(array: np.ndarray, device: torch.device) -> Tensor:
    """A copy on a device, without waiting for what it has still to do."""
    here = torch.from_numpy(np.array(array))
    if device.type != "cuda":
        return here.to(device)
    return here.pin_memory().to(device, non_blocking=True)
