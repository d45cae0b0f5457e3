"""The prepared arrays of a data folder as a model asks for them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from latentlab.artifacts import DataFolder
from latentlab.data.batches import Pictures
from latentlab.errors import ConfigError
from latentlab.models.vae import VAE
from latentlab.naming import unknown


def pictures_for(model: VAE, data: DataFolder, rows: range | None = None) -> Pictures:
    """Images, with masks and conditions where the model has them.

    Args:
        rows: Those that will be asked for, side by side; all by default. Row numbers stay those of
            the data folder.

    Raises:
        ConfigError: the data hold no masks, or no such attribute.
    """
    masks = data.masks(rows) if model.masked else None
    if model.masked and masks is None:
        raise ConfigError(
            "`model.masked` needs masks, and these data have none. Take model.masked=false,"
            " source.name=celeba_mask_hq, or source.cut=true with generated faces."
        )
    conditions = None
    if model.conditions:
        conditions = _conditions(model, data, rows)
    return Pictures(data.images(rows), masks, conditions)


def _conditions(model: VAE, data: DataFolder, rows: range | None) -> np.ndarray:
    if rows is None:
        return condition_values(data.targets().values, model.conditions)
    # Zeros that are never looked at take no memory, so only the rows asked for do.
    found = np.zeros((data.description["images"], len(model.conditions)), np.float32)
    found[rows.start : rows.stop] = condition_values(data.samples_of(rows), model.conditions)
    return found


def condition_values(values: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """What a model is told of each image: 1 for yes, -1 for no, 0 for unknown.

    Args:
        values: One column a target, attributes of pandas `boolean`; one row an image.
        names: Attributes.

    Returns:
        float32, (images, names).

    Raises:
        ConfigError: a name is no attribute.
    """
    known = {str(name): None for name in values if values[name].dtype == "boolean"}
    for name in names:
        if name not in known:
            raise ConfigError(f"`model.conditions`: {unknown(name, known)}")
    told = values[list(names)].astype("Float32") * 2 - 1
    return told.fillna(0).to_numpy(np.float32)
