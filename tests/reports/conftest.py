"""Contents made of numbers: no model, no files."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from latentlab.artifacts import mu_name
from latentlab.pictures import Strip
from reports.contents import Contents

UNIT = "standard deviations of the codes"


def _make_contents(attributes=6, latents=5, side=16, channels=3, seed=0, names=None):
    """Contents of a run: the first target cannot be measured, the last dimension is inactive."""
    rng = np.random.default_rng(seed)
    targets = names or [f"Attribute_{index}" for index in range(attributes)]
    dims = [mu_name(index) for index in range(latents)]

    def pictures(count):
        return rng.integers(0, 256, (count, side, side, channels), dtype=np.uint8)

    def strip():
        return Strip(pictures(7), tuple(np.linspace(-3, 3, 7)), UNIT)

    probes, rankings = [], []
    roles = dict.fromkeys(targets, "attribute")
    roles |= {"mouth_aspect_ratio": "statistic", "smile": "factor"}
    for number, (name, role) in enumerate(roles.items()):
        metrics = ("auc", "average_precision") if role == "attribute" else ("r2", "r")
        missing = number == 0
        for metric in metrics:
            value = rng.uniform(0.6, 0.95)
            probes.append(
                {
                    "target": name,
                    "role": role,
                    "probe": "logistic" if role == "attribute" else "ridge",
                    "metric": metric,
                    "value": np.nan if missing else value,
                    "low": np.nan if missing else value - 0.04,
                    "high": np.nan if missing else value + 0.04,
                    "baseline": np.nan if missing else (0.5 if metric == "auc" else 0.0),
                    "n": 100,
                    "positives": 7 if role == "attribute" else np.nan,
                    "reason": "only 7 positive images in train" if missing else np.nan,
                }
            )
        if missing:
            continue
        for measure in ("correlation", "weight"):
            values = rng.uniform(-0.9, 0.9, latents)
            order = np.argsort(-np.abs(values[:-1]))
            ranks = np.empty(latents)
            ranks[order] = np.arange(1, latents)
            for index, latent in enumerate(dims):
                last = index == latents - 1
                rankings.append(
                    {
                        "target": name,
                        "latent": latent,
                        "measure": measure,
                        "value": np.nan if last else values[index],
                        "low": np.nan if last else values[index] - 0.05,
                        "high": np.nan if last else values[index] + 0.05,
                        "rank": np.nan if last else ranks[index],
                        "p_first": np.nan if last else float(ranks[index] == 1),
                        "q": np.nan if last or measure == "weight" else 0.0004,
                        "reason": "inactive: mean KL 0.003 nats" if last else np.nan,
                    }
                )
    epochs = np.arange(1, 5)
    history = pd.DataFrame({"epoch": epochs, "seconds": 3.0, "active_units": latents - 1})
    for split in ("train", "valid"):
        history[f"{split}_reconstruction"] = 7000.0 / epochs
        history[f"{split}_kl"] = 10.0 * epochs
        history[f"{split}_elbo"] = -7000.0 / epochs - 10.0 * epochs
    history["beta"] = 1.0
    return Contents(
        title="a run",
        config={"name": "a run", "model": {"name": "vae", "likelihood": "bernoulli"}}
        | {"objective": {"name": "beta_vae", "beta": 4.0}},
        provenance={
            "versions": {"torch": "2"},
            "command": "latentlab demo",
            "git": None,
            "stages": {"train": {"seconds": 12.5}, "report": {"seconds": 1.5}},
        },
        data={"source": "faces", "images": 1000, "side": side, "channels": channels},
        positives=dict.fromkeys(targets, 0.25),
        history=history,
        dimensions=pd.DataFrame(
            {
                "latent": dims,
                "kl": [2.0 - 0.3 * k for k in range(latents - 1)] + [0.003],
                "mean": 0.0,
                "deviation": 1.0,
                "active": [True] * (latents - 1) + [False],
            }
        ),
        probes=pd.DataFrame(probes),
        rankings=pd.DataFrame(rankings),
        metrics=pd.DataFrame(
            {
                "metric": ["mutual_information_gap"],
                "value": [0.123456],
                "low": [np.nan],
                "high": [np.nan],
                "settings": ['{"bins": 20, "rows": 1000}'],
                "reason": [np.nan],
                "baseline": [0.01],
            }
        ),
        truth=pd.DataFrame(
            {
                "target": [name for name, role in roles.items() if role != "factor"],
                "factor": "smile",
                "r": 0.5,
                "explained": 0.25,
            }
        ),
        originals=pictures(4),
        reconstructions=pictures(4),
        samples=pictures(6),
        strips={name: strip() for name in dims[:-1]},
        direction_strips={name: strip() for name in targets[1:]},
        faces=(90, 100),
        verdicts=_verdicts(roles),
    )


def _verdicts(roles):
    """One of each in turn; the first target could not be probed."""
    kinds = ("cannot measure", "supported", "entangled", "not moved", "not encoded")
    rows = []
    for number, (target, role) in enumerate(roles.items()):
        verdict = kinds[number % len(kinds)]
        moved = verdict in ("supported", "entangled")
        row = {
            "target": target,
            "role": role,
            "verdict": verdict,
            "latents": "mu_000, mu_001" if moved else np.nan,
            "direction": "mu_000" if moved else np.nan,
            "judge": "pixels" if moved else np.nan,
            "worst": "Attribute_2" if moved else np.nan,
            "rule": f"rule number {number}",
            "other_direction": f"probe:{target}" if moved else np.nan,
            "other_effect": 0.4 if moved else np.nan,
            "other_selectivity": 0.987 if moved else np.nan,
        }
        numbers = ("effect", "low", "high", "selectivity", "selectivity_low", "selectivity_high")
        row |= {name: 0.5 + 0.01 * at if moved else np.nan for at, name in enumerate(numbers)}
        rows.append(row)
    return pd.DataFrame(rows)


def _without_model(contents):
    """What `analyze` has: tables, but no model, no history, no pictures."""
    nothing = np.empty((0, 1, 1, 3), dtype=np.uint8)
    return replace(
        contents,
        config={},
        provenance={},
        data={},
        history=contents.history[:0],
        truth=contents.truth[:0],
        metrics=contents.metrics[:0],
        originals=nothing,
        reconstructions=nothing,
        samples=nothing,
        strips={},
        direction_strips={},
        faces=None,
    )


@pytest.fixture(scope="session")
def make_contents():
    return _make_contents


@pytest.fixture(scope="session")
def contents():
    return _make_contents()


@pytest.fixture(scope="session")
def without_model(contents):
    return _without_model(contents)
