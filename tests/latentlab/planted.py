"""Models whose truth is known: codes, labels and a decoder that draws what each code stands for.

A picture is two rows of pixels: pixel j shows quantity j. Judges read the pixels back.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentlab.artifacts import SPLITS, Targets, mu_name
from latentlab.examination import examine
from latentlab.probes.analysis import probe_targets
from latentlab.rankings import dimensions_needed
from latentlab.verdicts import judge_targets

LATENTS, IMAGES = 4, 800  # enough for every verdict, and quick
GREY, CONTRAST = 127.5, 25.0  # of a quantity of 0, and a standard deviation


@dataclass(frozen=True)
class Planted:
    """codes (images, latents); shown: latents -> quantities (n, quantities); targets: of images."""

    codes: np.ndarray
    shown: object
    real: np.ndarray  # quantities of the original pictures, (images, quantities)
    targets: dict

    def table(self, seed):
        frame = pd.DataFrame(self.codes, columns=[mu_name(k) for k in range(self.codes.shape[1])])
        frame.insert(0, "image_id", [f"{row:05d}" for row in range(len(frame))])
        draw = np.random.default_rng(seed + 77)
        frame.insert(1, "split", draw.choice(SPLITS, len(frame), p=(0.5, 0.1, 0.4)))
        return frame

    def known(self, table):
        values = pd.DataFrame(self.targets).set_axis(table["image_id"], axis=0)
        roles = {
            name: "attribute" if values[name].dtype == bool else "statistic" for name in values
        }
        kinds = {name: "boolean" for name in values if roles[name] == "attribute"}
        return Targets(values.astype(kinds), roles)


def pictures(quantities):
    """uint8 (n, 1, quantities, 1)."""
    grey = np.clip(GREY + CONTRAST * quantities, 0, 255).round().astype(np.uint8)
    return grey[:, None, :, None]


class Reader:
    """Reads quantity j off pixel j, but for pictures that show no face."""

    circular = False

    def __init__(self, names, blind_where):
        self.name, self.names, self.blind_where = "reader", names, blind_where

    def measure(self, images):
        values = (images[:, 0, :, 0].astype(float) - GREY) / CONTRAST
        values[self.blind_where(images)] = np.nan
        return pd.DataFrame(values[:, : len(self.names)], columns=self.names)


def probed(planted, seed, nonlinear=False):
    """Latents, targets, probes and dimensions needed."""
    latents = planted.table(seed)
    targets = planted.known(latents)
    results = probe_targets(latents, targets, resamples=200, seed=seed, nonlinear=nonlinear)
    return latents, targets, results, dimensions_needed(latents, targets, results, seed=seed)


def tables(planted, seed, *, blind_where=None, nonlinear=False):
    """What `judge_targets` takes, by the library's own functions from the codes on."""
    latents, targets, results, needed = probed(planted, seed, nonlinear)
    blind_where = blind_where or (lambda images: np.zeros(len(images), bool))
    found = examine(
        latents,
        targets,
        results.directions,
        pictures(planted.real),
        lambda z, rows: pictures(planted.shown(z)),
        [Reader(list(planted.targets), blind_where)],
        anchors=40,
        random=3,
        resamples=200,
        seed=seed,
    )
    probes = pd.concat([results.probes, results.controls], ignore_index=True)
    return probes, needed, found.interventions, found.selectivity, found.judges


def verdicts(planted, seed, *, blind=False, **kind):
    """The verdict on every target."""
    if blind:
        kind["blind_where"] = lambda images: np.ones(len(images), bool)
    return judge_targets(*tables(planted, seed, **kind)).set_index("target")


def codes(seed, latents=LATENTS):
    return np.random.default_rng(seed).standard_normal((IMAGES, latents))


def label(quantity, seed, noise=0.4):
    """True for the upper third or so of a noisy quantity."""
    return quantity + noise * np.random.default_rng(seed + 1).standard_normal(len(quantity)) > 0.4


def alone(seed, latents=LATENTS):
    """Quantity j is latent j, and the label follows quantity 0."""
    z = codes(seed, latents)
    return Planted(z, lambda at: at, z, {"label": label(z[:, 0], seed), **others(z, seed)})


def rotated(seed):
    """The same, seen through codes that are turned at random.

    Of 6 latents, one comes to within 90 % of the quantity's variance by chance in 0.7 % of turns;
    of 4 it would be in 5.5 %.
    """
    truth = alone(seed, 6)
    turn = np.linalg.qr(np.random.default_rng(seed + 2).standard_normal((6, 6)))[0]
    return Planted(truth.codes @ turn, lambda at: at @ turn.T, truth.real, truth.targets)


def independent(seed):
    """The label has nothing to do with the codes; the pictures show it, the decoder does not."""
    z = codes(seed)
    hidden = np.random.default_rng(seed + 3).standard_normal(IMAGES)
    real = np.column_stack([hidden, z[:, 1:]])

    def shown(at):
        return np.column_stack([np.zeros(len(at)), at[:, 1:]])

    return Planted(z, shown, real, {"label": label(hidden, seed), **others(z, seed)})


def confounded(seed):
    """The label goes with what latent 0 stands for, but the decoder draws latent 0 elsewhere.

    People with the one quantity tend to have the other; the model knows only the other.
    """
    z = codes(seed)
    hidden = 0.8 * z[:, 0] + 0.6 * np.random.default_rng(seed + 3).standard_normal(IMAGES)
    real = np.column_stack([hidden, z[:, 1:], z[:, 0]])

    def shown(at):
        return np.column_stack([np.zeros(len(at)), at[:, 1:], at[:, 0]])

    targets = {"label": label(hidden, seed), **others(z, seed)}
    return Planted(z, shown, real, targets | {"other": z[:, 0]})


def others(z, seed):
    """Statistics that follow the other quantities."""
    draw = np.random.default_rng(seed + 4)
    return {
        f"quantity_{k}": z[:, k] + 0.3 * draw.standard_normal(IMAGES) for k in range(1, z.shape[1])
    }
