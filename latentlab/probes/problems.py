"""A logistic problem: whose labels, on which images, at which penalty; and its sums over them."""

from dataclasses import dataclass

import numpy as np

from latentlab.probes.blocks import ArraySource, Block, Rows, Scale
from latentlab.probes.kernels import Sums, sweep

# Images of a sample: all where there are few, else the first number or a share, whichever is more.
SAMPLE, SAMPLED_SHARE, SAMPLE_AT_MOST = 24_576, 32, 98_304
ALL = -2  # `left_out` of a problem that is fitted on all images


class Totals:
    """Sums over the images that no step changes, and the sample of step 1."""

    def __init__(self, rows: Rows):
        images = rows.scale.images
        shape = (rows.folds + 1, rows.targets, rows.latents + 1)  # the last fold is NO_FOLD
        self.z, self.yz = np.zeros(shape), np.zeros(shape)
        stride = -(-images // min(max(SAMPLE, images // SAMPLED_SHARE), SAMPLE_AT_MOST))
        taken, seen = [], 0  # of the sample
        for block in rows.blocks("float64", labels=True):
            z, y, weight = _on_host(block)
            self.z[block.fold] += z.sum(axis=1) if weight is None else weight @ z.T
            self.yz[block.fold] += (y if weight is None else weight * y) @ z.T
            if stride > 3:
                at = slice(-seen % stride, None, stride)
                known = y if weight is None else np.where(weight > 0, y, np.nan)
                taken.append((z[:-1, at].copy(), known[:, at].copy()))  # else whole blocks stay
            seen += z.shape[1]
        self.sample: Rows | None = None
        if taken:
            codes, labels = (np.hstack(parts).T for parts in zip(*taken, strict=True))
            self.sample = _unscaled(rows, codes, labels)

    def without(self, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Sums of z and of y z over all folds but one, or over ALL, each (targets, latents + 1)."""
        z, yz = self.z.sum(axis=0), self.yz.sum(axis=0)
        return (z, yz) if fold == ALL else (z - self.z[fold], yz - self.yz[fold])


@dataclass(frozen=True)
class Problems:
    """Attributes, one entry a problem:
    target, left_out: Its labels, and the fold it is not fitted on or ALL.
    penalty: Of each weight, 0 for the intercept, (problems, latents + 1).
    weight: Of all its images.
    labels: Sum of weight y z over its images, (problems, latents + 1).
    """

    target: np.ndarray
    left_out: np.ndarray
    penalty: np.ndarray
    weight: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, which: np.ndarray) -> "Problems":
        return Problems(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    @classmethod
    def of(
        cls,
        rows: Rows,
        totals: Totals,
        target: np.ndarray,
        left_out: np.ndarray,
        penalty: np.ndarray,
    ) -> "Problems":
        squared = np.square(rows.scale.relative)[target]
        whole = np.column_stack([squared * penalty[:, None], np.zeros(len(target))])
        z, yz = (np.empty((len(target), rows.latents + 1)) for _ in range(2))
        for fold in np.unique(left_out):
            at = left_out == fold
            every_z, every_yz = totals.without(int(fold))
            z[at], yz[at] = every_z[target[at]], every_yz[target[at]]
        return cls(target, left_out, whole, z[:, -1], yz)


def null_start(problems: Problems) -> np.ndarray:
    """No weights, and the intercept that gives the share of positives."""
    share = np.clip(problems.labels[:, -1] / np.maximum(problems.weight, 1e-250), 1e-9, 1 - 1e-9)
    start = np.zeros_like(problems.labels)
    start[:, -1] = np.log(share / (1.0 - share))
    return start


def collect(
    rows: Rows,
    dtype: str,
    problems: Problems,
    weights: np.ndarray,
    *,
    loss: bool = False,
    gradient: bool = False,
    hessian: bool = False,
) -> Sums:
    """Sums over each problem's images: all but those of the fold it leaves out."""
    count, width = weights.shape
    total = Sums(
        np.zeros(count) if loss else None,
        np.zeros((count, width)) if gradient else None,
        np.zeros((count, width, width)) if hessian else None,
    )
    wanted = by_fold(problems.left_out, rows.folds, same=False)
    for _, which, sums in sweep(
        rows, dtype, weights, problems.target, wanted.__getitem__,
        loss=loss, gradient=gradient, hessian=hessian,
    ):  # fmt: skip
        if not len(which):
            continue
        for mine, more in (
            (total.loss, sums.loss),
            (total.gradient, sums.gradient),
            (total.hessian, sums.hessian),
        ):
            if mine is not None:
                mine[which] += more
    return total


def by_fold(left_out: np.ndarray, folds: int, *, same: bool) -> list[np.ndarray]:
    """Problems that need the images of each fold; the last entry is that of NO_FOLD."""
    every = [*range(folds), folds]
    return [np.flatnonzero((left_out == fold) == same) for fold in every]


def gradient_of(problems: Problems, weights: np.ndarray, sums: Sums) -> np.ndarray:
    assert sums.gradient is not None
    return sums.gradient - problems.labels + problems.penalty * weights


def _on_host(block: Block) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    parts = (block.z, block.y, block.weight)
    z, y, weight = (
        part if part is None or isinstance(part, np.ndarray) else part.cpu().numpy()
        for part in parts
    )
    assert z is not None and y is not None
    return z, y, weight


def thinned(sample: Rows, stride: int) -> Rows:
    """Every so many images of a sample."""
    source = sample.source
    assert isinstance(source, ArraySource)
    return _unscaled(sample, source.codes[::stride], source.labels[::stride])


def _unscaled(rows: Rows, codes: np.ndarray, labels: np.ndarray) -> Rows:
    """Rows of latents that are standardised already, on the same scale, with the same weights."""
    scale = rows.scale
    mask = np.isfinite(labels)
    same = Scale(
        shift=np.zeros(rows.latents),
        spread=np.ones(rows.latents),
        mean=np.zeros_like(scale.mean),
        deviation=scale.relative,
        constant=np.zeros_like(scale.constant),
        known=mask.sum(axis=0)[None].astype(np.float64),
        positive=(mask & (labels > 0.5)).sum(axis=0)[None].astype(np.float64),
        label=scale.label,
        images=len(codes),
    )
    return Rows(ArraySource(codes, labels), same, 0, rows.class_weights, rows.device)
