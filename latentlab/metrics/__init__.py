"""Disentanglement metrics by name. A new one is a module beside this file and a line in METRICS.

A metric is a function `(codes, factors, *, seed)` of two tables with the same index: posterior
means, one column a latent, and true factors, one column a factor. It begins with
`alignment.check_factors`, which refuses missing values. Its own settings are further keyword
arguments with defaults. It returns a frozen result with

- `score`: the number, None where it cannot be had,
- `reason`: why it is None, else None,
- `settings`: what moves the score (bins, rows, estimator, scores per factor), as JSON can hold it.

Chance comes from `seed` alone. The tests run over METRICS: the order of the latents and, since a
latent has no unit, their positive scale must not move a score.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pandas as pd

from latentlab.alignment import align, table
from latentlab.artifacts import Targets, latent_columns
from latentlab.errors import ConfigError
from latentlab.metrics.mutual_information_gap import mutual_information_gap
from latentlab.randomness import numpy_generator


class MetricResult(Protocol):
    @property
    def score(self) -> float | None: ...

    @property
    def reason(self) -> str | None: ...

    @property
    def settings(self) -> dict[str, Any]: ...


Metric = Callable[..., MetricResult]

METRICS: dict[str, Metric] = {
    "mutual_information_gap": mutual_information_gap,
}
COLUMNS = ("metric", "value", "low", "high", "settings", "reason", "baseline", "n")


def evaluate(
    latents: pd.DataFrame, targets: Targets, *, seed: int, surrogates: Sequence[str] = ()
) -> pd.DataFrame:
    """Every metric on the images of all splits whose factors are all known.

    Args:
        latents: `image_id`, `split`, `mu_*`; the scores are of posterior means.
        targets: The columns with the role factor are the true factors.
        surrogates: Attributes that stand in for factors, by name. None does unless it is named
            here, because attributes are neither independent nor balanced; `settings` lists them.

    Returns:
        One row a metric. `settings` is JSON: the metric's own, `codes` (mean), `splits` (all),
        `factors`, `surrogates`, `left_out` (images with an unknown factor), `seed`. `baseline` is
        the score with the rows of the factors shuffled: what chance gives at this size. `low` and
        `high` are null: one model gives no interval over models.

    Raises:
        ConfigError: A surrogate is not an attribute of the targets.
        DataError: A table is not as it must be; the message names the column or the image.
    """
    aligned = align(latents, targets)
    for name in surrogates:
        if targets.roles.get(name) != "attribute":
            raise ConfigError(f"{name} cannot be a surrogate: it is not an attribute of the data.")
    factors = [name for name, role in targets.roles.items() if role == "factor"]
    values = aligned.values[[*factors, *surrogates]]
    known = values.notna().all(axis=1).to_numpy()
    codes = latents.loc[known, latent_columns(latents)].reset_index(drop=True)
    values = values[known].reset_index(drop=True)
    order = numpy_generator(seed, "metrics baseline").permutation(len(values))
    shuffled = values.iloc[order].reset_index(drop=True)
    settings = {
        "codes": "mean",
        "splits": "all",
        "factors": factors,
        "surrogates": list(surrogates),
        "left_out": int((~known).sum()),
        "seed": seed,
    }
    obstacle = None
    if values.columns.empty:
        obstacle = "no known factors"
    elif values.empty:
        obstacle = "no image has all factors known"
    rows: list[dict[str, object]] = []
    for name, metric in METRICS.items():
        row: dict[str, object] = {"metric": name, "n": len(values), "reason": obstacle}
        own: dict[str, Any] = {}
        if obstacle is None:
            result = metric(codes, values, seed=seed)
            chance = metric(codes, shuffled, seed=seed)
            row |= {"value": result.score, "reason": result.reason, "baseline": chance.score}
            own = result.settings
        row["settings"] = json.dumps({**settings, **own}, allow_nan=False)
        rows.append(row)
    return table(rows, COLUMNS)
