"""Every number of a run that can be held against that of another, in one long table."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from latentlab.alignment import TEXT
from latentlab.artifacts import ROLES
from latentlab.comparison.groups import Grouping
from latentlab.comparison.runs import ComparedRun, targets_of
from latentlab.metrics import MODEL_METRICS
from latentlab.metrics.titles import metric_title
from latentlab.verdicts import (
    CANNOT_MEASURE,
    ENTANGLED,
    MAIN_METRICS,
    NOT_ENCODED,
    NOT_MOVED,
    SUPPORTED,
    VERDICTS,
)

# One row a run, number and target.
VALUE_COLUMNS = {
    "run": TEXT, "group": TEXT, "seed": "Int64", "number": TEXT, "target": TEXT, "value": float,
    "baseline": float, "reason": TEXT,
}  # fmt: skip
NO_VERDICTS = "the run has no table of verdicts"
NO_METRICS = "the run has no table of metrics"


@dataclass(frozen=True)
class Quantity:
    """What a number means: its title on a page, a sentence, and where it can lie at all."""

    title: str
    about: str
    least: float = -math.inf
    most: float = math.inf


@dataclass(frozen=True)
class Found:
    """A value, or why there is none."""

    value: float | None
    reason: str | None = None
    baseline: float | None = None  # what chance gives


# Of a run as a whole. Metrics follow by their own names.
OF_RUNS: dict[str, Quantity] = {
    "reconstruction": Quantity(
        "Reconstruction", "Negative log-likelihood of the validation images, nats per image."
    ),
    "kl": Quantity("KL", "To the prior, validation images, nats per image: the rate.", 0.0),
    "elbo": Quantity("ELBO", "-(reconstruction + KL), validation images, nats per image."),
    "active_units": Quantity(
        "Active dimensions", "Dimensions whose mean varies and whose KL is at least 0.01 nats.", 0.0
    ),
    **{
        f"probe_{role}": Quantity(
            f"Probe score of {plural}",
            f"Mean {score} on test over the {plural} that were measured in every run.",
            most=1.0,
        )
        for role, plural, score in (
            ("attribute", "attributes", "AUC"),
            ("statistic", "statistics", "R²"),
            ("factor", "factors", "R²"),
        )
    },
    "mean_control": Quantity(
        "Control",
        "Mean over the targets that were measured in every run; see control of a target.",
        0.0,
        1.0,
    ),
    **{
        f"verdicts_{verdict.replace(' ', '_')}": Quantity(
            f"Targets: {verdict}", f"How many targets got the verdict {verdict}.", 0.0
        )
        for verdict in VERDICTS
    },
}
# Of one target in a run.
OF_TARGETS: dict[str, Quantity] = {
    "score": Quantity(
        "Probe", "AUC for attributes, R² otherwise; linear probe, test images.", most=1.0
    ),
    "effect": Quantity(
        "Effect",
        "Size of the slope along the steepest latent that moves the target: standard deviations of"
        " the target in the real data per standard deviation of the latent. Its sign, which a"
        " retraining may turn, is left out.",
        0.0,
    ),
    "selectivity": Quantity(
        "Selectivity",
        "Of that latent: 1 where nothing else moves but what goes with the target in the real data,"
        " 1/2 where another thing moves as far.",
        0.0,
        1.0,
    ),
    "control": Quantity(
        "Control",
        "The selectivity of the steepest latent that moves the target, and 0 where no single latent"
        " moves it: its mean is what to expect of training once more at these settings.",
        0.0,
        1.0,
    ),
}


def quantity(number: str) -> Quantity:
    """Title and meaning of a number; of a metric by its own name."""
    known = OF_RUNS.get(number) or OF_TARGETS.get(number)
    return known or Quantity(metric_title(number), f"The metric {number}.")


def values_of(runs: Sequence[ComparedRun], grouping: Grouping) -> pd.DataFrame:
    """VALUE_COLUMNS: OF_RUNS, every metric, and OF_TARGETS for every target, of every run.

    `baseline`: what chance gives, where that is known. What a run does not have is a null with its
    reason.
    """
    roles = targets_of(runs)
    rows: list[dict[str, object]] = []

    def add(run: ComparedRun, number: str, found: Found, target: str | None = None) -> None:
        rows.append(
            {
                "run": run.name,
                "group": grouping.of(run.name).name,
                "seed": run.seed,
                "number": number,
                "target": target,
                "value": found.value,
                "baseline": found.baseline,
                "reason": found.reason,
            }
        )

    own = {run.name: _of_targets(run, roles) for run in runs}
    metrics, alike = _metric_names(runs), likeness(runs, grouping)
    for run in runs:
        kept = run.kept_epoch
        for number, column in _HISTORY.items():
            add(run, number, _found(kept.get(column), f"the history has no {column}"))
        add(run, "active_units", Found(float(len(run.active))))
        for role in ROLES:
            members = [target for target, its in roles.items() if its == role]
            if members:
                add(run, f"probe_{role}", _mean(own, run, "score", members))
        add(run, "mean_control", _mean(own, run, "control", list(roles)))
        for verdict in VERDICTS:
            add(run, f"verdicts_{verdict.replace(' ', '_')}", _count(run, verdict))
        for metric in metrics:
            add(run, metric, _metric(run, metric))
        for metric, of_runs in alike.items():
            add(run, metric, of_runs[run.name])
        for target in roles:
            for number in OF_TARGETS:
                add(run, number, own[run.name][target][number], target)
    return pd.DataFrame(rows, columns=list(VALUE_COLUMNS)).astype(VALUE_COLUMNS)


def likeness(runs: Sequence[ComparedRun], grouping: Grouping) -> dict[str, dict[str, Found]]:
    """Metric of MODEL_METRICS -> run -> how alike it is to the other runs of its group, which need
    no labels for that."""
    by_name = {run.name: run for run in runs}
    found: dict[str, dict[str, Found]] = {metric: {} for metric in MODEL_METRICS}
    for group in grouping.groups:
        members = [by_name[name] for name in group.runs]
        for metric, function in MODEL_METRICS.items():
            if len(members) < 2:
                found[metric][group.runs[0]] = Found(None, "no other run has these settings")
            elif any(run.dimensions["kl"].isna().any() for run in members):
                none = Found(None, "these models have no KL for each dimension")
                found[metric] |= dict.fromkeys(group.runs, none)
            else:
                scores = function(
                    {run.name: run.test_codes for run in members},
                    {run.name: run.dimensions["kl"].to_numpy(np.float64) for run in members},
                )
                for name, one in scores.models.items():
                    found[metric][name] = _found(one.score, one.reason)
    return found


def moved_by(row: dict[str, Any]) -> str | None:
    """The steepest latent that surely moves a target, by its row of the verdicts; None where no
    single one does, or nobody can tell."""
    if row["verdict"] not in (SUPPORTED, ENTANGLED) or not isinstance(row["latents"], str):
        return None
    return row["latents"].partition(",")[0]


def verdict_rows(run: ComparedRun) -> dict[str, dict[str, Any]]:
    """Target -> its row of the verdicts; empty where there is no such table."""
    if run.verdicts is None:
        return {}
    return {str(row["target"]): row for row in run.verdicts.to_dict("records")}


_HISTORY = {
    "reconstruction": "valid_reconstruction",
    "kl": "valid_kl",
    "elbo": "valid_elbo",
}


def _of_targets(run: ComparedRun, roles: Iterable[str]) -> dict[str, dict[str, Found]]:
    """Target -> number of OF_TARGETS -> what the run says."""
    scores = {
        str(row["target"]): _found(row["value"], row["reason"], row.get("baseline"))
        for row in run.probes.to_dict("records")
        if row["metric"] in MAIN_METRICS
    }
    verdicts = verdict_rows(run)
    unprobed = Found(None, "the run did not probe it")
    why = NO_VERDICTS if run.verdicts is None else "the run has no verdict on it"
    unjudged = dict.fromkeys(("effect", "selectivity", "control"), Found(None, why))
    return {
        target: {
            "score": scores.get(target, unprobed),
            **(_moves(verdicts[target]) if target in verdicts else unjudged),
        }
        for target in roles
    }


def _moves(row: dict[str, Any]) -> dict[str, Found]:
    """Effect, selectivity and control, from a row of the verdicts."""
    if row["verdict"] == CANNOT_MEASURE:
        unknown = Found(None, f"{CANNOT_MEASURE}: {row['rule']}")
        return dict.fromkeys(("effect", "selectivity", "control"), unknown)
    if moved_by(row) is None:
        assert row["verdict"] in (NOT_ENCODED, NOT_MOVED, ENTANGLED)
        still = Found(None, f"no single latent moves it: {row['rule']}")
        return {"effect": still, "selectivity": still, "control": Found(0.0)}
    selective = _found(row["selectivity"], "its selectivity was not measured")
    return {
        "effect": _found(abs(row["effect"]), "not measured"),
        "selectivity": selective,
        "control": selective,
    }


def _mean(
    own: dict[str, dict[str, dict[str, Found]]], run: ComparedRun, number: str, targets: list[str]
) -> Found:
    """Over those targets that have the number in every run, so that all means are of the same."""
    shared = [
        target
        for target in targets
        if all(of_run[target][number].value is not None for of_run in own.values())
    ]
    if not shared:
        return Found(None, "no target has it in every run")
    members = [own[run.name][target][number] for target in shared]
    values = [one.value for one in members if one.value is not None]
    chance = [one.baseline for one in members if one.baseline is not None]
    baseline = sum(chance) / len(chance) if len(chance) == len(members) else None
    return Found(sum(values) / len(values), None, baseline)


def _count(run: ComparedRun, verdict: str) -> Found:
    if run.verdicts is None:
        return Found(None, NO_VERDICTS)
    return Found(float((run.verdicts["verdict"] == verdict).sum()))


def _metric_names(runs: Sequence[ComparedRun]) -> list[str]:
    tables = (run.metrics for run in runs if run.metrics is not None)
    names = dict.fromkeys(str(name) for table in tables for name in table["metric"])
    return [name for name in names if name not in MODEL_METRICS]


def _metric(run: ComparedRun, name: str) -> Found:
    if run.metrics is None:
        return Found(None, NO_METRICS)
    rows = run.metrics[run.metrics["metric"] == name]
    if rows.empty:
        return Found(None, "the run has no such metric")
    row = rows.iloc[0]
    return _found(row["value"], row["reason"], row.get("baseline"))


def _found(value: Any, reason: Any, baseline: Any = None) -> Found:
    """A finite value, or the reason."""
    number, chance = _finite(value), _finite(baseline)
    if number is not None:
        return Found(number, None, chance)
    return Found(None, reason if isinstance(reason, str) else "not measured")


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
