"""What the tables say about one target, gathered once for every section that speaks of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from latentlab.artifacts import ROLES
from reports.numbers import Number, finite, number, told
from reports.records import Record, by, records

CORRELATION, WEIGHT = "correlation", "weight"
MAIN = ("auc", "r2", "r")  # the metric that speaks for a target: the first of these that it has
METRIC_TITLES = {
    "auc": "AUC",
    "balanced_accuracy": "balanced accuracy",
    "average_precision": "average precision",
    "r2": "R²",
    "r": "r",
}
ROLE_TITLES = {"attribute": "Attributes", "statistic": "Face statistics", "factor": "True factors"}
UNKNOWN = "not computed"  # for a null whose table gives no reason


@dataclass(frozen=True)
class Place:
    """Where one dimension stands for one target by one measure."""

    latent: str
    rank: int
    value: Number
    p_first: Number
    q: Number


@dataclass(frozen=True)
class Finding:
    """Attributes:
    anchor: Its id on the page.
    scores: Metric -> value on the test split, in the table's order.
    n, positives: Test images, and positive images of train for attributes.
    places: Measure -> ranked dimensions, best first.
    """

    target: str
    role: str
    anchor: str
    probe: str
    scores: dict[str, Number]
    n: float | None
    positives: float | None
    places: dict[str, tuple[Place, ...]] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        return next((name for name in MAIN if name in self.scores), next(iter(self.scores)))

    @property
    def score(self) -> Number:
        return self.scores[self.metric]

    @property
    def reason(self) -> str:
        """Why it could not be measured; empty where it was."""
        return self.score.reason if self.score.value is None else ""

    def ranked(self, measure: str) -> tuple[Place, ...]:
        return self.places.get(measure, ())

    def first(self, measure: str = CORRELATION) -> Place | None:
        return next(iter(self.ranked(measure)), None)

    @property
    def above_baseline(self) -> bool:
        """Whether the whole interval lies above what needs no latents."""
        low, baseline = self.score.low, self.score.baseline
        return low is not None and baseline is not None and low > baseline


def findings(probes: pd.DataFrame, rankings: pd.DataFrame) -> tuple[Finding, ...]:
    """One finding a target and probe, by role, best score first, unmeasured ones last."""
    places = _places(rankings)
    found, taken = [], set[str]()
    groups: dict[tuple[str, str], list[Record]] = {}
    for row in records(probes):
        groups.setdefault((str(row["target"]), told(row["probe"])), []).append(row)
    for (target, probe), rows in groups.items():
        head = rows[0]
        scores = {str(row["metric"]): _score(row) for row in rows}
        found.append(
            Finding(
                target=target,
                role=str(head["role"]),
                anchor=anchor("t", target, taken),
                probe=probe,
                scores=scores,
                n=finite(head["n"]),
                positives=finite(head["positives"]),
                places=places.get(target, {}),
            )
        )
    return tuple(sorted(found, key=_order))


def anchor(prefix: str, name: str, taken: set[str]) -> str:
    """An id from a name, whatever is in it: readable where it can be, never one twice."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    made, count = f"{prefix}-{slug}".rstrip("-"), 1
    while made in taken:
        count += 1
        made = f"{prefix}-{slug}-{count}"
    taken.add(made)
    return made


def dimension_anchor(latent: str) -> str:
    """The id of an active dimension's part of the page."""
    return f"d-{latent}"


def dimension_link(latent: str) -> str:
    return f"#{dimension_anchor(latent)}"


def by_role(found: Iterable[Finding]) -> dict[str, list[Finding]]:
    groups: dict[str, list[Finding]] = {}
    for finding in found:
        groups.setdefault(finding.role, []).append(finding)
    return groups


def _order(finding: Finding) -> tuple[int, bool, float, str]:
    role = ROLES.index(finding.role) if finding.role in ROLES else len(ROLES)
    value = finding.score.value
    return role, value is None, -(value or 0.0), finding.target


def _score(row: Record) -> Number:
    form = "signed" if row["metric"] == "r" else "score"
    reason = told(row["reason"]) or ("" if finite(row["value"]) is not None else UNKNOWN)
    return number(row["value"], row["low"], row["high"], row["baseline"], form=form, reason=reason)


def _places(rankings: pd.DataFrame) -> dict[str, dict[str, tuple[Place, ...]]]:
    """Target -> measure -> ranked dimensions."""
    ranked = rankings[rankings["rank"].notna()].sort_values(["rank", "latent"], kind="stable")
    found: dict[str, dict[str, tuple[Place, ...]]] = {}
    for target, rows in by(records(ranked), "target").items():
        found[target] = {
            measure: tuple(map(_place, places)) for measure, places in by(rows, "measure").items()
        }
    return found


def _place(row: Record) -> Place:
    reason = told(row["reason"]) or UNKNOWN
    return Place(
        latent=str(row["latent"]),
        rank=int(row["rank"]),
        value=number(row["value"], row["low"], row["high"], form="signed", reason=reason),
        p_first=number(row["p_first"], form="share", reason=reason, quiet=True),
        q=number(row["q"], form="q", reason=reason, quiet=True),
    )
