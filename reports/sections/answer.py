"""The first screen: what was run, the answer for each attribute, and what the reader must know."""

from reports.contents import Contents
from reports.findings import UNKNOWN, WEIGHT, Finding
from reports.page import (
    Alert,
    Alerts,
    Block,
    Cell,
    Column,
    Mark,
    Number,
    Paragraph,
    Row,
    Section,
    Table,
    Text,
    Tiles,
    finite,
    number,
    shown,
)
from reports.pictures import Album
from reports.sections.strips import tiles

FEW_FACES = 0.95  # a smaller share of detected faces is worth an alert

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
    """The lead, the alerts and the table of answers."""
    named = [one for one in found if one.role != "factor"] or list(found)
    blocks: list[Block] = [_lead(contents)]
    alerts = _alerts(contents, found)
    if alerts:
        blocks.append(Alerts(tuple(alerts)))
    rows = [_row(one, contents, album) for one in named if not one.reason]
    blocks.append(
        Table(
            "answers",
            "For every target that could be measured: can it be read off the latents, and which"
            " dimension goes with it most. Brackets are 95 % intervals.",
            COLUMNS,
            tuple(rows),
            style="cards",
        )
    )
    blocks.append(
        Paragraph(
            "What this page can and cannot say: a score above its baseline means that the latents"
            " hold the target; a first rank means association. The strips show what moving the"
            " dimension does to one decoded face. Whether moving it changes that and nothing else"
            " is a matter of intervention, which this page does not measure."
        )
    )
    return Section("answer", "The answer", "Answer", tuple(blocks))


def _lead(contents: Contents) -> Paragraph:
    config, data = contents.config, contents.data
    latents = len(contents.dimensions)
    active = int(contents.dimensions["active"].sum())
    facts: list[tuple[str, float | None]] = [
        ("latents", latents),
        ("active", active),
        ("images", finite(data.get("images"))),
    ]
    text = f"{latents} latent dimensions, {active} of them active"
    side, channels = finite(data.get("side")), finite(data.get("channels"))
    if finite(data.get("images")) is not None:
        size = f" of {side:g}x{side:g} pixels" if side is not None else ""
        source = f" from the source {data['source']}" if "source" in data else ""
        text += f", probed on {shown(float(data['images']), 'count')} images{size}{source}"
    model, objective = config.get("model", {}), config.get("objective", {})
    if model:
        text += f". The model is a {model.get('name')} ({model.get('likelihood')} likelihood)"
    beta = finite(objective.get("beta"))
    if beta is not None:
        text += f" with beta {beta:g}"
        facts.append(("beta", beta))
        if side is not None and channels is not None:
            normalized = beta * latents / (side**2 * channels)
            text += f" (normalised {normalized:.2g})"
            facts.append(("normalized_beta", normalized))
    if len(contents.history):
        text += f", trained for {len(contents.history)} epochs"
        facts.append(("epochs", len(contents.history)))
    return Paragraph(f"{text}.", tuple(facts), style="lead")


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
                f"{len(unmeasured)} targets could not be measured",
                "Each is listed with its reason under Scores:",
                tuple(one.target for one in unmeasured),
                (("unmeasured", len(unmeasured)),),
            )
        )
    unread = [one for one in found if not one.reason and not one.above_baseline]
    if unread:
        made.append(
            Alert(
                f"{len(unread)} targets cannot be told from their baseline",
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
                    facts=(("faces_found", seen), ("faces_looked_for", looked)),
                )
            )
    return made


def _row(one: Finding, contents: Contents, album: Album) -> Row:
    place = one.first() or one.first(WEIGHT)
    score: Number = one.score
    scale = (0.5, 1.0) if one.metric == "auc" else (0.0, 1.0)
    shown_score = Number(
        score.value, score.low, score.high, form=score.form, scale=scale, about=one.metric
    )
    cells: list[Cell] = [
        Text(one.target, href=f"#{one.anchor}", note=one.role),
        shown_score,
        number(score.baseline, form=score.form),
    ]
    if place is None:
        none = number(None, reason=UNKNOWN)
        return Row((*cells, Mark(None, "no active dimension"), none, none, Text("")))
    strip = contents.strips.get(place.latent)
    picture: Tiles | Text = Text("no decoder")
    if strip is not None:
        label = f"Decoded faces while {place.latent} goes from low to high"
        picture = tiles(strip, album, label, small=True)
    return Row((*cells, Text(place.latent), place.value, place.p_first, picture))
