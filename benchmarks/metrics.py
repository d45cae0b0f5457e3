"""Metrics of all latents and factors at once: latentlab against scikit-learn, pair by pair.

    python benchmarks/metrics.py [--images N] [--latents N] [--factors N] [--rounds N]

The default is the size of the published study with CelebA's attributes: 10,000 images to fit,
5,000 to test, 32 latents, 40 factors.

`metrics.binned`: MIG, SAP and modularity. The loop bins each latent once, and calls
`mutual_info_score` and fits and applies a `LinearSVC` for each pair; MIG and modularity share its
information. `difference` is the largest between the three scores.

`metrics.dci`: DCI by trees. The loop fits a `GradientBoostingClassifier` a factor. Both give all
three scores; `difference` is ours minus the loop's. `spread` is the standard deviation of the
loop's scores over draws of the rows, and `draws_difference` ours minus the loop's on each draw, at
a size where the loop can be repeated (`draws`).
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import mutual_info_score
from sklearn.svm import LinearSVC

from benchmarks import measuring
from latentlab.artifacts import mu_name
from latentlab.metrics.dci import NAMES, dci
from latentlab.metrics.importance import completeness, disentanglement
from latentlab.metrics.modularity import modularity
from latentlab.metrics.mutual_information_gap import mutual_information_gap
from latentlab.metrics.separated_predictability import separated_predictability
from latentlab.randomness import numpy_generator

BINS = 20
DRAWS = {"images": 2000, "latents": 10, "factors": 8, "draws": 5}

Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000, help="to fit; half as many to test")
    parser.add_argument("--latents", type=int, default=32)
    parser.add_argument("--factors", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3, help="of the binned metrics")
    given = parser.parse_args()
    tables = synthetic(given.images, given.latents, given.factors, draw=0)
    size = {"images": given.images, "latents": given.latents, "factors": given.factors}
    results = [binned(tables, given.rounds, size), trees(tables, size)]
    measuring.write("metrics", results)


def synthetic(images: int, latents: int, factors: int, draw: int) -> Tables:
    """Independent latents, and attributes that each follow some of them; a third are test."""
    model = numpy_generator(0, "metrics benchmark")
    slopes = model.standard_normal((latents, factors)) * (model.random((latents, factors)) < 0.2)
    rarity = model.normal(0.8, 0.8, factors)
    rng = numpy_generator(0, "metrics benchmark rows", draw)
    rows = images + images // 2
    z = rng.standard_normal((rows, latents)).astype(np.float32)
    labels = (z @ slopes + rng.standard_normal((rows, factors)) > rarity).astype(np.float64)
    codes = pd.DataFrame(z, columns=[mu_name(index) for index in range(latents)])
    values = pd.DataFrame(labels, columns=[f"factor_{index}" for index in range(factors)])
    test = [one[images:].reset_index(drop=True) for one in (codes, values)]
    return codes[:images], values[:images], test[0], test[1]


def binned(tables: Tables, rounds: int, size: dict[str, int]) -> dict[str, object]:
    codes, factors = tables[:2]
    found: dict[str, list[float | None]] = {}

    def ours() -> None:
        found["ours"] = [
            mutual_information_gap(codes, factors).score,
            separated_predictability(*tables)["sap"].score,
            modularity(codes, factors).score,
        ]

    def loop() -> None:
        found["loop"] = pair_by_pair(*tables)

    mine, theirs = measuring.side_by_side(ours, loop, rounds=rounds)
    gaps = np.abs(np.array(found["ours"], float) - np.array(found["loop"], float))
    return measuring.result(
        "metrics.binned", mine, theirs, n=1, unit="seconds a table", **size,
        scores=found["ours"], difference=float(gaps.max()),
    )  # fmt: skip


def pair_by_pair(
    codes: pd.DataFrame, factors: pd.DataFrame, test_codes: pd.DataFrame, test_factors: pd.DataFrame
) -> list[float]:
    """MIG, SAP and modularity as the published study writes them."""
    z, y = codes.to_numpy(), factors.to_numpy()
    test_z, test_y = test_codes.to_numpy(), test_factors.to_numpy()
    cut = [np.digitize(column, np.histogram(column, BINS)[1][:-1]) for column in z.T]
    shape = (z.shape[1], y.shape[1])
    information, accuracy = np.zeros(shape), np.zeros(shape)
    for latent in range(shape[0]):
        for factor in range(shape[1]):
            information[latent, factor] = mutual_info_score(y[:, factor], cut[latent])
            machine = LinearSVC(C=0.01, class_weight="balanced")
            machine.fit(z[:, [latent]], y[:, factor])
            answers = machine.predict(test_z[:, [latent]])
            accuracy[latent, factor] = np.mean(answers == test_y[:, factor])
    entropies = np.array([mutual_info_score(column, column) for column in y.T])
    ordered, best = np.sort(information, axis=0), np.sort(accuracy, axis=0)
    squared = information**2
    most = squared.max(axis=1)
    return [
        float(np.mean((ordered[-1] - ordered[-2]) / entropies)),
        float(np.mean(best[-1] - best[-2])),
        float(np.mean(1 - (squared.sum(axis=1) - most) / (most * (shape[1] - 1)))),
    ]


def trees(tables: Tables, size: dict[str, int]) -> dict[str, object]:
    found: dict[str, np.ndarray] = {}

    def ours() -> None:
        found["ours"] = fast(tables)

    def loop() -> None:
        found["loop"] = factor_by_factor(*tables)

    mine, theirs = measuring.side_by_side(ours, loop, rounds=1)
    shape = (DRAWS["images"], DRAWS["latents"], DRAWS["factors"])
    drawn = [synthetic(*shape, draw=1 + draw) for draw in range(DRAWS["draws"])]
    slow = np.array([factor_by_factor(*each) for each in drawn])
    gaps = np.array([fast(each) for each in drawn]) - slow
    return measuring.result(
        "metrics.dci", mine, theirs, n=1, unit="seconds a table", **size,
        scores=named(found["ours"]), difference=named(found["ours"] - found["loop"]),
        spread=named(slow.std(axis=0, ddof=1)), draws=DRAWS,
        draws_difference=[named(row) for row in gaps],
    )  # fmt: skip


def named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, map(float, values), strict=True))


def fast(tables: Tables) -> np.ndarray:
    results = dci(*tables, estimator="fast_trees")
    return np.array([results[name].score for name in NAMES], float)


def factor_by_factor(
    codes: pd.DataFrame, factors: pd.DataFrame, test_codes: pd.DataFrame, test_factors: pd.DataFrame
) -> np.ndarray:
    """DCI as the published study writes it."""
    importance, right = [], []
    for name in factors:
        model = GradientBoostingClassifier(random_state=0)
        model.fit(codes.to_numpy(), factors[name])
        importance.append(model.feature_importances_)
        right.append(np.mean(model.predict(test_codes.to_numpy()) == test_factors[name]))
    table = np.column_stack(importance)
    return np.array([disentanglement(table)[0], completeness(table)[0], np.mean(right)])


if __name__ == "__main__":
    main()
