"""Where to go, in which order, and the pictures found there."""

from collections.abc import Callable

import numpy as np

from latentlab.errors import DataError

# Latents (n, latents) and the number of the anchor each came from (n,) -> uint8 pictures
# (n, side, side, channels). By the number, a model keeps what else an anchor needs.
Decode = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Plan:
    """Every moved picture: directions that could be made x anchors x moved steps, numbered in this
    order."""

    def __init__(
        self,
        anchors: np.ndarray,
        vectors: np.ndarray,
        scale: np.ndarray,
        t: np.ndarray,
        made: np.ndarray,
    ):
        self.anchors, self.vectors, self.scale, self.t, self.made = anchors, vectors, scale, t, made
        self.middle = len(t) // 2
        self.moved = np.delete(np.arange(len(t)), self.middle)
        self.shape = (len(vectors), len(anchors), len(t))
        self._each = (int(made.sum()), len(anchors), len(self.moved))
        self.pictures = int(np.prod(self._each))

    def places(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(n,) -> latents (n, latents), and numbers of direction, anchor and step, each (n,)."""
        direction, anchor, step = np.unravel_index(numbers, self._each)
        direction, step = np.flatnonzero(self.made)[direction], self.moved[step]
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
