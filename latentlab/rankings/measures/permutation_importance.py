"""What the probe loses when one dimension is shuffled among the test images."""

import numpy as np

from latentlab.randomness import numpy_generator
from latentlab.rankings.measures.measure import Measured
from latentlab.rankings.tasks import Task

SHUFFLES = 5
STEPS = 4096  # of the grid on which answers are ranked
_CHUNK = 2**19  # answers ranked at a time


def permutation_importance(task: Task) -> Measured | str:
    """Drop of the probe's AUC (attributes) or R2 on test when the dimension's column is shuffled.

    For R2 the mean over all shuffles, in closed form. For AUC the mean over SHUFFLES of them, on a
    grid of STEPS values of the probe's answer; what so few shuffles leave open is in the interval.
    The probe is held as it is. Equivalent dimensions stand in for one another in the probe: both
    are then less important than either alone.

    Source: Breiman 2001, https://doi.org/10.1023/A:1010933404324; Fisher, Rudin & Dominici 2019,
    https://jmlr.org/papers/v20/18-760.html
    """
    if not task.binary:
        return _r2_drop(task)
    if not 0 < task.y_test.sum() < len(task.y_test):
        return "the test images are all positive or all negative"
    return _auc_drop(task)


def _r2_drop(task: Task) -> Measured | str:
    """With residuals e, weight c and centred codes x, shuffling adds 2 c e x + c^2 (x^2 + var x) to
    an image's squared error on average."""
    y = task.y_test - task.y_test.mean()
    spread = (y**2).mean()
    if not task.y_standardized.any():
        return "the target is constant on the test images"
    x, c = task.test.codes - task.test.codes.mean(axis=0), task.probe.coef_
    e = (task.y_test - task.test.codes @ c - task.probe.intercept_)[:, None]
    added = 2 * c * e * x + 2 * c**2 * x**2
    drop = added.mean(axis=0) / spread
    moved = (added - added.mean(axis=0) - 2 * c * e.mean() * x) / spread
    return Measured(drop, moved - drop * (y[:, None] ** 2 / spread - 1.0))


def _auc_drop(task: Task) -> Measured:
    rows, latents = task.test.codes.shape
    rng = numpy_generator(task.test.seed, "permutation importance")
    shuffles = task.test.once(
        "shuffles", lambda: np.stack([rng.permutation(rows) for _ in range(SHUFFLES)])
    )
    answer, positive = task.test.codes @ task.probe.coef_, task.y_test == 1
    whole = _placements(answer[None], positive)[0]
    area = whole[positive].mean()
    drops, influence = np.zeros((latents, SHUFFLES)), np.zeros((rows, latents))
    share = np.where(positive, rows / positive.sum(), rows / (~positive).sum())
    for index in range(latents):
        part = task.probe.coef_[index] * task.test.codes[:, index]
        if not np.ptp(part):
            continue  # shuffling changes nothing
        for start in range(0, SHUFFLES, max(1, _CHUNK // rows)):
            which = slice(start, start + max(1, _CHUNK // rows))
            shuffled = _placements(answer - part + part[shuffles[which]], positive)
            areas = shuffled[:, positive].mean(axis=1)
            drops[index, which] = area - areas
            lost = (whole - area) - (shuffled - areas[:, None])
            influence[:, index] += share * lost.sum(axis=0) / SHUFFLES
    return Measured(drops.mean(axis=1), influence, drops.var(axis=1, ddof=1) / SHUFFLES)


def _placements(answers: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """The share of the other class that each answer beats, equal cells counting half.

    Args:
        answers: (shuffles, rows).
        positive: (rows,).
    """
    shuffles, rows = answers.shape
    low, width = answers.min(axis=1, keepdims=True), np.ptp(answers, axis=1, keepdims=True)
    # A probe whose weights are all 0 gives every image the same answer.
    shares = (answers - low) / np.where(width > 0, width, 1.0)
    cells = (shares * (STEPS * (1 - 1e-9))).astype(np.intp)
    cells += np.arange(shuffles)[:, None] * STEPS
    placed = np.empty((shuffles, rows))
    for own, other in ((positive, ~positive), (~positive, positive)):
        counts = np.bincount(cells[:, other].ravel(), minlength=shuffles * STEPS)
        counts = counts.reshape(shuffles, STEPS)
        below = (counts.cumsum(axis=1) - counts / 2) / other.sum()
        beaten = below.ravel()[cells[:, own]]
        placed[:, own] = beaten if own is positive else 1.0 - beaten
    return placed
