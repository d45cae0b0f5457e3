"""Every number the page states, as JSON can hold it, read off the page's own blocks."""

from dataclasses import asdict
from typing import Any

from reports.contents import Contents
from reports.page import (
    Alerts,
    BarChart,
    Block,
    Columns,
    Details,
    DotChart,
    Filter,
    LineChart,
    Page,
    Paragraph,
    Section,
    Stack,
    Table,
)
from reports.pictures import Album
from reports.sections import compose


def claims(contents: Contents) -> dict[str, Any]:
    """What the page of these contents says.

    Returns:
        `title`, and `sections`: section id -> `facts` (numbers in sentences), `tables` (table id ->
        one dict a row, keyed by column) and `charts` (chart id -> its lines or bars), each where
        there is any. A number with an interval, baseline or reason is a dict of `value`, `low`,
        `high`, `baseline`, `reason`; what could not be measured has the value None.
    """
    return claims_of(compose(contents, Album()))


def claims_of(page: Page) -> dict[str, Any]:
    """The same of any page."""
    sections = {section.id: _of_section(section) for section in page.sections}
    return {"title": page.title, "sections": {key: made for key, made in sections.items() if made}}


def _of_section(section: Section) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    charts: dict[str, Any] = {}
    for block in _flat(section.blocks):
        if isinstance(block, Paragraph):
            facts |= dict(block.facts)
        elif isinstance(block, Alerts):
            for alert in block.items:
                facts |= dict(alert.facts)
        elif isinstance(block, Filter):
            facts |= {one.key: one.count for one in block.choices}
        elif isinstance(block, Table):
            keys = [column.key for column in block.columns]
            tables[block.id] = [
                {
                    key: cell.claim
                    for key, cell in zip(keys, row.cells, strict=True)
                    if cell.kind != "tiles"
                }
                for row in block.rows
            ]
        elif isinstance(block, LineChart):
            charts[block.id] = {
                series.name: {
                    "x": list(series.x),
                    "y": list(series.y),
                    **({"low": list(series.low), "high": list(series.high)} if series.low else {}),
                }
                for series in block.series
            }
        elif isinstance(block, BarChart):
            charts[block.id] = {bar.label: bar.value for bar in block.bars}
        elif isinstance(block, DotChart):
            charts[block.id] = {
                "runs": [{"name": dot.name, "x": dot.x, "y": dot.y} for dot in block.dots],
                "means": [asdict(dot) for dot in block.means],
            }
    found = {"facts": facts, "tables": tables, "charts": charts}
    return {key: value for key, value in found.items() if value}


def _flat(blocks: tuple[Block, ...]) -> list[Block]:
    """Blocks in reading order, with those inside others in their place."""
    flat: list[Block] = []
    for block in blocks:
        flat += _flat(block.blocks) if isinstance(block, Columns | Stack | Details) else [block]
    return flat
