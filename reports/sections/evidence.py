"""The evidence behind the answers: the map, each target's ranks and strips, truth, scores."""

import json
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from latentlab.artifacts import FEATURES
from latentlab.metrics.titles import metric_title
from reports import palette
from reports.contents import Contents
from reports.findings import (
    CORRELATION,
    METRIC_TITLES,
    ROLE_TITLES,
    UNKNOWN,
    WEIGHT,
    Finding,
    Place,
    by_role,
)
from reports.page import (
    Block,
    Cell,
    Column,
    Columns,
    Details,
    Mark,
    Paragraph,
    Row,
    Section,
    Table,
    Text,
    finite,
    number,
    shown,
    told,
)
from reports.pictures import Album
from reports.sections.strips import tiles

SHOWN = 5  # dimensions listed for each target and measure
EXPLAINED = 0.1  # least share of a target that its true cause accounts for
STRIPS = 3  # of them with a strip
MEASURES = {
    CORRELATION: "By correlation",
    WEIGHT: "By the probe's weight per standard deviation",
}


def heat_map(contents: Contents, found: tuple[Finding, ...]) -> Section | None:
    """Correlation of every target with every active dimension."""
    rows = contents.rankings[
        (contents.rankings["measure"] == CORRELATION) & contents.rankings["rank"].notna()
    ]
    if rows.empty:
        return None
    r = rows.pivot(index="target", columns="latent", values="value")
    latents = _by_likeness(r.to_numpy(), list(map(str, r.columns)))
    columns = (
        Column("target", "Target"),
        *(Column(name, _short(name), name, numeric=True) for name in latents),
    )
    made = []
    for one in found:
        if one.target not in r.index:
            continue
        cells = []
        for name in latents:
            value = finite(r.at[one.target, name])
            about = "" if value is None else f"{one.target}, {name}: r = {value:+.3f}"
            shade = None if value is None else palette.level(value)
            cells.append(
                number(value, form="short", shade=shade, about=about, reason=UNKNOWN, quiet=True)
            )
        title = ROLE_TITLES.get(one.role, one.role)
        made.append(Row((Text(one.target, href=f"#{one.anchor}"), *cells), title))
    left_out = len(contents.dimensions) - len(latents)
    note = f" {left_out} inactive dimensions are left out." if left_out else ""
    text = (
        "Pearson correlation of each active dimension's posterior mean with each target, over the"
        f" test images. Dimensions that go with the same targets stand together.{note}"
    )
    table = Table("heat", text, columns, tuple(made), style="heat")
    return Section("map", "Targets by dimensions", "Map", (table,))


def targets(contents: Contents, found: tuple[Finding, ...], album: Album) -> Section | None:
    """For every measured target: its ranked dimensions, their strips, and the probe's direction."""
    measured = [one for one in found if not one.reason]
    if not measured:
        return None
    blocks: list[Block] = [
        Paragraph(
            "Open a target to see its ranked dimensions and what the decoder does along them, and"
            " along the direction in which its probe's answer rises fastest."
        )
    ]
    for index, one in enumerate(measured):
        first = one.first()
        score = f"{METRIC_TITLES.get(one.metric, one.metric)} {one.score.text}"
        note = score if first is None else f"{score} · {first.latent}"
        blocks.append(
            Details(
                one.anchor,
                one.target,
                tuple(_target(one, contents, album)),
                note=note,
                open=index == 0,  # so that the reader sees what is inside the others
            )
        )
    return Section("targets", "Target by target", "Targets", tuple(blocks))


def _target(one: Finding, contents: Contents, album: Album) -> list[Block]:
    tables = [
        _ranking(one, measure, title) for measure, title in MEASURES.items() if one.ranked(measure)
    ]
    blocks: list[Block] = [Columns(tuple(tables))] if tables else []
    strips = [
        tiles(
            contents.strips[latent],
            album,
            latent,
            title=f"Moving {latent} alone",
            caption=_standing(one, latent),
        )
        for latent in _best(one)
        if latent in contents.strips
    ]
    if one.target in contents.direction_strips:
        strips.append(
            tiles(
                contents.direction_strips[one.target],
                album,
                f"the probe direction of {one.target}",
                title=f"Moving along the probe direction of {one.target}",
                caption="More of it to the right.",
            )
        )
    return [*blocks, Columns(tuple(strips))] if strips else blocks


def _best(one: Finding) -> list[str]:
    """The dimensions to show: first by correlation, then by weight, none twice."""
    order = [place.latent for place in one.ranked(CORRELATION)[:2]]
    order += [place.latent for place in one.ranked(WEIGHT)[:2]]
    return list(dict.fromkeys(order))[:STRIPS]


def _standing(one: Finding, latent: str) -> str:
    """Where a dimension stands for the target, and which way it points."""
    for place in one.ranked(CORRELATION):
        if place.latent == latent and place.value.value is not None:
            side = "right" if place.value.value > 0 else "left"
            return f"Rank {place.rank} by correlation ({place.value.text}: more to the {side})."
    return ""


def _ranking(one: Finding, measure: str, title: str) -> Table:
    columns: tuple[Column, ...] = (
        Column("rank", "Rank", numeric=True),
        Column("latent", "Dimension"),
        Column("value", "Value", numeric=True),
        Column("p_first", "P(first)", "Share of resamples in which it is first", numeric=True),
    )
    if measure == CORRELATION:
        columns += (Column("q", "q", "False-discovery rate", numeric=True),)

    def row(place: Place) -> Row:
        cells = (
            number(place.rank, form="count"),
            Text(place.latent),
            place.value,
            place.p_first,
        )
        return Row((*cells, place.q) if measure == CORRELATION else cells)

    shown_rows = tuple(row(place) for place in one.ranked(measure)[:SHOWN])
    return Table(f"{one.anchor}-{measure}", f"{title}, first {SHOWN}", columns, shown_rows)


def truth(contents: Contents, found: tuple[Finding, ...]) -> Section | None:
    """Where factors are known: is the dimension named for a target the one of its true cause?"""
    if contents.truth.empty:
        return None
    by_target = {one.target: one for one in found}
    rows, unexplained = [], []
    for target, group in contents.truth.groupby("target", sort=False):
        one = by_target.get(str(target))
        if one is None or one.reason:
            continue
        strongest = group.loc[group["explained"].idxmax()]
        if strongest["explained"] < EXPLAINED:
            unexplained.append(str(target))
            continue
        factor = str(strongest["factor"])
        mine, cause = one.first(), by_target.get(factor)
        its = cause.first() if cause is not None else None
        same = None if mine is None or its is None else mine.latent == its.latent
        words = {True: "the same", False: "another", None: "not known"}[same]
        rows.append(
            Row(
                (
                    Text(str(target), href=f"#{one.anchor}"),
                    Text(factor, href=f"#{cause.anchor}" if cause is not None else ""),
                    number(strongest["r"], form="signed"),
                    number(strongest["explained"], form="share"),
                    cause.score if cause is not None else number(None, reason="not probed"),
                    Text(mine.latent if mine else "none"),
                    Text(its.latent if its else "none"),
                    Mark(same, words),
                ),
                ROLE_TITLES.get(one.role, one.role),
            )
        )
    if not rows:
        return None
    agree = sum(row.cells[-1].claim is True for row in rows)
    text = (
        f"These pictures were made from known factors. For {agree} of {len(rows)} targets the"
        " dimension named first is also first for the factor that the target depends on most."
    )
    if unexplained:
        text += (
            f" Left out, since no known factor accounts for {EXPLAINED:.0%} of their variance:"
            f" {', '.join(unexplained)}."
        )
    columns = (
        Column("target", "Target"),
        Column("factor", "True cause", "The factor that accounts for most of its variance"),
        Column("r", "Correlation with it", "Over the data set, no model involved", numeric=True),
        Column("explained", "Explained", "Share of its variance between bins of the factor", True),
        Column("r2", "R² of the cause", "How well a probe reads that factor", numeric=True),
        Column("first", "First for the target"),
        Column("first_of_factor", "First for the cause"),
        Column("same", "Same dimension?"),
    )
    facts = (("same", float(agree)), ("targets", float(len(rows))))
    table = Table("causes", "The answer beside the truth", columns, tuple(rows))
    blocks = (Paragraph(text, facts), table)
    return Section("truth", "The truth beside the answer", "Truth", blocks)


def scores(found: tuple[Finding, ...]) -> Section:
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


def metrics(contents: Contents) -> Section | None:
    """Disentanglement scores of the whole code, and how good the reconstructions are."""
    if contents.metrics.empty:
        return None
    records = contents.metrics.to_dict("records")
    settings = [_settings(told(row["settings"])) for row in records]
    shared = _shared(settings)
    rows = []
    for row, own in zip(records, settings, strict=True):
        score = number(
            row["value"],
            row["low"],
            row["high"],
            row.get("baseline"),
            reason=told(row["reason"]) or "not computed",
        )
        apart = {key: value for key, value in own.items() if key not in shared}
        rows.append(
            Row(
                (
                    Text(metric_title(str(row["metric"]))),
                    score,
                    number(row.get("baseline")),
                    number(row.get("ceiling")),
                    Text(", ".join(f"{key} {value}" for key, value in apart.items())),
                ),
                _asked_of(row),
            )
        )
    columns = (
        Column("metric", "Metric"),
        Column("value", "Score", numeric=True),
        Column("baseline", "Chance", "The score with rows shuffled", numeric=True),
        Column("ceiling", "Ceiling", "The score of codes that equal the factors", numeric=True),
        Column("settings", "Settings"),
    )
    text = (
        "Chance is the score with the rows of the factors shuffled, or of each latent where there"
        " are none. The ceiling is that of codes that equal the factors, one latent each: what"
        " unbalanced and dependent factors allow."
    )
    if shared:
        alike = ", ".join(f"{key} {value}" for key, value in shared.items())
        text += f" All scores of codes: {alike}."
    if any(row.get("surrogates") is True for row in records):
        text += (
            " Attributes stand in for the factors as surrogates: read those scores against their"
            " ceiling, never as scores against the truth."
        )
    caption = "Scores of the codes, and of the reconstructed pictures"
    table = Table("disentanglement", caption, columns, tuple(rows))
    return Section("metrics", "Disentanglement", "Metrics", (Paragraph(text), table))


def _asked_of(row: dict[Hashable, Any]) -> str:
    """The group of a metric's row: what the score is held against."""
    values = _parsed(told(row["settings"]))
    if row.get("surrogates") is True:
        return "Against attributes as surrogates"
    if "factors" in values:
        return "Against the true factors"
    return "Of the codes alone" if "codes" in values else "Of pictures, and of several models"


def _shared(settings: list[dict[str, str]]) -> dict[str, str]:
    """What all scores of codes have in common, if there are several."""
    of_codes = [own for own in settings if "codes" in own]
    if len(of_codes) < 2:
        return {}
    first = of_codes[0]
    return {
        key: value for key, value in first.items() if all(own.get(key) == value for own in of_codes)
    }


def _settings(text: str) -> dict[str, str]:
    """The plain settings of a metric in words; nested ones are in the table's file."""
    return {
        key.replace("_", " "): _plain(value)
        for key, value in _parsed(text).items()
        if not isinstance(value, dict | list | bool)
    }


def _plain(value: Any) -> str:
    if isinstance(value, int):
        return shown(value, "count")
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _parsed(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError:
        return {"settings": text} if text else {}
    return values if isinstance(values, dict) else {}


def _by_likeness(r: np.ndarray, names: list[str]) -> list[str]:
    """Names ordered so that columns with like correlations are neighbours."""
    if len(names) < 3:
        return names
    from scipy.cluster.hierarchy import leaves_list, linkage

    leaves = leaves_list(linkage(np.nan_to_num(np.abs(r)).T, "average", optimal_ordering=True))
    return [names[leaf] for leaf in leaves]


def _short(name: str) -> str:
    """`mu_007` as `7`, for narrow columns."""
    feature, _, number = name.partition("_")
    return number.lstrip("0") or "0" if feature in FEATURES else name
