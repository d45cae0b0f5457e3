"""Fitted probes as a table, and back: enough to ask them about any code."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from latentlab.probes import PROBES
from latentlab.probes.logistic import LogisticProbe
from latentlab.probes.ridge import RidgeProbe

INTERCEPT = "intercept"  # the term that goes with no latent
COLUMNS = ("target", "probe", "term", "coefficient")


def weight_table(
    fits: Mapping[str, LogisticProbe | RidgeProbe], names: Sequence[str]
) -> pd.DataFrame:
    """One row a target and latent, and one more for its intercept.

    Args:
        fits: Target -> its probe, as of `analysis.ProbeResults.fits`.
        names: Of the latents, in the order of the probes' weights.

    Returns:
        COLUMNS. `coefficient` is per unit of the latent, in log-odds for a logistic probe and in
        the target's own unit for a ridge probe: the probe's answer to a code is the intercept plus
        the sum of the coefficients times the code's latents.
    """
    kinds = {kind: name for name, kind in PROBES.items()}
    rows = [
        (target, kinds[type(probe)], term, float(coefficient))
        for target, probe in fits.items()
        for term, coefficient in (
            *zip(names, probe.coef_, strict=True),
            (INTERCEPT, probe.intercept_),
        )
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def weights_of(
    table: pd.DataFrame, names: Sequence[str]
) -> dict[str, tuple[str, np.ndarray, float]]:
    """Target -> its probe's name, its coefficients, (latents,), and its intercept.

    Args:
        table: Of `weight_table`.
        names: Of the latents, in the order wanted.
    """
    found = {}
    for target, rows in table.groupby("target", sort=False):
        terms = rows.set_index("term")["coefficient"]
        coefficients = terms.reindex(list(names)).to_numpy(np.float64)
        found[str(target)] = str(rows["probe"].iloc[0]), coefficients, float(terms[INTERCEPT])
    return found
