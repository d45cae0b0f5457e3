"""A judge for the areas of the parts of a face, learned from pictures whose masks are known."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latentlab.data.part_masks import STATISTICS
from latentlab.errors import DataError

if TYPE_CHECKING:
    from latentlab.judges.pixels import PixelJudge


def train_parts_judge(
    images: np.ndarray,
    values: np.ndarray,
    roles: Mapping[str, str],
    train_rows: np.ndarray,
    valid_rows: np.ndarray,
    *,
    seed: int,
    **settings: Any,
) -> "PixelJudge":
    """A `PixelJudge` of the part areas alone, under the name `parts`.

    A decoded picture has no part masks, so an area on it cannot be counted: it is estimated, in
    shares of the picture, by a network that was trained on originals and the areas of their true
    masks. It shares no features with other targets: what is learned of long hair from the label of
    a woman would else find its way into the area of the hair.

    Args: as of `train_pixel_judge`; `settings` are its keyword arguments.

    Raises:
        DataError: no target is a part area, or none can be learned.
    """
    from latentlab.judges.pixels import train_pixel_judge  # on use: torch is slow to import

    kept = [at for at, target in enumerate(roles) if target in STATISTICS]
    if not kept:
        raise DataError(
            "The data folder has no part areas, which the judge parts measures. Prepare a source"
            " with part masks (celeba_mask_hq), or leave this judge out."
        )
    names = [target for target in roles if target in STATISTICS]
    return train_pixel_judge(
        images,
        values[:, kept],
        {target: roles[target] for target in names},
        train_rows,
        valid_rows,
        seed=seed,
        **{"name": "parts", **settings},
    )
