"""Any folder or archive of pictures, with labels from a table, the folders or the file names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge

from latentlab.data import images
from latentlab.data.archives import is_archive
from latentlab.data.columns import Kind
from latentlab.data.images import BadPicture, central_square, decoded_original, read_pictures
from latentlab.data.labelled import listed
from latentlab.data.labels import Rows, read_rows
from latentlab.data.remote import Remote, Root
from latentlab.data.source import Block, Listing, Refusal
from latentlab.data.stores import Folder, Place, Reader, pictures_in
from latentlab.errors import ConfigError, DataError

FETCHING = 16  # pictures that are fetched from an address at a time
FOLDER = "folder"  # the column that the names of folders become


@dataclass(frozen=True)
class ImageFolder:
    """Pictures of any kind and size; see `docs/data.md` for how labels are found and understood.

    Attributes:
        root: A folder (everything below it counts), a zip or a plain tar; or the address of one,
            such as s3://bucket/faces.
        limit: Take this many images, evenly over the sorted names.
        labels: CSV, TSV or parquet, joined by file name, with or without path and ending.
        key: Its column of file names; the first one if not given.
        folders: The name of the folder a picture lies in is its class.
        pattern: A regular expression for the file names; its named groups become columns, such as
            `(?P<age>[0-9]+)_(?P<gender>[01])_`.
        columns: What a column is, where its values do not tell: attribute, number, category,
            identity, split or ignore.
        crop: Side of the central square that is kept, pixels; the largest one if not given.
        size: Width and height that every picture must have.
        color: "rgb" or "grey", of the prepared images.
    """

    root: Root
    limit: Annotated[int, Ge(3)] | None = None
    labels: Path | None = None
    key: str | None = None
    folders: bool = False
    pattern: str | None = None
    columns: dict[str, Kind] = field(default_factory=dict)
    crop: Annotated[int, Ge(1)] | None = None
    size: tuple[int, int] | None = None
    color: Literal["rgb", "grey"] = "rgb"

    @property
    def channels(self) -> int:
        return 1 if self.color == "grey" else 3

    @cached_property
    def listing(self) -> Listing:
        refused, names = [], []
        for name in self._places:
            try:
                name.encode()
            except UnicodeEncodeError:  # bytes of another encoding; parquet holds UTF-8 only
                shown = name.encode("utf-8", "backslashreplace").decode()
                refused.append(Refusal(shown, "picture", "has a name that is not UTF-8; rename it"))
            else:
                names.append(name)
        listing = listed(
            names,
            self.columns,
            said=self._said(names),
            table=read_rows(self.labels, key=self.key) if self.labels is not None else None,
            plain=frozenset({FOLDER}),
        )
        refused += listing.refused
        found = len(self._places)
        return replace(listing, refused=tuple(refused), found=found).limited(self.limit)

    def read(self, start: int, stop: int, side: int) -> Block:
        names = self._names.iloc[start:stop].tolist()
        threads = FETCHING if isinstance(self._place, Remote) else images.THREADS
        block = read_pictures(names, self._fetch, self._frame, side, threads)
        if self.color == "grey":
            return replace(block, images=images.grey(block.images))
        return block

    def original(self, index: int) -> np.ndarray:
        return decoded_original(self._names.iat[index], self._fetch)

    def picked(self, samples: pd.DataFrame) -> "ImageFolder":
        """Some rows of the listing. Of a folder nothing else is listed; of an archive all is.

        Raises:
            DataError: a name leads out of the folder.
        """
        some = replace(self)
        vars(some)["listing"] = Listing(samples.reset_index(drop=True), {})
        if self._place.is_dir():
            for name in samples["image_id"]:
                if name.startswith("/") or ".." in PurePosixPath(name).parts:
                    raise DataError(f"{self.root}: {name} leads out of it. Prepare the data again.")
            vars(some)["_places"] = Folder(self._place, samples["image_id"])
        return some

    @property
    def _place(self) -> Path | Remote:
        return Remote(self.root) if isinstance(self.root, str) else self.root

    @property
    def _names(self) -> "pd.Series[str]":
        """Asked for at every picture, so never turned to a list whole."""
        return self.listing.samples["image_id"]

    @cached_property
    def _places(self) -> Mapping[str, Place]:
        place = self._place
        if not place.is_dir() and not (place.is_file() and is_archive(place)):
            if place.name.endswith((".npy", ".npz")):
                raise DataError(
                    f"{self.root} is an array; use `latentlab prepare arrays --root {self.root}`."
                )
            what = "is no archive" if place.is_file() else "does not exist"
            raise DataError(
                f"{self.root} {what}. Give a folder, a .zip or a .tar of pictures with --root or"
                " source.root."
            )
        places = pictures_in(place)
        if not places:
            raise DataError(
                f"{self.root} has no picture in it; the endings {', '.join(images.SUFFIXES)} are"
                " known. Give another folder with --root or source.root."
            )
        return places

    @cached_property
    def _fetch(self) -> Reader:
        return Reader(self._places)

    def _frame(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        if self.size is not None and (width, height) != tuple(self.size):
            raise BadPicture(f"has {width}x{height} pixels, not {self.size[0]}x{self.size[1]}")
        return central_square(pixels, self.crop)

    def _said(self, names: Sequence[str]) -> Rows | None:
        """What the names of folders and files say, if they are asked."""
        columns: dict[str, list[str]] = {}
        if self.folders:
            columns[FOLDER] = [PurePosixPath(name).parent.name for name in names]
            if not any(columns[FOLDER]):
                raise DataError(
                    f"{self.root} has no folders in it, so source.folders gives no labels. Leave"
                    " it out."
                )
        if self.pattern is not None:
            columns |= self._matched(self.pattern, [PurePosixPath(name).name for name in names])
        if not columns:
            return None
        cells = pd.DataFrame(columns, dtype=object)
        place = Path("the names of folders and files")
        return Rows(place, pd.Index(names), cells, np.arange(len(names)), len(names))

    def _matched(self, pattern: str, names: Sequence[str]) -> dict[str, list[str]]:
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise ConfigError(
                f"`source.pattern` is no regular expression: {error}. Correct it."
            ) from None
        if not compiled.groupindex:
            raise ConfigError(
                f"`source.pattern` {pattern!r} names no groups. Write (?P<age>[0-9]+) for a"
                " column age."
            )
        found = [compiled.search(name) for name in names]
        if not any(found):
            raise DataError(
                f"`source.pattern` {pattern!r} fits none of the {len(names):,} file names in"
                f" {self.root}, such as {names[0]}. Correct it."
            )
        return {
            group: [(match[group] or "") if match else "" for match in found]
            for group in compiled.groupindex
        }
