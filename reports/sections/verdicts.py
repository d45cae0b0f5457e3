"""The verdict on every target: does moving a latent change it, and nothing else?"""

from dataclasses import replace

from latentlab.verdicts import CANNOT_MEASURE, ENTANGLED, NOT_ENCODED, NOT_MOVED, SUPPORTED
from reports.contents import Contents
from reports.effects import KINDS, UNMEASURED, Effects
from reports.findings import ROLE_TITLES, Finding, dimension_link
from reports.numbers import Number, finite, number, shown, told
from reports.page import Badge, Cell, Choice, Column, Filter, Row, Table, Text
from reports.pictures import Album
from reports.records import Record
from reports.sections.strips import strip_of, tiles

# In the order in which they are useful: sign, tone, meaning.
WORDS = {
    SUPPORTED: ("✓", "good", "one dimension changes it, and nothing else beyond what goes with it"),
    ENTANGLED: ("◐", "mixed", "it moves, but other things move too, or it takes several latents"),
    NOT_MOVED: ("✗", "quiet", "it can be read off the latents, but moving them does not change it"),
    NOT_ENCODED: ("○", "quiet", "it cannot be read off the latents"),
    CANNOT_MEASURE: ("?", "quiet", "there is no way to tell here, for the reason given"),
}
EFFECT = Column(
    "effect",
    "Effect",
    "Change of the target on decoded pictures, in standard deviations of the real data per standard"
    " deviation of the direction",
    numeric=True,
    term="Effect",
)
SELECTIVITY = Column(
    "selectivity",
    "Selectivity",
    "1: nothing else moves but what goes with it in the data; 1/2: another thing moves as much",
    numeric=True,
    term="Selectivity",
)
# In the many tables further down, the glossary alone explains them.
BRIEF_EFFECT, BRIEF_SELECTIVITY = replace(EFFECT, about=""), replace(SELECTIVITY, about="")
COLUMNS = (
    Column("target", "Target"),
    Column("verdict", "Verdict", "And the rule that decided", term="Verdict"),
    Column("moved", "Moving", "What moves it most: a dimension, or a direction made for it"),
    EFFECT,
    SELECTIVITY,
    Column(
        "worst",
        "Moves beside it",
        "What goes farthest beyond what the real data explain",
        term="Side effect",
    ),
    Column("strip", "What it looks like"),
)


def badge(verdict: str, rule: str = "") -> Badge:
    sign, tone, _ = WORDS[verdict]
    return Badge(verdict, sign, tone, rule)


def counted(moved: Effects, found: list[Finding]) -> dict[str, int]:
    """Verdict -> how many of these targets got it, the useful ones first."""
    given = [str(moved.verdicts[one.target]["verdict"]) for one in found]
    return {name: given.count(name) for name in WORDS}


def choices(counts: dict[str, int]) -> Filter:
    """Which rows of the table to look at."""
    return Filter(
        "show",
        "Show",
        sum(counts.values()),
        tuple(
            Choice(name.replace(" ", "-"), name, sign, tone, counts[name], meaning)
            for name, (sign, tone, meaning) in WORDS.items()
            if counts[name]
        ),
    )


def table(contents: Contents, found: list[Finding], moved: Effects, album: Album) -> Table:
    """The verdict on every target that has one, the useful answers of each role first."""
    anchors = {one.target: one.anchor for one in found if not one.reason}
    given = sorted(
        (one for one in found if one.target in moved.verdicts),
        key=lambda one: _usefulness(moved.verdicts[one.target]),
    )
    pictured = bool(contents.strips)
    reach = _reach(given, moved)
    roles = list(dict.fromkeys(one.role for one in found))
    rows = [
        _row(one, contents, moved, anchors, reach, album, pictured)
        for role in roles
        for one in given
        if one.role == role
    ]
    return Table(
        "verdicts",
        "The verdict on every target, and what carried it. Brackets are 95 % intervals over the"
        " images that were moved.",
        COLUMNS if pictured else COLUMNS[:-1],
        tuple(rows),
        style="cards",
    )


def _usefulness(row: Record) -> tuple[int, float]:
    return list(WORDS).index(str(row["verdict"])), -abs(finite(row["effect"]) or 0.0)


def _reach(given: list[Finding], moved: Effects) -> float:
    """The farthest that an interval of an effect goes: where the axes of them all end."""
    rows = [moved.verdicts[one.target] for one in given]
    ends = [finite(row[name]) for row in rows for name in ("low", "high")]
    return max((abs(end) for end in ends if end is not None), default=1.0) or 1.0


def _row(
    one: Finding,
    contents: Contents,
    moved: Effects,
    anchors: dict[str, str],
    reach: float,
    album: Album,
    pictured: bool,
) -> Row:
    row = moved.verdicts[one.target]
    verdict, direction = str(row["verdict"]), told(row["direction"])
    selective = moved.selective(direction, one.target, told(row["judge"]))
    cells: list[Cell] = [
        Text(one.target, href=f"#{anchors[one.target]}" if one.target in anchors else ""),
        badge(verdict, told(row["rule"])),
        _moving(row, direction),
        number(
            row["effect"],
            row["low"],
            row["high"],
            form="signed",
            scale=(-reach, reach),
            reason=UNMEASURED,
            quiet=True,
        ),
        selectivity_of(selective, drawn=True),
        beside(selective, anchors),
    ]
    if pictured:
        strip = strip_of(contents, direction)
        cells.append(
            number(None, reason="nothing to show", quiet=True)
            if strip is None
            else tiles(strip, album, in_words(direction), small=True)
        )
    key = verdict.replace(" ", "-")
    return Row(tuple(cells), ROLE_TITLES.get(one.role, one.role), key)


def in_words(direction: str, of: str = "") -> str:
    """`mu_003` as it is; `projected:Smiling` as `probe, others held, of Smiling`.

    Args:
        of: The target that need not be named.
    """
    kind, _, target = direction.partition(":")
    words = KINDS.get(kind, kind) if target else direction
    return f"{words} of {target}" if target and target != of else words


def _moving(row: Record, direction: str) -> Text:
    """The direction, and how many dimensions move the target besides."""
    names = [name for name in told(row["latents"]).split(", ") if name]
    if not direction:
        return Text("none")
    kind, _, target = direction.partition(":")
    facts = (("dimensions_that_move_it", float(len(names))),)
    if target:
        return Text(KINDS.get(kind, kind), note="no dimension alone does", facts=facts)
    others = len(names) - 1
    note = f"{others} more move{'s' if others == 1 else ''} it" if others > 0 else ""
    return Text(direction, dimension_link(direction), note, facts)


def selectivity_of(row: Record, *, drawn: bool = False) -> Number:
    """From a row of the table `selectivity`, or none; `drawn` with its whisker."""
    if not row:
        return number(None, reason=UNMEASURED, quiet=True)
    reason = told(row["reason"]) or UNMEASURED
    return number(
        row["selectivity"],
        row["low"],
        row["high"],
        form="plain",
        scale=(0.0, 1.0) if drawn else None,
        reason=reason,
        quiet=True,
    )


def beside(row: Record, anchors: dict[str, str]) -> Cell:
    """The worst side effect: how far it moves, and how it goes with the target in the real data."""
    worst = told(row.get("worst"))
    slope, r = finite(row.get("worst_slope")), finite(row.get("worst_correlation"))
    if not worst or slope is None:
        return number(None, reason=UNMEASURED, quiet=True)
    words = f"moves {shown(slope, 'signed')}"
    words += "" if r is None else f", r {shown(r, 'signed')} in the data"
    return Text(
        worst,
        href=f"#{anchors[worst]}" if worst in anchors else "",
        note=words,
        facts=(("slope", slope), ("correlation", r)),
    )
