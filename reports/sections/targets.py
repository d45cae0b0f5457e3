"""Each target on its own page: everything that speaks for its verdict, side by side."""

from reports.contents import Contents
from reports.effects import Effects
from reports.findings import CORRELATION, METRIC_TITLES, WEIGHT, Finding
from reports.numbers import told
from reports.page import Block, Columns, Details, Paragraph, Section
from reports.pictures import Album
from reports.sections import curves, instruments, ranks, reading, side_effects
from reports.sections.strips import side_by_side
from reports.sections.verdicts import WORDS, in_words

KINDS = ("probe", "projected")  # of directions shown beside the dimension


def section(
    contents: Contents, found: tuple[Finding, ...], moved: Effects, album: Album
) -> Section | None:
    """One part a measured target, folded; links of the form `#t-smiling` open it."""
    measured = [one for one in found if not one.reason]
    if not measured:
        return None
    anchors = {one.target: one.anchor for one in measured}
    ends = side_effects.ends_of(contents.evidence.paths)
    blocks: list[Block] = [
        Paragraph(
            "Open a target to see what speaks for its verdict: what happens to it and to others"
            " when a latent is moved, which dimensions go with it, and how well it can be read off"
            " the latents."
            if moved.slopes
            else "Open a target to see how well it can be read off the latents, and which"
            " dimensions go with it."
        )
    ]
    for index, one in enumerate(measured):
        blocks.append(
            Details(
                one.anchor,
                one.target,
                tuple(_page(one, contents, moved, anchors, ends, album)),
                note=_note(one, moved),
                open=index == 0,  # so that the reader sees what is inside the others
            )
        )
    return Section("targets", "Target by target", "Targets", tuple(blocks))


def shown_directions(one: Finding, moved: Effects) -> list[str]:
    """The directions that a target's page is about: what the verdict names, the dimension that
    moves it most (or goes with it most, where nothing was moved), and those made for it."""
    strongest = moved.strongest(one.target)[:1]
    if not strongest:
        strongest = [
            place.latent for measure in (CORRELATION, WEIGHT) for place in one.ranked(measure)[:1]
        ]
    leading = moved.leading(one.target)
    named = [leading] if leading else []
    order = [*strongest, *(f"{kind}:{one.target}" for kind in KINDS), *named]
    if leading in moved.latents:
        order = [leading, *order]
    return list(dict.fromkeys(order))


def _note(one: Finding, moved: Effects) -> str:
    """What the closed part says of its target."""
    score = f"{METRIC_TITLES.get(one.metric, one.metric)} {one.score.text}"
    row = moved.verdicts.get(one.target)
    if row is not None and moved.slopes:
        verdict = str(row["verdict"])
        return f"{WORDS[verdict][0]} {verdict} · {score}"
    first = one.first()
    return score if first is None else f"{score} · {first.latent}"


def _page(
    one: Finding,
    contents: Contents,
    moved: Effects,
    anchors: dict[str, str],
    ends: side_effects.Ends,
    album: Album,
) -> list[Block]:
    directions = shown_directions(one, moved)
    blocks: list[Block] = []
    row = moved.verdicts.get(one.target)
    if row is not None:
        blocks.append(Paragraph(f"{str(row['verdict']).capitalize()}: {told(row['rule'])}."))
    titled = {
        name: (in_words(name, one.target), _standing(one, name, moved)) for name in directions
    }
    blocks += side_by_side(contents, album, titled)
    if moved.judge(one.target):
        drawn = tuple(curves.charts(one, moved, directions))
        blocks += [Columns(drawn)] if drawn else []
        blocks.append(side_effects.directions(one, moved, directions, ends))
        beside = side_effects.others(one, contents, moved, directions, anchors)
        blocks += [] if beside is None else [beside]
    ranked = tuple(ranks.tables(one, moved))
    blocks += [Columns(ranked, narrow=True)] if ranked else []
    blocks.append(Columns((reading.table(one, moved), *reading.needed(one, moved))))
    seen = instruments.of_target(one, contents, moved)
    return blocks if seen is None else [*blocks, seen]


def _standing(one: Finding, direction: str, moved: Effects) -> str:
    """What moving along it does to the target, or where it stands for it; how it was made."""
    effect = moved.slope(direction, one.target)
    if effect.value is not None:
        made = direction.startswith("projected:")
        held = " What changes the answers of other probes is taken out of it." if made else ""
        return f"Effect {effect.text} {effect.interval}.{held}"
    if direction.startswith("projected:"):
        return "The probe direction, with what changes other probes' answers taken out of it."
    if ":" in direction:
        return "More of it to the right."
    for place in one.ranked(CORRELATION):
        if place.latent == direction and place.value.value is not None:
            side = "right" if place.value.value > 0 else "left"
            return f"Rank {place.rank} by correlation ({place.value.text}: more to the {side})."
    return ""
