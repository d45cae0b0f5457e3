"""The same face moved along the matched axis at every setting, one below the other."""

from dataclasses import replace

from reports.comparison.contents import ComparisonContents, Faces
from reports.numbers import number, shown
from reports.page import Block, Cell, Column, Details, Paragraph, Row, Section, Table, Text
from reports.pictures import Album
from reports.sections.strips import tiles

OPEN = 2  # blocks that are open at first
LEFT_OUT = (
    "Pictures were left out of this page on request: what models of faces decode shows faces."
    " Tables and charts are those of the page with pictures."
)


def section(contents: ComparisonContents, album: Album) -> Section | None:
    """One block a target; None where nothing was decoded."""
    title = f"The same picture at every {contents.kind}"
    if contents.pictures_left_out:
        return Section("faces", title, "Faces", (Paragraph(LEFT_OUT),))
    if not contents.faces:
        return None
    text = (
        f"The same test image, decoded by one run of each {contents.kind} and moved along the"
        " latent that is matched to the one named on the right; turned so that the target grows to"
        " the right. What changes beside the target is what control counts against it."
    )
    blocks: list[Block] = [Paragraph(text)]
    for place, one in enumerate(contents.faces):
        table = _table(contents, one, album, place)
        blocks.append(
            Details(f"faces-{place}", one.target, (table,), note=one.origin, open=place < OPEN)
        )
    if contents.unshown:
        blocks.append(
            Paragraph(
                "Not shown, though a latent moves them in some run (name them with --target):"
                f" {', '.join(contents.unshown)}."
            )
        )
    return Section("faces", title, "Faces", tuple(blocks))


def _table(contents: ComparisonContents, one: Faces, album: Album, place: int) -> Table:
    rows = []
    for row in one.rows:
        cells: list[Cell] = [
            Text(contents.short(row.group), note=row.run),
            Text(row.latent or "none", note=row.note),
        ]
        if row.strip is None:
            cells.append(number(None, reason=row.note, quiet=True))
        else:
            about = f"{row.latent} of {row.run}"
            strip = tiles(row.strip, album, about, small=True)
            cells.append(replace(strip, size="large"))
        rows.append(Row(tuple(cells)))
    span = next((row.strip.offsets[-1] for row in one.rows if row.strip is not None), 0.0)
    columns = (
        Column("group", contents.kind.capitalize()),
        Column("latent", "Latent"),
        Column("strip", f"Up to {shown(span, 'amount')} standard deviations to either side"),
    )
    caption = f"{one.target}, from the same test image; nothing is moved in the frame"
    return Table(f"faces-table-{place}", caption, columns, tuple(rows), style="cards faces")
