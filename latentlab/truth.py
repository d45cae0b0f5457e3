"""Which known factor an attribute or a statistic depends on: no model is involved."""

import numpy as np
import pandas as pd

from latentlab.artifacts import Targets

BINS = 20  # of equal counts; a factor with fewer values keeps its values
COLUMNS = ("target", "factor", "r", "explained")


def dependence_on_factors(targets: Targets) -> pd.DataFrame:
    """How much of every attribute and statistic each true factor accounts for.

    Returns:
        One row a target and factor. `r`: Pearson's correlation. `explained`: share of the target's
        variance between bins of the factor (the correlation ratio), in [0, 1], which also sees
        what is high in the middle of a factor and low at both ends. Images where either is unknown
        are left out; a pair without variance has no row. No rows where no factors are known.

    Source: Fisher 1925, Statistical Methods for Research Workers, chapter VII.
    """
    values = targets.values.astype("Float64").astype(float)
    factors = [name for name, role in targets.roles.items() if role == "factor"]
    rows = []
    for factor in factors:
        bins = pd.qcut(values[factor], BINS, labels=False, duplicates="drop")
        if values[factor].nunique() <= BINS:
            bins = values[factor]
        for target, role in targets.roles.items():
            if role == "factor":
                continue
            known = pd.DataFrame({"y": values[target], "f": values[factor], "bin": bins}).dropna()
            total = known["y"].var(ddof=0)
            if not len(known) or total == 0 or known["f"].var(ddof=0) == 0:
                continue
            between = known.groupby("bin")["y"].transform("mean").var(ddof=0)
            r = float(np.corrcoef(known["y"], known["f"])[0, 1])
            rows.append((target, factor, r, float(between / total)))
    return pd.DataFrame(rows, columns=list(COLUMNS))
