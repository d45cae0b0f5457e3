"""Decoders that draw known pictures, a judge that reads them off, and experiments with both."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from latentlab.artifacts import mu_name
from latentlab.interventions.directions import (
    latent_directions,
)
from latentlab.interventions.experiment import Experiment
from latentlab.interventions.intervene import intervene

LATENTS, ANCHORS, SIDE = 4, 20, 8
NAMES = [mu_name(index) for index in range(LATENTS)]
ALL = np.ones(LATENTS, bool)
GREY = 128
INNER = slice(2, 6)  # what is not the border frame, which is one pixel wide at this side


@dataclass
class Pixels:
    """A judge that reads targets off the middle pixels; target k is pixel k / gain."""

    targets: tuple[str, ...] = ("a", "b", "c", "d")
    gain: float = 10.0
    blind_above: float = np.inf  # it measures nothing where target a is farther out than this
    name: str = "pixels"
    circular: bool = False
    sizes: list[int] = field(default_factory=list)

    def measure(self, images: np.ndarray) -> pd.DataFrame:
        self.sizes.append(len(images))
        values = (images[:, INNER, INNER, 0].reshape(len(images), -1) - float(GREY)) / self.gain
        values = values[:, : len(self.targets)]
        values[np.abs(values[:, 0]) > self.blind_above] = np.nan
        return pd.DataFrame(values, columns=list(self.targets))


def painted(values):
    """Values (n, up to 16), a grey level each, in the middle of grey pictures."""
    pictures = np.full((len(values), SIDE, SIDE, 1), GREY, np.uint8)
    middle = np.full((len(values), 16), GREY, float)
    middle[:, : values.shape[1]] += values
    pictures[:, INNER, INNER, 0] = np.clip(np.round(middle), 0, 255).reshape(-1, 4, 4)
    return pictures


def linear(matrix):
    """A decoder whose middle pixels are `matrix` @ z."""
    return lambda z, anchor: painted(z @ np.asarray(matrix, float).T)


def cloud(images=400, seed=0):
    """Codes with mean 0, deviation 1 and no correlation, exactly."""
    codes = np.random.default_rng(seed).normal(size=(images, LATENTS))
    codes -= codes.mean(axis=0)
    return codes @ np.linalg.inv(np.linalg.cholesky(codes.T @ codes / images)).T


def whole_anchors(seed=0):
    """Codes that are whole numbers, so that linear pictures are not rounded."""
    return np.random.default_rng(seed).integers(-2, 3, (ANCHORS, LATENTS)).astype(float)


def real(deviations=(1.0, 1.0, 1.0, 1.0), targets=("a", "b", "c", "d")):
    """Measurements on the originals with these deviations, uncorrelated."""
    return pd.DataFrame(cloud(seed=9) * np.asarray(deviations), columns=list(targets))


def moved(decode, directions=None, *, judges=None, anchors=None, **known):
    summing_up = ("reference", "active", "correlations", "asked", "resamples", "seed", "batch")
    how = {name: known.pop(name) for name in (*summing_up, "progress") if name in known}
    experiment = planned(decode, directions, judges=judges, anchors=anchors, **known)
    return intervene(
        experiment, **{"reference": {"pixels": real()}, "resamples": 100, "seed": 0, **how}
    )


def planned(decode, directions=None, *, judges=None, anchors=None, **known):
    return Experiment(
        whole_anchors() if anchors is None else anchors,
        decode,
        judges or [Pixels()],
        latent_directions(NAMES, ALL) if directions is None else directions,
        **{"codes": cloud(), **known},
    )


def row_of(results, direction, target, judge="pixels"):
    table = results.interventions
    found = table[(table["direction"] == direction) & (table["judge"] == judge)]
    return found.set_index("target").loc[target]
