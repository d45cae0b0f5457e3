"""Linear support vector machines on one latent at a time, for many labels at once.

One latent leaves two unknowns, slope and intercept, and the images within the margin are then a
stretch of the sorted latent. Sums over them come from running sums, so a step costs a binary
search and not a pass over the images.

The objective is liblinear's squared hinge with its penalty on slope and intercept; the steps are
those of its trust-region Newton method (Lin, Weng & Keerthi 2008,
https://jmlr.org/papers/v9/lin08b.html) with its rule to stop. A solution closer to the optimum
would classify one image in 5,000 otherwise in about every tenth fit, so only the same steps give
the same accuracies.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

BLOCK = 64  # images whose sums are kept together
TOLERANCE = 1e-4  # of the gradient's norm, relative to its start and to the rarer class
STEPS = 1000
ACCEPT, POOR, GOOD = 1e-4, 0.25, 0.75  # actual over predicted decrease: step taken; radius changed
SHRINK, HALVE, GROW = 0.25, 0.5, 4.0  # of the radius of trust


@dataclass(frozen=True)
class Moments:
    """Sums of 1, x and x squared over any first part of the images, sorted by their latent.

    Attributes:
        x: The latent, ascending, (images,).
        chosen: 1 where an image has a label, else 0, in that order, (labels, blocks, BLOCK).
        powers: 1, x and x squared, (blocks, BLOCK, 3); 0 beyond the last image.
        every: Sums over the first i images, (images + 1, 3).
        positive: Sums over those in the first b blocks that have a label, (blocks + 1, labels, 3).
        weights: Cost of an image with the label and of one without it, (2, labels).
    """

    x: np.ndarray
    chosen: np.ndarray
    powers: np.ndarray
    every: np.ndarray
    positive: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, positives: np.ndarray, weights: np.ndarray) -> Self:
        order = np.argsort(x)
        x, blocks = x[order], len(x) // BLOCK + 1
        chosen = np.zeros((len(positives), blocks * BLOCK))
        chosen[:, : len(x)] = np.take(positives, order, axis=1)
        in_blocks = chosen.reshape(len(positives), blocks, BLOCK)
        powers = np.zeros((blocks * BLOCK, 3))
        powers[: len(x)] = np.column_stack([np.ones_like(x), x, x * x])
        every = np.zeros((len(x) + 1, 3))
        np.cumsum(powers[: len(x)], axis=0, out=every[1:])
        powers_in_blocks = powers.reshape(blocks, BLOCK, 3)
        positive = np.zeros((blocks + 1, len(positives), 3))
        np.cumsum(in_blocks.swapaxes(0, 1) @ powers_in_blocks, axis=0, out=positive[1:])
        return cls(x, in_blocks, powers_in_blocks, every, positive, weights)

    def within(self, slope: np.ndarray, intercept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The weighted sums over the images whose hinge is open, each (3, labels): with the label
        those decided below 1, without it those above -1."""
        with_label, _ = self._below(slope, 1 - intercept)
        positive, every = self._below(slope, -1 - intercept)
        without = (self.every[-1] - self.positive[-1]) - (every - positive)
        return with_label.T * self.weights[0], without.T * self.weights[1]

    def _below(self, slope: np.ndarray, bound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sums over the images with slope * x below the bound: those with the label, and all;
        each (labels, 3)."""
        flat, falling = slope == 0, slope < 0
        ends = np.divide(bound, slope, out=np.zeros_like(bound), where=~flat)
        first = np.where(flat, len(self.x) * (bound > 0), np.searchsorted(self.x, ends))
        block, rest = np.divmod(first, BLOCK)
        label = np.arange(len(slope))
        inside = self.chosen[label, block] * (np.arange(BLOCK) < rest[:, None])
        positive = self.positive[block, label] + np.einsum("lb,lbp->lp", inside, self.powers[block])
        every, falling = self.every[first], falling[:, None]
        return (
            np.where(falling, self.positive[-1] - positive, positive),
            np.where(falling, self.every[-1] - every, every),
        )


@dataclass(frozen=True)
class Local:
    """The objective, its gradient (2, labels) and its curvature (2, 2, labels) at one place."""

    value: np.ndarray
    gradient: np.ndarray
    curvature: np.ndarray

    @classmethod
    def at(cls, place: np.ndarray, moments: Moments) -> Self:
        slope, intercept = place
        value = 0.5 * (slope**2 + intercept**2)
        gradient = place.copy()
        curvature = np.zeros((2, 2, len(slope)))
        for sums, side in zip(moments.within(slope, intercept), (-1.0, 1.0), strict=True):
            count, first, second = sums
            total = slope * first + intercept * count  # of the decision values
            squares = slope * (slope * second + 2 * intercept * first) + intercept**2 * count
            value = value + count + 2 * side * total + squares
            gradient[0] += 2 * (slope * second + intercept * first + side * first)
            gradient[1] += 2 * (total + side * count)
            curvature += 2 * np.array([[second, first], [first, count]])
        return cls(value, gradient, curvature + np.eye(2)[:, :, None])


def separators(x: np.ndarray, positives: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Slope and intercept for each label.

    Args:
        x: One latent, (images,).
        positives: Which images have each label, bool, (labels, images).
        weights: Cost of an image with the label and of one without it, (2, labels).

    Returns:
        (2, labels); the label is given where slope * x + intercept is above 0.
    """
    moments = Moments.of(x, positives, weights)
    number = positives.sum(axis=1)
    rarer = np.minimum(number, len(x) - number).clip(min=1)
    place = np.zeros((2, len(positives)))
    here = Local.at(place, moments)
    start = radius = _norm(here.gradient)
    enough = TOLERANCE * rarer / len(x) * start
    open_ = start > enough
    for step_number in range(STEPS):
        if not open_.any():
            break
        step, residual = _trusted_step(here, radius)
        there = Local.at(place + step, moments)
        slope = (here.gradient * step).sum(axis=0)
        predicted = -0.5 * (slope - (step * residual).sum(axis=0))
        actual = here.value - there.value
        length = _norm(step)
        if step_number == 0:
            radius = np.minimum(radius, length)
        radius = np.where(open_, _new_radius(radius, length, slope, actual, predicted), radius)
        taken = open_ & (actual > ACCEPT * predicted)
        place = np.where(taken, place + step, place)
        here = Local(
            np.where(taken, there.value, here.value),
            np.where(taken, there.gradient, here.gradient),
            np.where(taken, there.curvature, here.curvature),
        )
        small = 1e-12 * np.abs(here.value)
        stuck = (np.abs(actual) <= small) & (np.abs(predicted) <= small)
        open_ &= ~(taken & (_norm(here.gradient) <= enough)) & ~stuck
    return place


def _new_radius(
    radius: np.ndarray,
    length: np.ndarray,
    slope: np.ndarray,
    actual: np.ndarray,
    predicted: np.ndarray,
) -> np.ndarray:
    """How far the quadratic is trusted next, by how well it foretold the decrease."""
    bend = -actual - slope
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = np.where(bend <= 0, GROW, np.maximum(SHRINK, -0.5 * slope / bend)) * length
    far = np.minimum(wanted, GROW * radius)
    return np.select(
        [actual < ACCEPT * predicted, actual < POOR * predicted, actual < GOOD * predicted],
        [
            np.minimum(np.maximum(wanted, SHRINK * length), HALVE * radius),
            np.maximum(SHRINK * radius, np.minimum(wanted, HALVE * radius)),
            np.maximum(SHRINK * radius, far),
        ],
        np.maximum(radius, far),
    )


def _trusted_step(here: Local, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Conjugate gradients to a tenth of the gradient or to the radius: the step, what is left."""
    step = np.zeros_like(here.gradient)
    residual = -here.gradient
    direction = residual.copy()
    enough = 0.1 * _norm(here.gradient)
    squared = (residual**2).sum(axis=0)
    open_ = _norm(residual) > enough
    while open_.any():
        bent = np.einsum("ijl,jl->il", here.curvature, direction)
        share = squared / np.maximum((direction * bent).sum(axis=0), 1e-300)
        beyond = open_ & (_norm(step + share * direction) > radius)
        share = np.where(beyond, _to_radius(step, direction, radius), share)
        step = np.where(open_, step + share * direction, step)
        residual = np.where(open_, residual - share * bent, residual)
        left = (residual**2).sum(axis=0)
        direction = residual + left / np.maximum(squared, 1e-300) * direction
        squared = left
        open_ = open_ & ~beyond & (np.sqrt(left) > enough)
    return step, residual


def _to_radius(step: np.ndarray, direction: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """How much of the direction leads from the step to the border of trust."""
    along = (step * direction).sum(axis=0)
    squared = np.maximum((direction**2).sum(axis=0), 1e-300)
    room = radius**2 - (step**2).sum(axis=0)
    root = np.sqrt(np.maximum(along**2 + squared * room, 0.0))
    return np.where(along >= 0, room / np.maximum(along + root, 1e-300), (root - along) / squared)


def _norm(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors**2).sum(axis=0))
