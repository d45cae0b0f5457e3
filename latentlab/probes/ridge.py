"""Ridge regression on standardised latents: how a measured number is read off the code."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags, check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from latentlab.probes.blocks import ArraySource, Rows, Scale, Source, measure
from latentlab.probes.folds import assign_folds
from latentlab.probes.kernels import threads, weighted_products
from latentlab.probes.paths import LinearProbe, Paths, checked_penalties

_NOTHING = 1e-12  # share of the largest eigenvalue below which one is rounding


class RidgeProbe(LinearProbe, RegressorMixin, BaseEstimator):
    """Least squares with an L2 penalty on standardised weights, all targets at once.

    Minimises for every target, over weights w and a free intercept b, with z the latents
    standardised on the images of `fit` whose number is known,

        sum over images of (y - w z - b)^2 / 2  +  penalty / 2 * |w|^2.

    scikit-learn's alpha is the penalty. The target is not standardised, which only scales w.

    Args:
        penalty: Zero or more; 0 is plain least squares. Of several, each target gets the one with
            the least squared error on left-out images, the first of equals.
        cv: Folds among which one of several penalties is chosen: their number (of blocks of
            images in their order), or a scikit-learn splitter that tests no image twice.

    Attributes:
        weights_: Target units per standard deviation of each latent, (latents,) or, where y has
            two dimensions, (targets, latents); so are the next three.
        mean_, scale_: Mean and standard deviation of each latent in `fit`.
        coef_: Target units per unit of each latent: a direction in latent space.
        intercept_: The target at latent 0, a number or (targets,).
        penalty_: As given or chosen, a number or (targets,).
        held_out_: Mean squared error on left-out images, (penalties,) or (targets, penalties);
            empty where nothing was chosen.
    """

    def __init__(self, penalty: float | Sequence[float] = 1.0, cv: Any = 5):
        self.penalty = penalty
        self.cv = cv

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to latents X (images, latents) and numbers y, (images,) or (images, targets).

        NaN is unknown: the image is left out of that target alone.
        """
        X = validate_data(self, X, dtype=np.float64)
        if y is None:
            raise ValueError("fit requires y to be passed, but the target y is None.")
        y = check_array(
            y, ensure_2d=False, dtype=np.float64, ensure_all_finite="allow-nan", input_name="y"
        )
        if y.ndim > 2:
            raise ValueError(f"y must have one or two dimensions; it has {y.ndim}.")
        labels = y if y.ndim == 2 else y[:, None]
        check_consistent_length(X, labels)
        folds = None
        if np.ndim(self.penalty) and len(checked_penalties(self.penalty)) > 1:
            folds = assign_folds(self.cv, X, labels, stratify=False)
        count = 0 if folds is None else int(folds.max()) + 1
        return self.fit_source(ArraySource(X, labels, folds), count, single=y.ndim == 1)

    def fit_source(self, source: Source, folds: int = 0, *, single: bool = False) -> Self:
        """Fit to chunks; labels that are NaN are unknown."""
        return self.adopt(ridge_paths(source, self.penalty, folds), single=single)

    def predict(self, X: Any) -> np.ndarray:
        """Expected target, (images,) or (images, targets)."""
        return self._answer(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def ridge_paths(source: Source, penalties: float | Sequence[float], folds: int = 0) -> Paths:
    """The optimum of every target at every penalty from one eigendecomposition a fold.

    Moments are summed in two passes over the source; targets that are known for the same images
    share theirs.

    Args:
        penalties: Zero or more.
        folds: Folds of the source; each is left out of fits whose squared error on it is
            `held_out`.

    Raises:
        ValueError: A target is not known for any image.
    """
    tried = checked_penalties(penalties)
    with threads():
        return _ridge_paths(source, tried, folds)


def _ridge_paths(source: Source, tried: np.ndarray, folds: int) -> Paths:
    scale = measure(source, folds)
    unknown = np.flatnonzero(scale.known.sum(axis=0) == 0)
    if len(unknown):
        raise ValueError(f"target {unknown[0]} has no known value in y.")
    moments = _moments(Rows(source, scale, folds), scale)
    total = _Moments(*(part.sum(axis=0) for part in (moments.zz, moments.zy, moments.yy)))
    relative = scale.relative
    weights, intercept = _optima(total, relative, tried)
    held_out = np.empty((len(weights), 0))
    if folds:
        error = np.zeros((len(weights), len(tried)))
        for fold in range(folds):
            inside = _Moments(moments.zz[fold], moments.zy[fold], moments.yy[fold])
            outside = _Moments(total.zz - inside.zz, total.zy - inside.zy, total.yy - inside.yy)
            error += _squared_error(inside, *_optima(outside, relative, tried), relative)
        held_out = error / np.maximum(scale.known[:-1].sum(axis=0), 1.0)[:, None]
    weights = np.where(scale.constant[:, None], 0.0, weights)  # but for rounding they are
    coef = weights / (relative * scale.spread)[:, None]
    return Paths(
        penalties=tried,
        weights=weights,
        coef=coef,
        intercept=intercept + scale.label[:, None] - coef @ scale.shift,
        mean=scale.mean,
        scale=scale.deviation,
        held_out=held_out,
        solved=np.ones(len(weights), dtype=bool),
        iterations=np.ones(len(weights), dtype=int),
    )


class _Moments:
    """Sums over known images: z z' (..., targets, latents + 1, latents + 1), y z and y y, with z
    the shared standardised latents and 1, and y less its mean."""

    def __init__(self, zz: np.ndarray, zy: np.ndarray, yy: np.ndarray):
        self.zz, self.zy, self.yy = zz, zy, yy


def _moments(rows: Rows, scale: Scale) -> _Moments:
    width = rows.latents + 1
    zz = np.zeros((rows.folds + 1, rows.targets, width, width))
    zy, yy = np.zeros(zz.shape[:-1]), np.zeros(zz.shape[:-2])
    for block in rows.blocks("float64", labels=True):
        assert block.y is not None
        mask = np.ones_like(block.y) if block.weight is None else block.weight
        patterns: dict[bytes, int] = {}
        pattern = [patterns.setdefault(row.tobytes(), len(patterns)) for row in mask]
        first = [pattern.index(number) for number in range(len(patterns))]
        zz[block.fold] += weighted_products(block, mask[first])[pattern]
        y = mask * (block.y - scale.label[:, None])
        zy[block.fold] += y @ block.z.T
        yy[block.fold] += np.square(y).sum(axis=1)
    return _Moments(zz, zy, yy)


def _optima(
    moments: _Moments, relative: np.ndarray, penalties: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights per own deviation (targets, penalties, latents) and intercepts on the shared
    latents (targets, penalties)."""
    count = np.maximum(moments.zz[:, -1, -1], 1.0)
    mean = moments.zz[:, :-1, -1] / count[:, None]
    label = moments.zy[:, -1] / count
    gram = moments.zz[:, :-1, :-1] - count[:, None, None] * mean[:, :, None] * mean[:, None]
    gram /= relative[:, :, None] * relative[:, None]
    product = (moments.zy[:, :-1] - (count * label)[:, None] * mean) / relative
    values, vectors = _decomposed(gram)
    # Directions without spread have no weight, whatever the penalty.
    spread = values > _NOTHING * np.maximum(values[:, -1:], 1e-250)
    along = np.einsum("tji,tj->ti", vectors, product)
    divided = np.divide(
        along[:, None],
        values[:, None] + penalties[:, None],
        out=np.zeros((len(count), len(penalties), relative.shape[1])),
        where=np.broadcast_to(spread[:, None], (len(count), len(penalties), relative.shape[1])),
    )
    weights = np.einsum("tij,tpj->tpi", vectors, divided)
    return weights, label[:, None] - np.einsum("tpi,ti->tp", weights / relative[:, None], mean)


def _decomposed(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and vectors of each matrix; equal matrices are decomposed once."""
    known: dict[bytes, int] = {}
    which = [known.setdefault(one.tobytes(), len(known)) for one in gram]
    first = [which.index(number) for number in range(len(known))]
    values, vectors = np.linalg.eigh(gram[first])
    return values[which], vectors[which]


def _squared_error(
    moments: _Moments, weights: np.ndarray, intercept: np.ndarray, relative: np.ndarray
) -> np.ndarray:
    """Sum of squared errors of every target and penalty, (targets, penalties)."""
    whole = np.concatenate([weights / relative[:, None], intercept[..., None]], axis=-1)
    return np.asarray(
        moments.yy[:, None]
        - 2.0 * np.einsum("tpi,ti->tp", whole, moments.zy)
        + np.einsum("tpi,tij,tpj->tp", whole, moments.zz, whole)
    )
