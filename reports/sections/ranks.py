"""The first dimensions for a target: by correlation, by the probe's weight, by measured effect."""

from reports.effects import Effects
from reports.findings import CORRELATION, WEIGHT, Finding, Place, dimension_link
from reports.numbers import number
from reports.page import Column, Row, Table, Text
from reports.sections.verdicts import BRIEF_EFFECT

SHOWN = 5  # dimensions listed for each target and measure
MEASURES = {
    CORRELATION: "By correlation",
    WEIGHT: "By the probe's weight per standard deviation",
}
RANK = Column("rank", "Rank", numeric=True)
DIMENSION = Column("latent", "Dimension")


def tables(one: Finding, moved: Effects) -> list[Table]:
    """One a measure that ranks the target's dimensions, and one of what moving them did."""
    made = [_associated(one, measure) for measure in MEASURES if one.ranked(measure)]
    names = moved.strongest(one.target)[:SHOWN]
    if names:
        rows = tuple(
            Row(
                (
                    number(rank, form="count"),
                    Text(name, href=dimension_link(name)),
                    moved.slope(name, one.target),
                )
            )
            for rank, name in enumerate(names, start=1)
        )
        caption = f"By measured effect (judge: {moved.judge(one.target)}), first {SHOWN}"
        made.append(Table(f"{one.anchor}-effects", caption, (RANK, DIMENSION, BRIEF_EFFECT), rows))
    return made


def _associated(one: Finding, measure: str) -> Table:
    columns = [
        RANK,
        DIMENSION,
        Column("value", "Value", numeric=True, term=measure.capitalize()),
        Column(
            "p_first",
            "P(first)",
            "Share of resamples in which it is first",
            numeric=True,
            term="P(first)",
        ),
    ]
    if measure == CORRELATION:
        columns.append(Column("q", "q", "False-discovery rate", numeric=True, term="q"))
    places = one.ranked(measure)[:SHOWN]
    caption = f"{MEASURES[measure]}, first {SHOWN}"
    rows = tuple(_row(place, measure) for place in places)
    return Table(f"{one.anchor}-{measure}", caption, tuple(columns), rows)


def _row(place: Place, measure: str) -> Row:
    cells = (
        number(place.rank, form="count"),
        Text(place.latent, href=dimension_link(place.latent)),
        place.value,
        place.p_first,
    )
    return Row((*cells, place.q) if measure == CORRELATION else cells)
