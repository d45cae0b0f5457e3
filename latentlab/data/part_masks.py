"""Masks that say which part of a face each pixel shows, and what is cut out and measured by them.

They come as one picture a part, which overlap (the skin runs on under eyes and lips), or merged to
one map of classes a picture. Part masks are merged here as the authors of CelebAMask-HQ merge them,
so that every pixel belongs to the topmost part and both kinds mean the same.
"""

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from latentlab.data.images import FORMATS, BadPicture, decode, resized
from latentlab.data.stores import Reader, pictures_in
from latentlab.errors import DataError

# The first is class 1; 0 is what no part covers. Where parts overlap, the later one is on top
# (`label_list` in g_mask.py of https://github.com/switchablenorms/CelebAMask-HQ).
PARTS = (
    "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth",
    "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
CLASS = {part: number for number, part in enumerate(PARTS, 1)}
# Glasses stay: without them a merged map would have a hole across the eyes.
FACE_AND_HAIR = PARTS[: PARTS.index("hair") + 1]

AREAS = {  # a statistic, and the parts it adds up
    "mouth_area": ("mouth",),  # what is seen between the lips
    "lip_area": ("u_lip", "l_lip"),
    "eye_area": ("l_eye", "r_eye"),
    "brow_area": ("l_brow", "r_brow"),
    "hair_area": ("hair",),
    "face_area": (
        "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "mouth", "u_lip", "l_lip",
    ),
}  # fmt: skip
STATISTICS = (*AREAS, "hair_below_chin_area")

_MERGED = re.compile(r"(\d+)\.png", re.ASCII)
_PART = re.compile(rf"(\d+)_({'|'.join(PARTS)})\.png", re.ASCII)


@dataclass(frozen=True)
class PartMasks:
    """Where the masks of a data set are.

    Attributes:
        place: Their folder or archive.
        files: Number of the picture -> part -> files; of a merged map the part is "".
        strangers: Picture files that are not named like masks.
        fetch: Bytes of a file by name.
    """

    place: Path
    files: dict[int, dict[str, list[str]]]
    strangers: tuple[str, ...]
    fetch: Reader

    @classmethod
    def found_in(cls, place: Path) -> "PartMasks":
        places = pictures_in(place)
        files: dict[int, dict[str, list[str]]] = {}
        strangers = []
        for name in places:
            bare = PurePosixPath(name).name
            match = _PART.fullmatch(bare) or _MERGED.fullmatch(bare)
            if match is None:
                strangers.append(name)
            else:
                number, part = int(match[1]), match[2] if match.re is _PART else ""
                files.setdefault(number, {}).setdefault(part, []).append(name)
        kinds = {part == "" for parts in files.values() for part in parts}
        if len(kinds) != 1:
            what = "masks of parts as well as merged ones" if kinds else "no masks"
            raise DataError(
                f"{place} has {what} in it. Name a folder of files such as 00012_hair.png, or of"
                " files such as 12.png, with --masks or source.masks."
            )
        return cls(place, files, tuple(strangers), Reader(places))

    def notes(self, pictures: Iterable[int]) -> tuple[str, ...]:
        merged = "" in next(iter(self.files.values()))
        notes = [f"Masks: {'merged maps' if merged else 'one a part'}, of {self.place.name}."]
        lonely = len(self.files.keys() - set(pictures))
        if lonely:
            notes.append(f"There are masks of {lonely:,} pictures that are not there.")
        if self.strangers:
            notes.append(
                f"{len(self.strangers):,} files among the masks are not named like masks, such as"
                f" {self.strangers[0]}."
            )
        return tuple(notes)

    def classes(self, number: int) -> np.ndarray:
        """The map of classes of a picture, uint8 (height, width), or BadPicture."""
        parts = {}
        for part, names in self.files[number].items():
            if len(names) > 1:
                raise BadPicture(f"has two masks, {names[0]} and {names[1]}; remove one")
            try:
                content = self.fetch(names[0])
                parts[part] = class_map(content) if part == "" else part_mask(content)
            except BadPicture as error:
                raise BadPicture(f"has a mask that cannot be used: {names[0]} {error}") from error
        return parts[""] if "" in parts else merged(parts)


def class_map(content: bytes) -> np.ndarray:
    """A PNG of classes 0..18, palette or grey: uint8 (height, width), or BadPicture."""
    decode(content)  # is it whole and of a sane size; the RGB it gives no longer knows the classes
    with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
        if picture.mode not in ("L", "P"):
            raise BadPicture(f"is {picture.mode}, where a map of classes is grey or has a palette")
        classes = np.array(picture)
    if classes.max() > len(PARTS):
        raise BadPicture(f"has the class {classes.max()}, where {len(PARTS)} is the last")
    return classes


def part_mask(content: bytes) -> np.ndarray:
    """A picture of 0 and 255 (or 0 and 1): bool (height, width), or BadPicture."""
    decoded = decode(content)
    if decoded.noticed:
        raise BadPicture(f"is no plain black and white picture: {', '.join(decoded.noticed)}")
    level = decoded.pixels[..., 0]
    return np.asarray(level > level.max() // 2)


def merged(masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """Masks of parts to one map of classes; where they overlap, the part later in PARTS is seen.

    Args:
        masks: Part -> bool, (height, width).

    Returns:
        uint8, (height, width); 0 where there is no part.

    Raises:
        BadPicture: the masks differ in size.
    """
    first, *others = sorted(masks, key=PARTS.index)
    classes = np.where(masks[first], np.uint8(CLASS[first]), np.uint8(0))
    for part in others:
        if masks[part].shape != classes.shape:
            raise BadPicture(
                f"has masks that differ in size: {part} {_size(masks[part])},"
                f" {first} {_size(classes)}"
            )
        classes[masks[part]] = CLASS[part]
    return classes


def kept(classes: np.ndarray, parts: Iterable[str]) -> np.ndarray:
    """Where one of these parts is seen, bool, same shape as `classes`."""
    chosen = np.zeros(len(PARTS) + 1, bool)
    chosen[[CLASS[part] for part in parts]] = True
    return np.asarray(chosen[classes])


def measure(classes: np.ndarray) -> dict[str, float]:
    """The statistics of one map of classes, as shares of the whole picture.

    A part that is not in the map has the area 0. Below the chin is below the lowest row of skin;
    without skin there is no chin, and that area is NaN.
    """
    count = np.bincount(classes.ravel(), minlength=len(PARTS) + 1)
    result = {
        name: float(count[[CLASS[part] for part in parts]].sum() / classes.size)
        for name, parts in AREAS.items()
    }
    skin = np.flatnonzero((classes == CLASS["skin"]).any(axis=1))
    below = classes[skin[-1] + 1 :] == CLASS["hair"] if len(skin) else None
    result["hair_below_chin_area"] = np.nan if below is None else float(below.sum() / classes.size)
    return result


def fitted(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The picture at the size of its mask, or BadPicture if that would change its proportions."""
    if pixels.shape[:2] == shape:
        return pixels
    if pixels.shape[0] != pixels.shape[1] or shape[0] != shape[1]:
        raise BadPicture(f"has {_size(pixels)} pixels, its mask {shape[1]}x{shape[0]}")
    return resized([pixels], shape[0])[0]


def cut_out(
    pixels: np.ndarray, region: np.ndarray, margin: float, background: tuple[int, int, int]
) -> np.ndarray:
    """The region in the middle of a square, on the background.

    Args:
        pixels: uint8, (height, width, 3).
        region: What is kept, bool, (height, width).
        margin: On every side, as a share of the larger side of the region's bounding box.

    Returns:
        uint8, (size, size, 3 + 1): the picture, and 255 where it is kept, 0 where it is not. The
        square may reach out of the picture; there is background there too.

    Raises:
        BadPicture: nothing is kept.
    """
    if not region.any():
        raise BadPicture("has none of the parts that are kept; look at its masks")
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    height, width = region[box].shape
    larger = max(height, width)
    size = larger + 2 * round(margin * larger)
    layers = np.zeros((size, size, 4), np.uint8)
    layers[..., :3] = background
    top, left = (size - height) // 2, (size - width) // 2
    inside = layers[top : top + height, left : left + width]  # a view: all that is not background
    inside[region[box], :3] = pixels[box][region[box]]
    inside[region[box], 3] = 255
    return layers


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
