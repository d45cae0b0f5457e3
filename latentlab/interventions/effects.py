"""What moving along a direction changed, from measured arrays alone: slopes, shares, intervals.

Values are in standard deviations of the judge's measurement on the real originals, positions in
standard deviations of the aggregate posterior along the direction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse, stats

from latentlab.alignment import TEXT
from latentlab.interventions.directions import CONTROLS, Direction
from latentlab.probes.scoring import LEVEL

MIN_STEPS = 3  # measured steps with which an anchor counts
MIN_ANCHORS = 10  # anchors, and persons among them, below which there is no number
MIN_REFERENCE = 10  # originals that a judge must have measured to give a target its unit
TOLERANCE = 0.05  # standard deviations of the real data by which a monotone path may step back
_COLUMNS = 1024  # means whose resamples are in memory at a time

NUMBER, WHOLE = np.dtype(np.float64), "Int64"
INTERVENTION_COLUMNS = {
    "direction": TEXT, "kind": TEXT, "of": TEXT, "target": TEXT, "judge": TEXT,
    "circular": np.dtype(bool), "slope": NUMBER, "low": NUMBER, "high": NUMBER, "q": NUMBER,
    "effect": NUMBER, "monotone_share": NUMBER, "saturation": NUMBER, "beyond_random": NUMBER,
    "anchors": WHOLE, "detected": NUMBER, "reason": TEXT, "saturation_reason": TEXT,
}  # fmt: skip
RESPONSE_COLUMNS = {
    "direction": TEXT, "target": TEXT, "judge": TEXT, "t": NUMBER, "value": NUMBER, "low": NUMBER,
    "high": NUMBER, "anchors": WHOLE,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Measured:
    """What one judge measured along every direction.

    Attributes:
        judge, circular: Its name, and whether it shares the model's view.
        directions: (directions,).
        targets: (targets,).
        t: Positions, rising, with 0 in the middle, (steps,).
        values: (directions, anchors, steps, targets); NaN where it could not measure.
        units: Number of the person in each anchor, from 0 without gaps, (anchors,).
        unmeasurable: Target -> why it has no unit.
    """

    judge: str
    circular: bool
    directions: tuple[Direction, ...]
    targets: tuple[str, ...]
    t: np.ndarray
    values: np.ndarray
    units: np.ndarray
    unmeasurable: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Mean:
    """Means over anchors with intervals, every array (columns,).

    Attributes:
        value: NaN where no anchor is known.
        low, high: NaN where fewer than two persons are known.
        p: Two-sided, that the mean is 0.
        anchors, units: Anchors with a value, and persons among them.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    anchors: np.ndarray
    units: np.ndarray


@dataclass(frozen=True, eq=False)
class Slopes:
    """Slopes of one judge's targets along every direction.

    Attributes:
        measured: What they are slopes of.
        each: Of every anchor, (directions, anchors, targets); NaN with fewer than MIN_STEPS steps.
        value, low, high, p: Of the mean over anchors, (directions, targets); NaN where `reasons`
            says why.
        anchors: Anchors that count, (directions, targets).
        reasons: (directions, targets) of text or None.
        counts: How often each person is drawn in each resample, (resamples, persons).
    """

    measured: Measured
    each: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    anchors: np.ndarray
    reasons: np.ndarray
    counts: np.ndarray


def in_deviations(
    values: np.ndarray, reference: pd.DataFrame, targets: Sequence[str]
) -> tuple[np.ndarray, dict[str, str]]:
    """Raw measurements in standard deviations of the judge's measurements on real originals.

    Args:
        values: (..., targets).
        reference: The judge's measurements on the originals, (images, targets).

    Returns:
        The values, NaN for a target without a unit; and target -> why it has none.
    """
    deviations, reasons = np.full(len(targets), np.nan), {}
    for index, target in enumerate(targets):
        if target not in reference.columns:
            reasons[target] = "not measured on the real images, so that it has no unit"
            continue
        known = reference[target].to_numpy(np.float64)
        known = known[np.isfinite(known)]
        if len(known) < MIN_REFERENCE:
            reasons[target] = (
                f"measured on only {len(known)} of {len(reference)} real images;"
                f" at least {MIN_REFERENCE} are needed for its unit"
            )
        elif known.std() <= 1e-9 * np.abs(known).max():
            reasons[target] = f"the judge measures {known[0]:g} on every real image"
        else:
            deviations[index] = known.std()
    return values / deviations, reasons


def anchor_slopes(values: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Least-squares slope of each anchor over its measured steps.

    Args:
        values: (..., steps, targets), NaN where not measured.
        t: (steps,).

    Returns:
        (..., targets); NaN with fewer than MIN_STEPS measured steps.
    """
    known = np.isfinite(values)
    number = known.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.einsum("s,...st->...t", t, known) / number
        lever = np.where(known, t[:, None] - middle[..., None, :], 0.0)
        # Against the first measured value, so that a path that is flat has a slope of exactly 0.
        first = np.take_along_axis(values, known.argmax(axis=-2)[..., None, :], axis=-2)
        rise = np.where(known, values - first, 0.0)
        slope = (lever * rise).sum(axis=-2) / np.square(lever).sum(axis=-2)
    return np.where(number >= MIN_STEPS, slope, np.nan)


def mean_over_anchors(
    each: np.ndarray, units: np.ndarray, counts: np.ndarray | None = None
) -> Mean:
    """Means over anchors with 95 % intervals that hold at 30 to 50 anchors, many at once.

    Each end is the farther one of Student's t and of the bootstrap-t. In simulations with 40
    anchors the percentile interval covers 93 % for normal and 90 % for skewed slopes; Student's t
    is right for symmetric slopes and too narrow for skewed ones (89 % for log-normal), the
    bootstrap-t the other way round (91 % for t with 3 degrees of freedom); the wider of the two
    covers 94 to 97 % for all of these. Errors are between persons, whole persons are drawn.

    Args:
        each: (anchors, columns), NaN where not known.
        units: Number of the person in each anchor, from 0 without gaps, (anchors,).
        counts: How often each person is drawn in each resample, (resamples, persons). Without it
            the interval is Student's t alone.

    Source: bootstrap-t: Efron & Tibshirani 1993, section 12.5; by cluster: Cameron, Gelbach &
    Miller 2008, https://doi.org/10.1162/rest.90.3.414
    """
    parts = [
        _mean_over_anchors(each[:, start : start + _COLUMNS], units, counts)
        for start in range(0, max(each.shape[1], 1), _COLUMNS)
    ]
    names = ("value", "low", "high", "p", "anchors", "units")
    return Mean(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def influences(each: np.ndarray, units: np.ndarray) -> np.ndarray:
    """What each person adds to the mean's error, (persons, columns); they sum to 0.

    Args:
        each: (anchors, columns), NaN where not known.
    """
    sums, sizes = _by_unit(each, units)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (sums - sizes * (sums.sum(axis=0) / sizes.sum(axis=0))) / sizes.sum(axis=0)


def find_slopes(measured: Measured, counts: np.ndarray) -> Slopes:
    """The slopes of every direction and target, and why one is missing.

    Args:
        counts: From `bootstrap_counts` over persons, (resamples, persons).
    """
    each = anchor_slopes(measured.values, measured.t)
    directions, anchors, targets = each.shape
    columns = each.transpose(1, 0, 2).reshape(anchors, directions * targets)
    mean = mean_over_anchors(columns, measured.units, counts)
    shape = (directions, targets)
    value, low, high, p = (
        part.reshape(shape).copy() for part in (mean.value, mean.low, mean.high, mean.p)
    )
    counted, units = mean.anchors.reshape(shape), mean.units.reshape(shape)
    reasons = np.full(shape, None, dtype=object)
    seen = _seen(measured)
    for row, column in np.argwhere(units < MIN_ANCHORS):
        reasons[row, column] = (
            measured.directions[row].reason
            or measured.unmeasurable.get(measured.targets[column])
            or f"measured in {100 * seen[row, column]:.0f} % of the pictures:"
            f" {counted[row, column]} anchors of {units[row, column]} persons have {MIN_STEPS}"
            f" measured steps; at least {MIN_ANCHORS} are needed"
        )
    missing = units < MIN_ANCHORS
    for part in (value, low, high, p):
        part[missing] = np.nan
    return Slopes(measured, each, value, low, high, p, counted, reasons, counts)


def interventions_table(slopes: Slopes) -> pd.DataFrame:
    """One row a direction and target, INTERVENTION_COLUMNS.

    A direction that could not be made has one row, for its own target.
    """
    measured = slopes.measured
    directions, targets = len(measured.directions), len(measured.targets)
    expected = np.sign(slopes.value)
    for row, one in enumerate(measured.directions):
        if one.of in measured.targets:
            expected[row, measured.targets.index(one.of)] = 1.0
    expected[~(expected != 0)] = 1.0
    saturation, why = _saturation(slopes)
    known = np.isfinite(slopes.value)
    frame = pd.DataFrame(
        {
            "direction": np.repeat([one.name for one in measured.directions], targets),
            "kind": np.repeat([one.kind for one in measured.directions], targets),
            "of": np.repeat(np.array([one.of for one in measured.directions], object), targets),
            "target": np.tile(np.array(measured.targets, object), directions),
            "judge": measured.judge,
            "circular": measured.circular,
            "slope": slopes.value.ravel(),
            "low": slopes.low.ravel(),
            "high": slopes.high.ravel(),
            "q": _false_discovery_rates(slopes).ravel(),
            "effect": np.where(known, _effects(measured), np.nan).ravel(),
            "monotone_share": np.where(known, _monotone(slopes, expected), np.nan).ravel(),
            "saturation": saturation.ravel(),
            "beyond_random": _beyond_random(slopes).ravel(),
            "anchors": slopes.anchors.ravel(),
            "detected": _seen(measured).ravel(),
            "reason": slopes.reasons.ravel(),
            "saturation_reason": why.ravel(),
        },
        columns=list(INTERVENTION_COLUMNS),
    ).astype(INTERVENTION_COLUMNS)
    made = np.repeat([one.reason is None for one in measured.directions], targets)
    unmade = [
        {
            "direction": one.name, "kind": one.kind, "of": one.of, "target": one.of,
            "judge": measured.judge, "circular": measured.circular, "reason": one.reason,
            "saturation_reason": one.reason,
        }
        for one in measured.directions
        if one.reason is not None
    ]  # fmt: skip
    listed = pd.DataFrame(unmade, columns=list(INTERVENTION_COLUMNS)).astype(INTERVENTION_COLUMNS)
    return pd.concat([frame[made], listed], ignore_index=True)


def responses_table(measured: Measured) -> pd.DataFrame:
    """Mean change from the unmoved picture at every step, RESPONSE_COLUMNS.

    `low`, `high`: Student's t over persons. Null with fewer than MIN_ANCHORS persons.
    """
    _, anchors, steps, targets = measured.values.shape
    change = measured.values - measured.values[:, :, [steps // 2]]
    columns = change.transpose(1, 0, 2, 3).reshape(anchors, -1)
    mean = mean_over_anchors(columns, measured.units)
    enough = mean.units >= MIN_ANCHORS
    index = pd.MultiIndex.from_product(
        [[one.name for one in measured.directions], measured.t, measured.targets],
        names=["direction", "t", "target"],
    )
    frame = index.to_frame(index=False).assign(
        judge=measured.judge,
        value=np.where(enough, mean.value, np.nan),
        low=np.where(enough, mean.low, np.nan),
        high=np.where(enough, mean.high, np.nan),
        anchors=mean.anchors,
    )[list(RESPONSE_COLUMNS)]
    made = np.repeat([one.reason is None for one in measured.directions], steps * targets)
    return frame[made].reset_index(drop=True).astype(RESPONSE_COLUMNS)


def effects_matrix(interventions: pd.DataFrame, judge: str) -> pd.DataFrame:
    """Slopes of one judge, a row a target and a column a direction, in order of appearance."""
    rows = interventions[interventions["judge"] == judge]
    matrix = rows.pivot(index="target", columns="direction", values="slope")
    return matrix.reindex(index=rows["target"].unique(), columns=rows["direction"].unique())


def _mean_over_anchors(each: np.ndarray, units: np.ndarray, counts: np.ndarray | None) -> Mean:
    """`mean_over_anchors` of as many columns as fit in memory."""
    sums, sizes = _by_unit(each, units)
    number, persons = sizes.sum(axis=0), (sizes > 0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        value = sums.sum(axis=0) / number
        rest = sums - sizes * value
        widen = persons / (persons - 1.0)
        error = np.sqrt(widen * np.square(rest).sum(axis=0)) / number
        error[error <= 1e-12 * np.abs(value)] = 0.0  # rounding of equal slopes
        student = stats.t.ppf((1 + LEVEL) / 2, np.maximum(persons - 1, 1))
        below = above = student
        if counts is not None:
            left, right = np.quantile(
                _studentized(rest, sizes, widen, error, counts),
                [(1 - LEVEL) / 2, (1 + LEVEL) / 2],
                axis=0,
            )
            # Infinite where many resamples hold one value only: Student's t alone is left then.
            below = np.maximum(student, np.where(np.isfinite(right), right, 0.0))
            above = np.maximum(student, np.where(np.isfinite(left), -left, 0.0))
        p = 2.0 * stats.t.sf(np.abs(value) / error, np.maximum(persons - 1, 1))
    p = np.where((error == 0) & (value == 0), 1.0, p)
    enough = persons > 1
    low, high, p = (
        np.where(enough, part, np.nan) for part in (value - below * error, value + above * error, p)
    )
    anchors = np.isfinite(each).sum(axis=0)
    return Mean(value, low, high, p, anchors, persons)


def _studentized(
    rest: np.ndarray, sizes: np.ndarray, widen: np.ndarray, error: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Error of each resample's mean in that resample's own standard error, (resamples, columns).

    Args:
        rest, sizes: Sum of deviations from the mean, and anchors, of each person,
            (persons, columns).
        widen: persons / (persons - 1), (columns,).
        error: Standard error of the mean, (columns,).
    """
    drawn = counts.astype(np.float64)
    number = drawn @ sizes
    moved = (drawn @ rest) / number
    cross, square = drawn @ (rest * sizes), drawn @ np.square(sizes)
    spread = drawn @ np.square(rest) - 2.0 * moved * cross + np.square(moved) * square
    scale = np.sqrt(np.maximum(widen * spread, 0.0)) / number
    alike = scale <= 1e-6 * error
    t = np.where(alike, np.sign(moved) * np.inf, moved / scale)
    return np.where(np.isnan(t), 0.0, t)


def _by_unit(each: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the known values of each person, (persons, columns)."""
    ones, persons = np.ones(len(units)), units.max(initial=-1) + 1
    # Sparse: a matrix of all persons by all anchors would grow with the square of their number.
    member = sparse.csr_array((ones, (units, np.arange(len(units)))), (persons, len(units)))
    known = np.isfinite(each)
    return member @ np.where(known, each, 0.0), member @ known.astype(np.float64)


def _seen(measured: Measured) -> np.ndarray:
    """Share of the pictures in which each target was measured, (directions, targets)."""
    return np.asarray(np.isfinite(measured.values).mean(axis=(1, 2)))


def _counting(slopes: Slopes) -> np.ndarray:
    """The values of anchors that count; the others become NaN."""
    return np.where(np.isfinite(slopes.each)[:, :, None], slopes.measured.values, np.nan)


def _effects(measured: Measured) -> np.ndarray:
    """Mean change between the two ends, of anchors with both measured, (directions, targets)."""
    ends = measured.values[:, :, -1] - measured.values[:, :, 0]
    return _mean_where_enough(ends, measured.units)


def _mean_where_enough(each: np.ndarray, units: np.ndarray) -> np.ndarray:
    """(directions, anchors, targets) -> (directions, targets), NaN below MIN_ANCHORS persons."""
    directions, anchors, targets = each.shape
    columns = each.transpose(1, 0, 2).reshape(anchors, directions * targets)
    sums, sizes = _by_unit(columns, units)
    enough = (sizes > 0).sum(axis=0) >= MIN_ANCHORS
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(enough, sums.sum(axis=0) / sizes.sum(axis=0), np.nan)
    return np.asarray(mean.reshape(directions, targets))


def _monotone(slopes: Slopes, expected: np.ndarray) -> np.ndarray:
    """Share of anchors that rise the expected way and never fall back by more than TOLERANCE.

    Args:
        expected: 1 or -1, (directions, targets).
    """
    path = _counting(slopes) * expected[:, None, None, :]
    back = np.fmax.accumulate(path, axis=2) - path
    steady = np.fmax.reduce(back, axis=2) <= TOLERANCE
    known = np.isfinite(path)
    first = np.take_along_axis(path, known.argmax(axis=2)[:, :, None], axis=2)
    last_step = path.shape[2] - 1 - known[:, :, ::-1].argmax(axis=2)
    last = np.take_along_axis(path, last_step[:, :, None], axis=2)
    rises = (last - first)[:, :, 0] > TOLERANCE
    counts = np.isfinite(slopes.each)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((steady & rises & counts).sum(axis=1) / counts.sum(axis=1))


def _saturation(slopes: Slopes) -> tuple[np.ndarray, np.ndarray]:
    """1 - slope over the outermost steps / slope over the steps beside 0, and why there is none.

    Both (directions, targets). Of anchors with all those steps measured. There is none where the
    slope next to 0 cannot be told from 0, since a ratio to it could be anything.
    """
    values = _counting(slopes)
    steps = values.shape[2]
    reasons = slopes.reasons.copy()
    if steps < 5:
        reasons[_none(reasons)] = "it needs at least 5 steps"
        return np.full(reasons.shape, np.nan), reasons
    middle = steps // 2
    outer = values[:, :, -1] - values[:, :, -2] + values[:, :, 1] - values[:, :, 0]
    inner = values[:, :, middle + 1] - values[:, :, middle - 1]
    complete = np.isfinite(outer) & np.isfinite(inner)
    units, shape = slopes.measured.units, reasons.shape
    outer = _mean_where_enough(np.where(complete, outer, np.nan), units)
    columns = np.where(complete, inner, np.nan).transpose(1, 0, 2).reshape(len(units), -1)
    beside = mean_over_anchors(columns, units)
    inner, low, high = (part.reshape(shape) for part in (beside.value, beside.low, beside.high))
    way = np.sign(slopes.value)
    for bad, reason in (
        (~((slopes.low > 0) | (slopes.high < 0)), "the slope cannot be told from 0"),
        (~np.isfinite(outer), "too few anchors are measured at both ends"),
        (~(np.minimum(way * low, way * high) > 0), "next to 0 it does not clearly move this way"),
    ):
        reasons[bad & _none(reasons)] = reason
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = 1.0 - outer / inner
    return np.where(_none(reasons), ratio, np.nan), reasons


def _none(reasons: np.ndarray) -> np.ndarray:
    """Which elements are None, boolean of the same shape."""
    return np.asarray(pd.isna(reasons))


def _beyond_random(slopes: Slopes) -> np.ndarray:
    """Share of the random directions along which the target moves less, (directions, targets)."""
    kinds = np.array([one.kind for one in slopes.measured.directions])
    size = np.abs(slopes.value)
    drawn = size[kinds == "random"]
    known = np.isfinite(drawn).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (drawn[None] < size[:, None]).sum(axis=1) / known
    share[np.isin(kinds, CONTROLS)] = np.nan
    return np.where(np.isfinite(size), share, np.nan)


def _false_discovery_rates(slopes: Slopes) -> np.ndarray:
    """Benjamini-Hochberg over all directions but controls, and all targets, of this judge."""
    control = np.array([one.kind in CONTROLS for one in slopes.measured.directions])
    testable = np.isfinite(slopes.p) & ~control[:, None]
    q = np.full(slopes.p.shape, np.nan)
    if testable.any():
        q[testable] = stats.false_discovery_control(slopes.p[testable], method="bh")
    return q
