"""Latent dimensions ordered per target, by every measure, and how sure each order is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from latentlab.alignment import align, table
from latentlab.artifacts import Targets, latent_columns
from latentlab.dimensions import inactive_reasons, summarize_dimensions
from latentlab.probes.analysis import ProbeResults
from latentlab.probes.scoring import bootstrap_counts
from latentlab.randomness import numpy_generator
from latentlab.rankings.measures import MEASURES
from latentlab.rankings.measures.measure import Measure, Null
from latentlab.rankings.permutations import Shuffles, family_p
from latentlab.rankings.resampling import Spread, draws, first, interval, p_values, spread
from latentlab.rankings.tasks import Task, Tasks

COLUMNS = (
    "target", "latent", "measure", "value", "low", "high", "rank", "p_first", "q", "reason",
    "n", "lost", "p",
)  # fmt: skip
_CHUNK = 2**27  # codes, of all nulls together, in memory at a time


def rank_dimensions(
    latents: pd.DataFrame,
    targets: Targets,
    results: ProbeResults,
    *,
    resamples: int = 1000,
    permutations: int = 1000,
    measures: Sequence[str] = tuple(MEASURES),
    seed: int,
    progress: Callable[[int], None] = lambda targets: None,
) -> pd.DataFrame:
    """Order the dimensions of every probed target by every one of MEASURES.

    All are taken of posterior means on the test images where the target is known, except `weight`,
    which is the probe's and fitted on train.

    Args:
        latents: `image_id`, `split`, `mu_*` and, for activity by KL, `logvar_*`.
        targets: The targets that `results` were made from.
        results: From `probe_targets` on these latents. Targets without a fit have no row here;
            `results.probes` says why.
        resamples: Bootstrap resamples behind `p_first`; whole persons are drawn where identities
            are known.
        permutations: Shuffles of the target behind `p`; 0 leaves it out.
        measures: Names of MEASURES; all by default.
        progress: Called with 1 after every target.

    Returns:
        One row a target, measure and latent, COLUMNS. `low`, `high`: 95 % interval from the
        bootstrap's standard error (`rankings.resampling`). `rank`: 1 for the strongest, equal
        ones share the smaller rank; by absolute value, `auc` by its distance from 0.5,
        `mutual_information` and `permutation_importance` by the value itself. `p_first`: share of
        resamples in which the dimension is the strongest (a tie counts for all who tie). `p`:
        that any dimension of this target would be as strong by chance, from shuffled targets
        (`rankings.permutations`). `q`: Benjamini-Hochberg over all targets and active dimensions,
        for each measure apart, of the p-value of a t-test with the bootstrap's standard error:
        shuffles could not give p below 1 / (1 + permutations), too coarse for a thousand pairs.
        `n`: images used. `lost`: 0, no resample is without a value. What is missing is null, and
        `reason` says why; an inactive dimension has a reason and no numbers.

    Raises:
        DataError: A table is not as it must be; the message names the column or the image.

    Source: Benjamini & Hochberg 1995, https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    aligned = align(latents, targets)
    names = latent_columns(latents)
    reasons = inactive_reasons(summarize_dimensions(latents))
    active = np.array([name not in reasons for name in names])
    tasks = Tasks(aligned, targets.roles, seed)
    counts = {
        split: bootstrap_counts(
            int(units.max()) + 1, resamples, seed, purpose=f"rankings {split}"
        ).astype(np.float32)
        for split, units in tasks.units.items()
        if results.fits and len(units)
    }
    found = []
    for target, probe in results.fits.items():
        task = tasks.task(target, probe)
        found += [
            _measured(task, name, active, counts)
            for name in measures
            if MEASURES[name].applies(task)
        ]
        progress(1)
    _add_family_p(found, active, permutations, seed)
    for name in measures:
        add_q([one for one in found if one.name == name], active)
    return table(
        [row for one in found for row in ranking_rows(one, names, active, reasons)], COLUMNS
    )


@dataclass
class Found:
    """One measure of one target: what stands in its rows, (latents,) each.

    Attributes:
        n: Images used.
        task: What was measured; None where that is not in memory.
        reason: Why there is no value at all.
        notes: Why there is no p or no q.
        p_value: Of a pair alone; what q is made of.
    """

    target: str
    name: str
    n: int
    task: Task | None = None
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    p_value: np.ndarray | None = None

    @property
    def measure(self) -> Measure:
        return MEASURES[self.name]

    @property
    def null(self) -> Null:
        made = self.measure.null(self.task) if self.measure.null and self.task else None
        assert made is not None, "asked only where it was measured"
        return made

    def fill(
        self,
        values: np.ndarray,
        known: Spread,
        active: np.ndarray,
        counts: np.ndarray,
        extra: np.ndarray | float = 0.0,
        seed: int = 0,
    ) -> None:
        """Values, intervals, ranks and P(first); p and q need all the others.

        Args:
            counts: How often each unit is drawn, float32 (resamples, units).
            extra, seed: Variance that no unit shows, and what it is drawn from.
        """
        measure = self.measure
        low, high = interval(values, known, measure.scale)
        if not measure.untested:
            self.p_value = p_values(values, known, measure.scale, measure.nothing)
        rng = None
        if np.any(extra):
            rng = numpy_generator(seed, f"rankings {self.name} {self.target}")
        kept = active & np.isfinite(values)
        shares = np.full(len(kept), np.nan)
        if kept.any():
            drawn = draws(values, known, counts, extra, rng)
            shares[kept] = first(measure.strength(drawn)[:, kept])
        self.numbers = {
            "value": values,
            "low": low,
            "high": high,
            "rank": _ranks(measure.strength(values), active),
            "p_first": shares,
        }
        if measure.squared:
            self.numbers |= _squared(values, low, high)


def _measured(task: Task, name: str, active: np.ndarray, counts: dict[str, np.ndarray]) -> Found:
    measure = MEASURES[name]
    rows = task.train if measure.split == "train" else task.test
    found = Found(task.target, name, len(rows), task)
    result = measure.of(task) if len(rows) else "the target is unknown on these images"
    if isinstance(result, str):
        found.reason = result
        return found
    drawn = counts[measure.split]
    found.fill(result.values, spread(result, rows), active, drawn, result.extra, rows.seed)
    return found


def _ranks(strength: np.ndarray, active: np.ndarray) -> np.ndarray:
    """1 for the strongest active dimension; NaN for the others and for those without a value."""
    kept = active & np.isfinite(strength)
    ranks = np.full(len(strength), np.nan)
    scale = np.abs(strength[kept]).max(initial=0.0) or 1.0
    ranks[kept] = stats.rankdata(-np.round(strength[kept] / scale, 9), method="min")
    return ranks


def _squared(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> dict[str, np.ndarray]:
    ends = np.sort([low**2, high**2], axis=0)
    return {
        "value": value**2,
        "low": np.where((low < 0) & (high > 0), 0.0, ends[0]),
        "high": ends[1],
    }


def _add_family_p(found: list[Found], active: np.ndarray, permutations: int, seed: int) -> None:
    """Shuffle the targets that are known on the same images together, some at a time."""
    shared: dict[int, list[Found]] = {}
    for one in found:
        if one.measure.null is None:
            one.notes.append("no p: shuffling the target would need another probe each time")
        elif not permutations:
            one.notes.append("no p: no permutations were asked for")
        elif not one.reason:
            assert one.task is not None
            shared.setdefault(id(one.task.test), []).append(one)
    for step, group in enumerate(shared.values()):
        assert group[0].task is not None
        rows = group[0].task.test
        shuffles = Shuffles(len(rows), rows.persons)
        if not shuffles.possible:
            for one in group:
                one.notes.append("no p: no two persons have the same number of images")
            continue
        some = max(1, _CHUNK // rows.codes.size)
        for start in range(0, len(group), some):
            rng = numpy_generator(seed, "rankings permutations", step)  # the same for all
            nulls = [(one, one.null) for one in group[start : start + some]]
            given = [null for _, null in nulls]
            for (one, _), p in zip(
                nulls, family_p(given, shuffles, active, permutations, rng), strict=True
            ):
                one.numbers["p"] = p


def add_q(found: list[Found], active: np.ndarray) -> None:
    """Adjust one measure's p-values over all targets together."""
    tested = [one for one in found if one.p_value is not None]
    for one in found:
        if one.measure.untested and not one.reason:
            one.notes.append(one.measure.untested)
    if not tested:
        return
    pairs = (one.p_value for one in tested if one.p_value is not None)
    every = np.concatenate([np.where(active, p, np.nan) for p in pairs])
    rates = np.full(len(every), np.nan)
    testable = np.isfinite(every)
    if testable.any():
        rates[testable] = stats.false_discovery_control(every[testable], method="bh")
    for one, part in zip(tested, np.split(rates, len(tested)), strict=True):
        one.numbers["q"] = part


def ranking_rows(
    found: Found, names: list[str], active: np.ndarray, reasons: dict[str, str]
) -> list[dict[str, object]]:
    """One row a latent, in order; the inactive ones with their reason only."""
    made: list[dict[str, object]] = []
    for index, name in enumerate(names):
        row: dict[str, object] = {
            "target": found.target,
            "latent": name,
            "measure": found.name,
            "n": found.n,
        }
        if not active[index]:
            row["reason"] = reasons[name]
        elif found.reason:
            row["reason"] = found.reason
        elif not np.isfinite(found.numbers["value"][index]):
            row["reason"] = "the dimension does not vary on these images"
        else:
            numbers = {key: float(column[index]) for key, column in found.numbers.items()}
            row |= {key: None if np.isnan(number) else number for key, number in numbers.items()}
            row["rank"], row["lost"] = int(numbers["rank"]), 0
            no_interval = "no interval: the value is at its limit, or does not vary in resamples"
            notes = [no_interval] if np.isnan(numbers["low"]) else []
            row["reason"] = "; ".join([*notes, *reversed(found.notes)]) or None
        made.append(row)
    return made
