"""Many L2-penalised logistic regressions at once: all targets, folds and penalties of one table.

1. A sample of the images gives every problem a start and a Hessian (Newton steps, few images).
2. All problems on all images take quasi-Newton steps with that Hessian, scaled up: such a step
   needs no more than two matrix products and a sigmoid for all problems together.
3. Folds part the images, so one pass at a target's optimum gives the Hessians of all its folds,
   whose problems start there and take quasi-Newton steps in turn.
4. What contracts too slowly (few images, rare labels, separable ones) takes Newton steps of its
   own, halved until the objective falls.

Steps of large problems are taken in float32. Where its rounding, times the inverse Hessian, is not
far below the length of a last step, a problem counts as solved only by a gradient in float64. The
step that the last gradient asks for is still taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from latentlab.probes.blocks import Rows
from latentlab.probes.kernels import sweep
from latentlab.probes.problems import ALL, Problems, Totals, by_fold, null_start, thinned
from latentlab.probes.steps import descend, inverse_of, newton_steps

LARGE = 3_000_000  # images x problems from which early steps are taken in float32
THINNER = 3  # a sample of the sample, for the first steps
ALIKE = 0.02  # log-odds per deviation: penalties whose weights differ less share a Hessian
MEMORY = 2**28  # bytes of Hessians at a time; targets wait for one another beyond


@dataclass(frozen=True)
class LogisticFits:
    """Optima on the shared standardised latents, intercept last.

    Attributes:
        weights: On all images, (targets, penalties, latents + 1).
        fold_weights: On all images but those of a fold, (targets, folds, penalties, latents + 1).
        held_out: Weighted log-loss of `fold_weights` on the fold left out, a sum over its images,
            (targets, folds, penalties).
        held_out_weight: Weight of those images, (targets, folds).
        solved: Whether all gradients vanished, (targets,).
        iterations: The most steps that a problem took, (targets,).
    """

    weights: np.ndarray
    fold_weights: np.ndarray
    held_out: np.ndarray
    held_out_weight: np.ndarray
    solved: np.ndarray
    iterations: np.ndarray


def solve(
    rows: Rows, penalties: Sequence[float] | np.ndarray, *, max_iter: int = 100, tol: float = 1e-6
) -> LogisticFits:
    """Minimise, for every target, every fold left out (and none), and every penalty,

        sum over images of weight * log(1 + exp(-y (w z + b)))  +  penalty / 2 * |s w|^2,

    with z the shared standardised latents and s the target's own deviations on that scale.

    Args:
        max_iter: The most steps a problem may take.
        tol: Largest entry of the gradient, divided by the weight of the images, at an optimum.
    """
    totals = Totals(rows)
    latents, folds = rows.latents, rows.folds
    each = len(penalties) * (folds + 1) * (latents + 1) ** 2 * 8 * 3
    size = max(1, MEMORY // each)
    parts = []
    for start in range(0, rows.targets, size):
        targets = np.arange(start, min(start + size, rows.targets))
        parts.append(_solve(rows, totals, targets, np.asarray(penalties, float), max_iter, tol))
    every = {
        field.name: [getattr(part, field.name) for part in parts] for field in fields(parts[0])
    }
    return LogisticFits(**{name: np.concatenate(found) for name, found in every.items()})


def _solve(
    rows: Rows,
    totals: Totals,
    targets: np.ndarray,
    penalties: np.ndarray,
    max_iter: int,
    tol: float,
) -> LogisticFits:
    count, folds, width = len(penalties), rows.folds, rows.latents + 1
    target = np.repeat(targets, count)
    pooled = Problems.of(
        rows, totals, target, np.full(len(target), ALL), np.tile(penalties, len(targets))
    )
    large = rows.scale.images * len(pooled) > LARGE
    start, inverse = null_start(pooled), None
    if totals.sample is not None:
        start, inverse = _from_sample(rows, totals.sample, pooled, count, large, max_iter)
    state = descend(rows, pooled, start, inverse, large, max_iter, tol)
    solved, iterations = (
        found.reshape(len(targets), -1) for found in (state.solved, state.iterations)
    )
    weights = state.weights.reshape(len(targets), count, width)
    held_out = np.zeros((len(targets), 0, count))
    held_out_weight = np.zeros((len(targets), 0))
    fold_weights = np.zeros((len(targets), 0, count, width))
    if folds:
        shape = (len(targets), folds, count)
        index = np.arange(len(pooled)).reshape(len(targets), 1, count)
        source = np.broadcast_to(index, shape).ravel()  # the pooled problem of each
        left_out = np.broadcast_to(np.arange(folds)[:, None], shape).ravel()
        parted = Problems.of(
            rows, totals, target[source], left_out, np.tile(penalties, len(targets) * folds)
        )
        start, inverse = _from_pooled(rows, pooled, state.weights, parted, source, large)
        large = rows.scale.images * len(parted) > LARGE
        state = descend(rows, parted, start, inverse, large, max_iter, tol)
        solved = np.hstack([solved, state.solved.reshape(len(targets), -1)])
        iterations = np.hstack([iterations, state.iterations.reshape(len(targets), -1)])
        fold_weights = state.weights.reshape(*shape, width)
        held_out = _held_out(rows, totals, parted, state.weights).reshape(shape)
        held_out_weight = totals.z[:-1, targets, -1].T
    return LogisticFits(
        weights=weights,
        fold_weights=fold_weights,
        held_out=held_out,
        held_out_weight=held_out_weight,
        solved=np.asarray(solved.all(axis=1)),
        iterations=iterations.max(axis=1),
    )


def _from_sample(
    rows: Rows, sample: Rows, problems: Problems, penalties: int, large: bool, max_iter: int
) -> tuple[np.ndarray, np.ndarray]:
    """Start and inverse Hessian of every problem from the sample; NaN where it has too little."""
    dtype = "float32" if large else "float64"
    found = null_start(problems)
    # The problems of a target with the penalty in the middle start the others, and themselves from
    # a thinner sample.
    middle = np.arange(penalties // 2, len(problems), penalties)
    thin = thinned(sample, THINNER)
    hessian = np.full((*found.shape, found.shape[1]), np.nan)  # no step can be taken with it
    for images in (thin, sample):
        part, enough = _part(images, problems)
        seeds = middle[enough[middle]]
        found[seeds], hessian[seeds] = _roughly(images, part[seeds], found[seeds], max_iter, dtype)
    hessian[~enough] = np.nan
    at = np.setdiff1d(np.flatnonzero(enough), middle)
    nearby = found[at // penalties * penalties + penalties // 2]
    found[at], hessian[at] = _roughly(sample, part[at], nearby, max_iter, dtype)
    at = np.flatnonzero(enough)
    share = part.weight / np.maximum(problems.weight, 1e-250)
    inverse = np.full_like(hessian, np.nan)
    inverse[at] = inverse_of(hessian[at] / share[at, None, None], problems.penalty[at])
    return found, inverse


def _part(images: Rows, problems: Problems) -> tuple[Problems, np.ndarray]:
    """The same problems on a sample, where penalties shrink with the images, and whether each has
    enough images of both classes there."""
    ones = np.ones(len(problems))
    part = Problems.of(images, Totals(images), problems.target, problems.left_out, ones)
    share = part.weight / np.maximum(problems.weight, 1e-250)
    known, positive = images.scale.known.sum(axis=0), images.scale.positive.sum(axis=0)
    enough = np.minimum(positive, known - positive) > 2 * images.latents
    return replace(part, penalty=problems.penalty * share[:, None]), enough[problems.target]


def _roughly(
    sample: Rows, problems: Problems, start: np.ndarray, max_iter: int, dtype: str
) -> tuple[np.ndarray, np.ndarray]:
    """Weights as near the optimum as a sample's optimum is worth, and a Hessian nearby."""
    state = newton_steps(
        sample, problems, start, min(max_iter, 12), np.inf, near=0.05, dtype=dtype, keep=True
    )
    assert state.hessian is not None
    return state.weights, state.hessian


def _from_pooled(
    rows: Rows,
    pooled: Problems,
    weights: np.ndarray,
    parted: Problems,
    source: np.ndarray,
    large: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Start and inverse Hessian of every fold's problem from the optimum on all images."""
    dtype = "float32" if large else "float64"
    width = weights.shape[1]
    every = np.arange(len(pooled))
    gradients = np.zeros((rows.folds + 1, len(pooled), width))
    for fold, _, sums in sweep(
        rows, dtype, weights, pooled.target, lambda fold: every, gradient=True
    ):
        gradients[fold] += sums.gradient
    speakers, place = np.unique(_alike(pooled.target, weights), return_inverse=True)
    few = every[: len(speakers)]
    hessians = np.zeros((rows.folds + 1, len(speakers), width, width))
    for fold, _, sums in sweep(
        rows, dtype, weights[speakers], pooled.target[speakers], lambda fold: few, hessian=True
    ):
        hessians[fold] += sums.hessian
    total = hessians.sum(axis=0)
    inverse = np.empty((len(parted), width, width))
    for fold in range(rows.folds):
        at = np.flatnonzero(parted.left_out == fold)
        of = place[source[at]]
        inverse[at] = inverse_of(total[of] - hessians[fold][of], parted.penalty[at])
    start = weights[source]
    gradient = gradients.sum(axis=0)[source] - gradients[parted.left_out, source]
    gradient += parted.penalty * start - parted.labels
    return start - np.matmul(inverse, gradient[:, :, None])[:, :, 0], inverse


def _alike(target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """For each problem the first one of its target whose weights are about its own, (problems,).

    Problems of a target lie side by side, their weights along a path over the penalty.
    """
    speaker = np.arange(len(target))
    for index in range(1, len(target)):
        before = speaker[index - 1]
        same = target[index] == target[before]
        if same and np.abs(weights[index] - weights[before]).max() <= ALIKE:
            speaker[index] = before
    return speaker


def _held_out(rows: Rows, totals: Totals, problems: Problems, weights: np.ndarray) -> np.ndarray:
    """Weighted log-loss on the fold left out, (problems,)."""
    found = np.zeros(len(problems))
    wanted = by_fold(problems.left_out, rows.folds, same=True)
    for _, which, sums in sweep(
        rows, "float64", weights, problems.target, wanted.__getitem__, loss=True
    ):
        if len(which):
            found[which] += sums.loss
    labels = totals.yz[problems.left_out, problems.target]
    return found - np.einsum("ij,ij->i", weights, labels)
