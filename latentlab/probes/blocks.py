"""Rows of latents and labels in blocks that fit a processor's cache, from memory or from elsewhere.

Solvers see `Rows`: standardised latents, one row of numbers a latent, so that the images of a block
lie side by side. A source only has to hand out chunks again and again; what stands in memory is
prepared once, what does not is prepared anew on every pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

UNIT = 8192  # images of a block, the work of one thread at a time
NO_FOLD = -1  # of images that are in every training set


@dataclass(frozen=True)
class Chunk:
    """Images of one fold as they come.

    Attributes:
        codes: (latents, images).
        labels: (targets, images); NaN where unknown. None where they were not asked for.
        fold: Number of the fold, or NO_FOLD.
    """

    codes: np.ndarray
    labels: np.ndarray | None
    fold: int


class Source(Protocol):
    """Anything that can hand out its chunks any number of times, in the same order.

    Most passes need no labels; a source may then leave them unread.
    """

    in_memory: bool

    def chunks(self, labels: bool = True) -> Iterator[Chunk]: ...


class ArraySource:
    """Arrays in memory.

    Args:
        codes: (images, latents).
        labels: (images, targets); NaN where unknown.
        folds: (images,) from 0, or NO_FOLD. All NO_FOLD where None.
    """

    in_memory = True

    def __init__(self, codes: np.ndarray, labels: np.ndarray, folds: np.ndarray | None = None):
        self.codes, self.labels = codes, labels
        self._parts = [(NO_FOLD, np.arange(len(codes)))]
        if folds is not None:
            self._parts = [(int(fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)]

    def chunks(self, labels: bool = True) -> Iterator[Chunk]:
        for fold, rows in self._parts:
            for start in range(0, len(rows), UNIT):
                taken: np.ndarray | slice = rows[start : start + UNIT]
                first, last = rows[start], rows[min(start + UNIT, len(rows)) - 1]
                if last - first == min(start + UNIT, len(rows)) - start - 1:  # side by side
                    taken = slice(first, last + 1)
                known = self.labels[taken].T if labels else None
                yield Chunk(self.codes[taken].T, known, fold)


@dataclass(frozen=True)
class Scale:
    """Moments of the latents over the known images of each target.

    Attributes:
        shift, spread: Mean and standard deviation over all images, (latents,): what the shared
            latents are standardised with.
        mean, deviation: The same over the known images of each target, (targets, latents). The
            deviation is 1 where `constant`.
        constant: Whether a latent has one value in all known images of a target.
        known, positive: Known images and those labelled above 0.5, (folds + 1, targets); the last
            row is that of NO_FOLD.
        label: Mean of the known labels, (targets,).
        images: All of them.
    """

    shift: np.ndarray
    spread: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    constant: np.ndarray
    known: np.ndarray
    positive: np.ndarray
    label: np.ndarray
    images: int

    @property
    def relative(self) -> np.ndarray:
        """What a weight on the shared latents is multiplied with to be one per deviation of the
        target's own images, (targets, latents)."""
        return np.where(self.constant, 1.0, self.deviation / self.spread)


def measure(source: Source, folds: int) -> Scale:
    """One pass over a source for its means, deviations and counts."""
    first: np.ndarray | None = None
    for chunk in source.chunks():
        codes = np.asarray(chunk.codes, dtype=np.float64)
        assert chunk.labels is not None
        labels, images = chunk.labels, codes.shape[1]
        if first is None:  # close to the mean, so that no digits are lost in the squares
            first = codes.mean(axis=1)
            targets, latents = len(labels), len(codes)
            # The last row is for all images, whatever is known of them.
            count = np.zeros(targets + 1)
            sums, squares = np.zeros((2, targets + 1, latents))
            known, positive = np.zeros((2, folds + 1, targets))
            label = np.zeros(targets)
        moved = codes - first[:, None]
        if np.isfinite(labels.sum()):  # all known: one row of sums speaks for all
            count += images
            sums += moved.sum(axis=1)
            squares += np.einsum("ij,ij->i", moved, moved)
            known[chunk.fold] += images
            label += labels.sum(axis=1)
        else:
            mask = np.isfinite(labels)
            inside = np.vstack([mask, np.ones(images)]).astype(np.float64)
            count += inside.sum(axis=1)
            sums += inside @ moved.T
            squares += inside @ np.square(moved).T
            known[chunk.fold] += mask.sum(axis=1)
            label += np.where(mask, labels, 0.0).sum(axis=1)
        positive[chunk.fold] += np.count_nonzero(labels > 0.5, axis=1)
    if first is None:
        raise ValueError("the source has no images")
    count = np.maximum(count, 1.0)[:, None]
    offset = sums / count
    variance = np.maximum(squares / count - np.square(offset), 0.0)
    mean = first + offset
    # A column of one value may have a variance by rounding. The first bound is scikit-learn's; the
    # second is that of the difference above, for images far from the mean of all.
    tiny = np.finfo(np.float64).eps
    constant = variance <= count * tiny * variance + np.square(count * mean * tiny)
    constant |= variance <= 1e-13 * np.square(offset)
    deviation = np.where(constant, 1.0, np.sqrt(variance))
    return Scale(
        shift=mean[-1],
        spread=deviation[-1],
        mean=mean[:-1],
        deviation=deviation[:-1],
        constant=constant[:-1],
        known=known,
        positive=positive,
        label=label / count[:-1, 0],
        images=int(count[-1, 0]),
    )


@dataclass(frozen=True)
class Block:
    """Images of one fold, ready to be multiplied.

    Attributes:
        z: Standardised latents with a last row of ones, (latents + 1, images).
        y: Labels, 0 where unknown, (targets, images); None where they were not asked for.
        weight: Weight of each image in each target's loss, 0 where its label is unknown,
            (targets, images); None where all are 1.
        fold: Number of the fold, or NO_FOLD.
    """

    z: np.ndarray
    y: np.ndarray | None
    weight: np.ndarray | None
    fold: int


class Rows:
    """Blocks of a source, standardised and weighted.

    Args:
        source: Where the chunks come from.
        scale: From `measure` on the same source.
        folds: Number of folds; images may also be in none.
        class_weights: Weight of a negative and of a positive in each target, (targets, 2).
        device: Where blocks are multiplied, as torch names it; with NumPy where None.
    """

    def __init__(
        self,
        source: Source,
        scale: Scale,
        folds: int = 0,
        class_weights: np.ndarray | None = None,
        device: str | None = None,
    ):
        self.source, self.scale, self.folds, self.device = source, scale, folds, device
        self.targets, self.latents = scale.mean.shape
        self.class_weights = class_weights
        self._kept: dict[str, list[Block]] = {}

    @property
    def weighted(self) -> bool:
        """Whether images differ in their weight for some target."""
        whole = (self.scale.known.sum(axis=0) == self.scale.images).all()
        return self.class_weights is not None or not whole

    def blocks(self, dtype: str, labels: bool = False) -> Iterator[Block]:
        """The blocks in "float32" or "float64", in the same order every time.

        Args:
            labels: Whether `y` is wanted; it may be there in any case.
        """
        if dtype in self._kept:
            yield from self._kept[dtype]
            return
        if not self.source.in_memory:
            chunks = self.source.chunks(labels or self.weighted)
            yield from (self._block(chunk, dtype) for chunk in chunks)
            return
        made = self._rounded() if dtype == "float32" and "float64" in self._kept else None
        if made is None:
            made = [self._block(chunk, dtype) for chunk in self.source.chunks()]
        self._kept[dtype] = made
        yield from made

    def _rounded(self) -> list[Block]:
        """Blocks in float32 without labels, which no pass needs after the first."""
        made = []
        for block in self._kept["float64"]:
            z, weight = _single(block.z), None if block.weight is None else _single(block.weight)
            made.append(Block(z, None, weight, block.fold))
        return made

    def _block(self, chunk: Chunk, dtype: str) -> Block:
        latents, images = chunk.codes.shape
        z = np.empty((latents + 1, images), dtype=dtype)
        np.subtract(chunk.codes, self.scale.shift[:, None], out=z[:-1], casting="same_kind")
        z[:-1] *= (1.0 / self.scale.spread[:, None]).astype(dtype)
        z[-1] = 1.0
        y, weight = None, None
        if chunk.labels is not None and not self.weighted:
            y = chunk.labels.astype(dtype, copy=False)
        elif chunk.labels is not None:
            mask = np.isfinite(chunk.labels)
            y = np.where(mask, chunk.labels, 0.0).astype(dtype)
            if self.class_weights is not None:
                negative, positive = self.class_weights.T[:, :, None]
                weight = (mask * (negative + (positive - negative) * y)).astype(dtype)
            elif not mask.all():
                weight = mask.astype(dtype)
        if self.device is None:
            return Block(z, y, weight, chunk.fold)
        import torch  # here, since probes of tables on a CPU should not wait for it

        placed: list[Any] = [
            None if one is None else torch.as_tensor(one).to(self.device) for one in (z, y, weight)
        ]
        return Block(placed[0], placed[1], placed[2], chunk.fold)


def _single(array: Any) -> Any:
    """float32, on whatever device."""
    return array.astype("float32") if isinstance(array, np.ndarray) else array.float()
