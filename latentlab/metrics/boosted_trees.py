"""Gradient-boosted trees of depth three for all factors at once, on binned latents.

The model is that of scikit-learn's GradientBoostingClassifier and GradientBoostingRegressor with
their default arguments (Friedman 2001, https://doi.org/10.1214/aos/1013203451): 100 rounds, a rate
of 0.1, trees that lower the squared error of the gradient most, and one Newton step a leaf. What
differs: a latent is cut into bins of equal number, and a split is sought between bins, not between
any two images; few images keep a bin each, because there the exact splits count. Latents whose
splits are equally good, as where one image is parted from the rest, share the importance that
scikit-learn gives to one of them by chance. The sums over bins are one sparse product for several
trees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit, softmax

ROUNDS, RATE, DEPTH = 100, 0.1, 3
SPLITS = 1_000_000  # images times bins per latent: 1,000 images have a bin each
MIN_BINS = 64
TOGETHER = 16  # columns of a product; with more the images fall out of the cache
NEVER = 2**16 - 1  # a bin that no image is beyond
TIE = 1e-5  # of two decreases, relative: what float32 cannot tell apart
NOTHING = 1e-10  # decrease of the squared error, per image, that is rounding


@dataclass(frozen=True)
class Bins:
    """Latents as numbers of bins.

    Attributes:
        edges: Per latent, where one bin ends and the next begins, ascending.
        codes: Bin of each image, (latents, images), uint16.
        cells: Sparse 0 and 1, (latents * width, images): which images are in which bin. float32,
            which makes the sums three times as fast and their errors smaller than the bins'.
        width: Bins of the latent that has most.
    """

    edges: tuple[np.ndarray, ...]
    codes: np.ndarray
    cells: csr_array
    width: int

    @classmethod
    def of(cls, z: np.ndarray) -> Self:
        """z: (images, latents)."""
        bins = max(MIN_BINS, SPLITS // len(z))
        edges = tuple(_edges(column, bins) for column in z.T)
        codes = bins_of(z, edges)
        width = max(2, max(map(len, edges)) + 1)
        images, latents = z.shape
        cells = (codes + (np.arange(latents) * width)[:, None]).ravel().astype(np.int32)
        image = np.tile(np.arange(images, dtype=np.int32), latents)
        ones = np.ones(images * latents, np.float32)
        sparse = csr_array((ones, (cells, image)), shape=(latents * width, images))
        return cls(edges, codes, sparse, width)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over the images of each bin: (n, images) -> (n, latents, width), float64."""
        parts = []
        for first in range(0, len(values), TOGETHER):
            columns = np.ascontiguousarray(values[first : first + TOGETHER].T, dtype=np.float32)
            parts.append((self.cells @ columns).T.astype(np.float64, order="C"))
        return np.concatenate(parts).reshape(len(values), -1, self.width)


def bins_of(z: np.ndarray, edges: tuple[np.ndarray, ...]) -> np.ndarray:
    """(images, latents) -> number of the bin, from 0, (latents, images), uint16."""
    columns = zip(z.T, edges, strict=True)
    return np.stack([np.searchsorted(cuts, column) for column, cuts in columns]).astype(np.uint16)


def _edges(column: np.ndarray, bins: int) -> np.ndarray:
    distinct, counts = np.unique(column, return_counts=True)
    between = (distinct[1:] + distinct[:-1]) / 2
    if len(distinct) <= bins:
        return between
    filled = np.cumsum(counts)[:-1] * bins // len(column)
    last = np.flatnonzero(np.diff(filled, prepend=0) > 0)
    return between[last]


@dataclass(frozen=True)
class Tree:
    """One tree, complete to DEPTH.

    Attributes:
        latent, bin: Of the split of each node, level by level: an image goes right if its bin of
            that latent is greater. A node that is not split sends all to the left.
    """

    latent: np.ndarray
    bin: np.ndarray

    def leaves(self, codes: np.ndarray, depth: int = DEPTH) -> np.ndarray:
        """(latents, images) -> number of the node at this depth, (images,), uint8."""
        node = np.zeros(codes.shape[1], np.uint8)
        for level in range(depth):
            right = np.zeros(len(node), bool)
            for place in range(2**level):
                split = 2**level - 1 + place
                beyond = codes[self.latent[split]] > self.bin[split]
                right |= beyond & (node == place)
            node = 2 * node + right
        return node


def grown(bins: Bins, gradients: np.ndarray) -> tuple[list[Tree], np.ndarray, np.ndarray]:
    """Trees that lower the squared error of the gradients most.

    Args:
        gradients: (outputs, images).

    Returns:
        A tree an output; the leaf of each image, (outputs, images); by how much the splits on each
        latent lower the squared error, per image, (latents, outputs).
    """
    outputs, images = gradients.shape
    gains = np.zeros((len(bins.edges), outputs))
    splits = 2**DEPTH - 1
    trees = [Tree(np.zeros(splits, np.int64), np.full(splits, NEVER)) for _ in range(outputs)]
    node = np.zeros((outputs, images), np.uint8)
    sums = bins.sums(gradients)[None]
    counts = np.broadcast_to(bins.sums(np.ones((1, images)))[None], sums.shape)
    for level in range(DEPTH):
        if level:
            sums, counts = _children(bins, gradients, node, sums, counts)
        decrease = _decreases(sums, counts)
        of_latents = decrease.max(axis=3)
        best = of_latents.argmax(axis=2)
        gain = np.take_along_axis(of_latents, best[:, :, None], axis=2)
        tied = of_latents >= (1 - TIE) * gain
        shares = gain * tied / tied.sum(axis=2, keepdims=True) / images
        for place, output in zip(*np.nonzero(gain[:, :, 0] > NOTHING * images), strict=True):
            split, latent = 2**level - 1 + place, best[place, output]
            trees[output].latent[split] = latent
            trees[output].bin[split] = decrease[place, output, latent].argmax()
            gains[:, output] += shares[place, output]
        node = np.stack([tree.leaves(bins.codes, level + 1) for tree in trees])
    return trees, node, gains


def _children(
    bins: Bins, gradients: np.ndarray, node: np.ndarray, sums: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sums and counts of every node's two children, (2 * nodes, outputs, latents, width)."""
    made: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for parent in range(len(sums)):
        left = node == 2 * parent
        part = bins.sums(np.concatenate([gradients * left, left])).reshape(2, *sums.shape[1:])
        for one, whole, list_ in zip(part, (sums[parent], counts[parent]), made, strict=True):
            list_ += [one, whole - one]
    return np.stack(made[0]), np.stack(made[1])


def _decreases(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Decrease of the squared error by a split after each bin, (nodes, outputs, latents,
    width - 1); 0 where one side is empty."""
    left, left_count = np.cumsum(sums, axis=3), np.cumsum(counts, axis=3)
    whole, count = left[..., -1:], left_count[..., -1:]
    left, left_count = left[..., :-1], left_count[..., :-1]
    shares = left_count * (count - left_count) * count
    difference = np.square(count * left - left_count * whole)
    return np.divide(difference, shares, out=np.zeros_like(shares), where=shares > 0.5)


class Loss(Protocol):
    """What one factor asks of its outputs, `answer` being their sums over the rounds."""

    start: np.ndarray
    """(outputs,)."""
    scale: float
    """Of every step."""

    def slopes(self, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Negative gradient and curvature, each (outputs, images)."""
        ...

    def score(self, answer: np.ndarray, values: np.ndarray) -> float: ...


class Squares:
    """A number: squared error, scored by the share of variance explained."""

    scale = 1.0

    def __init__(self, values: np.ndarray):
        self.values = values.astype(np.float64)[None]
        self.start = self.values.mean(axis=1)

    def slopes(self, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.values - answer, np.ones_like(answer)

    def score(self, answer: np.ndarray, values: np.ndarray) -> float:
        return explained(answer[0], values)


class Classes:
    """A class: one output for two, else one each; scored by accuracy."""

    def __init__(self, values: np.ndarray):
        self.classes, counts = np.unique(values, return_counts=True)
        number, logs = len(self.classes), np.log(counts / len(values))
        self.start = logs[1:] - logs[0] if number == 2 else logs
        self.scale = 1.0 if number == 2 else (number - 1) / number
        chosen = self.classes[1:] if number == 2 else self.classes
        self.truth = (values == chosen[:, None]).astype(np.float64)

    def slopes(self, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = expit(answer) if len(answer) == 1 else softmax(answer, axis=0)
        return self.truth - share, share * (1 - share)

    def score(self, answer: np.ndarray, values: np.ndarray) -> float:
        chosen = answer[0] > 0 if len(answer) == 1 else answer.argmax(axis=0)
        return float(np.mean(self.classes[chosen.astype(np.int64)] == values))


def explained(answer: np.ndarray, values: np.ndarray) -> float:
    """R squared; 0 for values that do not vary."""
    spread = np.square(values - values.mean()).sum()
    return float(1 - np.square(values - answer).sum() / spread) if spread else 0.0


def boosted(
    z: np.ndarray, losses: Sequence[Loss], test_z: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Fit one model a loss, all in step.

    Args:
        z: (images, latents).

    Returns:
        Importances, summing to 1 over the latents unless no split helped, (latents, losses); the
        answers on `test_z`, (outputs, test images) each.
    """
    bins = Bins.of(z)
    test_codes = bins_of(test_z, bins.edges)
    start = np.concatenate([loss.start for loss in losses])
    scale = RATE * np.concatenate([np.full(len(loss.start), loss.scale) for loss in losses])
    sizes = [len(loss.start) for loss in losses]
    parts = [slice(end - size, end) for end, size in zip(np.cumsum(sizes), sizes, strict=True)]
    answer = np.repeat(start[:, None], len(z), axis=1)
    test_answer = np.repeat(start[:, None], len(test_z), axis=1)
    gains = np.zeros((z.shape[1], len(start)))
    for _ in range(ROUNDS):
        slopes = [loss.slopes(answer[part]) for loss, part in zip(losses, parts, strict=True)]
        gradients, curvatures = (np.concatenate(each) for each in zip(*slopes, strict=True))
        trees, leaves, found = grown(bins, gradients)
        gains += found
        for output, tree in enumerate(trees):
            totals = [
                np.bincount(leaves[output], weights[output], minlength=2**DEPTH)
                for weights in (gradients, curvatures)
            ]
            values = scale[output] * _ratio(*totals)
            answer[output] += values[leaves[output]]
            test_answer[output] += values[tree.leaves(test_codes)]
    importance = np.column_stack([gains[:, part].sum(axis=1) for part in parts])
    total = np.broadcast_to(importance.sum(axis=0), importance.shape)
    return _ratio(importance, total), [test_answer[part] for part in parts]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """0 where there is nothing below."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 1e-150)
