"""What the labels and numbers of a data set hold, before any model looks at it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from latentlab.artifacts import Targets

CORRELATED = 0.1  # least |r| of two labels that are said to go together
LEVEL_Z = 1.959963984540054  # standard normal quantile of a two-sided 95 % interval

TARGET_COLUMNS = (
    "target", "role", "known", "missing", "positives", "share", "low", "quarter", "median",
    "three_quarters", "high", "distinct",
)  # fmt: skip
PAIR_COLUMNS = ("first", "second", "r", "low", "high", "n")


def target_census(targets: Targets) -> pd.DataFrame:
    """One row a target, in the order of the targets.

    Returns:
        TARGET_COLUMNS. `known` and `missing` count images; of attributes `positives` and their
        `share` among the known ones, of numbers the range with its quartiles and how many
        `distinct` values there are. What a role does not have is NaN.
    """
    rows = []
    for name, role in targets.roles.items():
        values = targets.values[name]
        known = values.dropna()
        row = {
            "target": name,
            "role": role,
            "known": len(known),
            "missing": len(values) - len(known),
        }
        if role == "attribute":
            positives = int(known.sum())
            row |= {"positives": positives, "share": positives / len(known) if len(known) else None}
        elif len(known):
            numbers = known.to_numpy(np.float64)
            names = ("low", "quarter", "median", "three_quarters", "high")
            row |= dict(zip(names, np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1]), strict=True))
            row["distinct"] = len(np.unique(numbers))
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(TARGET_COLUMNS))
    return table.astype(dict.fromkeys(TARGET_COLUMNS[2:], float))


def correlated_pairs(
    values: pd.DataFrame, names: Sequence[str], *, least: float = CORRELATED, most: int = 12
) -> pd.DataFrame:
    """The pairs of labels that go together most, or exclude each other most.

    Args:
        values: One row an image; of the columns `names` booleans or numbers, missing where unknown.
        least: Of |r|, for a pair to be listed.
        most: Pairs, the largest |r| first.

    Returns:
        PAIR_COLUMNS: Pearson's r (of two labels: phi) over the `n` images that have both, with a
        95 % interval by Fisher's z, which takes images as independent of each other. A label
        without both values has no pairs.
    """
    numbers = values[list(names)].astype("Float64").astype(np.float64)
    known = numbers.notna().to_numpy(np.float64)
    together, correlation = known.T @ known, numbers.corr(min_periods=4).to_numpy()
    rows = []
    for i, first in enumerate(names):
        for j in range(i + 1, len(names)):
            r, n = float(correlation[i, j]), int(together[i, j])
            if abs(r) >= least:  # not where r is NaN
                rows.append((first, names[j], r, *_interval(r, n), n))
    table = pd.DataFrame(rows, columns=list(PAIR_COLUMNS))
    order = (-table["r"].abs()).to_numpy(float).argsort(kind="stable")
    return table.iloc[order[:most]].reset_index(drop=True)


def _interval(r: float, n: int) -> tuple[float, float]:
    if abs(r) >= 1.0:
        return r, r
    centre, half = np.arctanh(r), LEVEL_Z / np.sqrt(n - 3)
    return float(np.tanh(centre - half)), float(np.tanh(centre + half))
