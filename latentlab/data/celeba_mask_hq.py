"""CelebAMask-HQ: faces that are cut out along the masks people drew, and measured on them.

Lee et al. 2020, MaskGAN, https://arxiv.org/abs/1907.11922
"""

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Le

from latentlab.data import labels
from latentlab.data.images import THREADS, BadPicture, decode, decoded_original, resized
from latentlab.data.labels import LabelTable
from latentlab.data.part_masks import (
    CLASS,
    FACE_AND_HAIR,
    PARTS,
    STATISTICS,
    PartMasks,
    cut_out,
    fitted,
    kept,
    measure,
)
from latentlab.data.source import Block, Listing, Refusal
from latentlab.data.stores import Place, Reader, pictures_in
from latentlab.errors import ConfigError, DataError

PICTURES = "CelebA-HQ-img"
MASKS = (
    "CelebAMask-HQ-mask-anno", "CelebAMask-HQ-mask", "CelebAMaskHQ-mask", "merged_19class",
    "mask", "masks",
)  # fmt: skip
ATTRIBUTES = "CelebAMask-HQ-attribute-anno.txt"
MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"


@dataclass(frozen=True)
class CelebAMaskHQ:
    """CelebA-HQ's faces, everything but the kept parts painted over, see `docs/celeba_mask_hq.md`.

    Attributes:
        root: Holds `CelebA-HQ-img`, and if nothing else is said the masks and label files; or
            holds the folder `CelebAMask-HQ` that does.
        masks: Folder of the masks, by part or merged.
        labels: Folder of the attributes and of the mapping to CelebA.
        celeba: Folder of CelebA's `list_eval_partition` and `identity_CelebA`; without it there is
            no published split, and nobody is known.
        parts: What is kept of the picture; by default the face with ears, glasses and hair.
        background: What the rest is painted with, red, green and blue.
        margin: Left free on every side, as a share of the kept region's larger side.
        limit: Take this many images, evenly over the list.
    """

    root: Path
    masks: Path | None = None
    labels: Path | None = None
    celeba: Path | None = None
    parts: tuple[str, ...] = FACE_AND_HAIR
    background: tuple[
        Annotated[int, Ge(0), Le(255)],
        Annotated[int, Ge(0), Le(255)],
        Annotated[int, Ge(0), Le(255)],
    ] = (0, 0, 0)
    margin: Annotated[float, Ge(0), Le(1)] = 0.1
    limit: Annotated[int, Ge(3)] | None = None

    channels = 3
    gives_masks = True

    def __post_init__(self) -> None:
        if not self.parts:
            raise ConfigError(f"`source.parts` keeps nothing. Name some of {', '.join(PARTS)}.")
        for part in self.parts:
            if part not in CLASS:
                close = difflib.get_close_matches(part, PARTS, n=1)
                hint = f"did you mean `{close[0]}`?" if close else f"known: {', '.join(PARTS)}."
                raise ConfigError(f"`source.parts` has an unknown part `{part}`; {hint}")

    @cached_property
    def listing(self) -> Listing:
        pictures, nameless = self._pictures
        numbers = [number for number in pictures if number in self._masks.files]
        if not numbers:
            raise DataError(
                f"none of the {len(pictures):,} pictures of {self._base} has a mask in"
                f" {self._masks.place}. Name the right folder with --masks or source.masks."
            )
        ids = pd.Series(pictures, dtype=object).map(lambda name: PurePosixPath(name).name)
        samples = ids[numbers].to_frame("image_id")
        attributes = self._attributes(pictures)
        known, notes = self._of_celeba(numbers)
        refused = [
            Refusal(
                ids[number],
                "picture",
                f"has no mask in {self._masks.place.name}; fetch the masks again",
                labelled=attributes is not None and number in attributes.values.index,
            )
            for number in pictures
            if number not in self._masks.files
        ]
        refused += [
            Refusal(name, "picture", "is not named by a number, so that no mask can be found")
            for name in nameless
        ]
        listing = Listing(
            samples.join(known).reset_index(drop=True),
            dict.fromkeys(STATISTICS, "statistic"),
            tuple(refused),
            found=len(pictures) + len(nameless),
            notes=(*self._masks.notes(pictures), *notes),
        )
        if attributes is None:
            lacking = f"{ATTRIBUTES} is not there, so there are no attributes."
            return replace(listing, notes=(*listing.notes, lacking)).limited(self.limit)
        return _labelled(listing, numbers, attributes).limited(self.limit)

    def read(self, start: int, stop: int, side: int) -> Block:
        names = self._names.iloc[start:stop].tolist()
        see = self._sight(side)
        with ThreadPoolExecutor(THREADS) as pool:
            seen = list(pool.map(see, names))
        used = np.array([isinstance(one, _Seen) for one in seen], bool)
        layers = np.empty((int(used.sum()), side, side, 4), np.uint8)
        noticed: Counter[str] = Counter()
        good = [one for one in seen if isinstance(one, _Seen)]
        for row, one in enumerate(good):
            layers[row] = one.layers
            noticed.update(one.noticed)
        return Block(
            np.ascontiguousarray(layers[..., :3]),
            used,
            tuple(one for one in seen if isinstance(one, Refusal)),
            noticed,
            np.ascontiguousarray(layers[..., 3]),
            pd.DataFrame([one.measured for one in good], columns=list(STATISTICS), dtype=float),
        )

    def original(self, index: int) -> np.ndarray:
        """The whole picture, nothing painted over, uint8 (height, width, 3)."""
        return decoded_original(self._names.iat[index], self._fetch)

    @property
    def _names(self) -> "pd.Series[str]":
        """Asked for at every picture, so never turned to a list whole."""
        return self.listing.samples["image_id"]

    def _sight(self, side: int) -> Callable[[str], "_Seen | Refusal"]:
        """What turns the name of a picture into what is seen of it, in any thread."""
        masks, fetch = self._masks, self._fetch  # found here, not by every thread for itself

        def see(name: str) -> _Seen | Refusal:
            try:
                classes = masks.classes(_number(name))
                decoded = decode(fetch(name))
                pixels = fitted(decoded.pixels, classes.shape)
                layers = cut_out(pixels, kept(classes, self.parts), self.margin, self.background)
            except BadPicture as error:
                return Refusal(name, "picture", str(error))
            # Painted before it is shrunk, so that the edge has the mask's cover and no halo.
            return _Seen(resized([layers], side)[0], measure(classes), decoded.noticed)

        return see

    @cached_property
    def _base(self) -> Path:
        """The folder that holds the pictures' folder."""
        if not self.root.is_dir():
            raise DataError(
                f"{self.root} is not a folder. Give the one that holds {PICTURES} with --root or"
                " source.root."
            )
        for base in (self.root, self.root / "CelebAMask-HQ"):
            if _holder(base, PICTURES) is not None:
                return base
        raise DataError(
            f"{self.root} has no {PICTURES} folder or zip. Give the folder that holds it with"
            " --root or source.root."
        )

    @cached_property
    def _places(self) -> Mapping[str, Place]:
        place = _holder(self._base, PICTURES)
        assert place is not None  # `_base` has it
        return pictures_in(place)

    @cached_property
    def _pictures(self) -> tuple[dict[int, str], list[str]]:
        """Number -> path of the picture, rising; and those without a number."""
        named = _by_number(self._places, self._base)
        strangers = [name for name in self._places if _number(name) < 0]
        if not named:
            raise DataError(
                f"{self._base} has no picture in {PICTURES} that is named by a number, such as"
                " 0.jpg. Fetch it again."
            )
        return named, strangers

    @cached_property
    def _fetch(self) -> Reader:
        return Reader({PurePosixPath(name).name: self._places[name] for name in self._places})

    @cached_property
    def _masks(self) -> "PartMasks":
        given = self.masks or next(
            (place for name in MASKS if (place := _holder(self._base, name)) is not None), None
        )
        if given is None or not given.exists():
            what = f"{self._base} has no masks" if given is None else f"{given} does not exist"
            raise DataError(
                f"{what}. Give the folder of the masks with --masks or source.masks; without it"
                f" {', '.join(MASKS)} in the root are tried."
            )
        return PartMasks.found_in(given)

    def _attributes(self, pictures: Mapping[int, str]) -> LabelTable | None:
        """The attributes by the number of their picture, and what was wrong with the others."""
        path = self._label_file(ATTRIBUTES)
        if path is None:
            return None
        table = labels.read_attributes(path)
        clash = set(table.values.columns) & set(STATISTICS)
        if clash:
            raise DataError(f"{path} has an attribute {min(clash)}, which is measured. Rename it.")
        rows = {
            number: name
            for number, name in _by_number(table.values.index, path).items()
            if number in pictures
        }
        if not rows:
            raise DataError(
                f"none of the {len(pictures):,} pictures in {self._base} is among the"
                f" {table.rows:,} rows of {path}. Fetch both from the same place."
            )
        joined = set(rows.values())
        lonely = [
            Refusal(str(name), "label row", "has no picture", harmless=True)
            for name in table.values.index
            if name not in joined
        ]
        values = table.values.loc[list(rows.values())].set_axis(list(rows))
        return LabelTable(values, (*table.refused, *lonely), table.rows)

    def _of_celeba(self, numbers: Sequence[int]) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """`split` and `identity` of these pictures, as far as they are known."""
        columns = pd.DataFrame(index=list(numbers))
        if self.celeba is None:
            note = "source.celeba is not given, so there is no published split and nobody is known."
            return columns, (note,)
        path = self._label_file(MAPPING)
        if path is None:
            raise DataError(
                f"{self.labels or self._base} has no {MAPPING}, without which {self.celeba} does"
                " not help. Put it there, or leave source.celeba out."
            )
        names = read_mapping(path).reindex(list(numbers))
        readers: dict[str, Callable[[Path], LabelTable]] = {
            "list_eval_partition.txt": labels.read_partition,
            "identity_CelebA.txt": labels.read_identity,
        }
        found = {name: labels.find(name, self.celeba) for name in readers}
        if not any(found.values()):
            raise DataError(
                f"{self.celeba} has neither {' nor '.join(readers)}. Give CelebA's folder with"
                " --celeba or source.celeba."
            )
        notes = []
        for name, file in found.items():
            if file is None:
                notes.append(f"{name} is not there.")
                continue
            values = readers[name](file).values.iloc[:, 0]
            column = values.reindex(names).set_axis(columns.index)
            lost = int(column.isna().sum())
            if lost:
                notes.append(
                    f"{lost:,} of {len(numbers):,} pictures have no good row in {file.name}."
                )
            if lost < len(numbers):
                columns[values.name] = column
        return columns, tuple(notes)

    def _label_file(self, name: str) -> Path | None:
        folders = (self._base, self._base.parent, self.root.parent)
        return labels.find(name, *((self.labels,) if self.labels else folders))


@dataclass(frozen=True)
class _Seen:
    """One picture: the cut-out and its mask, uint8 (side, side, 3 + 1), and what was measured."""

    layers: np.ndarray
    measured: dict[str, float]
    noticed: tuple[str, ...]


def read_mapping(path: Path) -> pd.Series:
    """`CelebA-HQ-to-CelebA-mapping`: the number of a picture -> its file name in CelebA.

    Raises:
        DataError: a row is not number, number, file name, or two rows say different things.
    """
    rows = labels.read_rows(path)
    if rows.cells.shape[1] != 2:
        raise DataError(
            f"{path} has {rows.cells.shape[1] + 1} columns, where 3 are expected. Fetch it again."
        )
    serious = [refusal for refusal in rows.refused if not refusal.harmless]
    if serious:
        raise DataError(f"{path}: {serious[0].name} {serious[0].reason}. Fetch it again.")
    row_of = {key: row for row, key in enumerate(rows.keys) if key != "idx"}  # the header
    wrong = [key for key in row_of if _number(key) < 0]
    if wrong:
        raise DataError(
            f"{path}: line {rows.lines[row_of[wrong[0]]]} starts with {wrong[0]!r}, where the"
            " number of a picture is expected. Fetch it again."
        )
    files = rows.cells.iloc[:, 1]
    return pd.Series(
        {number: files.iat[row_of[key]] for number, key in _by_number(row_of, path).items()},
        dtype=object,
    )


def _labelled(listing: Listing, numbers: Sequence[int], attributes: LabelTable) -> Listing:
    """The listing with attributes; a picture without a row has none that are known."""
    values = attributes.values
    known = pd.Index(numbers).isin(values.index)
    columns = values.reindex(list(numbers)).reset_index(drop=True)
    notes = listing.notes
    if not known.all():
        notes = (*notes, f"{int((~known).sum()):,} pictures have no row in {ATTRIBUTES}.")
    return replace(
        listing,
        samples=listing.samples.join(columns),
        roles={**dict.fromkeys(map(str, values.columns), "attribute"), **listing.roles},
        refused=(*listing.refused, *attributes.refused),
        labelled=known,
        label_rows=attributes.rows,
        notes=notes,
    )


def _holder(base: Path, name: str) -> Path | None:
    """The folder of this name, or an archive of it."""
    places = (base / f"{name}{ending}" for ending in ("", ".zip", ".tar"))
    return next((place for place in places if place.exists()), None)


def _number(name: str) -> int:
    """12 for 12.jpg, 00012.jpg or 12; -1 for a name that is no number."""
    stem = PurePosixPath(name).stem
    return int(stem) if stem.isascii() and stem.isdecimal() else -1


def _by_number(names: Iterable[str], where: Path) -> dict[int, str]:
    """Number -> name, rising; without those that have no number."""
    result: dict[int, str] = {}
    for name in names:
        number = _number(name)
        if number >= 0 and result.setdefault(number, name) != name:
            raise DataError(
                f"{where} has {result[number]} and {name}, both of number {number}. Remove one."
            )
    return dict(sorted(result.items()))
