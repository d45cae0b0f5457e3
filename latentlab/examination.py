"""Everything that moving a model's latents can tell: which anchors, directions and judges, and how
well the judges see. Any model will do that decodes; it need not be one of latentlab's."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentlab.alignment import Aligned, align
from latentlab.artifacts import Targets, latent_columns
from latentlab.dimensions import summarize_dimensions
from latentlab.errors import DataError
from latentlab.evidence import ORIGINALS, RECONSTRUCTIONS
from latentlab.interventions.directions import all_directions, direction_table
from latentlab.interventions.experiment import Experiment, Progress
from latentlab.interventions.intervene import intervene
from latentlab.interventions.looks import Embed, Encode
from latentlab.judges.accuracy import judge_accuracy
from latentlab.judges.judge import Judge
from latentlab.randomness import numpy_generator

# Latents (n, latents) and the rows of the latents table that they started from (n,) -> uint8
# pictures (n, side, side, channels).
DecodeRows = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Examination:
    """What moving told.

    Attributes:
        interventions, selectivity, paths, responses: As of `interventions.intervene`. What a side
            effect is excused by is the correlation in the judge's own answers about real pictures,
            which holds the judge's confusions as well; `worst_label_correlation` is that of the
            labels, which is smaller where labels are yes or no.
        judges: As of `judges.judge_accuracy`, on originals and on reconstructions.
        moves: The directions, as of `interventions.directions.direction_table`.
    """

    interventions: pd.DataFrame
    selectivity: pd.DataFrame
    paths: pd.DataFrame
    responses: pd.DataFrame
    judges: pd.DataFrame
    moves: pd.DataFrame

    def _repr_html_(self) -> str:
        from latentlab.notebook import table_html

        table = self.interventions
        kept = table[(table["kind"] == "latent") & ~table["circular"].astype(bool)]
        kept = kept[kept["slope"].notna()]
        order = (-kept["slope"].abs()).argsort(kind="stable")
        steepest = kept.iloc[order].drop_duplicates("target")
        columns = ["target", "direction", "judge", "slope", "low", "high", "anchors"]
        title = "The latent that moves each target most, in standard deviations of the real data"
        return table_html(steepest[columns], f"{title} per standard deviation of the latent")


@dataclass(frozen=True, eq=False)
class Trial:
    """Which images are moved where, and what looks at them. Made by `set_out`.

    Attributes:
        experiment: The moving and the measuring, which can be done in parts.
        aligned, roles: Latents and targets image by image, and what the targets are.
        test: Rows of the split test, rising.
        images, decode: As of `set_out`.
        active: Which latents are, (latents,) boolean.
        moves: As of `Examination`.
    """

    experiment: Experiment
    aligned: Aligned
    roles: Mapping[str, str]
    test: np.ndarray
    images: np.ndarray
    decode: DecodeRows
    active: np.ndarray
    moves: pd.DataFrame
    seed: int

    def examined(
        self,
        *,
        references: int = 1000,
        resamples: int = 1000,
        progress: Progress = lambda pictures: None,
        measured: Iterable[pd.DataFrame] | None = None,
    ) -> Examination:
        """How well the judges see, and what moving told.

        Args:
            references: Images of test that give the judges' unit and accuracy, at most.
            resamples, progress, measured: As of `intervene`.

        Raises:
            DataError: What was given does not fit together.
        """
        known = _some(self.test, references, self.seed)
        aligned, judges = self.aligned, self.experiment.judges
        shown = {
            ORIGINALS: np.asarray(self.images[known]),
            RECONSTRUCTIONS: self.decode(aligned.codes[known], known),
        }
        originals = {judge.name: judge.measure(shown[ORIGINALS]) for judge in judges}
        accuracy = [
            judge_accuracy(
                judge,
                aligned.values.iloc[known],
                self.roles,
                shown,
                seed=self.seed,
                resamples=resamples,
                groups=aligned.groups_at(known),
                known={ORIGINALS: originals[judge.name]},
            )
            for judge in judges
        ]
        results = intervene(
            self.experiment,
            reference=originals,
            active=self.active,
            asked=list(self.roles),
            resamples=resamples,
            seed=self.seed,
            progress=progress,
            measured=measured,
        )
        labels = aligned.values.iloc[self.test].corr().stack()
        pairs = pd.MultiIndex.from_frame(results.selectivity[["target", "worst"]])
        return Examination(
            interventions=results.interventions,
            selectivity=results.selectivity.assign(
                worst_label_correlation=labels.reindex(pairs).to_numpy()
            ),
            paths=results.paths,
            responses=results.responses,
            judges=pd.concat(accuracy, ignore_index=True),
            moves=self.moves,
        )


def examine(
    latents: pd.DataFrame,
    targets: Targets,
    probe_directions: pd.DataFrame,
    images: np.ndarray,
    decode: DecodeRows,
    judges: Sequence[Judge],
    *,
    encode: Encode | None = None,
    embed: Embed | None = None,
    without: Mapping[str, Sequence[str]] | None = None,
    anchors: int = 40,
    references: int = 1000,
    random: int = 10,
    span: float = 2.0,
    steps: int = 5,
    resamples: int = 1000,
    seed: int,
    progress: Progress = lambda pictures: None,
) -> Examination:
    """Move images of the test split along every direction, decode, and let the judges measure.

    `set_out` and `Trial.examined` in one, which say what the arguments are.

    Raises:
        DataError: There is no image of test, or what was given does not fit together.
    """
    trial = set_out(
        latents,
        targets,
        probe_directions,
        images,
        decode,
        judges,
        encode=encode,
        embed=embed,
        without=without,
        anchors=anchors,
        random=random,
        span=span,
        steps=steps,
        seed=seed,
    )
    return trial.examined(references=references, resamples=resamples, progress=progress)


def set_out(
    latents: pd.DataFrame,
    targets: Targets,
    probe_directions: pd.DataFrame,
    images: np.ndarray,
    decode: DecodeRows,
    judges: Sequence[Judge],
    *,
    encode: Encode | None = None,
    embed: Embed | None = None,
    without: Mapping[str, Sequence[str]] | None = None,
    anchors: int = 40,
    random: int = 10,
    span: float = 2.0,
    steps: int = 5,
    seed: int,
) -> Trial:
    """Choose images of the test split and directions to move them along; nothing is decoded yet.

    Directions are fitted on train: every active latent, and for every target that was probed its
    probe vector, the difference of its means, and the probe vector with other targets projected
    out; with random directions and a step of zero as controls.

    Args:
        latents: `image_id`, `split`, `mu_*`; one row an image.
        probe_directions: The table `directions` of `probe_targets`.
        images: uint8 (images, side, side, channels), in the order of `latents`.
        decode: What is decoded must be like `images`.
        without: Target -> targets to project out of its probe vector; those that go with it most
            where not given.
        anchors: Images that are moved; of as many persons as there are.
        random: Random directions.
        span, steps, encode, embed: As of `Experiment`.

    Raises:
        ConfigError: span or steps cannot be used.
        DataError: There is no image of test, or what was given does not fit together.
    """
    aligned = align(latents, targets)
    if len(images) != len(latents):
        raise DataError(
            f"There are {len(images)} images and {len(latents)} rows of latents. Give both of the"
            " same images, in the same order."
        )
    names = latent_columns(latents)
    test, train = (np.flatnonzero(aligned.split == split) for split in ("test", "train"))
    if not len(test):
        raise DataError(
            "No image is of the split test: there is nothing to move. Give some that are."
        )
    dimensions = summarize_dimensions(latents)
    active = dimensions["active"].to_numpy(bool)
    probed = [
        name for name in targets.roles if name in set(probe_directions["target"].dropna().unique())
    ]
    directions = all_directions(
        names,
        active,
        aligned.codes[train],
        aligned.values[probed].iloc[train],
        probe_directions,
        without=None if without is None else {name: without.get(name, ()) for name in probed},
        random=random,
        seed=seed,
    )
    moved = _anchors(test, aligned, anchors, seed)
    variance = np.square(dimensions["posterior_deviation"].to_numpy(np.float64))
    experiment = Experiment(
        aligned.codes[moved],
        lambda z, anchor: decode(z, moved[anchor]),
        judges,
        directions,
        codes=aligned.codes,
        posterior_variance=None if np.isnan(variance).any() else variance,
        groups=aligned.groups_at(moved),
        encode=encode,
        embed=embed,
        span=span,
        steps=steps,
    )
    moves = direction_table(directions, names)
    return Trial(
        experiment, aligned, dict(targets.roles), test, images, decode, active, moves, seed
    )


def _anchors(test: np.ndarray, aligned: Aligned, count: int, seed: int) -> np.ndarray:
    """Rows to move, rising: one of each person, and further ones where there are too few."""
    order = numpy_generator(seed, "anchors").permutation(test)
    persons = aligned.groups_at(order)
    if persons is not None:
        first = np.sort(np.unique(persons, return_index=True)[1])
        again = np.setdiff1d(np.arange(len(order)), first)
        order = order[np.concatenate([first, again])]
    return np.sort(order[:count])


def _some(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """At most so many of the rows, rising."""
    return np.sort(numpy_generator(seed, "references").permutation(rows)[:count])
