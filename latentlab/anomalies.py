"""Images from the least likely to the most likely under a model: a ranking for looking at."""

import math

import numpy as np
import pandas as pd

from latentlab.alignment import check_finite
from latentlab.errors import DataError


def rank_anomalies(latents: pd.DataFrame, pixels: int) -> pd.DataFrame:
    """Rank images by their log-likelihood, the least likely first.

    This is no verdict on any image. A likelihood ranks plain images as likely whatever they show:
    models of photographs gave house numbers, whose values vary less, higher likelihoods than the
    photographs they were trained on, and background pixels outweigh what stands before them.
    What is strange but plain is therefore not found, and what is usual but busy is.

    Args:
        latents: `image_id`, `split` and `log_likelihood` in nats, one row an image.
        pixels: Values of one image, side * side * channels.

    Returns:
        `image_id`, `split`, `log_likelihood` in nats, `rank` (1 is the least likely; equal values
        share the smaller rank) and `bits_per_dim`, -log_likelihood / (pixels * log 2): the unit of
        the literature, in which images of different sides compare. Sorted by rank, then image_id.

    Raises:
        DataError: there is no image or no likelihood, or one is missing or infinite; the message
            names the image.

    Sources: Nalisnick et al. 2019, https://arxiv.org/abs/1810.09136; Ren et al. 2019,
    https://arxiv.org/abs/1906.02845
    """
    for name in ("image_id", "split", "log_likelihood"):
        if name not in latents.columns:
            raise DataError(f"The latents table has no column {name}. Encode again.")
    if latents.empty:
        raise DataError("The latents table has no row. Encode some images first.")
    where = "the latents table, column log_likelihood"
    check_finite(latents["log_likelihood"], latents["image_id"], where)
    table = latents[["image_id", "split", "log_likelihood"]].astype({"log_likelihood": np.float64})
    table = table.sort_values(["log_likelihood", "image_id"], ignore_index=True)
    table["rank"] = table["log_likelihood"].rank(method="min").astype("Int64")
    table["bits_per_dim"] = -table["log_likelihood"] / (pixels * math.log(2))
    return table
