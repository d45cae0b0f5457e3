"""The mutual information gap (MIG): does each factor live in one latent alone?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from latentlab.metrics.binned import BINS, Information, information
from latentlab.metrics.result import ALL_CONSTANT


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
        return None if self.score is not None else ALL_CONSTANT

    @property
    def settings(self) -> dict[str, Any]:
        return {"bins": self.bins, "rows": self.rows, "gaps": self.gaps, "reasons": self.reasons}


def mutual_information_gap(
    latents: pd.DataFrame, factors: pd.DataFrame, *, bins: int = BINS, seed: int = 0
) -> MIG:
    """How far the best latent for a factor leads the second best.

    Args:
        latents: Posterior means, one row an image, one column a latent. With a single latent the
            second best is 0.
        factors: Same index, one column a factor. Whole numbers and at most `bins` distinct values
            are taken as they are; any other factor is cut into `bins` equal-width bins, like the
            latents.
        seed: Not used: nothing is drawn.

    Raises:
        DataError: A value is missing or infinite, or the tables are not of the same images.

    Source: Chen et al. 2018, section 4, https://arxiv.org/abs/1802.04942, with binned means as in
    Locatello et al. 2019, https://arxiv.org/abs/1811.12359.
    """
    return mutual_information_gap_of(information(latents, factors, bins))


def mutual_information_gap_of(found: Information) -> MIG:
    """The same from what was counted, wherever the images are."""
    leads = lead(found.shares, axis=0)
    gaps: dict[str, float | None] = {**found.by_factor(leads), **dict.fromkeys(found.reasons)}
    score = float(leads.mean()) if len(leads) else None
    return MIG(score, gaps, found.reasons, found.bins, found.rows)


def lead(values: np.ndarray, axis: int) -> np.ndarray:
    """By how much the largest leads the second largest; 0 is the second of one."""
    ordered = np.sort(values, axis=axis)
    best = ordered.take(-1, axis)
    return best - (ordered.take(-2, axis) if values.shape[axis] > 1 else 0.0)
