"""Runs made of numbers: what each says of its targets is planted, its codes are drawn."""

import numpy as np
import pandas as pd

from latentlab.artifacts import mu_name
from latentlab.comparison.runs import ComparedRun

IMAGES = 200
LATENTS = 4
TARGETS = {"Smiling": "attribute", "Male": "attribute", "yaw": "factor"}


def config(beta=1.0, seed=0, **model):
    return {
        "name": "made",
        "seed": seed,
        "data": {"folder": "data/made"},
        "model": {"name": "vae", "latents": LATENTS, "likelihood": "bernoulli", **model},
        "objective": {"name": "beta_vae", "beta": beta},
        "train": {"epochs": 3, "device": "auto"},
        "intervene": {"anchors": 20},
        "traverse": {"steps": 5, "span": 3.0},
    }


def latents(seed, factors=None, noise=0.3):
    """Codes that are the factors in another order, turned and noisy; test images alone."""
    rng = np.random.default_rng(seed)
    if factors is None:
        factors = np.random.default_rng(99).standard_normal((IMAGES, LATENTS))
    order = rng.permutation(LATENTS)
    codes = factors[:, order] * rng.choice([-1, 1], LATENTS)
    codes = codes + noise * rng.standard_normal(codes.shape)
    table = pd.DataFrame(codes, columns=[mu_name(k) for k in range(LATENTS)])
    table.insert(0, "image_id", [f"{row:04d}.jpg" for row in range(len(codes))])
    table.insert(1, "split", "test")
    return table


def verdict(target, role, control, latent="mu_000"):
    """A row whose control is as told: None cannot be measured, 0 is moved by nothing."""
    row = {
        "target": target, "role": role, "verdict": "entangled", "latents": f"{latent}, mu_001",
        "direction": latent, "effect": -0.4, "low": -0.5, "high": -0.3, "selectivity": control,
        "judge": "pixels", "rule": "several latents move it",
    }  # fmt: skip
    if control is None:
        row |= {"verdict": "cannot measure", "rule": "too few positives"}
    elif control == 0:
        row |= {"verdict": "not moved", "rule": "no direction moves it"}
    elif control >= 0.8:
        row |= {"verdict": "supported", "rule": "one latent is enough"}
    if not control:
        row |= dict.fromkeys(("latents", "direction", "judge"), np.nan)
        row |= dict.fromkeys(("effect", "low", "high", "selectivity"), np.nan)
    return row


def run(beta=1.0, seed=0, controls=None, name=None, **changes):
    """A run of these settings.

    Args:
        controls: Target -> its control; 0.6 for those that are not named.
    """
    rng = np.random.default_rng([int(beta * 10), seed])
    controls = dict.fromkeys(TARGETS, 0.6) | (controls or {})
    reconstruction, kl = 100 + 5 * beta + rng.normal(), 20 / beta + rng.normal() / 10
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],  # the second one is kept
            "valid_reconstruction": [200.0, reconstruction, reconstruction + 9],
            "valid_kl": [1.0, kl, kl + 1],
            "valid_elbo": [-201.0, -reconstruction - kl, -reconstruction - kl - 10],
            "valid_loss": [201.0, reconstruction + beta * kl, 190.0 + reconstruction],
        }
    )
    probes = pd.DataFrame(
        {
            "target": target,
            "role": role,
            "probe": "logistic" if role == "attribute" else "ridge",
            "metric": metric,
            "value": 0.8 - 0.01 * beta + 0.01 * rng.normal(),
            "baseline": 0.5 if metric == "auc" else 0.0,
            "reason": np.nan,
        }
        for target, role in TARGETS.items()
        for metric in (("auc", "average_precision") if role == "attribute" else ("r2", "r"))
    )
    rows = [verdict(target, TARGETS[target], control) for target, control in controls.items()]
    made = {
        "name": name or f"beta_{beta:g}_seed_{seed}",
        "config": config(beta, seed),
        "data": "digest",
        "history": history,
        "latents": latents(seed + 1000 * int(beta)),
        "dimensions": pd.DataFrame(
            {
                "latent": [mu_name(k) for k in range(LATENTS)],
                "kl": 1.0,
                "mean": 0.0,
                "deviation": 1.0,
                "active": True,
            }
        ),
        "probes": probes,
        "verdicts": pd.DataFrame(rows),
        "metrics": pd.DataFrame(
            {
                "metric": ["mutual_information_gap"],
                "value": [0.1 + 0.01 * rng.normal()],
                "reason": [np.nan],
            }
        ),
    }
    return ComparedRun(**(made | changes))


def runs(betas=(1.0, 4.0, 16.0), seeds=(0, 1, 2), control=lambda beta, seed, target: 0.6):
    """Every beta with every seed.

    Args:
        control: (beta, seed, target) -> its control.
    """
    return [
        run(beta, seed, {target: control(beta, seed, target) for target in TARGETS})
        for beta in betas
        for seed in seeds
    ]
