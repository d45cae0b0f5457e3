"""Move anchors along directions, decode, and measure what changed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentlab.alignment import TEXT
from latentlab.errors import DataError
from latentlab.interventions.directions import Direction
from latentlab.interventions.effects import (
    NUMBER,
    Measured,
    Slopes,
    find_slopes,
    in_deviations,
    interventions_table,
    responses_table,
)
from latentlab.interventions.looks import Embed, Encode, Looks, paths_table
from latentlab.interventions.paths import Cloud, aggregate_deviations, positions
from latentlab.interventions.plan import Decode, Plan, decoded
from latentlab.interventions.selectivity import (
    real_correlations,
    selectivity_of,
    selectivity_table,
)
from latentlab.judges.judge import Judge
from latentlab.probes.scoring import bootstrap_counts

BATCH = 2048  # pictures in memory at a time; 25 MB at 64 x 64 in colour

DETECTION_COLUMNS = {"direction": TEXT, "t": NUMBER, "judge": TEXT, "detected": NUMBER}


@dataclass(frozen=True, eq=False)
class InterventionResults:
    """What `intervene` found.

    Attributes:
        interventions: One row a direction, target and judge, INTERVENTION_COLUMNS.
        selectivity: One row a direction, target and judge of interest, SELECTIVITY_COLUMNS.
        paths: One row a direction and step, PATH_COLUMNS.
        detections: One row a direction, step and judge, DETECTION_COLUMNS.
        responses: One row a direction, step, target and judge, RESPONSE_COLUMNS.
        slopes: Judge -> its slopes, to ask for further pairs.
        correlations: Judge -> real correlations of its targets, (targets, targets).
    """

    interventions: pd.DataFrame
    selectivity: pd.DataFrame
    paths: pd.DataFrame
    detections: pd.DataFrame
    responses: pd.DataFrame
    slopes: Mapping[str, Slopes]
    correlations: Mapping[str, np.ndarray]

    def selectivity_of(self, direction: str, target: str, judge: str) -> dict[str, object]:
        """The row of `selectivity` for any direction, target and judge."""
        return selectivity_of(self.slopes[judge], self.correlations[judge], direction, target)


def intervene(
    anchors: np.ndarray,
    decode: Decode,
    judges: Sequence[Judge],
    directions: Sequence[Direction],
    *,
    codes: np.ndarray,
    reference: Mapping[str, pd.DataFrame],
    active: np.ndarray | None = None,
    posterior_variance: np.ndarray | None = None,
    correlations: pd.DataFrame | None = None,
    asked: Sequence[str] = (),
    groups: np.ndarray | None = None,
    encode: Encode | None = None,
    embed: Embed | None = None,
    span: float = 2.0,
    steps: int = 5,
    resamples: int = 1000,
    seed: int,
    batch: int = BATCH,
    progress: Callable[[int], None] = lambda pictures: None,
) -> InterventionResults:
    """Move every anchor along every direction, decode, measure, and sum up over anchors.

    The unmoved pictures are decoded and measured once and shared by all directions, except by the
    zero step, which decodes them again at every step: its slopes are 0 if decoding and measuring
    repeat themselves.

    Args:
        anchors: Codes of test images, (anchors, latents).
        judges: With different names.
        directions: From `directions.all_directions`, with different names.
        codes: Posterior means of the images that give the scale and the quantiles,
            (images, latents).
        reference: Judge -> its measurements on real originals of test, which give the unit.
        active: (latents,) boolean, for the quantiles; all if not given.
        posterior_variance: As of `aggregate_deviations`.
        correlations: Of the real labels, target by target; what it lacks is taken from the
            judge's reference.
        asked: Targets whose selectivity is wanted for every latent.
        groups: Number of the person in each anchor, (anchors,); each its own if not given.
        encode: For the re-encoding error.
        embed: For the change of identity; rows of NaN where there is no face.
        span, steps: Positions from -span to span in standard deviations of the aggregate
            posterior along the direction; steps is odd.
        resamples: Of whole persons, behind the intervals; the same for all directions and judges.
        batch: Pictures decoded and measured at a time, and held in memory.
        progress: Called with the number of pictures measured since the last call; together
            `pictures_to_decode`.

    Returns:
        `interventions`: `slope` is the mean over anchors of the least-squares slope over measured
        steps, in standard deviations of the judge's measurement on the real originals per standard
        deviation of the aggregate posterior; `low`, `high` its 95 % interval over persons; `q`
        Benjamini-Hochberg within the judge; `effect` the mean change from -span to +span, in the
        same unit; `monotone_share` the share of anchors that move the expected way (upwards for
        the target that the direction was made for, else as the slope) without falling back by
        more than 0.05; `saturation` 1 - outermost slope / slope next to 0, or `saturation_reason`;
        `beyond_random` the share of random directions that move the target less; `anchors` those
        with 3 measured steps; `detected` the share of pictures measured. Null numbers have a
        `reason`.
        `selectivity`: see `selectivity.selectivity_of`.
        `paths`: means over anchors. `scale` latent units per deviation; `quantile` share of the
        images' codes that lie closer to the middle (Mahalanobis distance over active latents);
        `outside` share of anchors beyond 99 % of them; `reencoding_error` mean squared pixel
        difference, in [0, 1], of the picture and its reconstruction (of at most `looks.REENCODED`
        anchors, evenly spread), `reencoding_ratio` the same relative to t = 0; `detected` smallest
        share measured by a judge; `background_change` mean absolute pixel change in the border
        frame (an eighth of the side) relative to that between anchors of two persons;
        `identity_change` mean cosine distance of the embedding from the unmoved one, relative to
        the median between anchors of two persons.

    Raises:
        ConfigError: span or steps cannot be used.
        DataError: What was given, or what a judge or the decoder gave back, does not fit.
    """
    anchors, codes = np.asarray(anchors, np.float64), np.asarray(codes, np.float64)
    t = positions(span, steps)
    _check(anchors, codes, judges, directions, reference, groups)
    units = np.arange(len(anchors))
    if groups is not None:
        units = np.unique(groups, return_inverse=True)[1].ravel()
    vectors = np.stack([one.vector for one in directions])
    plan = Plan(anchors, vectors, aggregate_deviations(codes, vectors, posterior_variance), t)
    made = np.array([one.reason is None for one in directions])

    unmoved = decoded(decode, anchors, np.arange(len(anchors)))
    views = [_View(judge, plan, unmoved) for judge in judges]
    looks = Looks(plan, unmoved, units, decode, encode, embed)
    progress(len(anchors))
    for rows in plan.blocks(made, batch):
        places, direction, anchor, step = plan.places(rows)
        pictures = decoded(decode, places, anchor)
        for view in views:
            view.see(pictures, direction, anchor, step)
        looks.see(pictures, direction, anchor, step)
        progress(len(pictures))

    counts = bootstrap_counts(
        int(units.max()) + 1, resamples, seed, purpose="interventions anchors"
    )
    slopes, real = {}, {}
    for view in views:
        known = reference[view.judge.name]
        values, unmeasurable = in_deviations(view.values, known, view.targets)
        measured = Measured(
            view.judge.name,
            view.judge.circular,
            tuple(directions),
            view.targets,
            t,
            values,
            units,
            unmeasurable,
        )
        slopes[view.judge.name] = find_slopes(measured, counts)
        real[view.judge.name] = real_correlations(view.targets, known, correlations)
    detections = _detections(views, directions, t, made)
    cloud = Cloud.of(codes, np.ones(codes.shape[1], bool) if active is None else active)
    return InterventionResults(
        interventions=_joined(interventions_table(one) for one in slopes.values()),
        selectivity=_joined(
            selectivity_table(one, real[name], asked) for name, one in slopes.items()
        ),
        paths=paths_table(directions, made, plan, cloud, looks, detections),
        detections=detections,
        responses=_joined(responses_table(one.measured) for one in slopes.values()),
        slopes=slopes,
        correlations=real,
    )


def pictures_to_decode(directions: Sequence[Direction], anchors: int, steps: int) -> int:
    """How many pictures `intervene` measures, those of the unmoved anchors included."""
    return anchors * (1 + sum(one.reason is None for one in directions) * (steps - 1))


class _View:
    """What one judge measured, filled block by block."""

    def __init__(self, judge: Judge, plan: Plan, unmoved: np.ndarray):
        self.judge = judge
        first = judge.measure(unmoved)
        self.targets = tuple(map(str, first.columns))
        self.values = np.full((*plan.shape, len(self.targets)), np.nan)
        self.values[:, :, plan.middle] = self._numbers(first, len(unmoved))

    def see(
        self, pictures: np.ndarray, direction: np.ndarray, anchor: np.ndarray, step: np.ndarray
    ) -> None:
        found = self._numbers(self.judge.measure(pictures), len(pictures))
        self.values[direction, anchor, step] = found

    def _numbers(self, found: pd.DataFrame, pictures: int) -> np.ndarray:
        """(pictures, targets); what is infinite counts as not measured."""
        if tuple(map(str, found.columns)) != self.targets or len(found) != pictures:
            raise DataError(
                f"The judge {self.judge.name} gave {len(found)} rows with the columns"
                f" {', '.join(map(str, found.columns))} for {pictures} pictures; it must give a"
                f" row a picture with the columns {', '.join(self.targets)} every time."
            )
        values = found.to_numpy(np.float64, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan)


def _detections(
    views: Sequence[_View], directions: Sequence[Direction], t: np.ndarray, made: np.ndarray
) -> pd.DataFrame:
    """Share of pictures in which a judge could measure any target."""
    parts = []
    for view in views:
        share = np.isfinite(view.values).any(axis=3).mean(axis=1)  # (directions, steps)
        for index in np.flatnonzero(made).tolist():
            parts.append(
                pd.DataFrame(
                    {
                        "direction": directions[index].name,
                        "t": t,
                        "judge": view.judge.name,
                        "detected": share[index],
                    }
                )
            )
    frame = _joined(parts) if parts else pd.DataFrame(columns=list(DETECTION_COLUMNS))
    return frame.astype(DETECTION_COLUMNS)


def _joined(parts: "Iterator[pd.DataFrame] | Sequence[pd.DataFrame]") -> pd.DataFrame:
    return pd.concat(list(parts), ignore_index=True)


def _check(
    anchors: np.ndarray,
    codes: np.ndarray,
    judges: Sequence[Judge],
    directions: Sequence[Direction],
    reference: Mapping[str, pd.DataFrame],
    groups: np.ndarray | None,
) -> None:
    """Refuse what does not fit together, before anything is decoded."""
    if not len(anchors) or not len(codes) or not judges or not directions:
        raise DataError(
            f"Nothing to intervene on: {len(anchors)} anchors, {len(codes)} codes, {len(judges)}"
            f" judges, {len(directions)} directions; at least one of each is needed."
        )
    if anchors.ndim != 2 or codes.shape[1:] != anchors.shape[1:]:
        raise DataError(
            f"Anchors have the shape {anchors.shape} and codes {codes.shape}; both must be"
            " (images, latents) of one model."
        )
    if not np.isfinite(anchors).all() or not np.isfinite(codes).all():
        raise DataError("Anchors and codes must be finite. Encode the images again.")
    if groups is not None and len(groups) != len(anchors):
        raise DataError(f"There are {len(groups)} groups for {len(anchors)} anchors.")
    for what, names in (
        ("direction", [one.name for one in directions]),
        ("judge", [one.name for one in judges]),
    ):
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise DataError(f"The {what} {repeated} is listed more than once.")
    for judge in judges:
        if judge.name not in reference:
            raise DataError(
                f"There is no reference for the judge {judge.name}. Give what it measures on the"
                " real originals, which is the unit of its slopes."
            )
    for one in directions:
        if one.vector.shape != anchors.shape[1:]:
            raise DataError(
                f"The direction {one.name} has the shape {one.vector.shape}; the model has"
                f" {anchors.shape[1]} latents."
            )
        length = np.linalg.norm(one.vector)
        still = one.kind == "zero" or one.reason is not None
        if not (length == 0 if still else abs(length - 1) < 1e-6):
            raise DataError(f"The direction {one.name} has the length {length:g}; it must be 1.")
