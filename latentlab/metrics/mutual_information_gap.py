"""The mutual information gap (MIG): does each factor live in one latent alone?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from latentlab.alignment import check_factors


@dataclass(frozen=True)
class MIG:
    """The gap, per factor and on average, with the settings that move it.

    Attributes:
        score: Mean gap over the factors that vary, in [0, 1]; None where none does.
        gaps: Factor -> gap between the two most informative latents, as a share of the factor's
            entropy; None for a constant factor, whose entropy is 0.
        reasons: Factor -> why its gap is None.
        bins: Equal-width bins per latent, and per factor that is not discrete.
        rows: Images used.
    """

    score: float | None
    gaps: dict[str, float | None]
    reasons: dict[str, str]
    bins: int
    rows: int

    @property
    def reason(self) -> str | None:
        return None if self.score is not None else "every factor is constant on these images"

    @property
    def settings(self) -> dict[str, Any]:
        return {"bins": self.bins, "rows": self.rows, "gaps": self.gaps, "reasons": self.reasons}


def mutual_information_gap(
    latents: pd.DataFrame, factors: pd.DataFrame, *, bins: int = 20, seed: int = 0
) -> MIG:
    """How far the best latent for a factor leads the second best.

    Args:
        latents: Posterior means, one row an image, one column a latent. With a single latent the
            second best is 0. Their precision is kept: bin edges depend on it.
        factors: Same index, one column a factor. Whole numbers and at most `bins` distinct values
            are taken as they are; any other factor is cut into `bins` equal-width bins, like the
            latents.
        seed: Not used: nothing is drawn.

    Raises:
        DataError: A value is missing or infinite, or the tables are not of the same images.

    Source: Chen et al. 2018, section 4, https://arxiv.org/abs/1802.04942, with binned means as in
    Locatello et al. 2019, https://arxiv.org/abs/1811.12359: 20 bins of equal width between the
    smallest and the largest value. Mutual information of the counts, in nats, is biased upwards by
    about (bins - 1) (values - 1) / (2 rows).
    """
    check_factors(latents, factors)
    codes = np.column_stack([_binned(latents[name].to_numpy(), bins) for name in latents.columns])
    gaps: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name in factors.columns:
        labels = _labels(factors[name].to_numpy(), bins)
        entropy = _entropy(np.bincount(labels) / len(labels))
        if entropy == 0.0:
            gaps[str(name)] = None
            reasons[str(name)] = "the factor is constant on these images"
            continue
        information = mutual_information(codes, labels)
        second, best = np.sort([0.0, *information])[-2:]
        gaps[str(name)] = float((best - second) / entropy)
    known = [gap for gap in gaps.values() if gap is not None]
    score = float(np.mean(known)) if known else None
    return MIG(score, gaps, reasons, bins, len(factors))


def mutual_information(codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mutual information of each column with the labels, from their joint counts, in nats.

    Args:
        codes: Whole numbers from 0, (images, latents).
        labels: Whole numbers from 0, (images,).

    Returns:
        (latents,).
    """
    images, latents = codes.shape
    cells, values = int(codes.max()) + 1, int(labels.max()) + 1
    position = (np.arange(latents) * cells + codes) * values + labels[:, None]
    counts = np.bincount(position.ravel(), minlength=latents * cells * values)
    joint = counts.reshape(latents, cells, values) / images
    entropies = _entropy(joint.sum(axis=2)) + _entropy(joint.sum(axis=1))
    return entropies - _entropy(joint.reshape(latents, -1))


def _entropy(shares: np.ndarray) -> np.ndarray:
    """Entropy along the last axis, in nats."""
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return -(shares * logs).sum(axis=-1)


def _labels(values: np.ndarray, bins: int) -> np.ndarray:
    distinct, labels = np.unique(values, return_inverse=True)
    discrete = len(distinct) <= bins or (np.mod(distinct, 1) == 0).all()
    return labels if discrete else _binned(values, bins)


def _binned(values: np.ndarray, bins: int) -> np.ndarray:
    """Number of the equal-width bin of each value, from 0; the largest value is in the last."""
    try:
        edges = np.histogram_bin_edges(values, bins)
    except ValueError:  # the range is too narrow for the precision: the column is constant
        return np.zeros(len(values), dtype=np.int64)
    return np.digitize(values, edges[:-1]) - 1
