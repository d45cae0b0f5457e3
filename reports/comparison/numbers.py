"""Every number of whole runs against the settings, and the plane of rate and distortion."""

import json
from typing import Any

import numpy as np
import pandas as pd

from latentlab.comparison.numbers import OF_RUNS, quantity
from reports.charts import round_numbers
from reports.comparison.contents import ComparisonContents
from reports.numbers import finite, number, shown, told
from reports.page import (
    Block,
    Column,
    Columns,
    Details,
    Dot,
    DotChart,
    Guide,
    Paragraph,
    Row,
    Section,
    Table,
    Text,
)

NATS = ("reconstruction", "kl", "elbo")
BESIDE = (0.14, 0.36)  # where a group's seeds stand, right of its place; places are 1 apart
GUIDES = 8
LONGEST = 40  # letters of all groups' names below a small chart


def section(contents: ComparisonContents) -> Section:
    """Small charts of all numbers, then the same as tables with the tests."""
    whole = contents.summary[contents.summary["target"].isna()]
    names = [name for name in whole["number"].unique() if _drawn(whole, name)]
    own = tuple(_chart(contents, whole, name) for name in names if name in OF_RUNS)
    metrics = tuple(_chart(contents, whole, name) for name in names if name not in OF_RUNS)
    same = [name for name in whole["number"].unique() if name not in names]
    text = (
        "Large dots are means with 95 % intervals over seeds, small dots the single runs. The"
        " vertical axes do not begin at 0."
    )
    if same:
        titles = ", ".join(quantity(name).title for name in same)
        text += f" Not drawn, since no run has a value or all have the same: {titles}."
    shared, targets = _shared_targets(contents)
    if targets:
        text += f" Control is a mean over the {shared} of {targets} targets measured in every run."
    if _numbered(contents):
        named = [f"{place}: {group.name}" for place, group in enumerate(contents.groups, start=1)]
        text += f" Groups: {'; '.join(named)}."
    blocks: tuple[Block, ...] = (
        Paragraph(text),
        Columns(own, narrow=True),
        *([_metrics(contents, metrics)] if metrics else []),
        Details("numbers-table", "The numbers", (_table(contents, whole),)),
        Details("numbers-tests", "The differences and their tests", (_tests(contents),)),
    )
    return Section("numbers", f"Every number against {contents.kind}", "Numbers", blocks)


def _shared_targets(contents: ComparisonContents) -> tuple[int, int]:
    """Targets whose control every run has, and all."""
    own = contents.values[contents.values["number"] == "control"]
    known = own["value"].notna().groupby(own["target"]).all()
    return int(known.sum()), len(known)


def _metrics(contents: ComparisonContents, charts: tuple[DotChart, ...]) -> Details:
    text = (
        "Scores of the whole code, one model each; UDR says how alike the runs of a group are, and"
        " needs no labels. docs/metrics.md tells what each asks, and which are better low."
    )
    if contents.stand_ins:
        text += (
            " Attributes stand in for factors: they are neither independent nor balanced, so that"
            " even a perfect code does not reach 1."
        )
    blocks = (Paragraph(text), Columns(charts, narrow=True))
    return Details("metrics", "Metrics", blocks, note=f"{len(charts)}", open=True)


def plane(contents: ComparisonContents) -> Section | None:
    """KL against reconstruction, one chart a likelihood."""
    wide = contents.values[contents.values["number"].isin(NATS)].pivot(
        index=["run", "group"], columns="number", values="value"
    )
    absent = wide.index.get_level_values("run")[wide.isna().any(axis=1)]
    wide = wide.dropna().reset_index()
    charts = []
    for likelihood in dict.fromkeys(contents.likelihoods.values()):
        members = [name for name, its in contents.likelihoods.items() if its == likelihood]
        rows = wide[wide["group"].isin(members)]
        if len(rows):
            charts.append(_plane(contents, rows, str(likelihood or "none named")))
    if not charts:
        return None
    text = (
        "Each small dot is a run, each large one the mean of a group. KL is what the code costs"
        " (rate), reconstruction what it fails to tell (distortion), both in nats per validation"
        " image. Dashed lines join places with the same ELBO: lower left is better, and along a"
        " line rate is traded for distortion, nat for nat."
    )
    if len(absent):
        text += f" Not drawn, since they lack one of the two: {', '.join(absent)}."
    return Section(
        "plane", "Rate and distortion", "Plane", (Paragraph(text), Columns(tuple(charts)))
    )


def _plane(contents: ComparisonContents, rows: pd.DataFrame, likelihood: str) -> DotChart:
    dots = tuple(
        Dot(str(row["run"]), float(row["kl"]), float(row["reconstruction"]))
        for row in rows.to_dict("records")
    )
    means = tuple(
        Dot(
            contents.short(str(name)),
            float(part["kl"].mean()),
            float(part["reconstruction"].mean()),
        )
        for name, part in rows.groupby("group", sort=False)
    )
    sums = [dot.x + dot.y for dot in dots]
    room = max(np.ptp(sums), np.ptp([dot.y for dot in dots]), np.ptp([dot.x for dot in dots]), 1.0)
    levels = round_numbers(min(sums) - room / 2, max(sums) + room / 2, at_most=GUIDES)
    guides = tuple(Guide(level, f"ELBO {shown(-level, 'amount')}") for level in levels)
    slug = likelihood.replace(" ", "-").replace("_", "-")
    return DotChart(
        f"plane-{slug}", f"Likelihood: {likelihood.replace('_', ' ')}", "KL, nats",
        "reconstruction, nats", dots, means, guides=guides,
    )  # fmt: skip


def _drawn(whole: pd.DataFrame, name: str) -> bool:
    values = [
        value
        for text in whole.loc[whole["number"] == name, "values"]
        for value in json.loads(text).values()
        if value is not None
    ]
    return len(set(values)) > 1


def _chart(contents: ComparisonContents, whole: pd.DataFrame, name: str) -> DotChart:
    """One number: places are groups, the single runs spread around them."""
    rows = whole[whole["number"] == name].set_index("group")
    dots, means = [], []
    for place, group in enumerate(contents.groups):
        if group.name not in rows.index:
            continue
        row = rows.loc[group.name]
        known = {seed: v for seed, v in json.loads(row["values"]).items() if v is not None}
        for at, (seed, value) in zip(_beside(place, len(known)), known.items(), strict=True):
            dots.append(Dot(f"{group.name}, seed {seed}", at, float(value)))
        if known:
            ends = finite(row["low"]), finite(row["high"])
            means.append(Dot(group.name, float(place), float(row["mean"]), *ends))
    unit = ", nats per image" if name in NATS else ""
    return DotChart(
        f"number-{name.replace('_', '-')}", f"{quantity(name).title}{unit}",
        contents.kind, "", tuple(dots), tuple(means), _places(contents),
        joined=contents.grouping.axis is not None,
    )  # fmt: skip


def _places(contents: ComparisonContents) -> tuple[tuple[float, str], ...]:
    """Where groups stand, with names that fit; numbers in place of long ones."""
    names = [contents.short(group.name) for group in contents.groups]
    if _numbered(contents):
        names = [str(place) for place in range(1, len(names) + 1)]
    return tuple((float(place), name) for place, name in enumerate(names))


def _numbered(contents: ComparisonContents) -> bool:
    return sum(len(contents.short(group.name)) for group in contents.groups) > LONGEST


def _beside(place: int, count: int) -> list[float]:
    return [float(x) for x in place + np.linspace(*BESIDE, count)]


def _table(contents: ComparisonContents, whole: pd.DataFrame) -> Table:
    columns = (
        Column("number", "Number"),
        Column("group", contents.kind.capitalize()),
        Column("mean", "Mean", numeric=True),
        Column("baseline", "Baseline", "What chance gives", numeric=True),
        Column("n", "Runs", numeric=True),
        Column("values", "By seed"),
    )
    rows = tuple(
        Row(
            (
                Text(quantity(str(row["number"])).title),
                Text(contents.short(str(row["group"]))),
                number(
                    row["mean"], row["low"], row["high"], form="amount", reason=told(row["reason"])
                ),
                number(row["baseline"], form="amount", reason="none measured", quiet=True),
                number(row["n"], form="count"),
                Text(_by_seed(str(row["values"]))),
            )
        )
        for row in whole.to_dict("records")
    )
    return Table("means", "Means over seeds with 95 % intervals", columns, rows)


def _by_seed(text: str) -> str:
    values = json.loads(text).items()
    return ", ".join(
        f"{seed}: {'none' if value is None else shown(value, 'amount')}" for seed, value in values
    )


def _tests(contents: ComparisonContents) -> Table:
    columns = (
        Column("number", "Number"),
        Column("groups", "Of"),
        Column("difference", "Difference", "Second less first", numeric=True),
        Column("p", "p", "Holm over the pairs of this number", numeric=True),
        Column(
            "detectable", "Could find", "The smallest difference that the test could find", True
        ),
        Column("n", "n", "Pairs of runs; runs where they are not paired", numeric=True),
        Column("paired", "Test"),
    )
    whole = contents.differences[contents.differences["target"].isna()]
    caption = (
        "Differences of means with 95 % intervals, each of its pair alone. p is adjusted by Holm"
        " over all pairs of groups of the same number, and over nothing else."
    )
    rows = tuple(_test(contents, row) for row in whole.to_dict("records"))
    return Table("tests", caption, columns, rows)


def _test(contents: ComparisonContents, row: dict[str, Any]) -> Row:
    why = told(row["reason"])
    first, second = contents.short(str(row["group_a"])), contents.short(str(row["group_b"]))
    return Row(
        (
            Text(quantity(str(row["number"])).title),
            Text(f"{second} less {first}"),
            number(row["difference"], row["low"], row["high"], form="amount", reason=why),
            number(row["p_holm"], form="q", reason=why, quiet=True),
            number(row["detectable"], form="amount", reason=why, quiet=True),
            number(row["n"], form="count"),
            Text("paired by seed" if row["paired"] else "Welch"),
        )
    )
