"""Pictures in a `.npy` or `.npz`, with labels in the same order or in a table with a key."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge

from latentlab.data.columns import Kind
from latentlab.data.images import resized
from latentlab.data.labelled import listed
from latentlab.data.labels import Rows, read_rows
from latentlab.data.source import Block, Listing, Refusal
from latentlab.data.stored_arrays import StoredArray, names_in
from latentlab.errors import ConfigError, DataError

MOST_SIDE = 4096  # pixels; a larger last dimension is no picture


@dataclass(frozen=True)
class Arrays:
    """Pictures as one array: (images, height, width), also with 1 or 3 channels at the end.

    uint8 as it is, uint16 divided by 257, bool and floats from 0 to 1 times 255.

    Attributes:
        root: The `.npy` or `.npz`.
        array: Which array of an `.npz`; the only one with three or four dimensions if not given.
        limit: Take this many images, evenly over the array.
        labels: `.npy` of one row an image, or CSV, TSV or parquet: with as many rows as there are
            images, in their order, or with `key`.
        key: The table's column of row numbers, counted from 0.
        columns: What a column is, where its values do not tell: attribute, number, category,
            identity, split or ignore. A `.npy` of labels has the column `label`, or `label_0` and
            so on.
    """

    root: Path
    array: str | None = None
    limit: Annotated[int, Ge(3)] | None = None
    labels: Path | None = None
    key: str | None = None
    columns: dict[str, Kind] = field(default_factory=dict)

    @property
    def channels(self) -> int:
        return self._stored.shape[3] if len(self._stored.shape) == 4 else 1

    @cached_property
    def listing(self) -> Listing:
        count = len(self._stored)
        names = [f"{row:06d}" for row in range(count)]
        said = table = None
        if self.labels is not None:
            if self.labels.suffix == ".npy":
                said = _in_order(self.labels, names, _columns_of(StoredArray(self.labels)))
            elif self.key is None:
                said = _in_order(self.labels, names, read_rows(self.labels, keyed=False).cells)
            else:
                table = read_rows(self.labels, key=self.key)
                # Row numbers are numbers here: 7 and 000007 are the same picture.
                table = replace(table, keys=pd.Index(f"{key.strip():0>6}" for key in table.keys))
        listing = listed(names, self.columns, said=said, table=table)
        return listing.limited(self.limit)

    def read(self, start: int, stop: int, side: int) -> Block:
        names = self.listing.samples["image_id"].iloc[start:stop]
        values = self._stored.take(names.astype(int).to_numpy())
        used = np.ones(len(values), bool)
        refused = []
        if values.dtype.kind == "f":
            axes = tuple(range(1, values.ndim))
            used = np.all((values >= 0) & (values <= 1), axis=axes)  # not a number is neither
            refused = [
                Refusal(
                    name,
                    "picture",
                    f"has values from {picture.min():g} to {picture.max():g} (row {int(name)} of"
                    f" {self.root.name}); floats must lie between 0 and 1",
                )
                for name, picture in zip(names[~used], values[~used], strict=True)
            ]
        return Block(resized(list(_eight_bits(values[used])), side), used, tuple(refused))

    def original(self, index: int) -> np.ndarray:
        row = int(self.listing.samples["image_id"].iloc[index])
        return _eight_bits(self._stored.take([row]))[0]

    @cached_property
    def _stored(self) -> StoredArray:
        stored = StoredArray(self.root, self._name())
        shape = stored.shape
        good = len(shape) in (3, 4) and (len(shape) == 3 or shape[3] in (1, 3))
        if not good or not all(0 < size <= MOST_SIDE for size in shape[1:3]):
            raise DataError(
                f"{self.root} has the shape {shape}; pictures are (images, height, width), or with"
                " 1 or 3 channels at the end. Reshape it."
            )
        if not (stored.dtype.kind == "f" or stored.dtype in (np.uint8, np.uint16, np.bool_)):
            raise DataError(
                f"{self.root} holds {stored.dtype}; known are uint8, uint16, bool, and floats from"
                " 0 to 1. Convert it to one of these."
            )
        return stored

    def _name(self) -> str | None:
        if self.root.suffix == ".npy":
            return None
        if self.root.suffix != ".npz":
            raise DataError(f"{self.root} is neither .npy nor .npz. Give one with --root.")
        names = names_in(self.root)
        if self.array is not None:
            if self.array not in names:
                raise ConfigError(
                    f"{self.root} has no array {self.array}; it has {', '.join(names)}. Name one of"
                    " these."
                )
            return self.array
        fitting = []
        for name in names:
            try:
                shape = StoredArray(self.root, name).shape
            except DataError:  # arrays of Python objects stand beside the pictures in some files
                continue
            if len(shape) in (3, 4):
                fitting.append(name)
        if len(fitting) != 1:
            raise DataError(
                f"{self.root} has {len(fitting)} arrays that may be pictures, among"
                f" {', '.join(names)}. Name one with --set array=NAME."
            )
        return fitting[0]


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """uint8, (images, height, width, channels)."""
    if values.ndim == 3:
        values = values[..., None]
    if values.dtype.kind == "f":
        return np.round(values * 255).astype(np.uint8)
    if values.dtype == np.uint16:
        return np.round(values / 257).astype(np.uint8)
    return values.astype(np.uint8) * np.uint8(255 if values.dtype == np.bool_ else 1)


def _columns_of(stored: StoredArray) -> pd.DataFrame:
    """An array of labels, (images,) or (images, labels), as text."""
    if len(stored.shape) not in (1, 2) or stored.dtype.kind not in "biufUS":
        raise DataError(
            f"{stored.path} has the shape {stored.shape} and holds {stored.dtype}; labels are"
            " (images,) or (images, labels) of numbers or text. Convert them."
        )
    values = stored.take(np.arange(len(stored)))
    if values.ndim == 1:
        return pd.DataFrame({"label": values}).astype(str)
    return pd.DataFrame({f"label_{at}": values[:, at] for at in range(values.shape[1])}).astype(str)


def _in_order(path: Path, names: list[str], cells: pd.DataFrame) -> Rows:
    if len(cells) != len(names):
        raise DataError(
            f"{path} has {len(cells):,} rows of labels for {len(names):,} images. Make them equal,"
            " or name its column of row numbers with --set key=COLUMN."
        )
    return Rows(path, pd.Index(names), cells, np.arange(1, len(names) + 1), len(names))
