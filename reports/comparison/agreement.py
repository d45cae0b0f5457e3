"""Do the numbers rank the runs alike?"""

from typing import Any

from latentlab.comparison.numbers import quantity
from reports import palette
from reports.comparison.contents import ComparisonContents
from reports.numbers import finite, number, told
from reports.page import Cell, Column, Paragraph, Row, Section, Table, Text


def section(contents: ComparisonContents) -> Section | None:
    """A matrix of rank correlations; numbers that vary in no run are left out and named."""
    pairs = {
        frozenset((row["number_a"], row["number_b"])): row
        for row in contents.agreement.to_dict("records")
    }
    names = list(dict.fromkeys(name for row in pairs.values() for name in _both(row)))
    known = {
        name for row in pairs.values() if finite(row["rho"]) is not None for name in _both(row)
    }
    shown_names = [name for name in names if name in known]
    silent = [quantity(name).title for name in names if name not in known]
    if not shown_names:
        return None
    rows = []
    for at, name in enumerate(shown_names):
        cells: list[Cell] = [Text(f"{at + 1} {quantity(name).title}")]
        for other in shown_names:
            if other == name:
                cells.append(Text(""))
                continue
            row = pairs[frozenset((name, other))]
            rho = finite(row["rho"])
            one = number(rho, row["low"], row["high"], form="short")
            about = f"{quantity(name).title}, {quantity(other).title}: {one.text} {one.interval}"
            about += f", {row['n']} runs"
            about += f" ({row['reason']})" if told(row["reason"]) else ""
            cells.append(
                number(
                    rho, form="short", about=about, reason=told(row["reason"]), quiet=True,
                    shade=None if rho is None else palette.level(rho),
                )
            )  # fmt: skip
        rows.append(Row(tuple(cells)))
    columns = (
        Column("number", "Number"),
        *(
            Column(name, str(at + 1), quantity(name).title, numeric=True)
            for at, name in enumerate(shown_names)
        ),
    )
    text = (
        "Spearman's rank correlation over runs; point at a number for its 95 % interval and how"
        " many runs it rests on. Where two scores that are both meant to be high go with -1 to each"
        " other, choosing by one is choosing against the other. Runs of the same settings are"
        " alike, so the intervals are about these runs and not about settings in general."
    ).replace("-1", "\N{MINUS SIGN}1")
    if silent:
        text += f" The same in every run, or in too few: {', '.join(silent)}."
    table = Table(
        "ranks", "Rank correlation of every two numbers", columns, tuple(rows), style="heat"
    )
    return Section("agreement", "Do the numbers agree?", "Agreement", (Paragraph(text), table))


def _both(row: dict[str, Any]) -> tuple[str, str]:
    return str(row["number_a"]), str(row["number_b"])
