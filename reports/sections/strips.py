"""A strip of decoded pictures as a row of tiles."""

import numpy as np

from latentlab.pictures import Strip
from reports.contents import Contents
from reports.numbers import MINUS
from reports.page import Block, Columns, Paragraph, Stack, Tiles
from reports.pictures import Album

LONGEST = 15  # tiles; of a longer strip as many, evenly spaced


def strip_of(contents: Contents, direction: str) -> Strip | None:
    """The strip along a direction as the table `moves` names it; None where there is none."""
    kind, _, target = direction.partition(":")
    if kind == "probe" and target in contents.direction_strips:
        return contents.direction_strips[target]
    return contents.strips.get(direction) or contents.evidence.strips.get(direction)


def side_by_side(
    contents: Contents, album: Album, directions: dict[str, tuple[str, str]], *beside: Block
) -> list[Block]:
    """A place a direction that has pictures: its strip, and other images before and after.

    Args:
        directions: Name as in the table `moves` -> its title, and a caption.
        beside: Blocks that take the places after them.
    """
    made: list[Block] = []
    unit = ""
    for name, (title, caption) in directions.items():
        strip, others = strip_of(contents, name), contents.evidence.others.get(name)
        if strip is None:
            continue
        unit = strip.unit
        rows: list[Block] = [tiles(strip, album, title, title=title, caption=caption, noted=False)]
        if others is not None:
            words = f"{title}, other test images one below the other"
            rows.append(tiles(others, album, words, title="Other images", noted=False))
        made.append(Stack(tuple(rows)))
    if not made:
        return [Columns(beside)] if beside else []
    note = (
        f"One test image is moved; offsets in {unit}, and nothing moved in the frame."
        " Below it, other test images before, unmoved and after: what changes in all of them is"
        " what the direction does."
    )
    places = Columns((*made, *beside), narrow=not beside)
    return [places, Paragraph(note, style="small")]


def tiles(
    strip: Strip,
    album: Album,
    along: str,
    *,
    title: str = "",
    caption: str = "",
    small: bool = False,
    noted: bool = True,
) -> Tiles:
    """The row with its offsets below it; small rows, in tables, go without.

    Args:
        along: What moves, in words: it goes into the description for those who do not see.
        caption: Stands before the note on the offsets.
        noted: Whether to say what the offsets are.
    """
    count = len(strip.images)
    kept = np.unique(np.linspace(0, count - 1, min(count, LONGEST)).round().astype(int)).tolist()
    offsets = [strip.offsets[i] for i in kept]
    zero = next((i for i, t in enumerate(offsets) if abs(t) < 1e-9), None)
    span = f"from {_mark(offsets[0])} to {_mark(offsets[-1])} {strip.unit}"
    note = f"Offsets in {strip.unit}" + ("." if zero is None else "; nothing moved in the frame.")
    note = note if noted and not small else ""
    return Tiles(
        picture=album.add(strip.images[kept]),
        count=len(kept),
        label=f"{len(kept)} decoded pictures along {along}, {span}",
        marks=() if small else tuple(map(_mark, offsets)),
        zero=zero,
        title=title,
        caption=f"{caption} {note}".strip(),
        size="small" if small else "large",
    )


def _mark(offset: float) -> str:
    return f"{offset:+.3g}".replace("-", MINUS) if abs(offset) >= 1e-9 else "0"
