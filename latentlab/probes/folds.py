"""Which fold each image is left out in: one partition that serves all targets."""

from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from latentlab.probes.blocks import NO_FOLD


def assign_folds(cv: Any, codes: np.ndarray, labels: np.ndarray, *, stratify: bool) -> np.ndarray:
    """Number of the fold of each image, from 0; NO_FOLD for images that are always trained on.

    Args:
        cv: Number of folds, or a scikit-learn splitter such as PredefinedSplit that tests no image
            twice and trains on all others. A number gives scikit-learn's StratifiedKFold for one
            label known everywhere, KFold for numbers, and `deal` for several labels.
        codes, labels: (images, latents) and (images, targets); NaN where unknown.
        stratify: Whether labels are classes.

    Raises:
        ValueError: Not a partition, or fewer than two folds.
    """
    one = labels[:, 0] if labels.shape[1] == 1 and np.isfinite(labels).all() else None
    if isinstance(cv, int | np.integer) and not isinstance(cv, bool):
        if not 2 <= cv <= len(labels):
            raise ValueError(
                f"cv must be from 2 to the number of images, {len(labels)}; it is {cv}."
            )
        if stratify and one is None:
            return deal(labels, int(cv))
        cv = StratifiedKFold(int(cv)) if stratify else KFold(int(cv))
    if isinstance(cv, str) or not hasattr(cv, "split"):
        raise ValueError(f"cv must be a number of folds or a splitter; it is {cv!r}.")
    folds = np.full(len(labels), NO_FOLD)
    for number, (train, test) in enumerate(cv.split(codes, one)):
        if (folds[test] != NO_FOLD).any() or len(train) + len(test) != len(labels):
            raise ValueError(
                f"cv must test no image twice and train on all others; {cv!r} does not."
            )
        folds[test] = number
    return folds


def deal(labels: np.ndarray, folds: int) -> np.ndarray:
    """Folds in which every class of every target is spread evenly, the rarest classes first.

    Args:
        labels: (images, targets); NaN where unknown.

    Returns:
        (images,), a function of the labels alone.

    Source: Sechidis et al. 2011, https://doi.org/10.1007/978-3-642-23808-6_10, class by class
    instead of image by image.
    """
    dealt = np.full(len(labels), NO_FOLD)
    classes = [
        labels[:, target] == value
        for target in range(labels.shape[1])
        for value in np.unique(labels[np.isfinite(labels[:, target]), target])
    ]
    classes.sort(key=np.count_nonzero)
    for inside in [*classes, np.ones(len(labels), dtype=bool)]:
        rows = np.flatnonzero(inside & (dealt == NO_FOLD))
        there = np.bincount(dealt[inside & (dealt != NO_FOLD)], minlength=folds)
        every = np.bincount(dealt[dealt != NO_FOLD], minlength=folds)
        dealt[rows] = _interleaved(_filled(there, every, len(rows)))
    return dealt


def _filled(there: np.ndarray, every: np.ndarray, more: int) -> np.ndarray:
    """How many of `more` images each fold gets, so that the class is as even as can be.

    Where folds are even, those with the fewest images come first.
    """
    order = np.lexsort((every, there))
    level, given = there[order].astype(np.int64), np.zeros(len(there), dtype=np.int64)
    for low in range(len(level)):
        top = level[low + 1] if low + 1 < len(level) else np.iinfo(np.int64).max
        room = min(more, int((low + 1) * (int(top) - int(level[low]))))
        share, rest = divmod(room, low + 1)
        fewest = np.argsort(every[order[: low + 1]] + given[: low + 1], kind="stable")
        given[: low + 1] += share
        given[fewest[:rest]] += 1
        level[: low + 1] += share
        more -= room
        if not more:
            break
    found = np.empty_like(given)
    found[order] = given
    return found


def _interleaved(counts: np.ndarray) -> np.ndarray:
    """Each fold as often as it counts, in turns."""
    folds = np.repeat(np.arange(len(counts)), counts)
    place = np.concatenate([(np.arange(count) + 0.5) / max(count, 1) for count in counts])
    return folds[np.argsort(place, kind="stable")]
