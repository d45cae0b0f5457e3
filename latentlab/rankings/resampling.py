"""How sure a measured value is, from the influence of each unit: image or person.

To first order, a resample in which unit u is drawn c_u times moves a value by sum(c_u S_u) /
sum(c_u n_u), S_u being the sum of its images' influences and n_u their number. So a bootstrap of
every dimension at once is one matrix product, and its standard error over infinitely many resamples
has a closed form, the root of sum(S_u^2): nothing needs to be drawn for it.

Intervals are not percentiles. With 300 images, or 60 persons of 1 to 9 images, percentiles of a
bootstrap at a nominal 95 % hold the truth in 86 to 95 %, fewest for rare labels and for persons
(`benchmarks/rankings.py --coverage`). What is used here holds it in 93 to 97 %, and in 91 to 94 %
where one image in twenty is positive among 60 persons: the value on a scale where it is nearly
normal, plus and minus the bootstrap's standard error times a quantile of Student's t whose degrees
of freedom come from the influences themselves: few where few positives, or few persons, carry the
value.

Source: Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, chapter 6
(infinitesimal jackknife); Davison & Hinkley 1997, section 2.7; degrees of freedom: Satterthwaite
1946, https://doi.org/10.2307/3002019.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from latentlab.probes.scales import Scale
from latentlab.probes.scoring import LEVEL
from latentlab.rankings.measures.measure import Measured
from latentlab.rankings.tasks import Rows

_SAME = 1e-5  # relative to the largest; draws are added up in float32


@dataclass(frozen=True)
class Spread:
    """The uncertainty of one measure on every dimension.

    Attributes:
        error: Standard error of the value, (latents,); 0 where no unit moves it.
        freedom: Degrees of freedom behind it, (latents,).
        sums: Influence of each unit, (units, latents).
        images: Of each unit, (units,).
    """

    error: np.ndarray
    freedom: np.ndarray
    sums: np.ndarray
    images: np.ndarray


def spread(found: Measured, rows: Rows) -> Spread:
    """Standard error and degrees of freedom of what was measured on these rows."""
    images = rows.summed(np.ones((len(rows), 1)))[:, 0]
    sums = np.nan_to_num(rows.summed(found.influence), nan=0.0)
    return spread_of_sums(sums, images, found.extra)


def spread_of_sums(sums: np.ndarray, images: np.ndarray, extra: np.ndarray | float = 0.0) -> Spread:
    """The same from the influence of each unit, (units, latents), and its number of images."""
    rows = images.sum()
    units = max(int((images > 0).sum()), 2)
    squares = (sums**2).sum(axis=0)
    variance = squares * units / (units - 1) / rows**2
    with np.errstate(divide="ignore", invalid="ignore"):
        # How much a sum of squares varies: 2 / units for normal ones, more for long tails.
        varies = (sums**4).sum(axis=0) / squares**2 - 1.0 / units
        freedom = np.where(squares > 0, 2.0 / np.maximum(varies, 1e-12), 1.0)
    return Spread(
        error=np.sqrt(variance + extra),
        freedom=np.clip(freedom, 1.0, units - 1.0),
        sums=sums,
        images=images,
    )


def interval(values: np.ndarray, spread: Spread, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends at LEVEL, each (latents,); NaN where the value is undefined, or where it
    lies at its limit or no unit moves it, so that its error is unknown."""
    low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre, slope = scale.to(values), scale.slope(values)
    known = np.isfinite(centre) & np.isfinite(slope) & (spread.error > 1e-12 * np.abs(values))
    half = stats.t.ppf((1 + LEVEL) / 2, spread.freedom[known])
    half *= spread.error[known] * slope[known]
    low[known], high[known] = scale.back(centre[known] - half), scale.back(centre[known] + half)
    return low, high


def p_values(values: np.ndarray, spread: Spread, scale: Scale, nothing: float) -> np.ndarray:
    """Two-sided, that the value differs from `nothing`, (latents,); NaN where there is no interval.

    They can be far smaller than those of a permutation, which a false-discovery rate over a
    thousand pairs needs.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.abs(scale.to(values) - scale.to(np.asarray(nothing)))
        t = far / (spread.error * scale.slope(values))
    known = np.isfinite(t) & (spread.error > 1e-12 * np.abs(values))
    return np.where(known, 2.0 * stats.t.sf(np.where(known, t, 0.0), spread.freedom), np.nan)


def draws(
    values: np.ndarray,
    spread: Spread,
    counts: np.ndarray,
    extra: np.ndarray | float = 0.0,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """The values in every resample, (resamples, latents).

    Args:
        counts: How often each unit is drawn, float32 (resamples, units).
        extra, rng: Variance that no unit shows, and what it is drawn from; None leaves it out.
    """
    moved = counts @ spread.sums.astype(np.float32)
    moved = moved / np.maximum(counts @ spread.images.astype(np.float32), 1.0)[:, None]
    if rng is not None:
        moved = moved + np.sqrt(extra) * rng.standard_normal(moved.shape)
    return values + moved


def first(strength: np.ndarray) -> np.ndarray:
    """(resamples, latents) -> share of resamples where each is the strongest, (latents,); a tie
    counts for all who tie."""
    most = strength.max(axis=1, keepdims=True)
    return np.asarray((strength >= most - _SAME * np.abs(most)).mean(axis=0))
