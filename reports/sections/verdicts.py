"""The verdicts: does moving a latent change the target, and nothing else?"""

from typing import Any

from latentlab.verdicts import VERDICTS
from reports.contents import Contents
from reports.findings import ROLE_TITLES, Finding
from reports.page import (
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
    told,
)

MEANINGS = {
    "supported": "one latent changes it, and nothing else beyond what goes with it in the data",
    "entangled": "several latents are needed, or other things move as well",
    "not moved": "it can be read off the latents, but moving them does not change it",
    "not encoded": "it cannot be read off the latents",
    "cannot measure": "there is no way to tell here, for the reason given",
}
COLUMNS = (
    Column("target", "Target", "And the rule that decided"),
    Column("verdict", "Verdict"),
    Column("latent", "Steepest latent", "Of those that move it"),
    Column(
        "effect",
        "Effect",
        "Change of the target in standard deviations of the real data, per standard deviation of"
        " the direction; measured on decoded pictures",
        numeric=True,
    ),
    Column(
        "selectivity",
        "Selectivity",
        "1: nothing else moves but what goes with it in the data; 1/2: another thing moves as much",
        numeric=True,
    ),
    Column("worst", "Moves beside it", "What goes farthest beyond what the real data explain"),
    Column("direction", "Made for it", "The most selective direction made for the target"),
)
MOVED = (
    "Every active latent, and every direction made for a target, was moved from many test images;"
    " the decoded pictures were measured again by instruments that know nothing of the model."
)
UNMOVED = "No latent was moved, or nobody could measure what came of it."
# Kinds of directions, in words.
MADE = {
    "probe": "probe",
    "mean_difference": "difference of means",
    "projected": "probe, others held",
}


def section(contents: Contents, found: tuple[Finding, ...]) -> Section | None:
    """How many of each, and a table of all of them; None where there are no verdicts."""
    if contents.verdicts.empty:
        return None
    given = {str(row["target"]): row for row in contents.verdicts.to_dict("records")}
    counts = dict.fromkeys(VERDICTS, 0)
    for row in given.values():
        counts[str(row["verdict"])] += 1
    blocks: list[Block] = [
        Paragraph(
            f"{MOVED if anything_moved(contents) else UNMOVED} {_counted(counts)}",
            tuple((name.replace(" ", "_"), count) for name, count in counts.items()),
        ),
        Table(
            "verdict-of-each",
            "The verdict on every target, by the rules in the settings. Brackets are 95 %"
            " intervals over the images that were moved.",
            COLUMNS,
            tuple(_row(one, given[one.target]) for one in found if one.target in given),
            style="cards",
        ),
    ]
    return Section("verdicts", "Verdicts", "Verdicts", tuple(blocks))


def anything_moved(contents: Contents) -> bool:
    """Whether any verdict rests on pictures that were measured."""
    return len(contents.verdicts) > 0 and bool(contents.verdicts["judge"].notna().any())


def _counted(counts: dict[str, int]) -> str:
    """The verdicts that were given, what each means, and how often."""
    said = [f"{count} {name} ({MEANINGS[name]})" for name, count in counts.items() if count]
    return f"{'; '.join(said)}."


def _row(one: Finding, row: dict[str, Any]) -> Row:
    verdict = str(row["verdict"])
    mark = {"supported": True, "not encoded": None, "cannot measure": None}.get(verdict, False)
    moved = [name for name in told(row["latents"]).split(", ") if name]
    latent = bool(moved) and told(row["direction"]) == moved[0]
    more = len(moved) - 1
    quiet = {"reason": "not measured", "quiet": True}
    cells: tuple[Cell, ...] = (
        Text(one.target, href="" if one.reason else f"#{one.anchor}", note=told(row["rule"])),
        Mark(mark, verdict),
        Text(moved[0], note=f"{more} more move it" if more else "") if moved else Text("none"),
        number(row["effect"], row["low"], row["high"], form="signed", **quiet)
        if latent
        else number(None, **quiet),
        number(row["selectivity"], row["selectivity_low"], row["selectivity_high"], **quiet),
        Text(told(row["worst"]) if finite(row["selectivity"]) is not None else ""),
        _made(row),
    )
    return Row(cells, ROLE_TITLES.get(one.role, one.role))


def _made(row: dict[str, Any]) -> Text:
    """The direction made for the target, with what it does."""
    kind = told(row["other_direction"]).partition(":")[0]
    if not kind:
        return Text("none")
    effect, selective = finite(row["other_effect"]), finite(row["other_selectivity"])
    return Text(
        MADE.get(kind, kind),
        note=f"moves it {shown(effect, 'signed')}, selectivity {shown(selective, 'score')}"
        if effect is not None and selective is not None
        else "",
    )
