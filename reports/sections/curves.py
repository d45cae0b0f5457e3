"""What happens to a target while a direction is followed, as the judges measure it."""

from reports.effects import Effects
from reports.findings import Finding
from reports.numbers import finite
from reports.page import LineChart, Series
from reports.sections.verdicts import in_words

MOST = 4  # lines in a chart
X_LABEL = "moved by, in standard deviations of the aggregate posterior"
Y_LABEL = "change, in standard deviations"


def charts(one: Finding, moved: Effects, directions: list[str]) -> list[LineChart]:
    """One of the directions by the judge that speaks for the target, one of the first direction by
    every judge where there are several."""
    judge, target = moved.judge(one.target), one.target
    along = [
        series
        for name in directions
        if (series := _series(in_words(name, target), name, one, judge, moved))
    ]
    caption = f"Change from the unmoved picture, judge: {judge}.{_over(moved, directions, one)}"
    made = []
    if along:
        made.append(
            LineChart(
                f"{one.anchor}-curves",
                f"What moving does to {target}",
                X_LABEL,
                Y_LABEL,
                tuple(along[:MOST]),
                caption=caption,
            )
        )
    judges = moved.judges.get(target, [])
    if len(judges) > 1 and directions:
        first = directions[0]
        by_judge = [
            series
            for name in judges
            if (series := _series(name, first, one, name, moved)) is not None
        ]
        if len(by_judge) > 1:
            made.append(
                LineChart(
                    f"{one.anchor}-judges",
                    f"The same by every judge: {in_words(first, target)}",
                    X_LABEL,
                    Y_LABEL,
                    tuple(by_judge[:MOST]),
                    caption="Judges are blind to different things; where they disagree, look at the"
                    " pictures above.",
                )
            )
    return made


def _series(name: str, direction: str, one: Finding, judge: str, moved: Effects) -> Series | None:
    rows = moved.responses.get((direction, one.target, judge), [])
    if not any(finite(row["value"]) is not None for row in rows):
        return None
    y, low, high = (
        tuple(finite(row[column]) for row in rows) for column in ("value", "low", "high")
    )
    return Series(name, tuple(float(row["t"]) for row in rows), y, low, high)


def _over(moved: Effects, directions: list[str], one: Finding) -> str:
    """Over how many images the curves are means."""
    counts = [
        int(row["anchors"])
        for name in directions
        for row in moved.responses.get((name, one.target, moved.judge(one.target)), [])
        if finite(row["anchors"]) is not None
    ]
    return f" Mean over up to {max(counts)} images; bands: 95 % intervals." if counts else ""
