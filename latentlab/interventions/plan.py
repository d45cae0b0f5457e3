"""Where to go, in which order, and the pictures found there."""

from collections.abc import Callable, Iterator

import numpy as np

from latentlab.errors import DataError

# Latents (n, latents) and the number of the anchor each came from (n,) -> uint8 pictures
# (n, side, side, channels). By the number, a model keeps what else an anchor needs.
Decode = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Plan:
    """Every place to go: directions x anchors x moved steps, numbered in this order."""

    def __init__(self, anchors: np.ndarray, vectors: np.ndarray, scale: np.ndarray, t: np.ndarray):
        self.anchors, self.vectors, self.scale, self.t = anchors, vectors, scale, t
        self.middle = len(t) // 2
        self.moved = np.delete(np.arange(len(t)), self.middle)
        self.shape = (len(vectors), len(anchors), len(t))

    def blocks(self, made: np.ndarray, batch: int) -> Iterator[np.ndarray]:
        """Numbers of at most `batch` places at a time, of the directions that were made."""
        each = self.shape[1] * len(self.moved)
        rows = (np.flatnonzero(made)[:, None] * each + np.arange(each)).ravel()
        for start in range(0, len(rows), batch):
            yield rows[start : start + batch]

    def places(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(n,) -> latents (n, latents), and numbers of direction, anchor and step, each (n,)."""
        shape = (*self.shape[:2], len(self.moved))
        direction, anchor, step = np.unravel_index(rows, shape)
        step = self.moved[step]
        length = self.t[step] * self.scale[direction]
        places = self.anchors[anchor] + length[:, None] * self.vectors[direction]
        return places, direction, anchor, step

    def line(self, direction: int) -> np.ndarray:
        """(anchors, steps, latents), t = 0 included."""
        move = (self.t * self.scale[direction])[:, None] * self.vectors[direction]
        return np.asarray(self.anchors[:, None, :] + move)


def decoded(decode: Decode, places: np.ndarray, anchor: np.ndarray) -> np.ndarray:
    pictures = decode(places, anchor)
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or len(pictures) != len(places):
        raise DataError(
            f"The decoder gave {pictures.dtype} of shape {pictures.shape} for {len(places)}"
            " latents; it must give uint8 pictures (n, side, side, channels)."
        )
    return pictures
