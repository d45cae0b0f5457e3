"""CelebA in its published layout: aligned pictures, 40 attributes, partition, identities."""

import os
import threading
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge

from latentlab.data.images import crop_and_resize, decode
from latentlab.data.labels import read_attributes, read_identity, read_partition
from latentlab.errors import DataError

PICTURES = "img_align_celeba"
FOLDERS = ("", "Anno", "Eval", "Img")  # where the published archive keeps its parts
THREADS = os.cpu_count() or 1
# The last two are a packing method that Python lacks, and a zip with a password.
UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class CelebA:
    """Liu et al. 2015, https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html

    Attributes:
        root: Holds `img_align_celeba` as a folder or as one or more zips, or both.
        limit: Take this many images, evenly over the list, so that every split keeps its share.
        crop: Side of the central square that is kept, pixels of the 178x218 original.
        labels: Folder of the text files, if they are not in `root`.
    """

    root: Path
    limit: Annotated[int, Ge(3)] | None = None
    crop: Annotated[int, Ge(28)] = 148
    labels: Path | None = None

    channels = 3

    @cached_property
    def samples(self) -> pd.DataFrame:
        attributes = self._attributes
        split = read_partition(self._text("list_eval_partition.txt"))
        unsplit = attributes.index.difference(split.index)
        if len(unsplit):
            raise DataError(
                f"list_eval_partition.txt has no row for {unsplit[0]} and {len(unsplit) - 1} more"
                " that list_attr_celeba.txt has. Fetch the two files from the same place."
            )
        ids = attributes.index.intersection(pd.Index(sorted(self._places)), sort=True)
        if not len(ids):
            raise DataError(
                f"none of the {len(self._places)} pictures in {self.root} is among the"
                f" {len(attributes)} of list_attr_celeba.txt (such as {attributes.index[0]})."
            )
        if self.limit is not None and self.limit < len(ids):
            ids = ids[np.linspace(0, len(ids) - 1, self.limit).round().astype(int)]
        table = pd.DataFrame({"split": split.reindex(ids)}, index=ids)
        identity = self._find("identity_CelebA.txt")
        if identity is not None:
            table["identity"] = read_identity(identity).reindex(ids).astype("Int64")
        return table.join(attributes).rename_axis("image_id").reset_index()

    @property
    def roles(self) -> dict[str, str]:
        known = {"image_id", "split", "identity"}
        return {name: "attribute" for name in self.samples.columns if name not in known}

    @property
    def notes(self) -> list[str]:
        """What was left out, in words."""
        listed, used = len(self._attributes), len(self.samples)
        return [
            f"{used:,} images used; {len(self._places):,} pictures and {listed:,} rows of labels"
            " were found."
        ]

    def images(self, start: int, stop: int, side: int) -> np.ndarray:
        ids = self.samples["image_id"].iloc[start:stop]

        def picture(name: str, content: bytes) -> np.ndarray:
            return crop_and_resize(decode(content, name), self.crop, side, name)

        # Files are read in this thread and decoded in many, which takes nearly all the time.
        with ThreadPoolExecutor(THREADS) as pool:
            return np.stack(list(pool.map(picture, ids, map(self._read, ids))))

    def original(self, index: int) -> np.ndarray:
        name = self.samples["image_id"].iloc[index]
        return np.asarray(decode(self._read(name), name))

    @cached_property
    def _attributes(self) -> pd.DataFrame:
        return read_attributes(self._text("list_attr_celeba.txt"))

    @cached_property
    def _places(self) -> dict[str, tuple[Path, str | None]]:
        """File name -> its folder and None, or its zip and the name in there."""
        if not self.root.is_dir():
            raise DataError(
                f"{self.root} is not a folder. Give the one that holds {PICTURES} with --root"
                " or source.root."
            )
        places: dict[str, tuple[Path, str | None]] = {}
        for archive in sorted(self.root.glob(f"{PICTURES}*.zip")) + sorted(
            self.root.glob(f"Img/{PICTURES}*.zip")
        ):
            try:
                with zipfile.ZipFile(archive) as file:
                    for member in file.namelist():
                        if member.lower().endswith(".jpg"):
                            places[Path(member).name] = (archive, member)
            except (zipfile.BadZipFile, OSError) as error:
                raise DataError(
                    f"{archive} is not a whole zip: {error}. Fetch it again."
                ) from error
        for folder in (self.root / PICTURES, self.root / "Img" / PICTURES):
            if folder.is_dir():
                with os.scandir(folder) as entries:
                    names = [entry.name for entry in entries]
                places |= {name: (folder, None) for name in names if name.lower().endswith(".jpg")}
        if not places:
            raise DataError(
                f"{self.root} has no {PICTURES} folder or zip with pictures in it. Give the folder"
                " that holds it with --root or source.root."
            )
        return places

    def _find(self, name: str) -> Path | None:
        """The published text file of this name, plain or compressed, if it is there."""
        _ = self._places  # a wrong root is the first thing to hear about
        base = self.labels or self.root
        for folder in FOLDERS:
            for suffix in ("", ".xz"):
                path = base / folder / f"{name}{suffix}"
                if path.is_file():
                    return path
        return None

    def _text(self, name: str) -> Path:
        path = self._find(name)
        if path is None:
            raise DataError(
                f"{self.labels or self.root} has no {name}. Put it there, or name its folder with"
                " source.labels."
            )
        return path

    @cached_property
    def _read(self) -> "_Reader":
        return _Reader(self._places)


class _Reader:
    """Reads picture files by name.

    Zips stay open, since opening the published one of 202,599 members takes a second. Each process
    opens its own: a fork shares the position in the file, and a pickle carries no open file.
    """

    def __init__(self, places: dict[str, tuple[Path, str | None]]):
        self.places = places
        self.archives: dict[tuple[int, Path], zipfile.ZipFile] = {}
        self.lock = threading.Lock()

    def __reduce__(self) -> tuple[type["_Reader"], tuple[dict[str, tuple[Path, str | None]]]]:
        return _Reader, (self.places,)

    def __call__(self, name: str) -> bytes:
        place, member = self.places[name]
        try:
            if member is None:
                return (place / name).read_bytes()
            with self.lock:
                key = (os.getpid(), place)
                if key not in self.archives:
                    self.archives[key] = zipfile.ZipFile(place)
                return self.archives[key].read(member)
        except UNREADABLE as error:
            raise DataError(
                f"{name} cannot be read from {place}: {error}. Fetch it again."
            ) from error
