"""Rankings from sums over files: measures whose value and influence are made of products.

Sums are kept for each of up to MAX_UNITS units, so that intervals, P(first) and q are made as in
memory (`rankings.resampling`). Measures of ranks and of shuffles need all rows at once and are not
here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import expit

from latentlab.alignment import table
from latentlab.dimensions import inactive_reasons
from latentlab.probes.scoring import bootstrap_counts
from latentlab.rankings.measures import MEASURES
from latentlab.rankings.ranking import COLUMNS, Found, add_q, ranking_rows
from latentlab.rankings.resampling import spread_of_sums
from latentlab.rankings.tasks import MAX_UNITS
from latentlab.streams.overview import Overview
from latentlab.streams.tables import Slab, Tables

MEASURED = ("correlation", "r2", "weight")
NO_P = "no p: shuffling the target would need the whole table in memory"
NO_P_PROBE = "no p: shuffling the target would need another probe each time"


def rank_dimensions(
    tables: Tables, seen: Overview, fits: Mapping[str, Any], *, resamples: int, seed: int
) -> pd.DataFrame:
    """The rows of `rankings.rank_dimensions` for the measures in MEASURED, from all images.

    Args:
        seen: From `overview` on the same tables.
        fits: Target -> its probe, fitted on train.
    """
    reasons = inactive_reasons(seen.dimensions)
    active = np.array([name not in reasons for name in tables.columns])
    units = {
        split: MAX_UNITS if tables.persons else min(rows, MAX_UNITS)
        for split, rows in seen.rows.items()
    }
    test = {
        target: _Correlations(
            units["test"], seen.dimensions["mean"].to_numpy(), seen.known[target, "train"].mean
        )
        for target in fits
    }
    train = {
        target: _Weights(units["train"], probe, tables.roles[target] == "attribute")
        for target, probe in fits.items()
    }
    names = list(tables.roles)
    for split, sums in (("test", test), ("train", train)):
        for slab in tables.slabs(split):
            numbers = slab.units(MAX_UNITS)
            for target, kept in sums.items():
                _add(kept, slab, slab.values[:, names.index(target)], numbers)
    drawn = {
        split: bootstrap_counts(units[split], resamples, seed, purpose=f"rankings {split}").astype(
            np.float32
        )
        for split in ("train", "test")
    }
    found = []
    for target in fits:
        for name in MEASURED:
            measure = MEASURES[name]
            binary = tables.roles[target] == "attribute"
            if not (measure.attributes if binary else measure.numbers):
                continue
            sums_of = train[target] if measure.split == "train" else test[target]
            one = Found(target, name, int(sums_of.images.sum()))
            one.notes.append(NO_P if measure.null else NO_P_PROBE)
            values, influence = sums_of.measured()
            known = spread_of_sums(influence, sums_of.images)
            one.fill(values, known, active, drawn[measure.split])
            found.append(one)
    for name in MEASURED:
        add_q([one for one in found if one.name == name], active)
    rows = [row for one in found for row in ranking_rows(one, tables.columns, active, reasons)]
    return table(rows, COLUMNS)


class _Correlations:
    """Sums of a target and every dimension on test, for each unit.

    Args:
        centre, y_centre: Close to the means, so that no digits are lost in the squares.
    """

    def __init__(self, units: int, centre: np.ndarray, y_centre: float):
        self.centre, self.y_centre = centre, y_centre
        self.images = np.zeros(units)
        self.y = np.zeros((2, units, 1))  # y and its square
        self.z = np.zeros((3, units, len(centre)))  # z, its square, and z y

    def add(self, codes: np.ndarray, y: np.ndarray, of_units: sparse.csr_matrix) -> None:
        z, y = codes - self.centre, (y - self.y_centre)[:, None]
        self.y += np.stack([of_units @ y, of_units @ y**2])
        self.z += np.stack([of_units @ z, of_units @ z**2, of_units @ (z * y)])

    def measured(self) -> tuple[np.ndarray, np.ndarray]:
        """r of every dimension, (latents,), and the influence of every unit, (units, latents);
        see `measures.correlation`."""
        n = self.images.sum()
        (y, yy), (z, zz, zy) = self.y.sum(axis=1) / n, self.z.sum(axis=1) / n
        spread_y, spread = yy - y**2, zz - z**2
        varies = (spread > 1e-18 * (zz + self.centre**2)) & (spread_y > 1e-18 * yy)
        spread = np.where(varies, spread, 1.0)
        root = np.sqrt(spread * np.where(spread_y > 0, spread_y, 1.0))
        r = np.where(varies, np.clip((zy - z * y) / root, -1.0, 1.0), np.nan)
        # Sums over the unit's images of (z - mean)^2, (y - mean)^2 and their product.
        images = self.images[:, None]
        of_z = self.z[1] - 2 * z * self.z[0] + images * z**2
        of_y = self.y[1] - 2 * y * self.y[0] + images * y**2
        product = self.z[2] - y * self.z[0] - z * self.y[0] + images * z * y
        influence = product / root - r / 2 * (of_z / spread + of_y / (root**2 / spread))
        return r, np.where(varies, influence, 0.0)


class _Weights:
    """The Hessian of a probe's loss on train, and the gradient of each unit."""

    def __init__(self, units: int, probe: Any, binary: bool):
        self.probe, self.binary = probe, binary
        width = len(probe.coef_) + 1
        self.images = np.zeros(units)
        self.gradients = np.zeros((units, width))
        self.hessian = np.diag([*np.full(width - 1, float(probe.penalty)), 0.0])

    def add(self, codes: np.ndarray, y: np.ndarray, of_units: sparse.csr_matrix) -> None:
        probe = self.probe
        design = np.column_stack([(codes - probe.mean_) / probe.scale_, np.ones(len(codes))])
        expected = codes @ probe.coef_ + probe.intercept_
        curvature = np.ones(len(codes))
        if self.binary:
            expected = expit(expected)
            curvature = expected * (1.0 - expected)
        self.hessian += design.T @ (curvature[:, None] * design)
        self.gradients += of_units @ ((y - expected)[:, None] * design)

    def measured(self) -> tuple[np.ndarray, np.ndarray]:
        """The weight of every dimension, (latents,), and the influence of every unit, (units,
        latents); see `measures.weight`."""
        images = self.images[:, None]
        influence = self.gradients @ np.linalg.pinv(self.hessian, hermitian=True) * images.sum()
        influence -= influence.sum(axis=0) / images.sum() * images
        return np.asarray(self.probe.weights_), influence[:, :-1]


def _add(sums: _Correlations | _Weights, slab: Slab, y: np.ndarray, numbers: np.ndarray) -> None:
    """The rows of a slab where the target is known."""
    known = np.flatnonzero(np.isfinite(y))
    if not len(known):
        return
    places = (numbers[known], np.arange(len(known)))
    of_units = sparse.csr_matrix(
        (np.ones(len(known)), places), shape=(len(sums.images), len(known))
    )
    sums.images += np.bincount(numbers[known], minlength=len(sums.images))
    sums.add(slab.codes[known], y[known], of_units)
