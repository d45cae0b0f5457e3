"""Latent dimensions ordered per target, with intervals, P(first) and false-discovery control."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike
from scipy import stats
from scipy.special import expit

from latentlab.alignment import Aligned, align, table
from latentlab.artifacts import Targets, latent_columns
from latentlab.dimensions import inactive_reasons, summarize_dimensions
from latentlab.probes.analysis import ProbeResults
from latentlab.probes.logistic import LogisticProbe
from latentlab.probes.ridge import RidgeProbe
from latentlab.probes.scoring import bootstrap_counts, interval

COLUMNS = (
    "target", "latent", "measure", "value", "low", "high", "rank", "p_first", "q", "reason",
    "n", "lost",
)  # fmt: skip
NO_Q = "no q: the penalty shrinks the weights, so they have no p-value"
_BLOCK = 2048  # images whose products are in memory at a time
_SAME = 1e-6  # relative; resampled sums are added up in float32
_CONSTANT = 1e-6  # variance of standardised values below which a resample holds one value only


@dataclass(frozen=True)
class _Measured:
    """One measure of one target on all latents.

    Attributes:
        values: (latents,).
        resampled: (resamples, latents), NaN where undefined.
        n: Images behind it.
        units: Independent draws among them: persons where known, else images.
    """

    target: str
    measure: str
    values: np.ndarray
    resampled: np.ndarray
    n: int
    units: int


def rank_dimensions(
    latents: pd.DataFrame,
    targets: Targets,
    results: ProbeResults,
    *,
    resamples: int = 1000,
    seed: int,
) -> pd.DataFrame:
    """Order the dimensions of every probed target by two measures.

    `correlation`: Pearson's r of posterior mean and target (point-biserial for attributes) on the
    known images of all splits, since nothing is fitted. `weight`: the probe's weight per standard
    deviation of the latent, fitted on train. Both use posterior means.

    Args:
        latents: `image_id`, `split`, `mu_*` and, for activity by KL, `logvar_*`.
        targets: The targets that `results` were made from.
        results: From `probe_targets` on these latents. Targets without a fit have no row here;
            `results.probes` says why.
        resamples: Bootstrap resamples; whole persons are drawn where identities are known.

    Returns:
        One row a target, measure and latent. `low`, `high`: 95 % percentile interval; for
        `weight` by the one-step bootstrap at the chosen penalty. `rank`: 1 for the largest absolute
        value, equal values share the smaller rank. `p_first`: share of resamples in which this
        dimension has the largest absolute value (a tie counts for all who tie). `q`:
        Benjamini-Hochberg over all targets and active dimensions of the two-sided p-value of the
        correlation; null for `weight`. `n`: images used, `lost`: resamples without a value. An
        inactive dimension has a row with its reason and no numbers.

    Source: one-step bootstrap: Davison & Hinkley 1997, section 2.7, and Kline & Santos 2012,
    https://doi.org/10.1515/2156-6674.1001; Benjamini & Hochberg 1995,
    https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    aligned = align(latents, targets)
    names = latent_columns(latents)
    reasons = inactive_reasons(summarize_dimensions(latents))
    active = np.array([name not in reasons for name in names])
    if not results.fits:
        return table([], COLUMNS)
    counts = bootstrap_counts(
        len(latents), resamples, seed, aligned.groups, purpose="rankings correlation"
    )
    measured = list(_correlations(aligned, list(results.fits), counts))
    del counts  # as large as the next ones
    train = aligned.split == "train"
    counts = bootstrap_counts(
        int(train.sum()), resamples, seed, aligned.groups_at(train), purpose="rankings weight"
    )
    measured += _weights(aligned, results.fits, counts)
    q = _false_discovery_rates(measured, active)
    rows: list[dict[str, object]] = []
    for target in results.fits:
        for found in (one for one in measured if one.target == target):
            rows += _rows(found, names, active, reasons, q.get(target))
    return table(rows, COLUMNS)


def resampled_sums(
    counts: np.ndarray,
    products: Callable[[slice], np.ndarray],
    *,
    less: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> np.ndarray:
    """Sum over images of (count - less) * product, for all resamples and products at once.

    Args:
        counts: (resamples, images).
        products: Rows -> (rows, products), asked for _BLOCK images at a time, so that memory grows
            with neither images x products nor images x resamples x 4 bytes.
        dtype: Of the matrix product of a block; blocks are added up in float64.

    Returns:
        float64 (resamples, products).
    """
    total: np.ndarray | None = None
    for start in range(0, counts.shape[1], _BLOCK):
        rows = slice(start, start + _BLOCK)
        weights = counts[:, rows].astype(dtype) - np.asarray(less, dtype=dtype)
        block = weights @ products(rows).astype(dtype)
        total = block.astype(np.float64) if total is None else total + block
    assert total is not None, "a table without rows was refused before"
    return total


def _correlations(aligned: Aligned, targets: list[str], counts: np.ndarray) -> Iterator[_Measured]:
    """Pearson's r from weighted moments; targets unknown for the same images share theirs."""
    z = _standardized(aligned.codes)
    values = aligned.values[targets].to_numpy()
    known = np.isfinite(values)
    y = np.where(known, _standardized(values), 0.0)
    patterns, pattern_of = np.unique(known, axis=1, return_inverse=True)
    pattern_of = pattern_of.ravel()  # NumPy 2.0 alone keeps the other axis
    latents, kinds = z.shape[1], patterns.shape[1]
    parts = np.cumsum([kinds, kinds * latents, kinds * latents, len(targets), len(targets)])

    def products(rows: slice) -> np.ndarray:
        inside, code, value = patterns[rows].astype(np.float64), z[rows], y[rows]
        return np.hstack(
            [
                inside,
                _each(inside, code),
                _each(inside, code**2),
                value,
                value**2,
                _each(value, code),
            ]
        )

    def correlation(sums: np.ndarray) -> np.ndarray:
        """(resamples, products) -> (resamples, targets, latents)."""
        total, z1, z2, y1, y2, yz = np.split(sums, parts, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):  # a resample may hold no known image
            total = total[:, pattern_of, None]
            z1, z2 = (part.reshape(-1, kinds, latents)[:, pattern_of] / total for part in (z1, z2))
            y1, y2 = y1[..., None] / total, y2[..., None] / total
            spread_z, spread_y = z2 - z1**2, y2 - y1**2
            measurable = (spread_z > _CONSTANT) & (spread_y > _CONSTANT)
            r = (yz.reshape(-1, len(targets), latents) / total - y1 * z1) / np.sqrt(
                spread_z * spread_y
            )
        return np.clip(np.where(measurable, r, np.nan), -1.0, 1.0)

    every = np.ones((1, len(z)), dtype=np.uint8)
    value = correlation(resampled_sums(every, products, dtype=np.float64))[0]
    resampled = correlation(resampled_sums(counts, products))
    for index, target in enumerate(targets):
        n = int(known[:, index].sum())
        groups = aligned.groups_at(known[:, index])
        units = n if groups is None else len(np.unique(groups))
        yield _Measured(target, "correlation", value[index], resampled[:, index], n, units)


def _weights(
    aligned: Aligned, fits: dict[str, LogisticProbe | RidgeProbe], counts: np.ndarray
) -> list[_Measured]:
    """Probe weights and their one-step bootstrap on train, w + H^-1 sum_i (count_i - 1) g_i.

    g_i is the gradient of image i's log-likelihood and H the Hessian of the penalised loss, both
    at the fitted w: one Newton step from w towards the optimum of the resample. The penalty's own
    gradient cancels, because it is the same in w and in the resample.
    """
    train = aligned.split == "train"
    codes, values = aligned.codes[train], aligned.values.loc[train]
    tasks = [_Newton(probe, values[target].to_numpy()) for target, probe in fits.items()]

    def products(rows: slice) -> np.ndarray:
        return np.hstack([task.gradients(codes, rows) for task in tasks])

    sums = np.split(resampled_sums(counts, products, less=1.0), len(tasks), axis=1)
    measured = []
    for target, task, gradient in zip(fits, tasks, sums, strict=True):
        step = gradient @ np.linalg.pinv(task.hessian(codes), hermitian=True)
        weights = fits[target].weights_
        n = int(np.isfinite(task.y).sum())
        measured.append(_Measured(target, "weight", weights, weights + step[:, :-1], n, n))
    return measured


class _Newton:
    """Gradients and Hessian of one probe's loss at its optimum, intercept last."""

    def __init__(self, probe: LogisticProbe | RidgeProbe, y: np.ndarray):
        self.probe, self.y = probe, y

    def _design(self, codes: np.ndarray) -> np.ndarray:
        z = (codes - self.probe.mean_) / self.probe.scale_
        return np.column_stack([z, np.ones(len(z))])

    def _expected(self, codes: np.ndarray) -> np.ndarray:
        answer = codes @ self.probe.coef_ + self.probe.intercept_
        return expit(answer) if isinstance(self.probe, LogisticProbe) else answer

    def gradients(self, codes: np.ndarray, rows: slice) -> np.ndarray:
        """(rows, latents + 1), 0 where the target is unknown."""
        residual = np.nan_to_num(self.y[rows] - self._expected(codes[rows]), nan=0.0)
        return residual[:, None] * self._design(codes[rows])

    def hessian(self, codes: np.ndarray) -> np.ndarray:
        """(latents + 1, latents + 1); the intercept is not penalised."""
        codes = codes[np.isfinite(self.y)]
        design, curvature = self._design(codes), np.ones(len(codes))
        if isinstance(self.probe, LogisticProbe):
            expected = self._expected(codes)
            curvature = expected * (1.0 - expected)
        penalty = np.diag([*np.full(codes.shape[1], float(self.probe.penalty)), 0.0])
        return design.T @ (curvature[:, None] * design) + penalty


def _false_discovery_rates(measured: list[_Measured], active: np.ndarray) -> dict[str, np.ndarray]:
    """Target -> q of its active dimensions, adjusted over all targets together.

    The p-value is that of a t-test of arctanh(r), whose standard error comes from the bootstrap:
    it stays right for rare labels and for several images of one person, where the textbook
    error of r is too small.
    """
    found = [one for one in measured if one.measure == "correlation"]
    p = []
    for one in found:
        limit = 1.0 - _SAME  # arctanh(1) is infinite
        errors = np.arctanh(np.clip(one.resampled[:, active], -limit, limit))
        kept = np.isfinite(errors).all(axis=1)
        if kept.sum() < 0.5 * len(kept) or not active.any():
            p.append(np.full(active.sum(), np.nan))
            continue
        error = np.maximum(errors[kept].std(axis=0, ddof=1), np.finfo(float).tiny)
        z = np.arctanh(np.clip(one.values[active], -limit, limit))
        freedom = max(min(one.units, int(kept.sum())) - 2, 1)
        p.append(2.0 * stats.t.sf(np.abs(z) / error, freedom))
    every = np.concatenate(p)
    q = np.full(len(every), np.nan)
    testable = np.isfinite(every)
    if testable.any():
        q[testable] = stats.false_discovery_control(every[testable], method="bh")
    return {one.target: part for one, part in zip(found, np.split(q, len(p)), strict=True)}


def _rows(
    found: _Measured,
    names: list[str],
    active: np.ndarray,
    reasons: dict[str, str],
    q: np.ndarray | None,
) -> list[dict[str, object]]:
    """One row a latent, in order; the inactive ones with their reason only."""
    size = np.abs(found.values[active])
    scale = size.max(initial=0.0) or 1.0
    ranks = iter(stats.rankdata(-np.round(size / scale, 9), method="min"))
    first = iter(_first(found.resampled[:, active]))
    rates = iter(q if q is not None and found.measure == "correlation" else [])
    rows: list[dict[str, object]] = []
    for index, name in enumerate(names):
        row: dict[str, object] = {
            "target": found.target, "latent": name, "measure": found.measure, "n": found.n
        }  # fmt: skip
        if name in reasons:
            row["reason"] = reasons[name]
        else:
            result = interval(float(found.values[index]), found.resampled[:, index])
            row |= {
                "value": result.value,
                "low": result.low,
                "high": result.high,
                "lost": result.lost,
                "rank": int(next(ranks)),
                "p_first": next(first),
                "q": next(rates, None),
                "reason": result.reason or (NO_Q if found.measure == "weight" else None),
            }
        rows.append(row)
    return rows


def _first(resampled: np.ndarray) -> np.ndarray:
    """(resamples, latents) -> share of resamples where each is the largest, (latents,)."""
    size = np.abs(resampled[np.isfinite(resampled).all(axis=1)])
    if not size.size:
        return np.full(resampled.shape[1], np.nan)
    return (size >= size.max(axis=1, keepdims=True) * (1.0 - _SAME)).mean(axis=0)


def _standardized(values: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and variance 1 over their known rows; constant ones become 0."""
    centred = values - np.nanmean(values, axis=0)
    deviation = np.nanstd(values, axis=0)
    return centred / np.where(deviation > 0, deviation, 1.0)


def _each(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(rows, a) and (rows, b) -> all products, (rows, a * b)."""
    return (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)
