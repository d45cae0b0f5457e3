"""What the commands that draw share: runs, their images, and where these lie in latent space."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from latentlab.artifacts import RunFolder
    from latentlab.decoding import Places
    from latentlab.models.vae import VAE


def places_of_images(
    run: "RunFolder", model: "VAE", latents: "pd.DataFrame", images: Sequence[str]
) -> "Places":
    """The posterior means of these images, and what the decoder needs beside them.

    Args:
        latents: The run's table.
        images: Their `image_id`s.

    Raises:
        ConfigError: one of them is not in the table, or the table holds what cannot be decoded.
    """
    import numpy as np

    from latentlab import config as configs
    from latentlab.artifacts import DataFolder, latent_columns
    from latentlab.decoding import Places, places_of
    from latentlab.errors import ConfigError, DataError
    from latentlab.feeding import pictures_for

    if not decodable(latents):
        raise ConfigError(
            "latents.parquet holds histograms of codes, which cannot be decoded. Encode again with"
            " --features mean."
        )
    check_width(run, model, latents)
    rows = latents.reset_index().set_index("image_id")["index"]
    if rows.index.has_duplicates:
        raise DataError(
            f"{run.latents_path} lists an image more than once. Encode again with"
            f" `latentlab encode {run.path}`."
        )
    absent = [name for name in images if name not in rows.index]
    if absent:
        raise ConfigError(
            f"image {absent[0]} is not in latents.parquet. Name images by their ids, such as"
            f" {latents['image_id'].iloc[0]}."
        )
    wanted = rows.loc[list(images)].to_numpy()
    if model.contextual:  # which the table does not hold
        data = DataFolder.open(configs.load_saved(run.config_path).data.folder)
        return places_of(model, pictures_for(model, data), wanted)
    return Places(latents[latent_columns(latents)].to_numpy(np.float32)[wanted])


def places_of_prior(
    run: "RunFolder", model: "VAE", count: int, seed: int, told: Sequence[str] = ()
) -> "Places":
    """Draws from the prior; a model with conditions is told those of images of the data at random.

    Args:
        told: `Name=yes`, `no` or `unknown`: the same for all draws.

    Raises:
        ConfigError: what is told is not among the model's conditions.
    """
    from latentlab import config as configs
    from latentlab.artifacts import DataFolder
    from latentlab.decoding import prior_places
    from latentlab.feeding import pictures_for
    from latentlab.randomness import numpy_generator

    fixed = _told(model, told)
    conditions = None
    if model.conditions:
        data = DataFolder.open(configs.load_saved(run.config_path).data.folder)
        known = pictures_for(model, data).conditions
        assert known is not None
        conditions = known[numpy_generator(seed, "conditions").integers(0, len(known), count)]
        for column, value in fixed.items():
            conditions[:, column] = value
    return prior_places(model, count, seed, conditions)


def check_width(run: "RunFolder", model: "VAE", latents: "pd.DataFrame") -> None:
    """Refuse latents that are not of this model.

    Raises:
        DataError: there are more or fewer of them than the model has.
    """
    from latentlab.artifacts import latent_columns
    from latentlab.errors import DataError

    names = latent_columns(latents)
    if names and names[0].startswith("mu_") and len(names) != model.latents:
        raise DataError(
            f"{run.latents_path} has {len(names)} latents and the model {model.latents}, so they"
            f" are not of this model. Encode again with `latentlab encode {run.path}`."
        )


def decodable(latents: "pd.DataFrame") -> bool:
    """Whether the table holds latents; no decoder can read how often a code occurs."""
    from latentlab.artifacts import latent_columns

    return not latent_columns(latents)[0].startswith("histogram_")


def _told(model: "VAE", told: Sequence[str]) -> dict[int, float]:
    """Number of the condition -> its value."""
    from latentlab.errors import ConfigError
    from latentlab.naming import unknown

    values = {"yes": 1.0, "no": -1.0, "unknown": 0.0}
    fixed = {}
    for item in told:
        name, _, value = item.partition("=")
        if not model.conditions:
            raise ConfigError(
                f"--condition {item}: this model is told nothing of its images. Leave it out."
            )
        if name not in model.conditions:
            raise ConfigError(
                f"--condition {item}: {unknown(name, dict.fromkeys(model.conditions))}"
            )
        if value not in values:
            raise ConfigError(f"--condition {item}: write {name}=yes, {name}=no or {name}=unknown.")
        fixed[model.conditions.index(name)] = values[value]
    return fixed


def titles(runs: Sequence[Path]) -> list[str]:
    """The runs' folder names, or their paths where two have the same name."""
    names = [run.resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [run.as_posix() for run in runs]


def of_split(latents: "pd.DataFrame", split: str, run: "RunFolder") -> "pd.DataFrame":
    """The rows of one split, of which there must be some."""
    from latentlab.artifacts import SPLITS
    from latentlab.errors import ConfigError, DataError

    if split not in SPLITS:
        raise ConfigError(f"--split {split} is not known. Take {', '.join(SPLITS)}.")
    rows = latents[latents["split"] == split]
    if rows.empty:
        raise DataError(f"{run.latents_path} has no {split} images. Take another --split.")
    return rows.reset_index(drop=True)
