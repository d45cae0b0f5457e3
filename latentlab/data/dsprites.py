"""dSprites: white shapes on black, drawn from known factors."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge

from latentlab.data.images import resized
from latentlab.data.source import Block, Listing
from latentlab.data.stored_arrays import StoredArray, names_in
from latentlab.errors import DataError

FACTORS = ("color", "shape", "scale", "orientation", "posX", "posY")
SHAPES = ("square", "ellipse", "heart")


@dataclass(frozen=True)
class DSprites:
    """Matthey et al. 2017, https://github.com/google-deepmind/dsprites-dataset

    Every factor is there as its value (role factor) and as its discrete code, counted from 0
    (`shape_class` and so on); the three shapes are attributes too. The published file comes
    without a split.

    Attributes:
        root: The published `.npz`, or one with a part of its rows, or the folder that holds it.
        limit: Take this many images, evenly over the grid.
    """

    root: Path
    limit: Annotated[int, Ge(3)] | None = None

    channels = 1

    @cached_property
    def listing(self) -> Listing:
        values, codes = self._latents("latents_values"), self._latents("latents_classes")
        names = FACTORS[-values.shape[1] :]  # some copies lack the colour, which is always white
        ids = pd.Series(np.arange(len(values))).map("{:06d}".format)
        columns: dict[str, object] = {"image_id": ids}
        columns |= {name: values[:, at].astype(np.float64) for at, name in enumerate(names)}
        columns |= {f"{name}_class": codes[:, at] for at, name in enumerate(names)}
        shape = codes[:, names.index("shape")]
        attributes = {
            f"shape_{name}": pd.array(shape == at, dtype="boolean")
            for at, name in enumerate(SHAPES)
        }
        roles = {
            **dict.fromkeys(attributes, "attribute"),
            **dict.fromkeys(names, "factor"),
            **{f"{name}_class": "class" for name in names},
        }
        return Listing(pd.DataFrame(columns | attributes), roles).limited(self.limit)

    def read(self, start: int, stop: int, side: int) -> Block:
        rows = self.listing.samples["image_id"].iloc[start:stop].astype(int).to_numpy()
        return Block(resized(list(self._pictures(rows)), side))

    def original(self, index: int) -> np.ndarray:
        """uint8, (64, 64, 1)."""
        return self._pictures(np.array([int(self.listing.samples["image_id"].iat[index])]))[0]

    def _pictures(self, rows: np.ndarray) -> np.ndarray:
        sprites = self._images.take(rows)
        if sprites.max(initial=0) > 1:
            raise DataError(f"{self._path} has values other than 0 and 1 in imgs. Fetch it again.")
        return sprites[..., None] * np.uint8(255)

    @cached_property
    def _images(self) -> StoredArray:
        images = StoredArray(self._path, "imgs")
        if len(images.shape) != 3 or images.shape[1:] != (64, 64) or images.dtype != np.uint8:
            raise DataError(
                f"{self._path}: imgs has the shape {images.shape} and holds {images.dtype};"
                " dSprites is uint8 of (images, 64, 64). Fetch it again."
            )
        return images

    def _latents(self, name: str) -> np.ndarray:
        stored = StoredArray(self._path, name)
        count = len(self._images)
        if len(stored.shape) != 2 or stored.shape[0] != count or stored.shape[1] not in (5, 6):
            raise DataError(
                f"{self._path}: {name} has the shape {stored.shape}; ({count}, 6) is expected, or"
                f" ({count}, 5) without the colour. Fetch it again."
            )
        return stored.take(np.arange(count))

    @cached_property
    def _path(self) -> Path:
        path = self.root
        if path.is_dir():
            found = sorted(path.glob("*.npz"))
            if len(found) != 1:
                raise DataError(
                    f"{path} has {len(found)} .npz files. Name the one that is meant with --root."
                )
            path = found[0]
        lacking = {"imgs", "latents_values", "latents_classes"} - set(names_in(path))
        if lacking:
            raise DataError(
                f"{path} has no array {min(lacking)}, so it is not dSprites. Give its .npz with"
                " --root, or use `prepare arrays`."
            )
        return path
