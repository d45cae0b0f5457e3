"""What a direction does besides moving its target, and what moving by itself does."""

import pandas as pd

from reports.contents import Contents
from reports.effects import KINDS, UNMEASURED, Effects
from reports.findings import Finding, dimension_link
from reports.numbers import Number, finite, number
from reports.page import Cell, Column, Row, Table, Text
from reports.sections.verdicts import BRIEF_EFFECT, BRIEF_SELECTIVITY, in_words, selectivity_of

Ends = dict[str, dict[str, float | None]]  # direction -> column of `paths` -> value
SHOWN = 6  # other targets listed
DIRECTIONS = (
    Column("direction", "Direction"),
    BRIEF_EFFECT,
    BRIEF_SELECTIVITY,
    Column(
        "monotone",
        "Steady",
        "Share of the images in which the target only goes the expected way",
        numeric=True,
    ),
    Column(
        "beyond_random",
        "Beyond random",
        "Share of the random directions that move the target less",
        numeric=True,
    ),
    Column("detected", "Measured", "Share of the pictures that could be measured", numeric=True),
    Column(
        "reencoding",
        "Re-encoding",
        "Error of the picture's own reconstruction at the ends, relative to the unmoved picture",
        numeric=True,
        term="Re-encoding error",
    ),
    Column(
        "background",
        "Background",
        "Change of the picture's border at the ends; 1: as between two persons",
        numeric=True,
    ),
    Column(
        "identity",
        "Identity",
        "Change of the face's identity at the ends; 1: as between two persons",
        numeric=True,
    ),
)


def directions(one: Finding, moved: Effects, shown_ones: list[str], ends: Ends) -> Table:
    """The directions beside each other, and the random ones that every effect must beat."""
    judge = moved.judge(one.target)
    names = list(dict.fromkeys([*shown_ones, *moved.made(one.target).values()]))
    rows = [_direction(name, one, moved, ends) for name in names if name in moved.kinds]
    random = [name for name, kind in moved.kinds.items() if kind == "random"]
    sizes = [
        abs(value)
        for name in random
        if (value := moved.slope(name, one.target, judge).value) is not None
    ]
    if sizes:
        mean = number(sum(sizes) / len(sizes), form="plain", of="mean size")
        empty = number(None, reason="of single directions only", quiet=True)
        looks = _looks(random, ends)
        words = f"{len(sizes)} random directions"
        rows.append(Row((Text(words), mean, empty, empty, empty, empty, *looks)))
    caption = (
        f"Directions compared, judge: {judge}. The last columns tell what the way does to the"
        " picture as a whole, at its farther end."
    )
    return Table(f"{one.anchor}-directions", caption, DIRECTIONS, tuple(rows))


def others(
    one: Finding,
    contents: Contents,
    moved: Effects,
    shown_ones: list[str],
    anchors: dict[str, str],
) -> Table | None:
    """The side-effect row: what else moves, and how much of it the real data explain."""
    judge = moved.judge(one.target)
    names = [name for name in shown_ones if name in moved.kinds][:3]
    if not names:
        return None
    own = moved.slope(names[0], one.target, judge).value
    rows = []
    for target in anchors:
        slopes = [moved.slope(name, target, judge) for name in names]
        if target == one.target or all(slope.value is None for slope in slopes):
            continue
        r = _real(contents, one.target, target)
        explained = None if r is None or own is None else r * own
        rows.append((_excess(slopes[0], explained), target, r, explained, slopes))
    if not rows:
        return None
    rows.sort(key=lambda row: (-row[0], row[1]))
    columns = (
        Column("other", "Other target"),
        Column("r", "r in the data", "Correlation of the two in all images", True, "Correlation"),
        Column(
            "explained",
            "Goes with it",
            "What people who differ so in the target differ in this one: r times the effect",
            numeric=True,
        ),
        *(
            Column(
                "moved" if at == 0 else f"moved_{at}",
                in_words(name, one.target),
                "What moving along it does to the other target",
                numeric=True,
                term="Side effect",
            )
            for at, name in enumerate(names)
        ),
    )
    made = tuple(
        Row(
            (
                Text(target, href=f"#{anchors[target]}"),
                number(r, form="signed", reason="not known", quiet=True),
                number(explained, form="signed", reason="not known", quiet=True),
                *slopes,
            )
        )
        for _, target, r, explained, slopes in rows[:SHOWN]
    )
    caption = (
        f"What else moves, by the same judge ({judge}): the {len(made)} of {len(rows)} other"
        " targets that go farthest beyond what goes with the target in the data"
    )
    return Table(f"{one.anchor}-beside", caption, columns, made)


def _direction(name: str, one: Finding, moved: Effects, ends: Ends) -> Row:
    judge = moved.judge(one.target)
    row = moved.slopes.get((name, one.target, judge), {})
    kind = moved.kinds.get(name, "")
    words = name if kind == "latent" else KINDS.get(kind, kind)
    without = moved.without.get(name, "")
    cells: list[Cell] = [
        Text(
            words,
            href=dimension_link(name) if kind == "latent" else "",
            note=f"without {without}" if without else "",
        ),
        moved.slope(name, one.target, judge),
        selectivity_of(moved.selective(name, one.target, judge)),
        *(
            number(row.get(column), form="share", reason=UNMEASURED, quiet=True)
            for column in ("monotone_share", "beyond_random", "detected")
        ),
        *_looks([name], ends),
    ]
    return Row(tuple(cells))


def _looks(names: list[str], ends: Ends) -> list[Number]:
    """Re-encoding, background and identity at the farther end, means over the directions."""
    made = []
    for column in ("reencoding_ratio", "background_change", "identity_change"):
        known = [value for name in names if (value := ends.get(name, {}).get(column)) is not None]
        mean = sum(known) / len(known) if known else None
        made.append(number(mean, form="plain", reason=UNMEASURED, quiet=True))
    return made


def ends_of(paths: pd.DataFrame) -> Ends:
    """Direction -> the larger of the values at its two ends, column by column."""
    if paths.empty:
        return {}
    rows = paths[paths["t"].notna()]
    rows = rows[rows["t"].abs() == rows["t"].abs().max()]
    columns = ["reencoding_ratio", "background_change", "identity_change"]
    largest = rows.groupby("direction")[columns].max()
    return {
        str(name): {column: finite(row[column]) for column in columns}
        for name, row in largest.iterrows()
    }


def _real(contents: Contents, first: str, second: str) -> float | None:
    r = contents.evidence.correlations
    return finite(r.at[first, second]) if first in r.index and second in r.index else None


def _excess(slope: Number, explained: float | None) -> float:
    """How far a slope lies outside of what goes with the target; -1 where it is not known."""
    if slope.value is None:
        return -1.0
    low, high = min(0.0, explained or 0.0), max(0.0, explained or 0.0)
    return max(low - slope.value, slope.value - high, 0.0)
