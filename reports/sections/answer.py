"""The first screen: what was run, the answer for each attribute, and what the reader must know."""

from dataclasses import replace
from typing import Any

from reports.contents import Contents
from reports.findings import METRIC_TITLES, ROLE_TITLES, UNKNOWN, WEIGHT, Finding, by_role
from reports.page import (
    Alert,
    Alerts,
    Block,
    Cell,
    Column,
    Mark,
    Paragraph,
    Row,
    Section,
    Table,
    Text,
    finite,
    number,
    shown,
)
from reports.pictures import Album
from reports.sections.strips import tiles
from reports.sections.verdicts import anything_moved

FEW_FACES = 0.95  # a smaller share of detected faces is worth an alert
SURE = 0.95  # of P(first)

COLUMNS = (
    Column("target", "Target"),
    Column("score", "Probe", "AUC for attributes, R² otherwise; test images", numeric=True),
    Column("baseline", "Baseline", "The same score without any latents", numeric=True),
    Column("dimension", "First dimension", "Largest absolute correlation with the target"),
    Column("r", "Correlation", "Of that dimension's posterior mean with the target", numeric=True),
    Column("p_first", "P(first)", "Share of resamples in which it is first", numeric=True),
    Column("strip", "Moving it"),
)


def section(contents: Contents, found: tuple[Finding, ...], album: Album) -> Section:
    """What was run, the answer in a sentence, the alerts, and the table of answers."""
    named = [one for one in found if one.role != "factor"] or list(found)
    measured = [one for one in named if not one.reason]
    blocks: list[Block] = [_lead(contents), *_headlines(named)]
    alerts = _alerts(contents, found)
    if alerts:
        blocks.append(Alerts(tuple(alerts)))
    pictured = bool(contents.strips)
    blocks.append(
        Table(
            "answers",
            "For every target that could be measured: can it be read off the latents, and which"
            " dimension goes with it most. Brackets are 95 % intervals.",
            COLUMNS if pictured else COLUMNS[:-1],
            tuple(_row(one, contents, album) for one in measured),
            style="cards",
        )
    )
    strips = " The strips show what moving the dimension does to one decoded picture."
    blocks.append(
        Paragraph(
            "What this page can and cannot say: a score above its baseline means that the latents"
            f" hold the target; a first rank means association.{strips if pictured else ''}"
            f" Whether moving a dimension changes that and nothing else is {_elsewhere(contents)}"
        )
    )
    return Section("answer", "The answer", "Answer", tuple(blocks))


def _elsewhere(contents: Contents) -> str:
    if anything_moved(contents):
        return "what the verdicts below are about."
    return "a matter of intervention, which this page does not measure."


def _lead(contents: Contents) -> Paragraph:
    """What was run, in plain sentences."""
    config, data = contents.config, contents.data
    latents, active = len(contents.dimensions), int(contents.dimensions["active"].sum())
    model, objective = config.get("model", {}), config.get("objective", {})
    facts: dict[str, float | None] = {"latents": latents, "active": active}
    text = f"{latents} latent dimensions, {active} of them active"
    if model:
        text = f"A {model.get('name')} with {text}"
    if len(contents.history):
        facts["epochs"] = len(contents.history)
        text += f", trained for {len(contents.history)} epochs"
    beta, normalized = finite(objective.get("beta")), _normalized(objective, data, latents)
    if beta is not None:
        facts |= {"beta": beta, "normalized_beta": normalized}
        text += f" with beta {beta:g}"
        text += "" if normalized is None else f" (normalised {normalized:.2g})"
    images, side = finite(data.get("images")), finite(data.get("side"))
    if images is not None:
        facts["images"] = images
        text += f". {shown(images, 'count')} images"
        text += "" if side is None else f" of {side:g} by {side:g} pixels"
        text += f" from the source {data['source']}" if "source" in data else ""
        splits = {name: finite(count) for name, count in data.get("splits", {}).items()}
        facts |= {f"images_{name}": count for name, count in splits.items()}
        parts = [f"{shown(n, 'count')} {name}" for name, n in splits.items() if n is not None]
        text += f" ({', '.join(parts)})" if parts else ""
    if contents.faces is not None and contents.faces[1]:
        seen, looked = contents.faces
        facts |= {"faces_found": seen, "faces_looked_for": looked}
        text += f"; a face was found in {shown(seen / looked, 'share')} of them"
    return Paragraph(f"{text}.", tuple(facts.items()), style="lead")


def _normalized(objective: dict[str, Any], data: dict[str, Any], latents: int) -> float | None:
    """Higgins' normalised beta; pixels count once a channel."""
    beta, side, channels = (
        finite(value) for value in (objective.get("beta"), data.get("side"), data.get("channels"))
    )
    if beta is None or not side or not channels:
        return None
    return beta * latents / (side**2 * channels)


def _headlines(named: list[Finding]) -> list[Paragraph]:
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


def _alerts(contents: Contents, found: tuple[Finding, ...]) -> list[Alert]:
    made = []
    inactive = contents.dimensions.loc[~contents.dimensions["active"].astype(bool), "latent"]
    if len(inactive):
        made.append(
            Alert(
                f"{len(inactive)} of {len(contents.dimensions)} dimensions carry nothing",
                "They are inactive, and never ranked:",
                tuple(map(str, inactive)),
                (("inactive", len(inactive)),),
            )
        )
    unmeasured = [one for one in found if one.reason]
    if unmeasured:
        made.append(
            Alert(
                f"{_targets(unmeasured)} could not be measured",
                "Left out of the table below:",
                tuple(f"{one.target} ({one.reason})" for one in unmeasured),
                (("unmeasured", len(unmeasured)),),
            )
        )
    unread = [one for one in found if not one.reason and not one.above_baseline]
    if unread:
        made.append(
            Alert(
                f"{_targets(unread)} cannot be told from the baseline",
                "The interval of the probe's score reaches down to it:",
                tuple(one.target for one in unread),
                (("at_baseline", len(unread)),),
            )
        )
    if contents.faces is not None and contents.faces[1]:
        seen, looked = contents.faces
        if seen / looked < FEW_FACES:
            made.append(
                Alert(
                    f"A face was found in {shown(seen / looked, 'share')} of the images",
                    "Face statistics are of those images only.",
                )
            )
    return made


def _targets(members: list[Finding]) -> str:
    return f"{len(members)} target{'s' if len(members) != 1 else ''}"


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
        cells += [Text(place.latent, note=note), place.value, place.p_first]
    if contents.strips:
        strip = contents.strips.get(place.latent) if place is not None else None
        cells.append(
            tiles(strip, album, place.latent, small=True)
            if strip is not None and place is not None
            else number(None, reason="no strip", quiet=True)
        )
    return Row(tuple(cells), f"{ROLE_TITLES.get(one.role, one.role)} (probe: {metric})")
