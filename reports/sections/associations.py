"""What the latents hold: can each target be read off them, and which dimension goes with it."""

from dataclasses import replace

from reports.contents import Contents
from reports.findings import (
    METRIC_TITLES,
    ROLE_TITLES,
    UNKNOWN,
    WEIGHT,
    Finding,
    by_role,
    dimension_link,
)
from reports.numbers import number, shown
from reports.page import Block, Cell, Column, Mark, Paragraph, Row, Section, Table, Text
from reports.pictures import Album
from reports.sections.strips import tiles

SURE = 0.95  # of P(first)

COLUMNS = (
    Column("target", "Target"),
    Column("score", "Probe", "AUC for attributes, R² otherwise; test images", numeric=True),
    Column("baseline", "Baseline", "The same score without latents", True, term="Baseline"),
    Column("dimension", "First dimension", "Largest absolute correlation with the target"),
    Column("r", "Correlation", "Of that dimension with the target", True, term="Correlation"),
    Column("p_first", "P(first)", "Share of resamples that it leads", True, term="P(first)"),
    Column("strip", "Moving it"),
)


def section(contents: Contents, found: tuple[Finding, ...], album: Album) -> Section:
    """Associations, where the first screen tells what came of moving the latents."""
    named = [one for one in found if one.role != "factor"] or list(found)
    blocks: list[Block] = [*headlines(named), table(contents, named, album)]
    return Section("associations", "What the latents hold", "Held", tuple(blocks))


def table(contents: Contents, named: list[Finding], album: Album) -> Table:
    """Score, baseline, first dimension and its certainty, of every target that was measured."""
    measured = [one for one in named if not one.reason]
    return Table(
        "held",
        "For every target that could be measured: can it be read off the latents, and which"
        " dimension goes with it most. Brackets are 95 % intervals.",
        COLUMNS if contents.strips else COLUMNS[:-1],
        tuple(_row(one, contents, album) for one in measured),
        style="cards",
    )


def headlines(named: list[Finding]) -> list[Paragraph]:
    """One sentence a role: how many targets the latents hold, and how many firsts are sure."""
    made = []
    for role, members in by_role(named).items():
        read = [one for one in members if one.above_baseline]
        sure = [one for one in read if (_p_first(one) or 0.0) >= SURE]
        title = ROLE_TITLES.get(role, role).lower()
        text = (
            f"{len(read)} of {len(members)} {title} can be read off the latents; for {len(sure)}"
            f" of these one dimension is first in at least {shown(SURE, 'share')} of resamples."
        )
        facts = ((f"{role}_all", len(members)), (f"{role}_read", len(read)))
        made.append(Paragraph(text, (*facts, (f"{role}_sure", len(sure))), style="headline"))
    return made


def _p_first(one: Finding) -> float | None:
    place = one.first()
    return None if place is None else place.p_first.value


def _row(one: Finding, contents: Contents, album: Album) -> Row:
    place, by_weight = one.first() or one.first(WEIGHT), one.first(WEIGHT)
    scale = (0.5, 1.0) if one.metric == "auc" else (0.0, 1.0)
    metric = METRIC_TITLES.get(one.metric, one.metric)
    score = replace(one.score, baseline=None, scale=scale, about=metric)  # it has its own column
    cells: list[Cell] = [
        Text(one.target, href=f"#{one.anchor}"),
        score,
        number(one.score.baseline, form=one.score.form),
    ]
    if place is None:
        none = number(None, reason=UNKNOWN, quiet=True)
        cells += [Mark(None, "no active dimension"), none, none]
    else:
        other = by_weight is not None and by_weight.latent != place.latent
        note = f"by weight {by_weight.latent}" if by_weight is not None and other else ""
        link = dimension_link(place.latent)
        cells += [Text(place.latent, href=link, note=note), place.value, place.p_first]
    if contents.strips:
        strip = contents.strips.get(place.latent) if place is not None else None
        cells.append(
            tiles(strip, album, place.latent, small=True)
            if strip is not None and place is not None
            else number(None, reason="no strip", quiet=True)
        )
    return Row(tuple(cells), f"{ROLE_TITLES.get(one.role, one.role)} (probe: {metric})")
