"""From a source to a data folder: one pass over the pictures, flat memory, whole or not at all."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from latentlab import files
from latentlab.artifacts import DataFolder
from latentlab.data import splits
from latentlab.data.building import (
    DEFAULT_SHARES,
    Order,
    laid_out,
    stop_if_told,
    write_pictures,
    write_rest,
)
from latentlab.data.source import Source
from latentlab.errors import DataError
from latentlab.settings import settings_model


def prepare(
    source: Source,
    name: str,
    folder: Path,
    *,
    side: int,
    split: str = "auto",
    shares: splits.Shares = DEFAULT_SHARES,
    seed: int = 0,
    on_bad: Literal["fail", "skip"] = "fail",
    progress: Callable[[int], None] = lambda images: None,
) -> DataFolder:
    """Write a new data folder: images, samples, masks if there are any, census and refusals.

    Args:
        source: A dataclass whose fields are its settings.
        folder: Takes its name only when everything is in place.
        name, side, split, shares, seed, on_bad: See `building.Order`.
        progress: Called with the number of pictures just read.

    Raises:
        DataError: a picture or label row cannot be used and `on_bad` is "fail"; nothing is left;
            ids repeat; a split is empty; or the folder holds something else.
    """
    check_free(folder)
    order = Order(name, side, split, shares, seed, on_bad)
    listing, places = laid_out(source, order)
    stop_if_told(listing.refused, on_bad)
    with files.whole_folder(folder) as building:
        written = write_pictures(
            source, places, lambda array: nullcontext(building / f"{array}.npy"), side, progress
        )
        write_rest(building, folder, source, order, listing, written)
    return DataFolder.open(folder)


def check_free(folder: Path) -> None:
    """Refuse to make a data folder of a folder that holds something else."""
    if folder.exists() and any(folder.iterdir()) and not (folder / "data.yaml").is_file():
        raise DataError(f"{folder} exists and is not a data folder. Choose another --out.")


@dataclass(frozen=True)
class Originals:
    """The pictures that a data folder was made from, in its order, to measure on."""

    source: Source
    image_ids: tuple[str, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, source: Source) -> "Originals":
        """Every picture of a source."""
        ids = tuple(source.listing.samples["image_id"])
        return cls(source, ids, tuple(range(len(ids))))

    def original(self, index: int) -> np.ndarray:
        """uint8, (height, width, 1 or 3), as it came."""
        return self.source.original(self.places[index])


def originals(folder: DataFolder, rows: range | None = None) -> Originals:
    """The original pictures of a data folder, or of some of its rows; its source must still be
    where it was. For some rows only these are looked up, if the source can do that."""
    source = reopen(folder)
    if rows is not None and hasattr(source, "picked"):
        return Originals.of(source.picked(folder.samples_of(rows)))
    wanted = folder.samples()["image_id"] if rows is None else folder.samples_of(rows)["image_id"]
    places = pd.Index(source.listing.samples["image_id"]).get_indexer(wanted)
    if (places < 0).any():
        lost = wanted[places < 0]
        raise DataError(
            f"{lost.iloc[0]} ({len(lost) - 1:,} more) of {folder.path} is no longer in its source."
            " Bring it back, or prepare again."
        )
    return Originals(source, tuple(wanted), tuple(int(place) for place in places))


def reopen(folder: DataFolder) -> Source:
    """The source a data folder was made from."""
    from latentlab.data import SOURCES  # here, since the sources are built on this module's package

    description = folder.description
    entry = SOURCES[description["source"]]
    settings = dict(settings_model(entry).model_validate(description["settings"]))
    for key, value in settings.items():
        if isinstance(value, Path):
            settings[key] = folder.path / value
    return entry(**settings)
