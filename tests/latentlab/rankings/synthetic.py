"""Latents with planted truth, their targets, and single tasks for single measures."""

import numpy as np
import pandas as pd

from latentlab.artifacts import SPLITS, Targets, mu_name
from latentlab.probes import PROBES
from latentlab.probes.analysis import probe_targets
from latentlab.rankings import rank_dimensions
from latentlab.rankings.tasks import Rows, Task, drawn_units


def synthetic_latents(images=1000, latents=5, seed=0):
    rng = np.random.default_rng(seed)
    mu = pd.DataFrame(
        rng.standard_normal((images, latents)).astype(np.float32),
        columns=[mu_name(index) for index in range(latents)],
    )
    mu.insert(0, "image_id", [f"{index:06d}.jpg" for index in range(images)])
    mu.insert(1, "split", rng.choice(SPLITS, images, p=(0.5, 0.1, 0.4)))
    return mu


def targets_of(latents, columns, identity=None):
    """Boolean columns are attributes, the others statistics."""
    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    frame.index = pd.Index(latents["image_id"])
    roles = {
        name: "attribute" if frame[name].dtype in (bool, "boolean") else "statistic"
        for name in frame
    }
    people = None if identity is None else pd.Series(identity, index=frame.index)
    return Targets(frame, roles, people)


def probed(latents, targets, *, seed=0):
    return probe_targets(latents, targets, resamples=20, seed=seed, penalties=(1.0, 10.0))


def ranked(latents, targets, *, seed=0, resamples=200, permutations=200):
    return rank_dimensions(
        latents,
        targets,
        probed(latents, targets, seed=seed),
        resamples=resamples,
        permutations=permutations,
        seed=seed,
    )


def one(table, target, measure):
    found = table[(table["target"] == target) & (table["measure"] == measure)]
    return found.set_index("latent")


def noise(latents, seed):
    return np.random.default_rng(seed + 1000).standard_normal(len(latents))


def task_of(codes, y, *, persons=None, others=None, penalty=None, seed=0):
    """One target on rows that are both train and test; boolean y is an attribute.

    Args:
        penalty: Of the probe; None for measures that need none.
        others: Other attributes, name -> 0 and 1, NaN where unknown.
    """
    binary = y.dtype == bool
    probe = None
    if penalty is not None:
        probe = PROBES["logistic" if binary else "ridge"](penalty=penalty).fit(codes, y)
    attributes = pd.DataFrame(others or {}, index=range(len(codes)), dtype=np.float64)
    if binary:
        attributes["target"] = y.astype(np.float64)
    units = drawn_units(len(codes), persons, np.random.default_rng(seed))
    rows = Rows(np.asarray(codes, dtype=np.float64), attributes, persons, units, seed)
    y = y.astype(np.float64)
    return Task("target", "attribute" if binary else "statistic", probe, rows, y, rows, y)
