"""Each active dimension on its own page: what it carries, what it goes with, what it does."""

from typing import Any

import pandas as pd

from latentlab.distributions import FAR
from reports.contents import Contents
from reports.effects import Effects
from reports.findings import CORRELATION, Finding, Place, dimension_anchor, dimension_link
from reports.numbers import finite, number, shown
from reports.page import (
    Bar,
    BarChart,
    Block,
    Column,
    Columns,
    Details,
    LineChart,
    Paragraph,
    Row,
    Section,
    Series,
    Table,
    Text,
)
from reports.pictures import Album
from reports.sections.strips import side_by_side
from reports.sections.verdicts import BRIEF_EFFECT, BRIEF_SELECTIVITY, selectivity_of

SHOWN = 5  # targets listed
NORMAL_OUTSIDE = 0.0027  # of a normal distribution beyond 3 standard deviations
LINES = {  # columns of the densities, and what they are
    "means": "posterior means",
    "aggregate": "aggregate posterior",
    "prior": "prior N(0, 1)",
}


def section(
    contents: Contents, found: tuple[Finding, ...], moved: Effects, album: Album
) -> Section:
    """How many nats each dimension carries, and a folded part for every active one."""
    table = contents.dimensions
    known = table[table["kl"].notna()].sort_values("kl", ascending=False, kind="stable")
    active = table["active"].astype(bool)
    inactive = table.loc[~active, "latent"].astype(str).tolist()
    text = (
        f"{len(table) - len(inactive)} of {len(table)} dimensions are active: their mean KL is at"
        " least 0.01 nats and their means vary."
    )
    if inactive:
        text += f" Inactive: {', '.join(inactive)}."
    blocks: list[Block] = [Paragraph(text, (("active", float(len(table) - len(inactive))),))]
    if len(known):
        bars = tuple(
            Bar(
                str(row["latent"]),
                float(row["kl"]),
                bool(row["active"]),
                dimension_link(str(row["latent"])) if row["active"] else "",
            )
            for row in known.to_dict("records")
        )
        blocks.append(BarChart("kl", "KL of each dimension", "dimension", "nats per image", bars))
    goes_with = _goes_with(found)
    order = [*known["latent"], *table.loc[table["kl"].isna(), "latent"]]
    rows = {str(row["latent"]): row for row in table[active].to_dict("records")}
    spreads = _by_latent(contents.evidence.spreads)
    densities = _frames(contents.evidence.densities)
    for rank, name in enumerate(map(str, order), start=1):
        if name not in rows:
            continue
        pairs = goes_with.get(name, [])
        density = densities.get(name)
        beside = () if density is None else (_density(name, density),)
        inside = [
            _facts(rows[name], rank, len(table), spreads.get(name)),
            *side_by_side(contents, album, {name: (name, "Moved alone.")}, *beside),
            Columns(tuple(_tables(name, pairs, found, moved))),
        ]
        note = _note(rows[name], pairs)
        blocks.append(Details(dimension_anchor(name), name, tuple(inside), note=note))
    return Section("dimensions", "Dimension by dimension", "Dimensions", tuple(blocks))


def _note(row: dict[Any, Any], pairs: list[tuple[Place, Finding]]) -> str:
    """What the closed part says of its dimension."""
    kl, parts = finite(row["kl"]), []
    if kl is not None:
        parts.append(f"{shown(kl, 'amount')} nats")
    if pairs:
        place, one = pairs[0]
        parts.append(f"{one.target} {place.value.text}")
    return " · ".join(parts)


def _facts(row: dict[Any, Any], rank: int, count: int, spread: dict[Any, Any] | None) -> Paragraph:
    """What the dimension carries, and how its means lie."""
    name, kl = str(row["latent"]), finite(row["kl"])
    facts: dict[str, float | None] = {}
    text = f"{name} is active."
    if kl is not None:
        facts["kl"] = kl
        text += f" It carries {shown(kl, 'amount')} nats per image, rank {rank} of {count}."
    if spread is not None:
        deviation, skew, outside = (finite(spread[key]) for key in ("deviation", "skew", "outside"))
        facts |= {"deviation": deviation, "skew": skew, "outside": outside}
        if deviation is not None:
            text += f" Its posterior means have standard deviation {shown(deviation, 'amount')}"
            text += f" and skew {shown(skew, 'signed')}" if skew is not None else ""
            text += "."
        if outside is not None:
            text += (
                f" {_share(outside)} of the images lie beyond {FAR:g} standard deviations"
                f" ({_share(NORMAL_OUTSIDE)} of a normal distribution)."
            )
    width = finite(row.get("posterior_deviation"))
    if width is not None:
        facts["posterior_deviation"] = width
        text += (
            f" The posterior of one image is {shown(width, 'amount')} wide on average: near 1 the"
            " image says little, near 0 much."
        )
    return Paragraph(text, tuple((f"{name}_{key}", value) for key, value in facts.items()))


def _share(value: float) -> str:
    return f"{100 * value:.2g} %"


def _tables(
    name: str,
    pairs: list[tuple[Place, Finding]],
    found: tuple[Finding, ...],
    moved: Effects,
) -> list[Block]:
    """Its targets by correlation and by measured effect."""
    made: list[Block] = []
    anchor = dimension_anchor(name)
    if pairs:
        rows = tuple(
            Row((_link(one), place.value, number(place.rank, form="count")))
            for place, one in pairs[:SHOWN]
        )
        columns = (
            Column("target", "Target"),
            Column("r", "r", numeric=True, term="Correlation"),
            Column("rank", "Rank", "Of this dimension for the target", numeric=True),
        )
        caption = "What it goes with: correlation"
        made.append(Table(f"{anchor}-goes-with", caption, columns, rows))
    slopes = [(moved.slope(name, one.target), one) for one in found if not one.reason]
    measured = sorted(
        ((slope, one) for slope, one in slopes if slope.value is not None),
        key=lambda pair: (-abs(pair[0].value or 0.0), pair[1].target),
    )
    if measured:
        rows = tuple(
            Row(
                (
                    _link(one, moved.judge(one.target)),
                    slope,
                    selectivity_of(moved.selective(name, one.target)),
                )
            )
            for slope, one in measured[:SHOWN]
        )
        columns = (Column("target", "Target", "And its judge"), BRIEF_EFFECT, BRIEF_SELECTIVITY)
        made.append(Table(f"{anchor}-moves", "What it moves: measured effect", columns, rows))
    return made


def _link(one: Finding, note: str = "") -> Text:
    return Text(one.target, href=f"#{one.anchor}", note=note)


def _density(name: str, density: pd.DataFrame) -> LineChart:
    """The histogram of the means, filled; the aggregate posterior and the prior as lines."""
    z = tuple(round(float(value), 3) for value in density["z"])
    series = []
    for column, title in LINES.items():
        y = tuple(_rounded(value) for value in density[column])
        if all(value is None for value in y):
            continue
        filled = column == "means"
        floor = tuple(0.0 for _ in z) if filled else ()
        series.append(Series(title, z, y, floor, y if filled else ()))
    return LineChart(
        f"{dimension_anchor(name)}-density",
        f"Where the images lie in {name}",
        name,
        "density",
        tuple(series),
        points=False,
        caption="Where the aggregate posterior leaves the prior, draws from the prior are unlike"
        " the images.",
    )


def _rounded(value: float) -> float | None:
    known = finite(value)
    return None if known is None else round(known, 5)


def _goes_with(found: tuple[Finding, ...]) -> dict[str, list[tuple[Place, Finding]]]:
    """Latent -> the targets it correlates with, most first."""
    pairs: dict[str, list[tuple[Place, Finding]]] = {}
    for one in found:
        for place in one.ranked(CORRELATION):
            if place.value.value is not None:
                pairs.setdefault(place.latent, []).append((place, one))
    for known in pairs.values():
        known.sort(key=lambda pair: (-abs(pair[0].value.value or 0.0), pair[1].target))
    return pairs


def _by_latent(table: pd.DataFrame) -> dict[str, dict[Any, Any]]:
    return {str(row["latent"]): row for row in table.to_dict("records")} if len(table) else {}


def _frames(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    if table.empty:
        return {}
    return {str(name): rows for name, rows in table.groupby("latent", sort=False)}
