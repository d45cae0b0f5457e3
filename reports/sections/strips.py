"""A strip of decoded pictures as a row of tiles."""

import numpy as np

from latentlab.pictures import Strip
from reports.page import MINUS, Tiles
from reports.pictures import Album

LONGEST = 15  # tiles; of a longer strip as many, evenly spaced


def tiles(
    strip: Strip,
    album: Album,
    along: str,
    *,
    title: str = "",
    caption: str = "",
    small: bool = False,
) -> Tiles:
    """The row with its offsets below it; small rows, in tables, go without.

    Args:
        along: What moves, in words: it goes into the description for those who do not see.
        caption: Stands before the note on the offsets.
    """
    count = len(strip.images)
    kept = np.unique(np.linspace(0, count - 1, min(count, LONGEST)).round().astype(int)).tolist()
    offsets = [strip.offsets[i] for i in kept]
    zero = next((i for i, t in enumerate(offsets) if abs(t) < 1e-9), None)
    span = f"from {_mark(offsets[0])} to {_mark(offsets[-1])} {strip.unit}"
    note = f"Offsets in {strip.unit}" + ("." if zero is None else "; nothing moved in the frame.")
    return Tiles(
        picture=album.add(strip.images[kept]),
        count=len(kept),
        label=f"{len(kept)} decoded pictures along {along}, {span}",
        marks=() if small else tuple(map(_mark, offsets)),
        zero=zero,
        title=title,
        caption="" if small else f"{caption} {note}".lstrip(),
        size="small" if small else "large",
    )


def _mark(offset: float) -> str:
    return f"{offset:+.3g}".replace("-", MINUS) if abs(offset) >= 1e-9 else "0"
