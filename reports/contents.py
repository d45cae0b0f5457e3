"""What a report is made of: plain tables and pictures, gathered before any HTML is written."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from latentlab.pictures import Strip
from reports.playground import LiveDecoder, NoDecoder


def _none() -> pd.DataFrame:
    return pd.DataFrame()


@dataclass(frozen=True)
class Evidence:
    """What stands behind the answers. Every table may be empty: then nobody measured it.

    Attributes:
        interventions, responses, selectivity, paths, controls, needed, judges, moves: The tables of
            these names; what the model says of itself (`circular`) is among them.
        correlations: Pearson's r of the targets with one another in the data, target by target;
            NaN where unknown.
        densities: `latent, z, means, aggregate, prior`: density of the posterior means (a
            histogram), of the aggregate posterior, and of N(0, 1), at evenly spaced z.
        spreads: `latent, deviation, skew, outside`: of the posterior means; `outside` is the share
            beyond 3 of their standard deviations.
        strips: Direction, as the table `moves` names it -> strip along it, of directions made for a
            target beside its probe direction.
        others: Direction, as the table `moves` names it -> the other anchors at the first, middle
            and last step: uint8 (3, anchors * side, side, channels), one below the other.
    """

    interventions: pd.DataFrame = field(default_factory=_none)
    responses: pd.DataFrame = field(default_factory=_none)
    selectivity: pd.DataFrame = field(default_factory=_none)
    paths: pd.DataFrame = field(default_factory=_none)
    controls: pd.DataFrame = field(default_factory=_none)
    needed: pd.DataFrame = field(default_factory=_none)
    judges: pd.DataFrame = field(default_factory=_none)
    moves: pd.DataFrame = field(default_factory=_none)
    correlations: pd.DataFrame = field(default_factory=_none)
    densities: pd.DataFrame = field(default_factory=_none)
    spreads: pd.DataFrame = field(default_factory=_none)
    strips: dict[str, Strip] = field(default_factory=dict)
    others: dict[str, Strip] = field(default_factory=dict)


def _no_pictures() -> np.ndarray:
    return np.empty((0, 1, 1, 3), np.uint8)


@dataclass(frozen=True)
class Epochs:
    """The same validation images after some epochs of training.

    Attributes:
        epochs: Numbers from 1, rising.
        originals: uint8, (n, side, side, channels).
        reconstructions: uint8, (epochs, n, side, side, channels).
    """

    epochs: tuple[int, ...]
    originals: np.ndarray
    reconstructions: np.ndarray


@dataclass(frozen=True)
class Neighbours:
    """Draws from the prior, each beside the training image that is nearest to it.

    Distances of pictures are in grey levels (`latentlab.neighbours.grey_levels_apart`), of codes in
    latent units.

    Attributes:
        draws, by_pixels, by_code: uint8, (n, side, side, channels): the first draws, and of each
            the training image nearest by its pixels, and by its code; `by_code` has length 0 where
            codes cannot be held against each other.
        pixels_apart: Distance to the nearest training image, of every `draws`, of the
            reconstructions of `test` images, and of `copies`: training images to their own
            reconstructions. Arrays of any length.
        codes_apart: The same of codes, of `draws` and of `test` images; empty without codes.
        searched, train: Training images looked at, and all there are.
    """

    draws: np.ndarray
    by_pixels: np.ndarray
    by_code: np.ndarray
    pixels_apart: dict[str, np.ndarray]
    codes_apart: dict[str, np.ndarray]
    searched: int
    train: int


@dataclass(frozen=True)
class Census:
    """What the data hold, before any model looked at them.

    Attributes:
        targets: As `latentlab.census.target_census` gives it.
        pairs: As `latentlab.census.correlated_pairs` gives it, of the attributes.
        refused: `what, reason, count`: what was found and is no sample; most frequent first.
        pictures: uint8, (n, side, side, channels): some of the images.
    """

    targets: pd.DataFrame = field(default_factory=_none)
    pairs: pd.DataFrame = field(default_factory=_none)
    refused: pd.DataFrame = field(default_factory=_none)
    pictures: np.ndarray = field(default_factory=_no_pictures)


@dataclass(frozen=True)
class Contents:
    """Everything a report shows; the tables have the columns named in `artifacts.TABLES`.

    Where something does not exist (no model, no history, no factors) its table has no rows, its
    array has length 0 and its dict is empty; the page leaves that section out and says so.

    Attributes:
        title: Name of the run.
        config: The run's whole config, nested plain values.
        provenance: Versions, command, seed, stages (seconds, digests).
        data: The data folder's description (data.yaml).
        history: One row an epoch: epoch, train_reconstruction, train_kl, train_elbo and the same
            with valid_ (nats per image), active_units, beta, learning_rate, kl_000.. (train KL per
            dimension).
        dimensions: latent, kl, mean, deviation, active.
        probes, rankings, metrics: The tables of these names.
        truth: As `latentlab.truth.dependence_on_factors` gives it; empty where no factors are
            known.
        originals, reconstructions: uint8, (n, side, side, channels), test images, same order.
        samples: uint8, (n, side, side, channels), decoded draws from the prior.
        strips: Latent name -> strip along that dimension, for the active dimensions.
        direction_strips: Target -> strip along that target's probe direction.
        verdicts: The table of this name; no rows where nobody gave any.
        faces: Images in which a face was found, and images looked at; None where nobody looked.
        evidence: What stands behind the answers, as far as it was measured.
        epochs: Reconstructions over training; None where nobody kept any.
        neighbours: Draws beside training images; None where nothing was decoded.
        census: What the data hold.
        playground: The decoder as the page can run it, or why it cannot; None where there is none.
        pictures_left_out: Whether every picture was left out on request.
    """

    title: str
    config: dict[str, Any]
    provenance: dict[str, Any]
    data: dict[str, Any]
    history: pd.DataFrame
    dimensions: pd.DataFrame
    probes: pd.DataFrame
    rankings: pd.DataFrame
    metrics: pd.DataFrame
    truth: pd.DataFrame
    originals: np.ndarray
    reconstructions: np.ndarray
    samples: np.ndarray
    strips: dict[str, Strip]
    direction_strips: dict[str, Strip]
    faces: tuple[int, int] | None = None
    verdicts: pd.DataFrame = field(default_factory=pd.DataFrame)
    evidence: Evidence = field(default_factory=Evidence)
    epochs: Epochs | None = None
    neighbours: Neighbours | None = None
    census: Census = field(default_factory=Census)
    playground: LiveDecoder | NoDecoder | None = None
    pictures_left_out: bool = False


def without_pictures(contents: Contents) -> Contents:
    """The same without any picture, and without what could draw one: what is decoded from a model
    of faces shows faces, also where it is drawn from the prior. Tables and charts stay."""
    return replace(
        contents,
        originals=_no_pictures(),
        reconstructions=_no_pictures(),
        samples=_no_pictures(),
        strips={},
        direction_strips={},
        evidence=replace(contents.evidence, strips={}, others={}),
        epochs=None,
        neighbours=None
        if contents.neighbours is None
        else replace(
            contents.neighbours,
            draws=_no_pictures(),
            by_pixels=_no_pictures(),
            by_code=_no_pictures(),
        ),
        census=replace(contents.census, pictures=_no_pictures()),
        playground=None,
        pictures_left_out=True,
    )
