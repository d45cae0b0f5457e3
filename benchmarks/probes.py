"""Probes of all targets at once against loops of scikit-learn, on planted data of CelebA's size.

    python -m benchmarks.probes [--images N] [--targets N] [--targets-compared N] [--rounds N]
                                [--rows N] [--only NAME ...]

`probes.logistic_cv`: every target, 5 folds, 10 penalties and the refit, against a loop of
`LogisticRegressionCV(n_jobs=-1)`. `probes.logistic_single`: every target at one penalty, against a
loop of `LogisticRegression`. Both get the same standardised latents, folds and penalties, and both
are measured against scikit-learn's lbfgs, its default, and newton-cholesky, its fastest here.
scikit-learn's loop may run over a few targets only; its time is then scaled to all, and the result
says so. Its tolerance is the loosest of TOLERANCES whose objectives are within 1e-6 of the optimum
and whose coefficients within 1e-4; the optimum is that of newton-cholesky at 1e-12. Its BLAS has
all threads or one, whichever is quicker for a first fit: on a busy machine newton-cholesky takes
forty times longer with two.

`probes.out_of_core`: peak memory of a process that fits all targets from a partitioned table, and
of one that reads the table and fits one target with scikit-learn.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import PredefinedSplit
from threadpoolctl import threadpool_limits

from benchmarks import measuring
from latentlab.artifacts import mu_name
from latentlab.probes import LogisticProbe
from latentlab.probes.partitioned import fit_partitioned
from latentlab.randomness import numpy_generator

LATENTS, FOLDS = 32, 5
PENALTIES = tuple(np.geomspace(0.01, 1e4, 10).tolist())
SINGLE = 1.0
WITHIN = 1e-6  # of the optimum, relative
COEFFICIENTS_WITHIN = 1e-4
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7)
SOLVERS = ("lbfgs", "newton-cholesky")
PART = 500_000  # rows of a file of the partitioned table
NAMES = ("probes.logistic_cv", "probes.logistic_single", "probes.out_of_core")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=162_770)
    parser.add_argument("--targets", type=int, default=40)
    parser.add_argument("--targets-compared", type=int, help="of scikit-learn's loop; all if left")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the partitioned table")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    given = parser.parse_args()
    compared = min(given.targets_compared or given.targets, given.targets)
    results = []
    if {"probes.logistic_cv", "probes.logistic_single"} & set(given.only):
        z, y = planted(given.images, given.targets)
        for name in NAMES[:2]:
            if name in given.only:
                for solver in SOLVERS:
                    results.append(_logistic(name, solver, z, y, compared, given.rounds))
    if "probes.out_of_core" in given.only:
        results.append(_out_of_core(given.rows, given.targets))
    measuring.write("probes", results)


def planted(images: int, targets: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Standardised latents, a little correlated as those of a VAE are, and labels of logistic
    models with a few weights each: (images, LATENTS), and 0 or 1, (images, targets).

    Between 2 and 50 % of the images are positive, as in CelebA.
    """
    rng = numpy_generator(seed, "planted latents")
    mix = np.eye(LATENTS) + 0.05 * rng.standard_normal((LATENTS, LATENTS))
    z = rng.standard_normal((images, LATENTS)) @ mix
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    return z, _labels(z, *_truth(targets, seed), rng)


def _truth(targets: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (LATENTS, targets) and intercepts."""
    rng = numpy_generator(seed, "planted weights")
    size = 0.6 * rng.standard_normal((LATENTS, targets))
    weights = size * (rng.random((LATENTS, targets)) < 0.4)
    rates = np.geomspace(0.02, 0.5, targets)
    # Weights spread the odds; the usual approximation keeps the share of positives.
    return weights, np.log(rates / (1 - rates)) * np.sqrt(1 + 0.35 * np.square(weights).sum(axis=0))


def _labels(
    z: np.ndarray, weights: np.ndarray, intercept: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    odds = z @ weights + intercept
    return (rng.random(odds.shape) < expit(odds)).astype(np.float64)


def _logistic(
    name: str, solver: str, z: np.ndarray, y: np.ndarray, compared: int, rounds: int
) -> dict[str, Any]:
    targets = y.shape[1]
    chosen = np.linspace(0, targets - 1, compared).round().astype(int)  # from rare to common
    many = name == "probes.logistic_cv"
    folds = PredefinedSplit(np.random.default_rng(0).permutation(np.arange(len(z)) % FOLDS))
    probe = LogisticProbe(penalty=PENALTIES if many else SINGLE, cv=folds)
    with threadpool_limits(1, user_api="blas"):
        tolerance = _tolerance(solver, z, y[:, chosen[[0, -1]]])
    threads = _quicker_threads(solver, tolerance, z, y[:, 0])
    theirs: dict[int, Any] = {}

    def ours() -> None:
        probe.fit(z, y)

    def instead() -> None:
        with threadpool_limits(threads, user_api="blas"):
            for target in chosen:
                model = _scikit_learn(solver, tolerance, folds if many else None)
                theirs[target] = model.fit(z, y[:, target])

    # A first fit finds the libraries' threads; it is not measured.
    LogisticProbe().fit(z[:100], np.arange(100) % 2)
    mine, loop = measuring.side_by_side(ours, instead, rounds=rounds)
    gaps: dict[str, list[float]] = {"ours": [], "instead": []}
    coefficients, same = [], 0
    for target, model in theirs.items():
        penalty = float(np.broadcast_to(probe.penalty_, targets)[target])
        label = y[:, target]
        # Where one chose another penalty, each is held against the optimum at its own.
        other = 1 / float(np.ravel(model.C_)[0]) if many else SINGLE
        same += bool(np.isclose(penalty, other))
        best = _optimum(z, label, penalty)
        gaps["ours"].append(
            _above(z, label, penalty, (probe.coef_[target], probe.intercept_[target]), best)
        )
        coefficients.append(float(np.abs(probe.coef_[target] - best[0]).max()))
        found = (np.ravel(model.coef_), float(np.ravel(model.intercept_)[0]))
        best = best if np.isclose(penalty, other) else _optimum(z, label, other)
        gaps["instead"].append(_above(z, label, other, found, best))
    return measuring.result(
        f"{name}.{solver}",
        mine,
        [seconds * targets / compared for seconds in loop],
        n=1,
        unit="seconds",
        images=len(z),
        latents=LATENTS,
        targets=targets,
        targets_compared=compared,
        scaled=compared < targets,
        folds=FOLDS if many else 0,
        penalties=len(PENALTIES) if many else 1,
        tolerance=tolerance,
        blas_threads=threads or "all",
        above_optimum={who: max(values) for who, values in gaps.items()},
        coefficients_from_optimum=max(coefficients),
        same_penalty=f"{same} of {compared}",
        scikit_learn=metadata.version("scikit-learn"),
    )


def _scikit_learn(solver: str, tolerance: float, folds: PredefinedSplit | None) -> Any:
    settings: dict[str, Any] = {"solver": solver, "tol": tolerance, "max_iter": 10_000}
    if folds is None:
        return LogisticRegression(C=1 / SINGLE, **settings)
    return LogisticRegressionCV(
        Cs=[1 / penalty for penalty in PENALTIES],
        cv=folds,
        scoring="neg_log_loss",
        n_jobs=-1,
        l1_ratios=(0.0,),
        use_legacy_attributes=False,
        **settings,
    )


def _quicker_threads(solver: str, tolerance: float, z: np.ndarray, label: np.ndarray) -> int | None:
    """One thread for BLAS, or None for as many as it takes by itself."""
    seconds: dict[int | None, float] = {}
    for threads in (1, None, 1, None):
        began = time.perf_counter()
        with threadpool_limits(threads, user_api="blas"):
            _scikit_learn(solver, tolerance, None).fit(z, label)
        seconds[threads] = min(seconds.get(threads, np.inf), time.perf_counter() - began)
    return min(seconds, key=seconds.__getitem__)


def _tolerance(solver: str, z: np.ndarray, y: np.ndarray) -> float:
    """The loosest of TOLERANCES that reaches the optimum of the largest and smallest penalty."""
    for tolerance in TOLERANCES:
        worst, apart = 0.0, 0.0
        for label in y.T:
            for penalty in (PENALTIES[0], PENALTIES[-1]):
                model = LogisticRegression(
                    C=1 / penalty, solver=solver, tol=tolerance, max_iter=10_000
                ).fit(z, label)
                found = (model.coef_[0], float(model.intercept_[0]))
                best = _optimum(z, label, penalty)
                worst = max(worst, _above(z, label, penalty, found, best))
                apart = max(apart, float(np.abs(found[0] - best[0]).max()))
        if worst <= WITHIN and apart <= COEFFICIENTS_WITHIN:
            return tolerance
    return TOLERANCES[-1]


def _optimum(z: np.ndarray, label: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("ignore")  # 1e-12 may be below what float64 can tell
        model = LogisticRegression(
            C=1 / penalty, solver="newton-cholesky", tol=1e-12, max_iter=100
        ).fit(z, label)
    return model.coef_[0], float(model.intercept_[0])


def _above(
    z: np.ndarray,
    label: np.ndarray,
    penalty: float,
    found: tuple[np.ndarray, float],
    best: tuple[np.ndarray, float],
) -> float:
    """How far an objective is above the optimum, relative."""

    def objective(weights: np.ndarray, intercept: float) -> float:
        odds = z @ weights + intercept
        loss = np.logaddexp(0.0, np.where(label == 1, -odds, odds)).sum()
        return float(loss + penalty / 2 * weights @ weights)

    optimum = objective(*best)
    return (objective(*found) - optimum) / optimum


def _out_of_core(rows: int, targets: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _write_table(folder, rows, targets)
        size = sum(path.stat().st_size for path in folder.iterdir()) / 2**20
        ours = _child("fit_alone", folder, targets)
        instead = _child("fit_in_memory", folder, targets)
    return measuring.result(
        "probes.out_of_core",
        [ours["megabytes"]],
        [instead["megabytes"]],
        n=1,
        unit="megabytes at most",
        rows=rows,
        latents=LATENTS,
        targets=targets,
        table_megabytes=size,
        seconds={"ours": ours["seconds"], "instead": instead["seconds"]},
        targets_compared=1,
        coefficients_apart=float(
            np.abs(np.array(ours["coefficients"]) - instead["coefficients"]).max()
        ),
        scikit_learn=metadata.version("scikit-learn"),
    )


def _write_table(folder: Path, rows: int, targets: int) -> None:
    weights, intercept = _truth(targets, 0)
    for number, start in enumerate(range(0, rows, PART)):
        count = min(PART, rows - start)
        rng = numpy_generator(0, "planted table", number)
        z = rng.standard_normal((count, LATENTS), dtype=np.float32)
        table = pd.DataFrame(z, columns=[mu_name(index) for index in range(LATENTS)])
        labels = _labels(z, weights, intercept, rng).astype(bool)
        for target in range(targets):
            table[f"target_{target:02d}"] = labels[:, target]
        table.to_parquet(
            folder / f"part-{number:04d}.parquet",
            index=False,
            compression="zstd",
            row_group_size=100_000,
        )


def _child(function: str, folder: Path, targets: int) -> dict[str, Any]:
    code = f"from benchmarks.probes import {function}; {function}()"
    done = subprocess.run(
        [sys.executable, "-c", code, folder, str(targets)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def fit_alone() -> None:
    """Fit all targets of the folder named on the command line, and print what it took."""
    folder, targets = Path(sys.argv[1]), int(sys.argv[2])
    began = time.perf_counter()
    probe = fit_partitioned(
        LogisticProbe(penalty=SINGLE),
        folder,
        [f"target_{target:02d}" for target in range(targets)],
        split=None,
    )
    _tell(began, probe.weights_[-1])


def fit_in_memory() -> None:
    """Read the folder named on the command line, and fit its last target with scikit-learn."""
    folder, targets = Path(sys.argv[1]), int(sys.argv[2])
    began = time.perf_counter()
    names = [*(mu_name(index) for index in range(LATENTS)), f"target_{targets - 1:02d}"]
    table = pd.read_parquet(folder, columns=names)
    x = np.array(table.drop(columns=names[-1]), dtype=np.float64)
    x -= x.mean(axis=0)
    x /= x.std(axis=0)
    model = LogisticRegression(C=1 / SINGLE, tol=1e-6).fit(x, table[names[-1]])
    _tell(began, model.coef_[0])


def _tell(began: float, coefficients: np.ndarray) -> None:
    told = {
        "seconds": time.perf_counter() - began,
        "megabytes": measuring.peak_kilobytes() / 1024,
        "coefficients": coefficients.tolist(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
