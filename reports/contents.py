"""What a report is made of: plain tables and pictures, gathered before any HTML is written."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from latentlab.pictures import Strip


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
        positives: Attribute -> share of positive labels among the known ones, whole data set.
        history: One row an epoch: epoch, train_reconstruction, train_kl, train_elbo and the same
            with valid_ (nats per image), active_units, beta, learning_rate, images_per_second,
            seconds, kl_000.. (train KL per dimension).
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
    """

    title: str
    config: dict[str, Any]
    provenance: dict[str, Any]
    data: dict[str, Any]
    positives: dict[str, float]
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
