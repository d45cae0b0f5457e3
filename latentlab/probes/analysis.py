"""Fit a probe to every target, score it on the test split, and say what could not be measured."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logit

from latentlab.alignment import Aligned, align, table
from latentlab.artifacts import Targets, latent_columns
from latentlab.dimensions import summarize_dimensions
from latentlab.errors import DataError
from latentlab.probes import PROBES
from latentlab.probes.logistic import LogisticProbe
from latentlab.probes.ridge import RidgeProbe
from latentlab.probes.scoring import SCORES, bootstrap_counts, estimate

PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)
DEFAULT_PENALTY = 1.0  # where no image of valid has a known target
PROBE_OF = {"attribute": "logistic", "statistic": "ridge", "factor": "ridge"}
METRICS_OF = {"logistic": ("auc", "balanced_accuracy", "average_precision"), "ridge": ("r2", "r")}
MIN_KNOWN = 20  # images of train with a known target
MIN_KNOWN_TEST = 10
MIN_CLASS_TEST = 5  # positives, and negatives, in test

PROBE_COLUMNS = (
    "target", "role", "probe", "metric", "value", "low", "high", "baseline", "n", "positives",
    "reason", "penalty", "n_train", "lost",
)  # fmt: skip
DIRECTION_COLUMNS = ("target", "probe", "latent", "weight")


@dataclass(frozen=True)
class ProbeResults:
    """What `probe_targets` found.

    Attributes:
        probes: One row a target and metric, PROBE_COLUMNS.
        directions: One row a probed target and latent, DIRECTION_COLUMNS.
        fits: Probed target -> its probe, fitted on train at the chosen penalty.
    """

    probes: pd.DataFrame
    directions: pd.DataFrame
    fits: dict[str, LogisticProbe | RidgeProbe]


def probe_targets(
    latents: pd.DataFrame,
    targets: Targets,
    *,
    penalties: Sequence[float] = PENALTIES,
    resamples: int = 1000,
    seed: int,
    min_positives: int = 20,
    progress: Callable[[int], None] = lambda targets: None,
) -> ProbeResults:
    """Probe every target: fit on train, choose the penalty on valid, report on test.

    Attributes get logistic regression, statistics and factors ridge regression (factors with two
    values too), on the posterior means of all dimensions, active or not. A target may be unknown
    for some images: they are left out of that target alone.

    Args:
        latents: `image_id`, `split`, `mu_*`; one row an image.
        targets: Any order; images that are not among them count as unknown.
        penalties: Tried in turn; the best mean log-likelihood on valid (squared error for ridge)
            wins, the first of equals. DEFAULT_PENALTY where no target is known in valid.
        resamples: Bootstrap resamples of test behind the 95 % percentile intervals; of whole
            persons where identities are known. All targets share them.
        min_positives: An attribute with fewer positives, or negatives, in train is not probed.
        progress: Called with 1 after every target.

    Returns:
        `probes`: `n` known test images, `n_train` known train images, `positives` those of train
        (null unless an attribute), `penalty` as chosen, `lost` resamples without a value.
        `baseline` is what needs no latents: 0.5 for auc and balanced_accuracy, the share of
        positives in test for average_precision, the score of the train mean for r2, 0 for r.
        Balanced accuracy takes an image as positive where its probability is above the share of
        positives in train. A score that cannot be had is null and its `reason` says why.
        `directions`: a unit vector over the latents along which the probe's answer rises fastest
        per unit of latent space; inactive dimensions, which the decoder does not follow, have 0.

    Raises:
        DataError: A table is not as it must be; the message names the column or the image.
    """
    aligned = align(latents, targets)
    names = latent_columns(latents)
    dimensions = summarize_dimensions(latents)
    active = dimensions["active"].to_numpy()
    test = aligned.split == "test"
    counts = np.empty((resamples, 0), dtype=np.uint8)
    if test.any():
        counts = bootstrap_counts(
            int(test.sum()), resamples, seed, aligned.groups_at(test), purpose="probe test"
        )
    rows: list[dict[str, object]] = []
    directions: list[dict[str, object]] = []
    fits: dict[str, LogisticProbe | RidgeProbe] = {}
    for target, role in targets.roles.items():
        task = _Task(aligned, target, role)
        reason = task.obstacle(min_positives)
        if reason is None:
            fits[target] = task.fit(penalties)
            rows += task.scores(fits[target], counts)
            weights = _direction(fits[target].coef_, active)
            directions += [
                {"target": target, "probe": task.probe, "latent": latent, "weight": weight}
                for latent, weight in zip(names, weights, strict=True)
                if weights.any()
            ]
        else:
            rows += [task.row(metric, reason=reason) for metric in METRICS_OF[task.probe]]
        progress(1)
    return ProbeResults(table(rows, PROBE_COLUMNS), table(directions, DIRECTION_COLUMNS), fits)


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
            else f"With a direction: {', '.join(known) or 'none'}."
        )
        raise DataError(
            f"{target} has no direction: it was not probed, or no dimension is active. {hint}"
        )
    return found.reindex(list(names)).to_numpy(np.float64)


class _Task:
    """One target: its rows in each split, whether it can be probed, its fit and its scores."""

    def __init__(self, aligned: Aligned, target: str, role: str):
        self.target, self.role, self.probe = target, role, PROBE_OF[role]
        values = aligned.values[target].to_numpy()
        self.known_test = np.isfinite(values[aligned.split == "test"])
        self.x, self.y = {}, {}
        for split in ("train", "valid", "test"):
            rows = (aligned.split == split) & np.isfinite(values)
            self.x[split] = aligned.codes[rows]
            self.y[split] = values[rows] == 1 if role == "attribute" else values[rows]

    def obstacle(self, min_positives: int) -> str | None:
        """Why this target cannot be probed, in a sentence; None where it can."""
        for split, least in (("train", MIN_KNOWN), ("test", MIN_KNOWN_TEST)):
            if len(self.y[split]) < least:
                return _too_few(len(self.y[split]), "images with a known value", split, least)
        for split, least in (("train", min_positives), ("test", MIN_CLASS_TEST)):
            y = self.y[split]
            if self.role != "attribute":
                if np.ptp(y) == 0:
                    return f"the value is {y[0]:g} in every image of {split}"
                continue
            for number, kind in ((y.sum(), "positive"), ((~y).sum(), "negative")):
                if number < least:
                    return _too_few(number, f"{kind} images", split, least)
        return None

    def fit(self, penalties: Sequence[float]) -> LogisticProbe | RidgeProbe:
        """The probe with the penalty that does best on valid."""
        known = len(self.y["valid"]) > 0
        fitted = [
            PROBES[self.probe](penalty=penalty).fit(self.x["train"], self.y["train"])
            for penalty in (penalties if known else [DEFAULT_PENALTY])
        ]
        return min(fitted, key=self._loss) if known else fitted[0]

    def _loss(self, probe: LogisticProbe | RidgeProbe) -> float:
        """Mean negative log-likelihood on valid, up to constants."""
        x, y = self.x["valid"], self.y["valid"]
        if isinstance(probe, LogisticProbe):
            odds = probe.decision_function(x)
            return float(np.logaddexp(0.0, np.where(y, -odds, odds)).mean())
        return float(np.square(y - probe.predict(x)).mean())

    def scores(
        self, probe: LogisticProbe | RidgeProbe, counts: np.ndarray
    ) -> list[dict[str, object]]:
        """One row a metric, on the known images of test."""
        y, counts = self.y["test"], counts[:, self.known_test]
        train = self.y["train"].mean()
        if isinstance(probe, LogisticProbe):
            odds = probe.decision_function(self.x["test"])
            predicted = dict.fromkeys(METRICS_OF["logistic"], odds)
            predicted["balanced_accuracy"] = odds > logit(train)
            baseline = {"average_precision": float(y.mean())}
        else:
            predicted = dict.fromkeys(METRICS_OF["ridge"], probe.predict(self.x["test"]))
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
                    penalty=probe.penalty,
                )
            )
        return rows

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


def _too_few(number: int, what: str, split: str, least: int) -> str:
    return f"only {number} {what} in {split}; at least {least} are needed"


def _direction(coef: np.ndarray, active: np.ndarray) -> np.ndarray:
    """The probe's gradient on the active dimensions, as a unit vector; 0 where there is none.

    Codes of inactive dimensions spread so little that a weight per unit of latent space can be
    huge there; moving along them would spend the step on what the decoder ignores.
    """
    kept = np.where(active, coef, 0.0)
    norm = np.linalg.norm(kept)
    return kept / norm if norm else kept
