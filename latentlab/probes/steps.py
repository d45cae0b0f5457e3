"""Steps towards the optimum of many logistic problems: with a Hessian from nearby, or their own.

Quasi-Newton steps need gradients alone, Newton steps a Hessian each time; these are halved until
the objective falls, and find the optimum from anywhere.
"""

from dataclasses import dataclass

import numpy as np

from latentlab.probes.blocks import Rows
from latentlab.probes.problems import Problems, collect, gradient_of, null_start

CONTRACTION = 0.5  # a quasi-Newton step must shorten the next one to this at least
QUASI_STEPS = 15
# Steps that a problem may still need, going by how it contracts, before a Newton step is cheaper:
# in memory by its arithmetic, elsewhere by the reading.
PATIENCE, PATIENCE_ELSEWHERE = 12, 6
SAME = 2e-5  # log-odds per deviation: a quasi-Newton step this short is the last
SAME_NEWTON = 1e-3  # a Newton step this short leaves an error of its square
ROUNDING = 5e-8  # of a gradient in float32, for each image; see the tests


@dataclass
class State:
    """Where problems stand. All arrays have one entry a problem."""

    weights: np.ndarray
    solved: np.ndarray
    iterations: np.ndarray
    slow: np.ndarray  # given up by quasi-Newton steps
    hessian: np.ndarray | None = None  # of the loss, where the last Newton step began

    @classmethod
    def at(cls, start: np.ndarray) -> "State":
        nothing = np.zeros(len(start), dtype=bool)
        return cls(start.copy(), nothing.copy(), np.zeros(len(start), dtype=int), nothing.copy())


def descend(
    rows: Rows,
    problems: Problems,
    start: np.ndarray,
    inverse: np.ndarray | None,
    large: bool,
    max_iter: int,
    tol: float,
) -> State:
    """Quasi-Newton steps where there is a Hessian to begin with, Newton steps for the rest."""
    state = State.at(start)
    if inverse is not None:
        for dtype in ("float32", "float64") if large else ("float64",):
            quasi_newton_steps(rows, problems, state, inverse, dtype, max_iter, tol)
    left = np.flatnonzero(~state.solved)
    if len(left):
        lost = left[~np.isfinite(state.weights[left]).all(axis=1)]
        state.weights[lost] = null_start(problems)[lost]
        found = newton_steps(rows, problems[left], state.weights[left], max_iter, tol)
        state.weights[left], state.solved[left] = found.weights, found.solved
        state.iterations[left] += found.iterations
    return state


def quasi_newton_steps(
    rows: Rows,
    problems: Problems,
    state: State,
    inverse: np.ndarray,
    dtype: str,
    max_iter: int,
    tol: float,
) -> None:
    """Steps with an inverse Hessian from nearby, until they are short or no longer shorten.

    The inverse learns from the gradients met on the way (BFGS), in place.
    """
    active = np.flatnonzero(~state.solved & ~state.slow)
    patience = PATIENCE if rows.source.in_memory else PATIENCE_ELSEWHERE
    trusted = np.ones(len(state.weights), dtype=bool)
    if dtype == "float32":
        noise = ROUNDING * problems.weight
        spread = np.sqrt(np.square(inverse).sum(axis=2)).max(axis=1)
        trusted = (noise * spread <= SAME / 2) & (tol >= 5 * ROUNDING)
    before = np.full(len(state.weights), np.inf)
    last_step, last_gradient = np.zeros_like(state.weights), np.zeros_like(state.weights)
    best = state.weights.copy()
    for _ in range(min(QUASI_STEPS, max_iter)):
        if not len(active):
            break
        here, weights = problems[active], state.weights[active]
        gradient = gradient_of(here, weights, collect(rows, dtype, here, weights, gradient=True))
        known = np.isfinite(before[active])
        again = active[known]
        inverse[again] = _learned(
            inverse[again], -last_step[again], gradient[known] - last_gradient[again]
        )
        step = np.matmul(inverse[active], gradient[:, :, None])[:, :, 0]
        last_step[active], last_gradient[active] = step, gradient
        product = np.einsum("ij,ij->i", gradient, step)
        # Negative where rounding has left the Hessian of a sample no longer positive.
        length = np.sqrt(product, out=np.full(len(product), np.inf), where=product >= 0)
        shorter = np.isfinite(length) & (length <= CONTRACTION * before[active])
        flat = np.abs(gradient).max(axis=1) <= tol * here.weight
        short = flat & (np.abs(step).max(axis=1) <= SAME)
        state.iterations[active] += 1
        moved = shorter | short
        hopeful = _steps_left(length, before[active], np.abs(step).max(axis=1)) <= patience
        state.weights[active[moved]] -= step[moved]
        # Of one that no longer shortens, the last step is taken back: others will find its way.
        state.weights[active[~moved]] = best[active[~moved]]
        best[active[moved]] = weights[moved]
        before[active] = length
        state.solved[active[short & trusted[active]]] = True
        state.slow[active[moved & ~short & ~hopeful]] = True
        active = active[moved & ~short & hopeful]


def _learned(inverse: np.ndarray, moved: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Inverse Hessians that explain how the gradient changed along a step, (problems, n, n).

    Args:
        moved, change: The step and the change of the gradient, (problems, n).

    Source: Nocedal & Wright 2006, equation 6.17.
    """
    along = np.einsum("ij,ij->i", moved, change)
    seen = np.matmul(inverse, change[:, :, None])[:, :, 0]
    # Where rounding hides the change there is nothing to learn.
    real = along > 1e-10 * np.einsum("ij,ij->i", seen, change)
    scale = np.divide(1.0, along, out=np.zeros_like(along), where=real)
    size = (1.0 + scale * np.einsum("ij,ij->i", change, seen)) * scale
    cross = (scale[:, None] * seen)[:, :, None] * moved[:, None]
    return np.asarray(
        inverse - cross - cross.transpose(0, 2, 1)
        + (size[:, None] * moved)[:, :, None] * moved[:, None]
    )  # fmt: skip


def _steps_left(length: np.ndarray, before: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Steps until one is as short as SAME, if each is shorter than the last by the same factor; 0
    before the second step, when the factor is not known yet."""
    with np.errstate(divide="ignore", invalid="ignore"):
        contraction = np.minimum(length / before, 1 - 1e-9)
        left = np.log(SAME / np.maximum(size, SAME)) / np.log(contraction)
    return np.where(np.isfinite(before) & (length > 0), left, 0.0)


def newton_steps(
    rows: Rows,
    problems: Problems,
    start: np.ndarray,
    max_iter: int,
    tol: float,
    *,
    near: float = SAME_NEWTON,
    dtype: str = "float64",
    keep: bool = False,
) -> State:
    """Newton steps, each halved until the objective falls.

    Args:
        near: Length of a step, in log-odds per deviation, that is the last.
        keep: Whether the state is to have a `hessian`.
    """
    slack = 1e-11 if dtype == "float64" else 1e-5  # of the objective, by rounding
    state = State.at(start)
    trial, step = start.copy(), np.zeros_like(start)
    if keep:
        state.hessian = np.zeros((*start.shape, start.shape[1]))
    lowest, share = np.full(len(start), np.inf), np.ones(len(start))
    active = np.arange(len(start))
    for _ in range(max_iter):
        here, weights = problems[active], trial[active]
        sums = collect(rows, dtype, here, weights, loss=True, gradient=True, hessian=True)
        assert sums.loss is not None and sums.hessian is not None
        loss = sums.loss - np.einsum("ij,ij->i", weights, here.labels)
        loss += np.einsum("ij,ij,ij->i", weights, weights, here.penalty) / 2
        state.iterations[active] += 1
        lower = loss <= lowest[active] + slack * np.abs(loss)
        down, up = active[lower], active[~lower]
        lowest[down], state.weights[down], share[down] = loss[lower], weights[lower], 1.0
        share[up] /= 2
        if state.hessian is not None:
            state.hessian[down] = sums.hessian[lower]
        gradient = gradient_of(here, weights, sums)[lower]
        step[down] = _newton_step(sums.hessian[lower], here.penalty[lower], gradient)
        size = np.abs(step[down]).max(axis=1)
        flat = np.abs(gradient).max(axis=1) <= tol * here.weight[lower]
        # Without a penalty a label may be separable, and steps never grow short.
        free = ~here.penalty[lower].any(axis=1)
        done = flat & ((size <= near) | free)
        state.solved[down[done]] = True
        last = down[done & (size <= near)]
        state.weights[last] -= step[last]
        # Halved so often, a step is rounding: no lower objective can be found from here.
        active = np.concatenate([down[~done], up[share[up] > 1e-9]])
        if not len(active):
            break
        trial[active] = state.weights[active] - share[active, None] * step[active]
    return state


def _newton_step(hessian: np.ndarray, penalty: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    whole = _regular(hessian, penalty)
    try:
        return np.linalg.solve(whole, gradient[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        return np.matmul(np.linalg.pinv(whole, hermitian=True), gradient[:, :, None])[:, :, 0]


def inverse_of(hessian: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    whole = _regular(hessian, penalty)
    try:
        return np.linalg.inv(whole)
    except np.linalg.LinAlgError:
        return np.linalg.pinv(whole, hermitian=True)


def _regular(hessian: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """The Hessian of the objective, lifted off zero where latents are constant or repeated."""
    diagonal = np.einsum("pii->pi", hessian)
    lift = 1e-11 * diagonal.mean(axis=1) + 1e-250
    whole = hessian.copy()
    np.einsum("pii->pi", whole)[:] += penalty + lift[:, None]
    return whole
