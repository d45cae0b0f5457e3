"""The first screen: what was run, the answer for each target, and what the reader may conclude."""

from typing import Any

from latentlab.verdicts import ENTANGLED, NOT_MOVED, SUPPORTED
from reports.contents import Contents
from reports.effects import Effects
from reports.findings import ROLE_TITLES, Finding, by_role
from reports.numbers import finite, shown
from reports.page import Alerts, Block, Details, Paragraph, Section
from reports.pictures import Album
from reports.sections import alerts, associations, verdicts

CONTROLS = (
    "Of a supported target you may say that the dimension controls it: in this model, on these"
    " images, and as far as the judges see."
)
NO_NAME = (
    "So do not name a dimension after a target here: each does several things, or shares the target"
    " with others. The table says how far each goes and what moves beside it."
)
NOTHING_TO_SAY = "So this page says of no dimension that it controls a target."
ASSOCIATION = (
    "A score above its baseline means that the latents hold the target; a first rank means"
    " association. Whether moving a dimension changes that and nothing else is a matter of"
    " intervention, which this page does not measure."
)


def section(
    contents: Contents, found: tuple[Finding, ...], moved: Effects, album: Album
) -> Section:
    """What was run, the answer in a sentence, the alerts, and the table of answers."""
    blocks: list[Block] = [_model(contents)]
    if contents.data:
        blocks.append(_data(contents))
    told = alerts.of(contents, found, moved)
    if anything_moved(contents):
        judged = [one for one in found if one.target in moved.verdicts]
        blocks += _answers(moved, judged)
        blocks += [Alerts(tuple(told))] if told else []
        blocks.append(verdicts.choices(verdicts.counted(moved, judged)))
        blocks.append(verdicts.table(contents, judged, moved, album))
    else:
        named = [one for one in found if one.role != "factor"] or list(found)
        blocks += associations.headlines(named)
        blocks.append(Paragraph(ASSOCIATION))
        blocks += [Alerts(tuple(told))] if told else []
        blocks.append(associations.table(contents, named, album))
        if moved.verdicts:
            judged = [one for one in found if one.target in moved.verdicts]
            table = verdicts.table(contents, judged, moved, album)
            blocks.append(Details("verdict-of-each", "The verdict on every target", (table,)))
    return Section("answer", "The answer", "Answer", tuple(blocks))


def anything_moved(contents: Contents) -> bool:
    """Whether any verdict rests on pictures that were measured."""
    return len(contents.verdicts) > 0 and bool(contents.verdicts["judge"].notna().any())


def _model(contents: Contents) -> Paragraph:
    """The model, in one line."""
    config = contents.config
    latents, active = len(contents.dimensions), int(contents.dimensions["active"].sum())
    model, objective = config.get("model", {}), config.get("objective", {})
    facts: dict[str, float | None] = {"latents": latents, "active": active}
    text = f"{latents} latent dimensions, {active} of them active"
    if model:
        text = f"{model.get('name')} with {text}"
    if len(contents.history):
        facts["epochs"] = len(contents.history)
        text += f", trained for {len(contents.history)} epochs"
    beta = finite(objective.get("beta"))
    normalized = _normalized(objective, contents.data, latents)
    if beta is not None:
        facts |= {"beta": beta, "normalized_beta": normalized}
        text += f" with beta {beta:g}"
        text += "" if normalized is None else f" (normalised {normalized:.2g})"
    return Paragraph(f"Model: {text}.", tuple(facts.items()), style="lead")


def _data(contents: Contents) -> Paragraph:
    """The data, in one line."""
    data = contents.data
    facts: dict[str, float | None] = {}
    text = str(data.get("source", "images"))
    images, side = finite(data.get("images")), finite(data.get("side"))
    if images is not None:
        facts["images"] = images
        text += f", {shown(images, 'count')} images"
        text += "" if side is None else f" of {side:g} by {side:g} pixels"
        splits = {name: finite(count) for name, count in data.get("splits", {}).items()}
        facts |= {f"images_{name}": count for name, count in splits.items()}
        parts = [f"{shown(n, 'count')} {name}" for name, n in splits.items() if n is not None]
        text += f" ({', '.join(parts)})" if parts else ""
    if contents.faces is not None and contents.faces[1]:
        seen, looked = contents.faces
        facts |= {"faces_found": seen, "faces_looked_for": looked}
        text += f"; a face was found in {shown(seen / looked, 'share')} of them"
    return Paragraph(f"Data: {text}.", tuple(facts.items()), style="lead")


def _normalized(objective: dict[str, Any], data: dict[str, Any], latents: int) -> float | None:
    """Higgins' normalised beta; pixels count once a channel."""
    beta, side, channels = (
        finite(value) for value in (objective.get("beta"), data.get("side"), data.get("channels"))
    )
    if beta is None or not side or not channels:
        return None
    return beta * latents / (side**2 * channels)


def _answers(moved: Effects, judged: list[Finding]) -> list[Paragraph]:
    """The answer in a sentence, how many of each verdict in each role, and what may be concluded.

    The sentence is of the first role: attributes, where there are any.
    """
    groups = by_role(judged)
    counts = {role: verdicts.counted(moved, members) for role, members in groups.items()}
    facts: dict[str, float | None] = {}
    for role, own in counts.items():
        facts[f"{role}_judged"] = sum(own.values())
        facts |= {f"{role}_{name.replace(' ', '_')}": count for name, count in own.items()}
    titles = {role: ROLE_TITLES.get(role, role) for role in groups}
    parts = [
        f"{titles[role]}: {', '.join(f'{count} {name}' for name, count in own.items() if count)}."
        for role, own in counts.items()
    ]
    supported = sum(own[SUPPORTED] for own in counts.values())
    told = supported + sum(own[ENTANGLED] + own[NOT_MOVED] for own in counts.values())
    conclusion = CONTROLS if supported else NO_NAME if told else NOTHING_TO_SAY
    first = next(iter(counts))
    headline = _headline(titles[first].lower(), counts[first])
    return [
        Paragraph(headline, tuple(facts.items()), style="headline"),
        Paragraph(f"{' '.join(parts)} {conclusion}"),
    ]


def _headline(role: str, counts: dict[str, int]) -> str:
    count, of = counts[SUPPORTED], sum(counts.values())
    if not count:
        return (
            f"None of the {of} {role} is supported: no single dimension changes one of them and"
            " leaves the rest alone."
        )
    return (
        f"{count} of {of} {role} {'is' if count == 1 else 'are'} supported: one dimension changes"
        " it, and nothing else beyond what goes with it in the data."
    )
