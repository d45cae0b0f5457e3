"""What is moved, along which directions, and everything that is measured in every moved picture."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from latentlab.errors import DataError
from latentlab.interventions.directions import Direction
from latentlab.interventions.looks import LOOKS, Embed, Encode, Looks
from latentlab.interventions.paths import aggregate_deviations, positions
from latentlab.interventions.plan import Decode, Plan, decoded
from latentlab.judges.judge import Judge

BATCH = 512  # pictures decoded and measured at a time; 6 MB at 64 x 64 in colour

Progress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Experiment:
    """Anchors to be moved along directions, decoded, and measured.

    Moved pictures are numbered: directions that could be made x anchors x steps but the middle one.
    Each is measured by itself, so that they can be measured in parts, in any order, anywhere.

    Args:
        anchors: Codes of test images, (anchors, latents).
        decode: Latents and the numbers of their anchors to pictures.
        judges: With different names.
        directions: From `directions.all_directions`, with different names.
        codes: Posterior means of the images that give the scale, (images, latents).
        posterior_variance: As of `aggregate_deviations`.
        groups: Number of the person in each anchor, (anchors,); each its own if not given.
        encode: For the re-encoding error.
        embed: For the change of identity; rows of NaN where there is no face.
        span, steps: Positions from -span to span in standard deviations of the aggregate
            posterior along the direction; steps is odd.

    Raises:
        ConfigError: span or steps cannot be used.
        DataError: What was given does not fit together.
    """

    anchors: np.ndarray
    decode: Decode
    judges: Sequence[Judge]
    directions: Sequence[Direction]
    codes: np.ndarray
    posterior_variance: np.ndarray | None = None
    groups: np.ndarray | None = None
    encode: Encode | None = None
    embed: Embed | None = None
    span: float = 2.0
    steps: int = 5

    def __post_init__(self) -> None:
        for name in ("anchors", "codes"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        positions(self.span, self.steps)
        _check(self)

    @cached_property
    def plan(self) -> Plan:
        vectors = np.stack([one.vector for one in self.directions])
        scale = aggregate_deviations(self.codes, vectors, self.posterior_variance)
        made = np.array([one.reason is None for one in self.directions])
        return Plan(self.anchors, vectors, scale, positions(self.span, self.steps), made)

    @cached_property
    def units(self) -> np.ndarray:
        """Number of the person in each anchor, from 0, (anchors,)."""
        if self.groups is None:
            return np.arange(len(self.anchors))
        return np.asarray(np.unique(self.groups, return_inverse=True)[1].ravel())

    @cached_property
    def ids(self) -> "PictureIds":
        """Of the moved pictures."""
        return PictureIds(self.plan.pictures)

    @property
    def pictures(self) -> int:
        """How many are measured, those of the unmoved anchors included."""
        return len(self.anchors) + len(self.ids)

    @cached_property
    def instruments(self) -> "Instruments":
        """With the unmoved pictures decoded and measured."""
        return Instruments(self)

    def frames(
        self,
        rows: range | None = None,
        *,
        batch: int = BATCH,
        progress: Progress = lambda pictures: None,
    ) -> Iterator[pd.DataFrame]:
        """Decode and measure moved pictures.

        Args:
            rows: Numbers of pictures, side by side; all if not given.
            batch: At a time, and held in memory.
            progress: Called with the number just measured.

        Yields:
            `image_id`, the picture's number in eight digits, and a float64 column for everything
            that is measured, NaN where it cannot be.

        Raises:
            DataError: What a judge or the decoder gave back does not fit.
        """
        rows = range(len(self.ids)) if rows is None else rows
        instruments = self.instruments
        for start in range(rows.start, rows.stop, batch):
            numbers = np.arange(start, min(start + batch, rows.stop))
            places, _, anchor, _ = self.plan.places(numbers)
            found = instruments.measure(decoded(self.decode, places, anchor), anchor)
            frame = pd.DataFrame(found, columns=list(instruments.columns))
            frame.insert(0, "image_id", self.ids[start : start + len(numbers)])
            yield frame
            progress(len(numbers))

    def filled(self, frames: Iterable[pd.DataFrame]) -> np.ndarray:
        """All that was measured, moved or not: (directions, anchors, steps, columns).

        Args:
            frames: Of `frames`, each picture once and in order.

        Raises:
            DataError: They are not of this experiment.
        """
        plan, columns = self.plan, self.instruments.columns
        values = np.full((*plan.shape, len(columns)), np.nan)
        values[:, :, plan.middle] = self.instruments.unmoved
        seen = 0
        for frame in frames:
            ids = self.ids[seen : seen + len(frame)]
            if frame["image_id"].tolist() != ids or list(frame)[1:] != [*columns]:
                raise DataError(
                    "The moved pictures that were measured are of something else."
                    " Make the parts again."
                )
            _, direction, anchor, step = plan.places(np.arange(seen, seen + len(frame)))
            values[direction, anchor, step] = frame[list(columns)].to_numpy(np.float64)
            seen += len(frame)
        if seen != len(self.ids):
            raise DataError(
                f"Only {seen} of {len(self.ids)} moved pictures were measured."
                " Make the other parts."
            )
        return values


class Instruments:
    """The judges and the looks, as one instrument.

    Attributes:
        columns: What they measure: `JUDGE: TARGET` for each judge, then LOOKS.
        targets: Judge -> its targets.
        looks: See `Looks`.
        unmoved: What they measure in the unmoved pictures, (anchors, columns).
    """

    def __init__(self, experiment: Experiment):
        judges, count = experiment.judges, len(experiment.anchors)
        pictures = decoded(experiment.decode, experiment.anchors, np.arange(count))
        self._judges = judges
        self.looks = Looks(
            experiment.anchors,
            pictures,
            experiment.units,
            experiment.decode,
            experiment.encode,
            experiment.embed,
        )
        first = [judge.measure(pictures) for judge in judges]
        self.targets = {
            judge.name: tuple(map(str, found.columns))
            for judge, found in zip(judges, first, strict=True)
        }
        named, self._at = list[str](), dict[str, slice]()
        for judge, known in self.targets.items():
            self._at[judge] = slice(len(named), len(named) + len(known))
            named += [f"{judge}: {target}" for target in known]
        self.columns = (*named, *LOOKS)
        parts = [self._numbers(*one, count) for one in zip(judges, first, strict=True)]
        self.unmoved = np.hstack([*parts, self.looks.unmoved])

    def measure(self, pictures: np.ndarray, anchor: np.ndarray) -> np.ndarray:
        """Moved pictures, (n, side, side, channels), and their anchors, (n,) -> (n, columns)."""
        parts = [self._numbers(one, one.measure(pictures), len(pictures)) for one in self._judges]
        return np.hstack([*parts, self.looks.see(pictures, anchor)])

    def of_judge(self, name: str, values: np.ndarray) -> np.ndarray:
        """The columns of one judge, (..., columns) -> (..., targets)."""
        return values[..., self._at[name]]

    def of_looks(self, values: np.ndarray) -> np.ndarray:
        """The columns of the looks, (..., columns) -> (..., looks)."""
        return values[..., -len(LOOKS) :]

    def _numbers(self, judge: Judge, found: pd.DataFrame, pictures: int) -> np.ndarray:
        """(pictures, targets); what is infinite counts as not measured."""
        targets = self.targets[judge.name]
        if tuple(map(str, found.columns)) != targets or len(found) != pictures:
            raise DataError(
                f"The judge {judge.name} gave {len(found)} rows with the columns"
                f" {', '.join(map(str, found.columns))} for {pictures} pictures; it must give a"
                f" row a picture with the columns {', '.join(targets)} every time."
            )
        values = found.to_numpy(np.float64, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan)


@dataclass(frozen=True)
class PictureIds:
    """What so many moved pictures are called in tables, in order."""

    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: slice) -> list[str]:
        return [f"{number:08d}" for number in range(self.count)[rows]]


def _check(of: Experiment) -> None:
    """Refuse what does not fit together, before anything is decoded."""
    anchors, codes, judges, directions = of.anchors, of.codes, of.judges, of.directions
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
    if of.groups is not None and len(of.groups) != len(anchors):
        raise DataError(f"There are {len(of.groups)} groups for {len(anchors)} anchors.")
    for what, names in (
        ("direction", [one.name for one in directions]),
        ("judge", [one.name for one in judges]),
    ):
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise DataError(f"The {what} {repeated} is listed more than once.")
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
