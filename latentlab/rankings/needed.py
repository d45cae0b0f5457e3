"""How many dimensions a target needs: the score of the best 1, 2, 3, 5, ... against that of all."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from latentlab.alignment import align, table
from latentlab.artifacts import Targets, latent_columns
from latentlab.dimensions import inactive_reasons, summarize_dimensions
from latentlab.probes import PROBES
from latentlab.probes.analysis import ProbeResults
from latentlab.probes.scales import LOGIT, UNEXPLAINED
from latentlab.rankings.measures.auc import areas
from latentlab.rankings.measures.measure import Measured
from latentlab.rankings.measures.weight import slopes
from latentlab.rankings.orders import Order
from latentlab.rankings.resampling import interval, spread
from latentlab.rankings.tasks import Task, Tasks

NEEDED_COLUMNS = (
    "target", "k", "latents", "metric", "value", "low", "high", "share", "reason", "n", "needed",
)  # fmt: skip
ENOUGH = 0.95  # of what all dimensions gain over the baseline
NO_GAIN = "no share: all dimensions together score no better than none"


def dimensions_needed(
    latents: pd.DataFrame,
    targets: Targets,
    results: ProbeResults,
    *,
    enough: float = ENOUGH,
    seed: int,
    progress: Callable[[int], None] = lambda targets: None,
) -> pd.DataFrame:
    """Probe every target with its best 1, 2, 3, 5, 8, ... active dimensions, and with all.

    Dimensions are chosen on train alone, one after the other: each time the one that lowers the
    probe's penalised loss most beside those already chosen, by the loss's parabola at the fit on
    all of them (for ridge, exactly). So of two equivalent dimensions the second comes late. Each
    probe is fitted anew on train, with the penalty that `results` chose for all dimensions.

    Args:
        latents: `image_id`, `split`, `mu_*` and, for activity by KL, `logvar_*`.
        targets: The targets that `results` were made from.
        results: From `probe_targets` on these latents. Targets without a fit have no row here.
        enough: Share of the gain of all dimensions over the baseline that counts as enough.
        seed: Of the grouping of more than 4,096 images or persons; nothing else is drawn.
        progress: Called with 1 after every target.

    Returns:
        One row a target and k, NEEDED_COLUMNS. `latents`: those used, the first chosen first,
        joined by commas. `metric`: `auc` for attributes, else `r2`; `value` on the known test
        images, `low` and `high` its 95 % interval (`rankings.resampling`), which holds the probe
        fixed. `share`: gain over the baseline (0.5, or the r2 of the train mean), as a share of
        the gain of all active dimensions; it can exceed 1. `needed`: true for the smallest k whose
        share is at least `enough`. `n`: test images. A null has its `reason`.

    Raises:
        DataError: A table is not as it must be; the message names the column or the image.
    """
    aligned = align(latents, targets)
    reasons = inactive_reasons(summarize_dimensions(latents))
    names = np.array(latent_columns(latents))
    active = np.flatnonzero([name not in reasons for name in names])
    tasks = Tasks(aligned, targets.roles, seed)
    rows: list[dict[str, object]] = []
    for target, probe in results.fits.items():
        task = tasks.task(target, probe)
        obstacle = _obstacle(task, active)
        if obstacle is None:
            rows += _rows(task, names, active, enough)
        else:
            row = {"target": target, "metric": _metric(task), "n": len(task.test)}
            rows.append({**row, "reason": obstacle})
        progress(1)
    return _typed(rows)


def greedy_order(hessian: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The order in which dimensions lower a parabola most, each beside those before it.

    Args:
        hessian: Of the loss, (latents, latents), positive definite.
        weights: Where the loss is least, (latents,).

    Returns:
        Indices, best first, (latents,).
    """
    left, gradient = hessian.astype(np.float64), hessian @ weights
    size = np.maximum(np.diag(hessian), np.finfo(float).tiny)
    chosen: list[int] = []
    for _ in range(len(weights)):
        curvature = np.diag(left)
        # A copy of what is chosen has no curvature left, and nothing to gain.
        gain = np.where(curvature > 1e-9 * size, gradient**2, 0.0) / np.maximum(
            curvature, 1e-9 * size
        )
        gain[chosen] = -1.0
        best = int(gain.argmax())
        chosen.append(best)
        if gain[best] > 0:
            step = left[:, best] / left[best, best]
            gradient = gradient - step * gradient[best]
            left = left - np.outer(step, left[best])
    return np.array(chosen)


def sizes(active: int) -> Iterator[int]:
    """1, 2, 3, 5, 8, ... and the number of active dimensions itself."""
    one, other = 1, 2
    while one < active:
        yield one
        one, other = other, one + other
    yield active


def _rows(
    task: Task, names: np.ndarray, active: np.ndarray, enough: float
) -> list[dict[str, object]]:
    """The rows of one target, fewest dimensions first."""
    order = active[_order(task, active)]
    subsets = [order[:k] for k in sizes(len(order))]
    answers = np.column_stack([_answers(task, subset) for subset in subsets])
    metric, baseline = _metric(task), 0.5
    if task.binary:
        found, scale = areas(Order(answers), task.y_test), LOGIT
    else:
        found, scale = _explained(task.y_test, answers), UNEXPLAINED
        mean = np.full((len(task.test), 1), task.y_train.mean())
        baseline = float(_explained(task.y_test, mean).values[0])
    low, high = interval(found.values, spread(found, task.test), scale)
    gain = found.values - baseline
    shares = gain / gain[-1] if gain[-1] > 0 else np.full(len(gain), np.nan)
    reached = np.flatnonzero(shares >= enough)
    rows: list[dict[str, object]] = []
    for index, subset in enumerate(subsets):
        numbers = {
            "value": found.values[index],
            "low": low[index],
            "high": high[index],
            "share": shares[index],
        }
        no_interval = "no interval: the value is at its limit"
        notes = [no_interval] if np.isnan(low[index]) else []
        notes += [NO_GAIN] if np.isnan(shares[index]) else []
        rows.append(
            {
                "target": task.target,
                "k": len(subset),
                "latents": ",".join(names[subset]),
                "metric": metric,
                **{key: None if np.isnan(one) else float(one) for key, one in numbers.items()},
                "reason": "; ".join(notes) or None,
                "n": len(task.test),
                "needed": bool(len(reached)) and index == reached[0],
            }
        )
    return rows


def _obstacle(task: Task, active: np.ndarray) -> str | None:
    if not len(active):
        return "no dimension is active"
    if not len(task.test) or np.ptp(task.y_test) == 0:
        return "the target does not vary on the test images"
    return None


def _metric(task: Task) -> str:
    return "auc" if task.binary else "r2"


def _order(task: Task, active: np.ndarray) -> np.ndarray:
    """Places in `active`, best first, by the loss on train at the fit on all dimensions."""
    hessian = slopes(task)[1]
    free = hessian[:-1, :-1] - np.outer(hessian[:-1, -1], hessian[-1, :-1]) / hessian[-1, -1]
    kept = free[np.ix_(active, active)]
    return greedy_order(kept, np.asarray(task.probe.weights_)[active])


def _answers(task: Task, subset: np.ndarray) -> np.ndarray:
    """The answers on test of a probe fitted on train with these dimensions only, (rows,)."""
    probe = PROBES["logistic" if task.binary else "ridge"](penalty=task.probe.penalty)
    y = task.y_train == 1 if task.binary else task.y_train
    probe.fit(task.train.codes[:, subset], y)
    return np.asarray(task.test.codes[:, subset] @ probe.coef_ + probe.intercept_)


def _explained(y: np.ndarray, answers: np.ndarray) -> Measured:
    """R2 of each column of answers, (rows, columns), with its influence; about the mean of y."""
    centred = (y - y.mean())[:, None]
    spread, error = (centred**2).mean(), (y[:, None] - answers) ** 2
    left = error.mean(axis=0) / spread
    return Measured(1.0 - left, left * (centred**2 / spread) - error / spread)


def _typed(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Rows to the table, whose columns keep their types when every value is missing."""
    made = table(rows, NEEDED_COLUMNS)
    made["needed"] = pd.Series([row.get("needed") for row in rows], dtype="boolean")
    return made
