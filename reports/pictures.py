"""Arrays to WebP in data URIs: each picture once on the page, as the background of a CSS class."""

import base64
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

BUDGET = 3_300_000  # bytes of all data URIs together; the page may have 6 MB
LEAST = 600_000  # that pictures get whatever else the page holds
SAMPLED = 8  # one row in so many tells which step of the ladder to begin with,
HOPE = 1.03  # where they would all together be no more than so many budgets
THREADS = 4  # that write pictures
LADDER = ((96, 88), (96, 65), (64, 50), (48, 30), (32, 15))  # largest tile side, WebP quality
SHOWN = 64  # CSS pixels: tiles are enlarged by the whole number that comes closest
LARGEST = 80  # CSS pixels of a tile on the page, however many it has


class Album:
    """Collects rows of pictures, then writes them all as one style sheet.

    A row is one WebP file; each of its tiles is an element that shows its part of it. True pixels
    are stored, unless tiles are wider than 96 pixels or all together are larger than BUDGET.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[tuple[int, ...], bytes], str] = {}

    def add(self, images: np.ndarray) -> str:
        """The CSS class of a row of pictures; equal rows share one.

        Args:
            images: uint8, (n, height, width, 1 or 3), n at least 1.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            raise ValueError(
                f"pictures must be uint8 (n, height, width, 1 or 3), not {images.shape}"
            )
        key = (images.shape, images.tobytes())
        return self._rows.setdefault(key, f"p{len(self._rows)}")

    def css(self, room: int = BUDGET) -> str:
        """The style sheet.

        Args:
            room: Bytes that the page has left for pictures, if that is less than BUDGET.
        """
        budget = max(min(room, BUDGET), LEAST)
        rows = [
            (name, np.frombuffer(content, np.uint8).reshape(shape))
            for (shape, content), name in self._rows.items()
        ]
        files: list[str] = []
        for side, quality in LADDER[_first_rung([images for _, images in rows], budget) :]:
            files = _data_uris([images for _, images in rows], side, quality)
            if sum(map(len, files)) <= budget:
                break
        rules = [
            f".{name}{{--n:{images.shape[0]};--side:{_side(images)}px}}"
            f".{name}>*{{aspect-ratio:{images.shape[2]}/{images.shape[1]};"
            f"background-image:url({file})}}"
            for (name, images), file in zip(rows, files, strict=True)
        ]
        return "\n".join(rules)


def _side(images: np.ndarray) -> int:
    """Width of a tile on the page: a whole multiple of its pixels, so that they stay even."""
    width = images.shape[2]
    return min(width * max(round(SHOWN / width), 1), LARGEST)


def _first_rung(rows: list[np.ndarray], budget: int) -> int:
    """The finest step of the ladder that some of the rows let hope for; not to write them all in
    steps that cannot do."""
    some = rows[::SAMPLED]
    share = sum(row.size for row in some) / max(sum(row.size for row in rows), 1)
    for rung, (side, quality) in enumerate(LADDER):
        if sum(map(len, _data_uris(some, side, quality))) <= HOPE * budget * share:
            return rung
    return len(LADDER) - 1


def _data_uris(rows: list[np.ndarray], side: int, quality: int) -> list[str]:
    """In threads, since writing WebP lets others run."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda images: _data_uri(images, side, quality), rows))


def _data_uri(images: np.ndarray, side: int, quality: int) -> str:
    row = Image.fromarray(np.concatenate(list(np.broadcast_to(images, (*images.shape[:3], 3))), 1))
    if images.shape[2] > side:
        scale = side / images.shape[2]
        row = row.resize((side * len(images), round(images.shape[1] * scale)), Image.Resampling.BOX)
    buffer = io.BytesIO()
    row.save(buffer, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
