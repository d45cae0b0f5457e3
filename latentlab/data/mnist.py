"""MNIST: handwritten digits, in the layout torchvision keeps them in."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge

from latentlab.data.archives import UNREADABLE
from latentlab.data.downloads import fetch_mnist
from latentlab.data.images import resized
from latentlab.data.source import Block, Listing
from latentlab.errors import DataError

FOLDERS = ("MNIST/raw", "raw", "")
PARTS = {"train": "train", "test": "t10k"}  # our split -> how the files begin
IMAGES, LABELS = 2051, 2049  # what the first four bytes say the file holds


@dataclass(frozen=True)
class MNIST:
    """LeCun et al. 1998: 60,000 and 10,000 digits of 28x28, grey, 10 attributes digit_0..digit_9.

    The published split has no valid part; it is cut out of train.

    Attributes:
        root: Holds `MNIST/raw` with the four idx files, plain or gzip-compressed.
        limit: Take this many images, evenly over the list.
    """

    root: Path
    limit: Annotated[int, Ge(3)] | None = None

    channels = 1

    @cached_property
    def listing(self) -> Listing:
        parts = []
        for split, start in PARTS.items():
            digit = _read(self._file(f"{start}-labels-idx1-ubyte"), LABELS)
            count = len(self._images[split])
            if len(digit) != count:
                raise DataError(
                    f"{start}-labels-idx1-ubyte in {self.root} has {len(digit):,} labels for"
                    f" {count:,} images. Fetch both files from the same place."
                )
            wrong = np.flatnonzero(digit > 9)
            if len(wrong):
                raise DataError(
                    f"{start}-labels-idx1-ubyte in {self.root} calls image {wrong[0]}"
                    f" {digit[wrong[0]]}, which is no digit. Fetch it again."
                )
            ids = [f"{split}_{number:05d}" for number in range(len(digit))]
            parts.append(pd.DataFrame({"image_id": ids, "split": split, "digit": digit}))
        samples = pd.concat(parts, ignore_index=True)
        names = [f"digit_{value}" for value in range(10)]
        for value, name in enumerate(names):
            samples[name] = (samples["digit"] == value).astype("boolean")
        samples["digit"] = samples["digit"].astype("int64")
        roles = dict.fromkeys(names, "attribute") | {"digit": "class"}
        return Listing(samples, roles).limited(self.limit)

    def download(self, progress: Callable[[str], None]) -> None:
        """Fetch what is not in `root` yet."""
        fetch_mnist(self.root, progress)

    def read(self, start: int, stop: int, side: int) -> Block:
        pictures = [self.original(index) for index in range(start, stop)]
        return Block(resized(pictures, side))

    def original(self, index: int) -> np.ndarray:
        """uint8, (28, 28, 1)."""
        split, _, number = self.listing.samples["image_id"].iat[index].partition("_")
        return self._images[split][int(number)][..., None]

    @cached_property
    def _images(self) -> dict[str, np.ndarray]:
        """Split -> uint8, (images, 28, 28); 55 MB for all."""
        return {
            split: _read(self._file(f"{start}-images-idx3-ubyte"), IMAGES)
            for split, start in PARTS.items()
        }

    def _file(self, name: str) -> Path:
        for folder in FOLDERS:
            for ending in ("", ".gz"):
                path = self.root / folder / f"{name}{ending}"
                if path.is_file():
                    return path
        raise DataError(
            f"{self.root} has no MNIST/raw/{name} or {name}.gz. Give the folder that holds MNIST"
            " with --root, or fetch it with `latentlab prepare mnist --download`."
        )


def _read(path: Path, magic: int) -> np.ndarray:
    """An idx file of bytes: four bytes of kind, the sizes, the values, all big-endian."""
    open_file = gzip.open if path.suffix == ".gz" else open
    try:
        with open_file(path, "rb") as file:
            kind = int.from_bytes(file.read(4), "big")
            if kind != magic:
                raise DataError(
                    f"{path} begins with {kind}, not with {magic}, so it is another file."
                    " Fetch it again."
                )
            dimensions = 3 if magic == IMAGES else 1
            shape = tuple(int.from_bytes(file.read(4), "big") for _ in range(dimensions))
            if shape[1:] not in ((), (28, 28)):
                raise DataError(
                    f"{path} says it has the shape {shape}; MNIST is 28x28. Fetch it again."
                )
            size = int(np.prod(shape, dtype=object))
            content = file.read(size + 1) if size < 1 << 30 else b""
    except UNREADABLE as error:
        raise DataError(f"{path} is damaged: {error}. Fetch it again.") from error
    if len(content) != size:
        raise DataError(f"{path} does not hold the {size:,} values it announces. Fetch it again.")
    return np.frombuffer(content, np.uint8).reshape(shape)
