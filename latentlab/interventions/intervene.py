"""Move anchors along directions, decode, and measure what changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from latentlab.interventions.experiment import BATCH, Experiment, Progress
from latentlab.interventions.looks import paths_table
from latentlab.interventions.paths import Cloud
from latentlab.interventions.plan import Plan
from latentlab.interventions.selectivity import (
    real_correlations,
    selectivity_of,
    selectivity_table,
)
from latentlab.probes.scoring import bootstrap_counts

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
    experiment: Experiment,
    *,
    reference: Mapping[str, pd.DataFrame],
    active: np.ndarray | None = None,
    correlations: pd.DataFrame | None = None,
    asked: Sequence[str] = (),
    resamples: int = 1000,
    seed: int,
    batch: int = BATCH,
    progress: Progress = lambda pictures: None,
    measured: Iterable[pd.DataFrame] | None = None,
) -> InterventionResults:
    """Move every anchor along every direction, decode, measure, and sum up over anchors.

    The unmoved pictures are decoded and measured once and shared by all directions, except by the
    zero step, which decodes them again at every step: its slopes are 0 if decoding and measuring
    repeat themselves.

    Args:
        reference: Judge -> its measurements on real originals of test, which give the unit.
        active: (latents,) boolean, for the quantiles; all if not given.
        correlations: Of the real labels, target by target; what it lacks is taken from the
            judge's reference.
        asked: Targets whose selectivity is wanted for every latent.
        resamples: Of whole persons, behind the intervals; the same for all directions and judges.
        batch: Pictures decoded and measured at a time, and held in memory.
        progress: Called with the number of pictures measured since the last call; together
            `experiment.pictures`.
        measured: All of `experiment.frames`, where that was done before; done here if not given.

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
        DataError: A judge has no reference, or what a judge or the decoder gave back does not fit.
    """
    for judge in experiment.judges:
        if judge.name not in reference:
            raise DataError(
                f"There is no reference for the judge {judge.name}. Give what it measures on the"
                " real originals, which is the unit of its slopes."
            )
    instruments, directions, plan = experiment.instruments, experiment.directions, experiment.plan
    progress(len(experiment.anchors))
    if measured is None:
        measured = experiment.frames(batch=batch, progress=progress)
    values = experiment.filled(measured)

    units = experiment.units
    counts = bootstrap_counts(
        int(units.max()) + 1, resamples, seed, purpose="interventions anchors"
    )
    slopes, real, detections = {}, {}, []
    for judge in experiment.judges:
        name, targets = judge.name, instruments.targets[judge.name]
        own, known = instruments.of_judge(name, values), reference[name]
        scaled, unmeasurable = in_deviations(own, known, targets)
        of_judge = Measured(
            name, judge.circular, tuple(directions), targets, plan.t, scaled, units, unmeasurable
        )
        slopes[name] = find_slopes(of_judge, counts)
        real[name] = real_correlations(targets, known, correlations)
        detections.append(_detections(name, own, plan, directions))
    detected = _joined(detections)
    codes = experiment.codes
    cloud = Cloud.of(codes, np.ones(codes.shape[1], bool) if active is None else active)
    return InterventionResults(
        interventions=_joined(interventions_table(one) for one in slopes.values()),
        selectivity=_joined(
            selectivity_table(one, real[name], asked) for name, one in slopes.items()
        ),
        paths=paths_table(
            directions, plan, cloud, instruments.looks, instruments.of_looks(values), detected
        ),
        detections=detected,
        responses=_joined(responses_table(one.measured) for one in slopes.values()),
        slopes=slopes,
        correlations=real,
    )


def _detections(
    judge: str, values: np.ndarray, plan: Plan, directions: Sequence[Direction]
) -> pd.DataFrame:
    """Share of pictures in which a judge could measure any target."""
    share = np.isfinite(values).any(axis=3).mean(axis=1)  # (directions, steps)
    made = np.flatnonzero(plan.made).tolist()
    columns = {
        "direction": np.repeat([directions[index].name for index in made], len(plan.t)),
        "t": np.tile(plan.t, len(made)),
        "judge": judge,
        "detected": share[made].ravel(),
    }
    return pd.DataFrame(columns).astype(DETECTION_COLUMNS)


def _joined(parts: "Iterator[pd.DataFrame] | Sequence[pd.DataFrame]") -> pd.DataFrame:
    return pd.concat(list(parts), ignore_index=True)
