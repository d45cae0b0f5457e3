"""Do the numbers rank the runs alike? Where they disagree, the choice of the number decides."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from latentlab.alignment import TEXT
from latentlab.probes.scoring import LEVEL

# One row a pair of numbers.
AGREEMENT_COLUMNS = {
    "number_a": TEXT, "number_b": TEXT, "rho": float, "low": float, "high": float, "n": "Int64",
    "reason": TEXT,
}  # fmt: skip
LEAST = 4  # runs; with fewer the interval has no width to be had


def rank_agreement(values: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rank correlation over runs, of every two numbers of whole runs.

    Args:
        values: VALUE_COLUMNS of `numbers.values_of`; rows with a target are left aside.

    Returns:
        AGREEMENT_COLUMNS. `n`: runs that have both. `low`, `high`: 95 %, by Fisher's z with the
        standard error sqrt((1 + rho^2 / 2) / (n - 3)). Runs of one group are alike, so that the
        interval is about these runs, not about groups. Null with the reason where a number does not
        vary, where fewer than LEAST runs have both, and no interval where the order is the same.

    Source: Bonett & Wright 2000, https://doi.org/10.1007/BF02294183
    """
    whole = values[values["target"].isna()]
    wide = whole.pivot(index="run", columns="number", values="value")
    rows = [
        {"number_a": a, "number_b": b, **_agreement(wide[a].to_numpy(), wide[b].to_numpy())}
        for a, b in combinations(whole["number"].unique(), 2)
    ]
    return pd.DataFrame(rows, columns=list(AGREEMENT_COLUMNS)).astype(AGREEMENT_COLUMNS)


def _agreement(a: np.ndarray, b: np.ndarray) -> dict[str, object]:
    known = np.isfinite(a) & np.isfinite(b)
    a, b, n = a[known], b[known], int(known.sum())
    if n < LEAST:
        return {"n": n, "reason": f"{n} runs have both; {LEAST} are needed"}
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return {"n": n, "reason": "one of them is the same in every run"}
    rho = float(np.corrcoef(stats.rankdata(a), stats.rankdata(b))[0, 1])
    if abs(rho) > 1 - 1e-9:
        return {"rho": round(rho), "n": n, "reason": "no interval: the order is the same"}
    half = stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt((1 + rho**2 / 2) / (n - 3))
    low, high = np.tanh(np.arctanh(rho) + np.array([-half, half]))
    return {"rho": rho, "low": float(low), "high": float(high), "n": n}
