"""Does a direction move its target and nothing that the real data do not move along with it?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from latentlab.alignment import TEXT
from latentlab.interventions.effects import NUMBER, Slopes, influences
from latentlab.probes.scoring import LEVEL

SELECTIVITY_COLUMNS = {
    "direction": TEXT, "kind": TEXT, "target": TEXT, "judge": TEXT, "circular": np.dtype(bool),
    "slope": NUMBER, "selectivity": NUMBER, "low": NUMBER, "high": NUMBER, "worst": TEXT,
    "worst_slope": NUMBER, "worst_low": NUMBER, "worst_high": NUMBER, "worst_correlation": NUMBER,
    "worst_excess": NUMBER, "reason": TEXT,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Excess:
    """How far each side effect goes beyond what the real data explain, as a share of the target's.

    A side effect has two rows: too far the target's way, too far the other way.

    Attributes:
        value: (2 * others,).
        low: Hold for all side effects at once, (2 * others,).
        high: Hold for each, (2 * others,).
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def real_correlations(
    targets: Sequence[str], reference: pd.DataFrame, given: pd.DataFrame | None = None
) -> np.ndarray:
    """Correlation of the targets in the real data, (targets, targets); 0 where unknown.

    Args:
        reference: The judge's measurements on the real originals.
        given: Of the labels, target by target; what it lacks is taken from `reference`.
    """
    names = list(targets)
    known = reference.reindex(columns=names).corr()
    if given is not None:
        known = given.reindex(index=names, columns=names).astype(np.float64).fillna(known)
    return np.nan_to_num(known.to_numpy(np.float64, copy=True), nan=0.0)


def selectivity_of(
    slopes: Slopes, correlations: np.ndarray, direction: str, target: str
) -> dict[str, object]:
    """Selectivity of a direction for a target: one row of SELECTIVITY_COLUMNS.

    With slopes s of all targets j, in standard deviations of the real data, and r_j the real
    correlation of j with the target, a move that changes the target as people differ changes j by
    r_j * s. Anything from leaving j alone to that is explained. The excess e_j is how far s_j lies
    outside of [0, r_j * s], and

        selectivity = |s| / (|s| + largest e_j)

    is 1 where every side effect is explained, 1/2 where one goes as far beyond as the target moves,
    and 0 where the target stays.

    Returns:
        `low`, `high`: 95 %. `low` takes each side effect at the high end of its interval, `high`
        at the low end of an interval that holds for all of them at once, so that the largest of
        many measured side effects, which noise makes too large, does not by itself speak against
        1. `low` is 0 where the slope of the target cannot be told from 0.
        `worst`: the target of the largest excess, with its slope and real correlation;
        `worst_excess`: |its slope| / |slope| - |correlation|, the correlation counting only where
        the side effect has its sign. Negative where all side effects are explained.
    """
    measured = slopes.measured
    index = next(i for i, one in enumerate(measured.directions) if one.name == direction)
    row: dict[str, object] = {
        "direction": direction, "kind": measured.directions[index].kind, "target": target,
        "judge": measured.judge, "circular": measured.circular,
    }  # fmt: skip
    reason = measured.directions[index].reason
    if reason or target not in measured.targets:
        return row | {"reason": reason or f"the judge does not measure {target}"}
    own = measured.targets.index(target)
    slope = float(slopes.value[index, own])
    if not np.isfinite(slope):
        return row | {"reason": slopes.reasons[index, own]}
    others = np.flatnonzero(
        np.isfinite(slopes.value[index]) & (np.arange(len(correlations)) != own)
    )
    row["slope"] = slope
    if not len(others):
        return row | {"reason": "the judge measures no other target here"}
    worst = others[0]
    if slope == 0:
        if not slopes.value[index, others].any():
            return row | {"reason": "nothing moved"}
        worst = others[np.argmax(np.abs(slopes.value[index, others]))]
        found = {"selectivity": 0.0, "low": 0.0, "high": _share(slopes, index, own, worst)}
    else:
        excess = _excess(slopes, index, own, others, correlations[own, others])
        largest = int(np.argmax(excess.value))
        worst = others[largest % len(others)]
        told = slopes.low[index, own] > 0 or slopes.high[index, own] < 0
        found = {
            "selectivity": 1.0 / (1.0 + max(0.0, excess.value[largest])),
            "low": 1.0 / (1.0 + max(0.0, excess.high.max())) if told else 0.0,
            "high": 1.0 / (1.0 + max(0.0, excess.low.max())),
            "worst_excess": float(excess.value[largest]),
        }
    return (
        row
        | found
        | {
            "worst": measured.targets[worst],
            "worst_slope": slopes.value[index, worst],
            "worst_low": slopes.low[index, worst],
            "worst_high": slopes.high[index, worst],
            "worst_correlation": correlations[own, worst],
        }
    )


def selectivity_table(
    slopes: Slopes, correlations: np.ndarray, asked: Sequence[str] = ()
) -> pd.DataFrame:
    """SELECTIVITY_COLUMNS: directions made for a target for that one; the others, except for the
    zero step, for the target they move most, and latents for each that is asked besides."""
    rows = []
    for index, one in enumerate(slopes.measured.directions):
        if one.kind == "zero":
            continue
        wanted = [one.of] if one.of is not None else most_moved(slopes, index)
        if one.kind == "latent":
            wanted += [target for target in asked if target not in wanted]
        rows += [selectivity_of(slopes, correlations, one.name, target) for target in wanted]
    return pd.DataFrame(rows, columns=list(SELECTIVITY_COLUMNS)).astype(SELECTIVITY_COLUMNS)


def most_moved(slopes: Slopes, index: int) -> list[str]:
    """The target with the steepest slope along this direction; the first if none was measured."""
    size = np.nan_to_num(np.abs(slopes.value[index]), nan=-1.0)
    return [slopes.measured.targets[int(np.argmax(size))]] if len(size) else []


def _excess(
    slopes: Slopes, index: int, own: int, others: np.ndarray, correlations: np.ndarray
) -> Excess:
    """What every other target does beyond the explained, relative to the slope of the target.

    Both bounds of an explained interval are linear in the slopes, so that the error of each excess
    is a sum over persons; the limits come from that sum (the delta method).
    """
    slope = slopes.value[index, own]
    size, sign = abs(slope), np.sign(slope)
    upper, lower = np.maximum(correlations, 0.0), np.minimum(correlations, 0.0)
    beside = sign * slopes.value[index, others]
    excess = np.concatenate([beside / size - upper, lower - beside / size])
    added = influences(slopes.each[index], slopes.measured.units)
    target, side = sign * added[:, [own]], sign * added[:, others]
    linear = np.hstack([side - upper * target, lower * target - side])
    parts = (linear - excess * target) / size  # (persons, 2 * others)
    persons = int((parts != 0).any(axis=1).sum())
    if persons < 2:
        return Excess(excess, excess, excess)
    widen = np.sqrt(persons / (persons - 1.0))
    error = widen * np.sqrt(np.square(parts).sum(axis=0))
    student = float(stats.t.ppf((1 + LEVEL) / 2, persons - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        resampled = (slopes.counts.astype(np.float64) - 1.0) @ parts / error
    farthest = np.nan_to_num(resampled, nan=0.0).max(axis=1)
    together = float(np.quantile(farthest, (1 + LEVEL) / 2))
    # Drawn errors are a little too small and have normal tails; these are those of Student's t.
    together *= widen * student / float(stats.norm.ppf((1 + LEVEL) / 2))
    return Excess(excess, excess - max(together, student) * error, excess + student * error)


def _share(slopes: Slopes, index: int, own: int, worst: int) -> float:
    """Upper limit of the selectivity of a target whose slope is 0: from the end of its interval."""
    reach = max(abs(slopes.low[index, own]), abs(slopes.high[index, own]))
    return float(reach / (reach + abs(slopes.value[index, worst])))
