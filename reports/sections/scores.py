"""Every score of every probe."""

from dataclasses import replace

from reports.findings import METRIC_TITLES, ROLE_TITLES, Finding, by_role
from reports.numbers import number
from reports.page import Block, Cell, Column, Row, Section, Table, Text


def section(found: tuple[Finding, ...]) -> Section:
    """Every target with every score, those that could not be measured with the reason."""
    blocks: list[Block] = []
    for role, members in by_role(found).items():
        metrics = list(dict.fromkeys(name for one in members for name in one.scores))
        columns = [Column("target", "Target")]
        for name in metrics:
            title = METRIC_TITLES.get(name, name)
            columns.append(Column(name, title, numeric=True))
            columns.append(Column(f"{name}_baseline", "Baseline", f"{title} without latents", True))
        columns.append(Column("n", "Test images", numeric=True))
        if any(one.positives is not None for one in members):
            columns.append(Column("positives", "Positives", "In the train split", numeric=True))
        columns.append(Column("reason", "Why not measured"))
        rows = []
        for one in members:
            cells: list[Cell] = [Text(one.target, href="" if one.reason else f"#{one.anchor}")]
            for name in metrics:
                value = one.scores.get(name, number(None, reason="not a score of this probe"))
                value = replace(value, quiet=value.reason == one.reason)  # told at the row's end
                cells += [value, number(value.baseline, form=value.form)]
            cells.append(number(one.n, form="count"))
            if any(other.positives is not None for other in members):
                cells.append(number(one.positives, form="count"))
            cells.append(Text(one.reason))
            rows.append(Row(tuple(cells)))
        if not any(one.reason for one in members):
            columns, rows = columns[:-1], [Row(row.cells[:-1]) for row in rows]
        title = ROLE_TITLES.get(role, role)
        caption = f"{title}: scores on test images, with 95 % bootstrap intervals"
        blocks.append(Table(f"scores-{role}", caption, tuple(columns), tuple(rows)))
    return Section("scores", "Scores of the probes", "Scores", tuple(blocks))
