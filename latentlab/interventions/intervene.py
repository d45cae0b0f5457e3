"""Move anchors along directions, decode, and measure what changed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

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
from latentlab.interventions.paths import (
    Cloud,
    absolute_changes,
    aggregate_deviations,
    cosine_distances,
    frames,
    pairs_apart,
    positions,
    squared_errors,
)
from latentlab.interventions.selectivity import (
    real_correlations,
    selectivity_of,
    selectivity_table,
)
from latentlab.probes.scoring import bootstrap_counts

BATCH = 2048  # pictures in memory at a time; 25 MB at 64 x 64 in colour
FAR = 0.99  # of the codes lie closer to the middle than a place that counts as outside

PATH_COLUMNS = {
    "direction": TEXT, "kind": TEXT, "t": NUMBER, "scale": NUMBER, "quantile": NUMBER,
    "outside": NUMBER, "reencoding_error": NUMBER, "reencoding_ratio": NUMBER, "detected": NUMBER,
    "background_change": NUMBER, "identity_change": NUMBER, "reason": TEXT,
}  # fmt: skip
DETECTION_COLUMNS = {"direction": TEXT, "t": NUMBER, "judge": TEXT, "detected": NUMBER}

# Latents (n, latents) and the number of the anchor each came from (n,) -> uint8 pictures
# (n, side, side, channels). By the number, a model keeps what else an anchor needs.
Decode = Callable[[np.ndarray, np.ndarray], np.ndarray]
Encode = Callable[[np.ndarray], np.ndarray]  # pictures -> posterior means (n, latents)
Embed = Callable[[np.ndarray], np.ndarray]  # pictures -> (n, features), rows of NaN if not known


class Judge(Protocol):
    """An instrument that measures pictures.

    Attributes:
        name: Its key in every table.
        circular: True where it shares the model's view, as a probe on the codes does.
    """

    @property
    def name(self) -> str: ...

    @property
    def circular(self) -> bool: ...

    def measure(self, images: np.ndarray) -> pd.DataFrame:
        """uint8 (n, side, side, channels) -> n rows, a float column a target, NaN where not
        measurable."""
        ...


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
        difference, in [0, 1], of the picture and its reconstruction, `reencoding_ratio` the same
        relative to t = 0; `detected` smallest share measured by a judge; `background_change` mean
        absolute pixel change in the border frame (an eighth of the side) relative to that between
        anchors of two persons; `identity_change` mean cosine distance of the embedding from the
        unmoved one, relative to the median between anchors of two persons.

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
    plan = _Plan(anchors, vectors, aggregate_deviations(codes, vectors, posterior_variance), t)
    made = np.array([one.reason is None for one in directions])

    unmoved = _decoded(decode, anchors, np.arange(len(anchors)))
    views = [_View(judge, plan, unmoved) for judge in judges]
    looks = _Looks(plan, unmoved, units, decode, encode, embed)
    progress(len(anchors))
    for rows in plan.blocks(made, batch):
        places, direction, anchor, step = plan.places(rows)
        pictures = _decoded(decode, places, anchor)
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
        paths=_paths(directions, made, plan, cloud, looks, detections),
        detections=detections,
        responses=_joined(responses_table(one.measured) for one in slopes.values()),
        slopes=slopes,
        correlations=real,
    )


def pictures_to_decode(directions: Sequence[Direction], anchors: int, steps: int) -> int:
    """How many pictures `intervene` measures, those of the unmoved anchors included."""
    return anchors * (1 + sum(one.reason is None for one in directions) * (steps - 1))


class _Plan:
    """Every place to go: directions x anchors x moved steps, numbered in this order."""

    def __init__(self, anchors: np.ndarray, vectors: np.ndarray, scale: np.ndarray, t: np.ndarray):
        self.anchors, self.vectors, self.scale, self.t = anchors, vectors, scale, t
        self.middle = len(t) // 2
        self.moved = np.delete(np.arange(len(t)), self.middle)
        self.shape = (len(vectors), len(anchors), len(t))

    def blocks(self, made: np.ndarray, batch: int) -> Iterator[np.ndarray]:
        """Numbers of at most `batch` places at a time, of the directions that were made."""
        each = self.shape[1] * len(self.moved)
        rows = (np.flatnonzero(made)[:, None] * each + np.arange(each)).ravel()
        for start in range(0, len(rows), batch):
            yield rows[start : start + batch]

    def places(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(n,) -> latents (n, latents), and numbers of direction, anchor and step, each (n,)."""
        shape = (*self.shape[:2], len(self.moved))
        direction, anchor, step = np.unravel_index(rows, shape)
        step = self.moved[step]
        length = self.t[step] * self.scale[direction]
        places = self.anchors[anchor] + length[:, None] * self.vectors[direction]
        return places, direction, anchor, step

    def line(self, direction: int) -> np.ndarray:
        """(anchors, steps, latents), t = 0 included."""
        move = (self.t * self.scale[direction])[:, None] * self.vectors[direction]
        return np.asarray(self.anchors[:, None, :] + move)


class _View:
    """What one judge measured, filled block by block."""

    def __init__(self, judge: Judge, plan: _Plan, unmoved: np.ndarray):
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


class _Looks:
    """What changes beside the targets: re-encoding, border and identity, filled block by block.

    Attributes:
        errors, border, identity: (directions, anchors, steps); NaN where not asked for.
        reasons: Name of a column of the paths -> why it is null.
    """

    def __init__(
        self,
        plan: _Plan,
        unmoved: np.ndarray,
        units: np.ndarray,
        decode: Decode,
        encode: Encode | None,
        embed: Embed | None,
    ):
        self.decode, self.encode, self.embed = decode, encode, embed
        self.reasons: dict[str, str] = {}
        self.errors, self.border, self.identity = (np.full(plan.shape, np.nan) for _ in range(3))
        first, second = pairs_apart(units)
        if encode is None:
            self.reasons["reencoding_error"] = "no encoder was given"
        else:
            self.errors[:, :, plan.middle] = self._reencoding(unmoved, np.arange(len(unmoved)))

        self.frames = frames(unmoved)
        self.border[:, :, plan.middle] = 0.0
        self.border_unit = np.nan
        if len(first):
            changes = [
                absolute_changes(self.frames[one][None], self.frames[second[first == one]])
                for one in np.unique(first)
            ]
            self.border_unit = float(np.concatenate(changes).mean())
        if not self.border_unit > 0:
            self.border_unit = np.nan
            self.reasons["background_change"] = "the border is the same in all unmoved pictures"
        if not len(first):
            self.reasons["background_change"] = "the anchors are all of one person"

        self.identity_unit = np.nan
        if embed is None:
            self.reasons["identity_change"] = "no embedding of identity was given"
            return
        self.embedded = np.asarray(embed(unmoved), np.float64)
        self.identity[:, :, plan.middle] = cosine_distances(self.embedded, self.embedded)
        apart = cosine_distances(self.embedded[first], self.embedded[second])
        apart = apart[np.isfinite(apart)]
        if len(apart) and np.median(apart) > 0:
            self.identity_unit = float(np.median(apart))
        else:
            self.reasons["identity_change"] = "no two unmoved pictures differ in their embedding"

    def see(
        self, pictures: np.ndarray, direction: np.ndarray, anchor: np.ndarray, step: np.ndarray
    ) -> None:
        place = (direction, anchor, step)
        self.border[place] = absolute_changes(frames(pictures), self.frames[anchor])
        if self.encode is not None:
            self.errors[place] = self._reencoding(pictures, anchor)
        if self.embed is not None:
            found = np.asarray(self.embed(pictures), np.float64)
            self.identity[place] = cosine_distances(found, self.embedded[anchor])

    def _reencoding(self, pictures: np.ndarray, anchor: np.ndarray) -> np.ndarray:
        assert self.encode is not None
        again = _decoded(self.decode, np.asarray(self.encode(pictures)), anchor)
        return squared_errors(pictures, again)


def _decoded(decode: Decode, places: np.ndarray, anchor: np.ndarray) -> np.ndarray:
    pictures = decode(places, anchor)
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or len(pictures) != len(places):
        raise DataError(
            f"The decoder gave {pictures.dtype} of shape {pictures.shape} for {len(places)}"
            " latents; it must give uint8 pictures (n, side, side, channels)."
        )
    return pictures


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


def _paths(
    directions: Sequence[Direction],
    made: np.ndarray,
    plan: _Plan,
    cloud: Cloud,
    looks: _Looks,
    detections: pd.DataFrame,
) -> pd.DataFrame:
    """One row a direction and step; one without a step for a direction that was not made."""
    errors, border, identity = (
        _known_mean(each) for each in (looks.errors, looks.border, looks.identity)
    )
    least = detections.groupby(["direction", "t"])["detected"].min()
    common = "; ".join(f"no {name}: {why}" for name, why in looks.reasons.items())
    rows: list[dict[str, object]] = []
    for index, one in enumerate(directions):
        if not made[index]:
            rows.append({"direction": one.name, "kind": one.kind, "reason": one.reason})
            continue
        quantiles = cloud.quantiles(plan.line(index))
        for step, t in enumerate(plan.t):
            base = errors[index, plan.middle]
            why = common
            if looks.embed is not None and not np.isfinite(identity[index, step]):
                why = "; ".join(filter(None, [why, "no identity_change: no picture has a face"]))
            rows.append(
                {
                    "direction": one.name,
                    "kind": one.kind,
                    "t": t,
                    "scale": plan.scale[index],
                    "quantile": quantiles[:, step].mean(),
                    "outside": (quantiles[:, step] > FAR).mean(),
                    "reencoding_error": errors[index, step],
                    "reencoding_ratio": errors[index, step] / base if base > 0 else np.nan,
                    "detected": least[one.name, t],
                    "background_change": border[index, step] / looks.border_unit,
                    "identity_change": identity[index, step] / looks.identity_unit,
                    "reason": why or None,
                }
            )
    return pd.DataFrame(rows, columns=list(PATH_COLUMNS)).astype(PATH_COLUMNS)


def _known_mean(each: np.ndarray) -> np.ndarray:
    """(directions, anchors, steps) -> (directions, steps), NaN where no anchor is known."""
    known = np.isfinite(each)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, each, 0.0).sum(axis=1) / known.sum(axis=1))


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
