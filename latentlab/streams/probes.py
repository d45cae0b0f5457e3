"""Probes of every target on tables in files: fitted on all of train, chosen on all of valid, scored
on all of test."""

from collections.abc import Mapping, Sequence

import numpy as np

from latentlab.alignment import table
from latentlab.probes.analysis import (
    DEFAULT_PENALTY,
    DIRECTION_COLUMNS,
    LATENTS,
    METRICS_OF,
    PENALTIES,
    PROBE_COLUMNS,
    PROBE_OF,
    ProbeResults,
    direction_on,
    probe_at,
)
from latentlab.probes.logistic import LogisticProbe, logistic_paths
from latentlab.probes.obstacles import Counted, obstacle
from latentlab.probes.partitioned import ParquetSource
from latentlab.probes.paths import Paths
from latentlab.probes.ridge import RidgeProbe, ridge_paths
from latentlab.streams.overview import Overview
from latentlab.streams.scores import scores_on_test
from latentlab.streams.tables import Tables

_Probe = LogisticProbe | RidgeProbe


def probe_targets(
    tables: Tables,
    seen: Overview,
    *,
    penalties: Sequence[float] = PENALTIES,
    min_positives: int = 20,
) -> ProbeResults:
    """`probes.analysis.probe_targets` without controls, from files.

    Fits, penalties, values and baselines are those of all rows in memory. Intervals come from the
    influence of images or persons (`streams.scores`) where memory would resample them, so they
    differ by what resampling leaves to chance; `lost` is 0.

    Args:
        seen: From `overview` on the same tables.

    Raises:
        DataError: A table is not as it must be.
    """
    reasons = {
        target: obstacle(
            role == "attribute",
            {split: _counted(seen, target, split) for split in ("train", "test")},
            min_positives,
        )
        for target, role in tables.roles.items()
    }
    measured = [target for target, reason in reasons.items() if reason is None]
    fits = _fits(tables, seen, measured, penalties)
    means = {target: seen.known[target, "train"].mean for target in fits}
    scores = scores_on_test(tables, fits, means, seen.rows["test"])
    active = seen.dimensions["active"].to_numpy()
    rows: list[dict[str, object]] = []
    directions: list[dict[str, object]] = []
    for target, role in tables.roles.items():
        train, test = seen.known[target, "train"], seen.known[target, "test"]
        about: dict[str, object] = {
            "target": target,
            "role": role,
            "probe": PROBE_OF[role],
            "n": test.n,
            "n_train": train.n,
            "positives": train.positives if role == "attribute" else None,
            "features": LATENTS,
        }
        for metric in METRICS_OF[PROBE_OF[role]]:
            row = {**about, "metric": metric, "reason": reasons[target]}
            if target in fits:
                found = scores[target][metric]
                row |= {
                    "value": None if np.isnan(found.value) else found.value,
                    "low": found.low,
                    "high": found.high,
                    "baseline": found.baseline,
                    "penalty": fits[target].penalty,
                    "lost": 0,
                    "reason": None
                    if found.low is not None
                    else "no interval: the value is at its limit",
                }
            rows.append(row)
        if target in fits:
            weights = direction_on(fits[target].coef_, active)
            directions += [
                {"target": target, "probe": PROBE_OF[role], "latent": latent, "weight": weight}
                for latent, weight in zip(tables.columns, weights, strict=True)
                if weights.any()
            ]
    empty = table([], PROBE_COLUMNS)
    return ProbeResults(
        table(rows, PROBE_COLUMNS), table(directions, DIRECTION_COLUMNS), fits, empty
    )


def _counted(seen: Overview, target: str, split: str) -> Counted:
    known = seen.known[target, split]
    return Counted(known.n, known.positives, known.low, known.high)


def _fits(
    tables: Tables, seen: Overview, targets: Sequence[str], penalties: Sequence[float]
) -> dict[str, _Probe]:
    """Target -> its probe at the penalty chosen on valid; all targets of a kind together."""
    tried = list(map(float, penalties))
    unknown = [target for target in targets if not seen.known[target, "valid"].n]
    if unknown and DEFAULT_PENALTY not in tried:
        tried.append(DEFAULT_PENALTY)
    paths: dict[str, Paths] = {}
    for kind, paths_of in (("logistic", logistic_paths), ("ridge", ridge_paths)):
        group = [target for target in targets if PROBE_OF[tables.roles[target]] == kind]
        if group:
            source = ParquetSource(
                tables.latent_files,
                group,
                labels=tables.label_files,
                split="train",
                binary=kind == "logistic",
                split_beside_labels=tables.split_beside_labels,
            )
            every = paths_of(source, tried)
            paths |= {target: every.of(index) for index, target in enumerate(group)}
    losses = _losses(tables, paths)
    fits: dict[str, _Probe] = {}
    for target in targets:
        chosen = int(losses[target].argmin())
        if target in unknown:
            chosen = tried.index(DEFAULT_PENALTY)
        fits[target] = probe_at(PROBE_OF[tables.roles[target]], paths[target], chosen)
    return fits


def _losses(tables: Tables, paths: Mapping[str, Paths]) -> dict[str, np.ndarray]:
    """Target -> sum of the loss of every penalty over valid, (penalties,)."""
    names = list(tables.roles)
    found = {target: np.zeros(len(path.penalties)) for target, path in paths.items()}
    for slab in tables.slabs("valid"):
        for target, path in paths.items():
            y = slab.values[:, names.index(target)]
            known = np.isfinite(y)
            answers = slab.codes[known] @ path.coef[0].T + path.intercept[0]
            y = y[known, None]
            if tables.roles[target] == "attribute":
                found[target] += np.logaddexp(0.0, np.where(y == 1, -answers, answers)).sum(axis=0)
            else:
                found[target] += np.square(y - answers).sum(axis=0)
    return found
