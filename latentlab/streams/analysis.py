"""Everything that needs no decoder, from tables larger than memory.

Sums over all rows where a number is a sum, or can be had from counts: dimensions, probes with their
penalties and scores, directions, correlation, R2 and weight. What needs many rows at once (ranks of
the codes, shuffles, boosted trees, subsets of dimensions, metrics that fit an estimator) is taken
of rows that are drawn: all where there are no more than `sample`, and `n` counts them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentlab.artifacts import SPLITS, Targets
from latentlab.metrics import evaluate
from latentlab.probes.analysis import probe_targets as probe_targets_in_memory
from latentlab.randomness import numpy_generator
from latentlab.rankings import MEASURES, dimensions_needed
from latentlab.rankings import rank_dimensions as rank_in_memory
from latentlab.streams.overview import overview
from latentlab.streams.probes import probe_targets
from latentlab.streams.rankings import MEASURED, rank_dimensions
from latentlab.streams.tables import Tables
from latentlab.verdicts import judge_targets

SAMPLE = 50_000  # rows of each split that are drawn for what needs them at once


@dataclass(frozen=True)
class Analysis:
    """What was found.

    Attributes:
        tables: By the names of `artifacts.TABLES`.
        latents, targets: The rows that were drawn.
        rows, drawn: Split -> images there are, and images drawn.
    """

    tables: dict[str, pd.DataFrame]
    latents: pd.DataFrame
    targets: Targets
    rows: dict[str, int]
    drawn: dict[str, int]


def analyze(
    tables: Tables,
    *,
    resamples: int = 1000,
    min_positives: int = 20,
    sample: int = SAMPLE,
    seed: int,
    step: Callable[[str], None] = lambda what: None,
) -> Analysis:
    """The tables of an analysis; memory does not grow with the rows.

    Args:
        sample: Rows of each split drawn for what needs many at once.
        step: Called with what is done next.

    Raises:
        DataError: A table is not as it must be; the message names the file.
    """
    step("reading all rows once")
    seen = overview(tables)
    step("fitting and scoring probes")
    found = probe_targets(tables, seen, min_positives=min_positives)
    step("ranking dimensions")
    exact = rank_dimensions(tables, seen, found.fits, resamples=resamples, seed=seed)
    places = {split: _drawn(seen.rows[split], sample, split, seed) for split in SPLITS}
    latents, targets = tables.taken(places)
    step("what needs many rows at once, on those drawn")
    drawn = rank_in_memory(
        latents,
        targets,
        found,
        resamples=resamples,
        measures=[name for name in MEASURES if name not in MEASURED],
        seed=seed,
    )
    needed = dimensions_needed(latents, targets, found, seed=seed)
    controls = probe_targets_in_memory(
        latents,
        targets,
        resamples=resamples,
        min_positives=min_positives,
        seed=seed,
        nonlinear=True,
        controls={},
    ).controls
    made = {
        "probes": found.probes,
        "controls": controls,
        "directions": found.directions,
        "dimensions": seen.dimensions,
        "rankings": _together(exact, drawn, list(found.fits)),
        "needed": needed,
        "metrics": evaluate(latents, targets, seed=seed),
    }
    made["verdicts"] = judge_targets(found.probes, needed, None, None, None, controls=controls)
    return Analysis(
        made,
        latents,
        targets,
        seen.rows,
        {split: len(rows) for split, rows in places.items()},
    )


def _drawn(rows: int, most: int, split: str, seed: int) -> np.ndarray:
    if rows <= most:
        return np.arange(rows)
    rng = numpy_generator(seed, f"rows drawn from {split}")
    return np.sort(rng.choice(rows, most, replace=False))


def _together(exact: pd.DataFrame, drawn: pd.DataFrame, targets: list[str]) -> pd.DataFrame:
    """Both as one table, in the order of the analysis in memory."""
    every = pd.concat([exact, drawn], ignore_index=True)
    by_target = {name: index for index, name in enumerate(targets)}
    by_measure = {name: index for index, name in enumerate(MEASURES)}
    order = pd.DataFrame(
        {"target": every["target"].map(by_target), "measure": every["measure"].map(by_measure)}
    )
    order = order.sort_values(["target", "measure"], kind="stable")
    return every.loc[order.index].reset_index(drop=True)
