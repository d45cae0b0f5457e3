"""Every target against the settings: probe score, control, verdicts."""

import pandas as pd

from latentlab.verdicts import VERDICTS
from reports import palette
from reports.comparison.contents import ComparisonContents
from reports.findings import ROLE_TITLES
from reports.numbers import Number, finite, number, shown, told
from reports.page import Block, Cell, Column, Columns, Details, Paragraph, Row, Section, Table, Text


def section(contents: ComparisonContents) -> Section | None:
    """A map of control, one of probe scores, and a table of verdicts."""
    if not contents.roles:
        return None
    kind = contents.kind
    blocks: tuple[Block, ...] = (
        Paragraph(
            f"A column for each {kind}. Means over seeds; point at a number for its interval."
            " A probe score says that the code holds the target, control that a single latent"
            " moves it and nothing else."
        ),
        Columns(
            (
                _map(contents, "control", "Control, from 0 to 1"),
                _map(contents, "score", "Probe score on test: AUC for attributes, R² otherwise"),
            )
        ),
        Details("verdicts-of-runs", "Verdicts of the runs", (_verdicts(contents),)),
        Details("effects", "Effect and selectivity of the steepest latent", (_effects(contents),)),
    )
    return Section("targets", f"Targets against {kind}", "Targets", blocks)


def _map(contents: ComparisonContents, which: str, caption: str) -> Table:
    rows = []
    means = _means(contents, which)
    for target, role in contents.roles.items():
        cells = [
            _cell(contents, means, target, group.name, role, which) for group in contents.groups
        ]
        rows.append(Row((Text(target), *cells), ROLE_TITLES.get(role, role)))
    return Table(f"map-{which}", caption, _columns(contents), tuple(rows), style="heat wide")


def _cell(
    contents: ComparisonContents,
    means: dict[tuple[str, str], dict[str, object]],
    target: str,
    group: str,
    role: str,
    which: str,
) -> Number:
    row = means[target, group]
    value, low, high = (finite(row[key]) for key in ("mean", "low", "high"))
    about = f"{target}, {group}"
    if value is not None:
        about += f": {value:.3f}"
        about += f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
        about += f", {row['n']} runs"
    if told(row["reason"]):
        about += f" ({row['reason']})"
    shade = None
    if value is not None:
        chance = 0.5 if which == "score" and role == "attribute" else 0.0
        shade = palette.level(max(0.0, (value - chance) / (1.0 - chance)))
    return number(
        value, form="short", shade=shade, about=about, reason=told(row["reason"]), quiet=True
    )


def _verdicts(contents: ComparisonContents) -> Table:
    rows = []
    for target, role in contents.roles.items():
        cells: list[Cell] = []
        for group in contents.groups:
            tally = contents.tallies[group.name, target].verdicts
            words = [f"{tally[verdict]} {verdict}" for verdict in VERDICTS if verdict in tally]
            cells.append(Text(", ".join(words) or "no verdict"))
        rows.append(Row((Text(target), *cells), ROLE_TITLES.get(role, role)))
    columns = tuple(Column(one.key, one.title) for one in _columns(contents))
    caption = f"How many runs of each {contents.kind} gave which verdict"
    return Table("verdicts-of-runs-table", caption, columns, tuple(rows))


def _effects(contents: ComparisonContents) -> Table:
    """One row a target and group in which a latent moves it."""
    effects, selectivities = _means(contents, "effect"), _means(contents, "selectivity")
    rows = []
    for target, role in contents.roles.items():
        for group in contents.groups:
            effect, selective = effects[target, group.name], selectivities[target, group.name]
            if finite(effect["mean"]) is None:
                continue
            rows.append(
                Row(
                    (
                        Text(target),
                        Text(contents.short(group.name)),
                        number(effect["mean"], effect["low"], effect["high"], form="amount"),
                        number(selective["mean"], selective["low"], selective["high"]),
                        Text(f"{shown(float(str(effect['n'])), 'count')} of {len(group.runs)}"),
                    ),
                    ROLE_TITLES.get(role, role),
                )
            )
    columns = (
        Column("target", "Target"),
        Column("group", contents.kind.capitalize()),
        Column("effect", "Effect", "Size of the slope", numeric=True),
        Column("selectivity", "Selectivity", numeric=True),
        Column("runs", "Runs", "In which a single latent moves it"),
    )
    caption = (
        "Means over the runs in which a single latent moves the target, with 95 % intervals over"
        " seeds; other runs have neither number"
    )
    return Table("effects-table", caption, columns, tuple(rows))


def _means(contents: ComparisonContents, which: str) -> dict[tuple[str, str], dict[str, object]]:
    """(target, group) -> its row of the summary."""
    rows: pd.DataFrame = contents.summary[contents.summary["number"] == which]
    return {(str(row["target"]), str(row["group"])): row for row in rows.to_dict("records")}


def _columns(contents: ComparisonContents) -> tuple[Column, ...]:
    return (
        Column("target", "Target"),
        *(
            Column(group.name, contents.short(group.name), group.name, numeric=True)
            for group in contents.groups
        ),
    )
