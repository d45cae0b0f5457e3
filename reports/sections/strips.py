"""A strip of decoded pictures as a row of tiles."""

from latentlab.pictures import Strip
from reports.page import MINUS, Tiles
from reports.pictures import Album


def tiles(strip: Strip, album: Album, label: str, *, title: str = "", small: bool = False) -> Tiles:
    """The row with its offsets below it; small rows, in tables, go without."""
    zero = next((i for i, t in enumerate(strip.offsets) if abs(t) < 1e-9), None)
    return Tiles(
        picture=album.add(strip.images),
        count=len(strip.images),
        label=label,
        marks=() if small else tuple(_mark(t) for t in strip.offsets),
        zero=zero,
        title=title,
        caption="" if small else f"Offsets in {strip.unit}; the framed face is the anchor.",
        size="small" if small else "large",
    )


def _mark(offset: float) -> str:
    return f"{offset:+.3g}".replace("-", MINUS) if abs(offset) >= 1e-9 else "0"
