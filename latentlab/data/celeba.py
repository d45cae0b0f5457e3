"""CelebA in its published layout and those of its mirrors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge

from latentlab.data import labels
from latentlab.data.downloads import fetch_celeba
from latentlab.data.images import BadPicture, central_square, decoded_original, read_pictures
from latentlab.data.source import Block, Listing, Refusal
from latentlab.data.stores import Place, Reader, pictures_in
from latentlab.errors import DataError

PICTURES = "img_align_celeba"
PARTITION = "list_eval_partition.txt"
SIZE = (178, 218)  # width and height of the aligned pictures, pixels
BOX = ("bbox_x", "bbox_y", "bbox_width", "bbox_height")  # in the picture before it was aligned


@dataclass(frozen=True)
class CelebA:
    """Liu et al. 2015, https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html

    Attributes:
        root: Holds `img_align_celeba` as a folder or as one or more zips, or both.
        limit: Take this many images, evenly over the list, so that every split keeps its share.
        crop: Side of the central square that is kept, pixels of the 178x218 original.
        labels: Folder of the label files, if they are not in `root`.
    """

    root: Path
    limit: Annotated[int, Ge(3)] | None = None
    crop: Annotated[int, Ge(28)] = 148
    labels: Path | None = None

    channels = 3

    @cached_property
    def listing(self) -> Listing:
        places = self._places  # a wrong root is the first thing to hear about
        attributes = labels.read_attributes(self._needed("list_attr_celeba.txt"))
        pictures = {PurePosixPath(name).stem: name for name in places}
        rows = _by_stem(attributes.values)
        both = sorted(pictures.keys() & rows.index)
        if not both:
            raise DataError(
                f"none of the {len(pictures):,} pictures in {self.root} is among the"
                f" {attributes.rows:,} rows of list_attr_celeba (such as"
                f" {attributes.values.index[0] if len(rows) else 'none that is good'})."
                " Give the labels of these pictures, or their folder as source.root."
            )
        refused = [
            *(
                Refusal(name, "picture", "has no row in list_attr_celeba", harmless=True)
                for stem, name in sorted(pictures.items())
                if stem not in rows.index
            ),
            *attributes.refused,
            *(
                Refusal(str(name), "label row", "has no picture", harmless=True)
                for stem, name in rows["image_id"].items()
                if stem not in pictures
            ),
        ]
        samples, lost, notes = self._with_the_rest(rows.loc[both])
        listing = Listing(
            samples.reset_index(drop=True),
            self._roles(attributes.values.columns, samples),
            (*lost, *refused),
            found=len(pictures),
            labelled=np.ones(len(samples), bool),
            label_rows=attributes.rows,
            notes=notes,
        )
        return listing.limited(self.limit)

    def download(self, progress: Callable[[str], None]) -> None:
        """Fetch what is not in `root` yet."""
        fetch_celeba(self.root, progress)

    def read(self, start: int, stop: int, side: int) -> Block:
        names = self._names.iloc[start:stop].tolist()
        return read_pictures(names, self._fetch, self._frame, side)

    def original(self, index: int) -> np.ndarray:
        """The aligned picture, uint8 (218, 178, 3)."""
        return decoded_original(self._names.iat[index], self._fetch)

    @property
    def _names(self) -> "pd.Series[str]":
        """Asked for at every picture, so never turned to a list whole."""
        return self.listing.samples["image_id"]

    def _frame(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        if (width, height) != SIZE:
            raise BadPicture(
                f"has {width}x{height} pixels, not the {SIZE[0]}x{SIZE[1]} of the aligned pictures"
            )
        return central_square(pixels, self.crop)

    def _with_the_rest(
        self, samples: pd.DataFrame
    ) -> tuple[pd.DataFrame, list[Refusal], tuple[str, ...]]:
        """Partition, identities, landmarks and boxes where they are; pictures they contradict."""
        notes = []
        lost: dict[str, str] = {}

        def joined(
            name: str, read: Callable[[Path], labels.LabelTable], missed: str = ""
        ) -> pd.DataFrame | None:
            path = self._find(name)
            if path is None:
                if missed:
                    notes.append(f"{name} is not there, so {missed}.")
                return None
            table = read(path)
            for refusal in table.refused:
                if not refusal.harmless:
                    lost[PurePosixPath(refusal.name).stem] = refusal.reason
            known = _by_stem(table.values)
            if name == PARTITION:
                for stem in samples.index.difference(known.index).difference(list(lost)):
                    lost[stem] = f"has no row in {path.name}; fetch both files from the same place"
            return known.drop(columns="image_id").reindex(samples.index)

        split = joined(PARTITION, labels.read_partition, "there is no published split")
        identity = joined("identity_CelebA.txt", labels.read_identity, "nobody is known")
        points = joined("list_landmarks_align_celeba.txt", labels.read_numbers)
        boxes = joined("list_bbox_celeba.txt", labels.read_numbers)
        if boxes is not None:
            boxes = boxes.set_axis(list(BOX), axis=1)
        tables = [table for table in (split, identity, points, boxes) if table is not None]
        clash = {str(name) for table in tables for name in table.columns} & set(samples.columns)
        if clash:
            raise DataError(
                f"two label files in {self.root} have a column {min(clash)}; rename it."
            )
        samples = samples.join(tables)
        refused = [
            Refusal(str(samples.at[stem, "image_id"]), "picture", reason, labelled=True)
            for stem, reason in sorted(lost.items())
            if stem in samples.index
        ]
        return samples.drop(index=lost, errors="ignore"), refused, tuple(notes)

    def _roles(self, attributes: Sequence[str], samples: pd.DataFrame) -> dict[str, str]:
        roles = dict.fromkeys(attributes, "attribute")
        known = {"image_id", "split", "identity", *BOX, *roles}
        points = [name for name in samples.columns if name not in known]
        return roles | dict.fromkeys(points, "statistic")

    @cached_property
    def _places(self) -> dict[str, Place]:
        """File name -> where it is."""
        if not self.root.is_dir():
            raise DataError(
                f"{self.root} is not a folder. Give the one that holds {PICTURES} with --root"
                " or source.root."
            )
        places: dict[str, Place] = {}
        for base in (self.root, self.root / "Img"):
            for holder in [*sorted(base.glob(f"{PICTURES}*.zip")), base / PICTURES]:
                if holder.exists():
                    found = pictures_in(holder)
                    places |= {PurePosixPath(name).name: place for name, place in found.items()}
        if not places:
            raise DataError(
                f"{self.root} has no {PICTURES} folder or zip with pictures in it. Give the folder"
                " that holds it with --root or source.root."
            )
        return places

    @cached_property
    def _fetch(self) -> Reader:
        """Pictures by the names that the labels use, which may end in .jpg where files are .png."""
        files = {PurePosixPath(name).stem: place for name, place in self._places.items()}
        return Reader({name: files[PurePosixPath(name).stem] for name in self._names})

    def _find(self, name: str) -> Path | None:
        return labels.find(name, self.labels or self.root)

    def _needed(self, name: str) -> Path:
        path = self._find(name)
        if path is None:
            raise DataError(
                f"{self.labels or self.root} has no {name} or .csv. Put it there, or name its"
                " folder with --labels or source.labels."
            )
        return path


def _by_stem(table: pd.DataFrame) -> pd.DataFrame:
    """Indexed by file name without its ending; the whole name becomes the column `image_id`."""
    names = table.index.astype(str)
    by_stem = table.assign(image_id=names).set_axis([PurePosixPath(name).stem for name in names])
    double = by_stem.index.duplicated(keep=False)
    if double.any():
        raise DataError(
            f"the label file names {', '.join(names[double][:2])}, which differ only in their"
            " ending. Keep one of them."
        )
    return by_stem
