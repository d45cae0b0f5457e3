"""Ranking dimensions with intervals and permutations: latentlab against loops over resamples.

    python benchmarks/rankings.py [--images N] [--latents N] [--targets N] [--rounds N]
    python benchmarks/rankings.py --coverage [--sets N]

The default is the size of CelebA's test split: 19,962 images of 1,000 persons, 40 attributes,
32 latents, 1,000 resamples and 1,000 permutations. latentlab makes the whole table: seven measures
with intervals, P(first), family-wise p and q.

Both loops do less: correlation, Spearman and AUC alone, on 1,000 resamples and 1,000 permutations
of the rows. The first is written well: one matrix product and one sort of all columns a resample.
The second calls SciPy and scikit-learn pair by pair. A few of their resamples are timed and the
seconds multiplied; the pairs of the second too.

With --coverage: how often the interval at 95 % misses the truth, in data sets of 300 images, or of
60 persons with 1 to 9 images of which 0.6 of the variance is shared, against percentiles of 400
bootstrap resamples of the same images or persons, the score computed anew on each.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_auc_score

from benchmarks import measuring
from latentlab.artifacts import Targets, mu_name
from latentlab.probes.analysis import ProbeResults, probe_targets
from latentlab.probes.scales import ARCTANH, LOGIT
from latentlab.probes.scoring import SCORES, bootstrap_counts, estimate
from latentlab.randomness import numpy_generator
from latentlab.rankings import dimensions_needed, rank_dimensions
from latentlab.rankings.measures.auc import areas
from latentlab.rankings.measures.correlation import correlated
from latentlab.rankings.resampling import interval, spread
from latentlab.rankings.tasks import Rows, standardized

RESAMPLES = PERMUTATIONS = 1000
PERSONS = 1000
TRAIN, VALID = 4000, 500  # images that the probes see: they are not what is measured
TIMED = 3  # resamples of a loop
PAIRS = 40  # of the slow loop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=19_962, help="of test")
    parser.add_argument("--latents", type=int, default=32)
    parser.add_argument("--targets", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--sets", type=int, default=1000, help="data sets behind a coverage")
    given = parser.parse_args()
    if given.coverage:
        measuring.write("rankings_coverage", list(coverages(given.sets)))
        return
    results = []
    for persons in (None, PERSONS):
        latents, targets = synthetic(given.images, given.latents, given.targets, persons)
        probes = probe_targets(latents, targets, penalties=(1.0,), resamples=2, seed=0)
        results += _measured(latents, targets, probes, given.rounds, persons)
    measuring.write("rankings", results)


def synthetic(
    images: int, latents: int, targets: int, persons: int | None
) -> tuple[pd.DataFrame, Targets]:
    """Independent latents, and attributes that each follow all of them and one another."""
    rng = numpy_generator(0, "rankings benchmark")
    rows = TRAIN + VALID + images
    z = rng.standard_normal((rows, latents), dtype=np.float32)
    slopes = 0.3 * rng.standard_normal((latents, targets))
    noise = rng.standard_normal((rows, targets)) + 0.5 * rng.standard_normal((rows, 1))
    signal = z @ slopes + noise
    rarity = rng.uniform(0.5, 0.97, targets)
    labels = signal > [np.quantile(one, q) for one, q in zip(signal.T, rarity, strict=True)]
    table = pd.DataFrame(z, columns=[mu_name(index) for index in range(latents)])
    table.insert(0, "image_id", [f"{row:06d}.jpg" for row in range(rows)])
    table.insert(1, "split", np.repeat(["train", "valid", "test"], [TRAIN, VALID, images]))
    names = [f"attribute_{index}" for index in range(targets)]
    values = pd.DataFrame(labels, index=pd.Index(table["image_id"]), columns=names)
    people = None
    if persons is not None:
        people = pd.Series(rng.integers(persons, size=rows), index=values.index)
    return table, Targets(values, dict.fromkeys(names, "attribute"), people)


def _measured(
    latents: pd.DataFrame, targets: Targets, probes: ProbeResults, rounds: int, persons: int | None
) -> list[dict[str, object]]:
    test = (latents["split"] == "test").to_numpy()
    z = latents.loc[test, [name for name in latents if name.startswith("mu_")]].to_numpy()
    y = targets.values[test].to_numpy(np.float64)
    rng = np.random.default_rng(0)
    processor = []

    def ours() -> None:
        began = time.process_time()
        rank_dimensions(
            latents, targets, probes, resamples=RESAMPLES, permutations=PERMUTATIONS, seed=0
        )
        processor.append(time.process_time() - began)

    def well_written() -> None:
        for _ in range(TIMED):
            drawn = rng.integers(len(z), size=len(z))
            for codes, values in ((z[drawn], y[drawn]), (z, y[rng.permutation(len(y))])):
                np.corrcoef(codes, values, rowvar=False)
                ranks = stats.rankdata(codes, axis=0)
                np.corrcoef(ranks, values, rowvar=False)  # a label's ranks are as good as itself
                ranks.T @ values  # the positives' ranks, and so the area

    def pair_by_pair() -> None:
        drawn = rng.integers(len(z), size=len(z))
        for codes, values in ((z[drawn], y[drawn]), (z, y[rng.permutation(len(y))])):
            for pair in range(PAIRS):
                x, label = codes[:, pair % z.shape[1]], values[:, pair % y.shape[1]]
                stats.pearsonr(x, label)
                stats.spearmanr(x, label)
                roc_auc_score(label, x)

    whole = {"well written": RESAMPLES / TIMED}
    whole["pair by pair"] = RESAMPLES * z.shape[1] * y.shape[1] / PAIRS
    made: list[dict[str, object]] = []
    for name, loop in (("well written", well_written), ("pair by pair", pair_by_pair)):
        mine, theirs = measuring.side_by_side(ours, loop, rounds=rounds)
        made.append(
            measuring.result(
                f"rankings.resampling.{'images' if persons is None else 'persons'}.{name}",
                mine, [seconds * whole[name] for seconds in theirs],
                n=1, unit="seconds a table", images=len(z), latents=z.shape[1],
                targets=y.shape[1], persons=persons, resamples=RESAMPLES,
                permutations=PERMUTATIONS, processor_seconds=sorted(processor),
                timed_of_instead=1 / whole[name],
            )
        )  # fmt: skip
    began = time.perf_counter()
    dimensions_needed(latents, targets, probes, seed=0)
    made[-1]["dimensions_needed_seconds"] = time.perf_counter() - began
    return made


def coverages(sets: int) -> Iterator[dict[str, object]]:
    """One result a measure, kind of data and strength of the truth."""
    for persons in (None, 60):
        for rarity in (None, 0.3, 0.05):  # share of positives; None for a number
            for rho in (0.0, 0.5, 0.9):
                missed = np.array([_missed(rho, rarity, persons, seed) for seed in range(sets)])
                missed = missed[np.isfinite(missed).all(axis=1)]  # no positive, or all of them
                ours, instead = missed.mean(axis=0)
                yield {
                    "name": f"rankings.coverage.{'r' if rarity is None else 'auc'}",
                    "ours": ours, "instead": instead, "unit": "share of intervals that miss",
                    "ratio": instead / ours, "ratios": [instead / ours], "n": len(missed),
                    "rho": rho, "positives": rarity, "persons": persons,
                    **measuring.circumstances(),
                }  # fmt: skip


def _missed(
    rho: float, rarity: float | None, persons: int | None, seed: int
) -> tuple[float, float]:
    """Whether our interval and that of percentiles miss the truth, in one data set."""
    rng = np.random.default_rng(seed)
    group = np.arange(300)
    if persons is not None:
        group = np.repeat(np.arange(persons), rng.integers(1, 10, persons))
    shared = 0.0 if persons is None else 0.6
    own, common = rng.standard_normal((2, len(group))), rng.standard_normal((2, group.max() + 1))
    signal, noise = np.sqrt(shared) * common[:, group] + np.sqrt(1 - shared) * own
    x = rho * signal + np.sqrt(1 - rho**2) * noise
    truth, y, name, scale = rho, signal, "r", ARCTANH
    if rarity is not None:
        cut = stats.norm.isf(rarity)
        truth, y, name, scale = _area(rho, cut), signal > cut, "auc", LOGIT
        if not 0 < y.sum() < len(y):
            return np.nan, np.nan
    rows = Rows(x[:, None], pd.DataFrame(index=range(len(x))), None, group, seed)
    if rarity is None:
        found = correlated(rows.z, standardized(y[:, None]))
    else:
        found = areas(rows.order, y.astype(np.float64))
    low, high = interval(found.values, spread(found, rows), scale)
    counts = bootstrap_counts(len(x), 400, seed, group)
    other = estimate(SCORES[name], y, x, counts)
    missed = not low[0] <= truth <= high[0]
    return missed, other.low is None or not other.low <= truth <= other.high


def _area(rho: float, cut: float) -> float:
    """P(a positive's code is above a negative's), by integrating their densities."""
    x = np.linspace(-9, 9, 4001)
    above = stats.norm.sf((cut - rho * x) / np.sqrt(1 - rho**2))
    positive, negative = stats.norm.pdf(x) * above, stats.norm.pdf(x) * (1 - above)
    below = np.cumsum(negative) - negative / 2
    return float((positive * below).sum() / (positive.sum() * negative.sum()))


if __name__ == "__main__":
    main()
