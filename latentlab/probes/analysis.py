"""Fit a probe to every target, score it on the test split, and say what could not be measured."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import logit

from latentlab.alignment import Aligned, align, check_finite, table
from latentlab.artifacts import Targets, latent_columns, mu_name
from latentlab.dimensions import summarize_dimensions
from latentlab.errors import DataError
from latentlab.evidence import LATENTS, NONLINEAR
from latentlab.probes import PROBES
from latentlab.probes.blocks import ArraySource
from latentlab.probes.controls import (
    RANDOM,
    SHUFFLED,
    best_projection,
    codes_of,
    random_directions,
    shuffled,
)
from latentlab.probes.logistic import LogisticProbe, logistic_paths
from latentlab.probes.nonlinear import NonlinearProbe
from latentlab.probes.obstacles import Counted, obstacle
from latentlab.probes.paths import Paths
from latentlab.probes.ridge import RidgeProbe, ridge_paths
from latentlab.probes.scoring import SCORES, bootstrap_counts, estimate

PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)
DEFAULT_PENALTY = 1.0  # where no image of valid has a known target
PROBE_OF = {"attribute": "logistic", "statistic": "ridge", "factor": "ridge"}
METRICS_OF = {"logistic": ("auc", "balanced_accuracy", "average_precision"), "ridge": ("r2", "r")}

PROBE_COLUMNS = (
    "target", "role", "probe", "metric", "value", "low", "high", "baseline", "n", "positives",
    "reason", "penalty", "n_train", "lost", "features",
)  # fmt: skip
DIRECTION_COLUMNS = ("target", "probe", "latent", "weight")


@dataclass(frozen=True)
class ProbeResults:
    """What `probe_targets` found.

    Attributes:
        probes: One row a target and metric, PROBE_COLUMNS: linear probes on the latents.
        directions: One row a probed target and latent, DIRECTION_COLUMNS.
        fits: Probed target -> its probe, fitted on train at the chosen penalty.
        controls: PROBE_COLUMNS: what `probes` is to be held against, one row a target, metric,
            `probe` and `features`. Empty unless asked for.
    """

    probes: pd.DataFrame
    directions: pd.DataFrame
    fits: dict[str, LogisticProbe | RidgeProbe]
    controls: pd.DataFrame

    def _repr_html_(self) -> str:
        from latentlab.notebook import table_html

        first = self.probes.drop_duplicates("target")
        columns = ["target", "role", "metric", "value", "low", "high", "baseline", "n", "reason"]
        return table_html(first[columns], f"Probes of {len(first)} targets, on test images")

    @property
    def together(self) -> pd.DataFrame:
        """`probes` and `controls` as one table."""
        return pd.concat([self.probes, self.controls], ignore_index=True)


def probe_targets(
    latents: pd.DataFrame,
    targets: Targets,
    *,
    penalties: Sequence[float] = PENALTIES,
    resamples: int = 1000,
    seed: int,
    min_positives: int = 20,
    columns: Sequence[str] | None = None,
    nonlinear: bool = False,
    controls: Mapping[str, pd.DataFrame] | None = None,
    progress: Callable[[int], None] = lambda targets: None,
) -> ProbeResults:
    """Probe every target: fit on train, choose the penalty on valid, report on test.

    Attributes get logistic regression, statistics and factors ridge regression (factors with two
    values too), on the posterior means of all dimensions, active or not. A target may be unknown
    for some images: they are left out of that target alone. All targets and penalties are fitted
    together.

    Args:
        latents: `image_id`, `split`, `mu_*`; one row an image.
        targets: Any order; images that are not among them count as unknown.
        penalties: Tried in turn; the best mean log-likelihood on valid (squared error for ridge)
            wins, the first of equals. DEFAULT_PENALTY where no target is known in valid.
        resamples: Bootstrap resamples of test behind the 95 % percentile intervals; of whole
            persons where identities are known. All targets and controls share them.
        min_positives: An attribute with fewer positives, or negatives, in train is not probed.
        columns: What to probe instead of the posterior means: any numeric columns of `latents`.
        nonlinear: Whether `controls` has a small non-linear probe of the same columns too.
        controls: What else `controls` has: shuffled labels, the best of as many random directions
            as latents, and a linear probe of each table given, name -> `image_id`, `mu_*` of the
            same images. None: neither; an empty mapping: the first two.
        progress: Called with 1 after every target.

    Returns:
        `probes`: `n` known test images, `n_train` known train images, `positives` those of train
        (null unless an attribute), `penalty` as chosen, `lost` resamples without a value.
        `baseline` is what needs no latents: 0.5 for auc and balanced_accuracy, the share of
        positives in test for average_precision, the score of the train mean for r2, 0 for r.
        Balanced accuracy takes an image as positive where its probability is above the share of
        positives in train. A score that cannot be had is null and its `reason` says why.
        `features`: what was probed: "latents", the `columns` joined by commas, or a control.
        `directions`: a unit vector over the latents along which the probe's answer rises fastest
        per unit of latent space; inactive dimensions, which the decoder does not follow, have 0.

    Raises:
        DataError: A table is not as it must be; the message names the column or the image.
    """
    features, names = LATENTS, latent_columns(latents)
    if columns is not None:
        latents, features, names = _named(latents, columns), ", ".join(columns), list(columns)
    aligned = align(latents, targets)
    active = np.ones(len(names), dtype=bool)
    if columns is None:
        active = summarize_dimensions(latents)["active"].to_numpy()
    test = aligned.split == "test"
    counts = np.empty((resamples, 0), dtype=np.uint8)
    if test.any():
        counts = bootstrap_counts(
            int(test.sum()), resamples, seed, aligned.groups_at(test), purpose="probe test"
        )
    tasks = [_Task(aligned, target, role) for target, role in targets.roles.items()]
    reasons = {task.target: task.obstacle(min_positives) for task in tasks}
    open_tasks = [task for task in tasks if reasons[task.target] is None]
    codes = aligned.codes
    fits = _fits(open_tasks, codes, penalties)
    held_against = _Controls(aligned, open_tasks, fits, features, penalties, seed)
    if nonlinear:
        held_against.add_nonlinear()
    if controls is not None:
        held_against.add_chance()
        for name, other in controls.items():
            held_against.add_codes(name, codes_of(other, latents["image_id"], name))
    rows: list[dict[str, object]] = []
    directions: list[dict[str, object]] = []
    beside: list[dict[str, object]] = []
    for task in tasks:
        target, reason = task.target, reasons[task.target]
        if reason is None:
            probe = fits[target]
            rows += task.scores(probe.penalty_, _answer(probe, codes[task.rows["test"]]), counts)
            weights = direction_on(probe.coef_, active)
            directions += [
                {"target": target, "probe": task.probe, "latent": latent, "weight": weight}
                for latent, weight in zip(names, weights, strict=True)
                if weights.any()
            ]
        else:
            rows += task.unmeasured(reason)
        for control in held_against.controls:
            kind = {"features": control.features, "probe": control.probe or task.probe}
            found = control.scores(task, counts) if reason is None else task.unmeasured(reason)
            beside += [row | kind for row in found]
        progress(1)
    return ProbeResults(
        table([row | {"features": features} for row in rows], PROBE_COLUMNS),
        table(directions, DIRECTION_COLUMNS),
        fits,
        table(beside, PROBE_COLUMNS),
    )


def direction_of(directions: pd.DataFrame, target: str, names: Sequence[str]) -> np.ndarray:
    """The unit vector of a target in the order of `names`, (latents,).

    Args:
        directions: The table of `probe_targets`.

    Raises:
        DataError: The target has no direction; the message names the nearest that has one.
    """
    found = directions[directions["target"] == target].set_index("latent")["weight"]
    if found.empty:
        known = list(map(str, directions["target"].unique()))
        close = difflib.get_close_matches(target, known, n=1)
        hint = (
            f"Did you mean {close[0]}?"
            if close
            else f"Take one that has: {', '.join(known)}."
            if known
            else "Train longer, or with a smaller objective.beta, and probe again."
        )
        raise DataError(
            f"{target} has no direction: it was not probed, or no dimension is active. {hint}"
        )
    return found.reindex(list(names)).to_numpy(np.float64)


class _Task:
    """One target: its rows in each split, whether it can be probed, and its scores.

    Attributes:
        rows: Split -> its images with a known target.
        y: Split -> their labels; bool for attributes.
    """

    def __init__(self, aligned: Aligned, target: str, role: str):
        self.target, self.role, self.probe = target, role, PROBE_OF[role]
        self.split = aligned.split
        self.values = aligned.values[target].to_numpy()
        self.known_test = np.isfinite(self.values[self.split == "test"])
        self.rows, self.y = {}, {}
        for split in ("train", "valid", "test"):
            self.rows[split] = np.flatnonzero((self.split == split) & np.isfinite(self.values))
            y = self.values[self.rows[split]]
            self.y[split] = y == 1 if role == "attribute" else y

    def obstacle(self, min_positives: int) -> str | None:
        """Why this target cannot be probed, in a sentence; None where it can."""
        counted = {split: Counted.of(self.y[split]) for split in ("train", "test")}
        return obstacle(self.role == "attribute", counted, min_positives)

    def choose(self, paths: Paths, index: int, codes: np.ndarray) -> int:
        """Index of the penalty that does best on valid; of DEFAULT_PENALTY where nothing is known.

        Args:
            index: Of this target in the path.
            codes: (images, features).
        """
        rows, y = self.rows["valid"], self.y["valid"][:, None]
        if not len(rows):
            return int(np.flatnonzero(paths.penalties == DEFAULT_PENALTY)[0])
        answers = codes[rows] @ paths.coef[index].T + paths.intercept[index]
        if self.probe == "logistic":
            loss = np.logaddexp(0.0, np.where(y, -answers, answers)).mean(axis=0)
        else:
            loss = np.square(y - answers).mean(axis=0)
        return int(loss.argmin())

    def scores(
        self, penalty: float | None, answer: np.ndarray, counts: np.ndarray
    ) -> list[dict[str, object]]:
        """One row a metric.

        Args:
            answer: Log-odds or numbers on the known images of test, (images,).
        """
        y, counts = self.y["test"], counts[:, self.known_test]
        train = self.y["train"].mean()
        predicted = dict.fromkeys(METRICS_OF[self.probe], answer)
        if self.probe == "logistic":
            predicted["balanced_accuracy"] = answer > logit(train)
            baseline = {"average_precision": float(y.mean())}
        else:
            mean = np.full(len(y), train)
            baseline = {"r2": float(SCORES["r2"](y, mean, np.ones((1, len(y))))[0]), "r": 0.0}
        rows = []
        for metric in METRICS_OF[self.probe]:
            result = estimate(SCORES[metric], y, predicted[metric], counts)
            rows.append(
                self.row(
                    metric,
                    value=result.value,
                    low=result.low,
                    high=result.high,
                    lost=result.lost,
                    reason=result.reason,
                    baseline=baseline.get(metric, 0.5),
                    penalty=penalty,
                )
            )
        return rows

    def unmeasured(self, reason: str) -> list[dict[str, object]]:
        return [self.row(metric, reason=reason) for metric in METRICS_OF[self.probe]]

    def row(self, metric: str, **found: object) -> dict[str, object]:
        attribute = self.role == "attribute"
        return {
            "target": self.target,
            "role": self.role,
            "probe": self.probe,
            "metric": metric,
            "n": len(self.y["test"]),
            "n_train": len(self.y["train"]),
            "positives": int(self.y["train"].sum()) if attribute else None,
            **found,
        }


@dataclass(frozen=True)
class _Control:
    """One thing to hold the probes against.

    Attributes:
        features, probe: As in the table; a probe of None is the target's linear one.
        scores: Rows of a target that can be probed, from the counts of the resamples.
    """

    features: str
    probe: str | None
    scores: Callable[["_Task", np.ndarray], list[dict[str, object]]]


class _Controls:
    """Controls asked for, in order. What all targets share is fitted when one is added."""

    def __init__(
        self,
        aligned: Aligned,
        tasks: Sequence[_Task],
        fits: dict[str, LogisticProbe | RidgeProbe],
        features: str,
        penalties: Sequence[float],
        seed: int,
    ):
        self.aligned, self.tasks, self.fits, self.features = aligned, tasks, fits, features
        self.penalties, self.seed = penalties, seed
        self.controls: list[_Control] = []

    def add_nonlinear(self) -> None:
        codes = self.aligned.codes

        def scores(task: _Task, counts: np.ndarray) -> list[dict[str, object]]:
            x = {split: codes[rows] for split, rows in task.rows.items()}
            probe = NonlinearProbe(self.fits[task.target], self.seed)
            probe.fit(x["train"], task.y["train"], x["valid"], task.y["valid"])
            return task.scores(None, probe.answer(x["test"]), counts)

        self.controls.append(_Control(self.features, NONLINEAR, scores))

    def add_codes(self, name: str, codes: np.ndarray) -> None:
        """Other codes of the same images, (images, any)."""
        fits = _fits(self.tasks, codes, self.penalties)

        def scores(task: _Task, counts: np.ndarray) -> list[dict[str, object]]:
            probe = fits[task.target]
            return task.scores(probe.penalty_, _answer(probe, codes[task.rows["test"]]), counts)

        self.controls.append(_Control(name, None, scores))

    def add_chance(self) -> None:
        """Labels in another order, and directions that mean nothing."""
        codes = self.aligned.codes
        order = shuffled(self.aligned.split, seed=self.seed)
        mixed = replace(self.aligned, values=self.aligned.values.iloc[order])
        unrelated = {task.target: _Task(mixed, task.target, task.role) for task in self.tasks}
        fits = _fits(list(unrelated.values()), codes, self.penalties)

        def with_shuffled_labels(task: _Task, counts: np.ndarray) -> list[dict[str, object]]:
            # Test has them too: a direction by chance is seldom at right angles to that of the
            # target, so that on true labels it would score far better or far worse than chance.
            probe, other = fits[task.target], unrelated[task.target]
            return other.scores(probe.penalty_, _answer(probe, codes[other.rows["test"]]), counts)

        deviation = codes.std(axis=0)
        z = (codes - codes.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
        directions = random_directions(z.shape[1], seed=self.seed)
        train = self.aligned.split == "train"

        def along_random_directions(task: _Task, counts: np.ndarray) -> list[dict[str, object]]:
            seen = best_projection(z, task.values, train, directions)
            probe = _fits([task], seen, self.penalties)[task.target]
            return task.scores(probe.penalty_, _answer(probe, seen[task.rows["test"]]), counts)

        self.controls += [
            _Control(SHUFFLED, None, with_shuffled_labels),
            _Control(RANDOM, None, along_random_directions),
        ]


def _fits(
    tasks: Sequence[_Task], codes: np.ndarray, penalties: Sequence[float]
) -> dict[str, LogisticProbe | RidgeProbe]:
    """Target -> its probe at the penalty chosen on valid; all targets of a kind fitted together.

    Args:
        codes: (images, features).
    """
    fits: dict[str, LogisticProbe | RidgeProbe] = {}
    tried = list(map(float, penalties))
    if any(not len(task.y["valid"]) for task in tasks) and DEFAULT_PENALTY not in tried:
        tried.append(DEFAULT_PENALTY)
    for kind, paths_of in (("logistic", logistic_paths), ("ridge", ridge_paths)):
        group = [task for task in tasks if task.probe == kind]
        if not group:
            continue
        labels = np.column_stack([task.values for task in group])
        train = group[0].split == "train"
        paths = paths_of(ArraySource(codes[train], labels[train]), tried)
        for index, task in enumerate(group):
            chosen = task.choose(paths, index, codes)
            fits[task.target] = probe_at(kind, paths.of(index), chosen)
    return {task.target: fits[task.target] for task in tasks}


def probe_at(kind: str, path: Paths, chosen: int) -> LogisticProbe | RidgeProbe:
    """The probe of a path of one target at the penalty with this index.

    Args:
        kind: A name of PROBES.
    """
    probe = PROBES[kind](penalty=float(path.penalties[chosen]))
    probe.adopt(path, np.array([chosen]), single=True)
    probe.n_features_in_ = path.coef.shape[2]
    if isinstance(probe, LogisticProbe):
        probe.classes_ = np.array([False, True])
        probe.n_iter_ = int(path.iterations[0])
    return probe


def _answer(probe: LogisticProbe | RidgeProbe, codes: np.ndarray) -> np.ndarray:
    return np.asarray(codes @ probe.coef_ + probe.intercept_)


def _named(latents: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """A latents table whose latents are the named columns.

    Raises:
        DataError: None is named, one twice, or one is absent or not numeric.
    """
    if not len(columns) or len(set(columns)) < len(columns):
        raise DataError("Name the columns to be probed, each once.")
    known = [str(name) for name in latents.columns]
    for name in columns:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"It has {', '.join(known[:12])}."
            raise DataError(f"The latents table has no column {name}. {hint}")
        if not pd.api.types.is_numeric_dtype(latents[name]):
            raise DataError(f"Column {name} of the latents table is not numeric. Leave it out.")
        check_finite(latents[name], latents["image_id"], f"the latents table, column {name}")
    made = latents[[name for name in ("image_id", "split") if name in known]].copy()
    for index, name in enumerate(columns):
        made[mu_name(index)] = latents[name].to_numpy(np.float64)
    return made


def direction_on(coef: np.ndarray, active: np.ndarray) -> np.ndarray:
    """The probe's gradient on the active dimensions, as a unit vector; 0 where there is none.

    Codes of inactive dimensions spread so little that a weight per unit of latent space can be
    huge there; moving along them would spend the step on what the decoder ignores.
    """
    kept = np.where(active, coef, 0.0)
    norm = np.linalg.norm(kept)
    return kept / norm if norm else kept
