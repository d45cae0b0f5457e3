"""The vocabulary of a page: frozen values that say what is shown, and nothing of HTML.

A section holds blocks; a table holds cells. `build` turns them into HTML, `claims` collects the
numbers in them, so a number cannot be on the page without being among the claims.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from reports.numbers import Number
from reports.playground import Playground


def term_id(name: str) -> str:
    """Where the glossary explains a word: `w-p-first` for `P(first)`."""
    return "w-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


@dataclass(frozen=True)
class Text:
    """Words in a cell.

    Attributes:
        href: Anchor on this page, `#...`.
        note: A second, smaller line.
        facts: The numbers in the words and the note, by name.
    """

    kind: ClassVar[str] = "text"
    text: str
    href: str = ""
    note: str = ""
    facts: tuple[tuple[str, float | None], ...] = ()

    @property
    def claim(self) -> str | dict[str, Any]:
        return {"text": self.text, **dict(self.facts)} if self.facts else self.text


@dataclass(frozen=True)
class Mark:
    """Yes, no, or None for neither, told by a sign and words."""

    kind: ClassVar[str] = "mark"
    yes: bool | None
    text: str

    @property
    def claim(self) -> bool | None:
        return self.yes


@dataclass(frozen=True)
class Badge:
    """A word that decides, told by a sign and a colour too.

    Attributes:
        tone: `good`, `mixed` or `quiet`.
        note: What decided, a second, smaller line.
    """

    kind: ClassVar[str] = "badge"
    text: str
    sign: str
    tone: str = "quiet"
    note: str = ""

    @property
    def claim(self) -> str | dict[str, str]:
        return {"text": self.text, "note": self.note} if self.note else self.text


@dataclass(frozen=True)
class Tiles:
    """Pictures side by side, from one picture of the album.

    Attributes:
        picture: Name in the album.
        count: Tiles in it.
        label: What they show, in words, for those who do not see them.
        marks: One short label a tile, below it; empty for none.
        zero: Index of the tile that did not move; None for none.
        title, caption: Above and below a large row of tiles.
        size: `small` in a table, `large` on its own.
        wrap: Into as many rows as the width asks for.
    """

    kind: ClassVar[str] = "tiles"
    picture: str
    count: int
    label: str
    marks: tuple[str, ...] = ()
    zero: int | None = None
    title: str = ""
    caption: str = ""
    size: str = "large"
    wrap: bool = False
    claim: ClassVar[None] = None


Cell = Number | Text | Mark | Badge | Tiles


@dataclass(frozen=True)
class Column:
    """A column's name in claims, its title, and what it means on pointing.

    Attributes:
        term: Name of the glossary's `Term` that explains it, one click away; empty for none.
        href: Anchor of what the column is about, `#...`.
    """

    key: str
    title: str
    about: str = ""
    numeric: bool = False
    term: str = ""
    href: str = ""

    @property
    def term_href(self) -> str:
        return f"#{term_id(self.term)}" if self.term else ""


@dataclass(frozen=True)
class Row:
    """Cells in the order of the columns, the first naming the row; a group stands together.

    Attributes:
        choice: Key of the `Filter` choice that keeps it in sight.
    """

    cells: tuple[Cell, ...]
    group: str = ""
    choice: str = ""


@dataclass(frozen=True)
class Table:
    """Attributes:
    style: `plain`, `cards` (rows become cards on a narrow screen) or `heat` (dense, shaded).
    """

    kind: ClassVar[str] = "table"
    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    style: str = "plain"

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"table {self.id}: {len(row.cells)} cells in a row")

    @property
    def labelled(self) -> bool:
        """Whether cells carry the title of their column, for where there is no head above them."""
        return self.style.startswith(("cards", "gallery"))

    @property
    def groups(self) -> list[tuple[str, list[Row]]]:
        """(group, its rows), in order of appearance."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.group, []).append(row)
        return list(found.items())


@dataclass(frozen=True)
class Paragraph:
    """A sentence or more; `facts` are the numbers in it, by name.

    Attributes:
        style: `plain`, `lead` (what was run), `headline` (the answer in a sentence) or `small`.
    """

    kind: ClassVar[str] = "paragraph"
    text: str
    facts: tuple[tuple[str, float | None], ...] = ()
    style: str = "plain"


@dataclass(frozen=True)
class Alert:
    """Something the reader must know before reading on: a title, what it means, its members."""

    title: str
    text: str
    members: tuple[str, ...] = ()
    facts: tuple[tuple[str, float | None], ...] = ()


@dataclass(frozen=True)
class Alerts:
    kind: ClassVar[str] = "alerts"
    items: tuple[Alert, ...]


@dataclass(frozen=True)
class Choice:
    """Rows to keep in sight: those whose `Row.choice` is this key, one of `style.css`."""

    key: str
    text: str
    sign: str
    tone: str
    count: int
    about: str = ""


@dataclass(frozen=True)
class Filter:
    """Which rows of the tables of its section are in sight; it works without a script."""

    kind: ClassVar[str] = "filter"
    id: str
    title: str
    count: int  # rows in all
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Series:
    """One line of a chart; points whose y is None are left out.

    Attributes:
        low, high: Ends of the interval at each x, drawn as a band; empty for none.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class LineChart:
    """Attributes:
    points: Whether each point is drawn, and tells its value on pointing.
    caption: Below it.
    """

    kind: ClassVar[str] = "line_chart"
    id: str
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    points: bool = True
    caption: str = ""


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    strong: bool = True
    href: str = ""  # anchor on this page, `#...`


@dataclass(frozen=True)
class BarChart:
    kind: ClassVar[str] = "bar_chart"
    id: str
    title: str
    x_label: str
    y_label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Dot:
    """A place in a dot chart.

    Attributes:
        low, high: Ends of the upright interval through it; None for none.
    """

    name: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Guide:
    """A straight line behind the dots, y = level - x."""

    level: float
    label: str


@dataclass(frozen=True)
class DotChart:
    """Attributes:
    dots: One a run.
    means: One a group, with its interval; joined by a line where `joined`, and named beside where
        neither that nor its place names it.
    places: Where x is a name: (x, name); empty where x is a number.
    """

    kind: ClassVar[str] = "dot_chart"
    id: str
    title: str
    x_label: str
    y_label: str
    dots: tuple[Dot, ...]
    means: tuple[Dot, ...]
    places: tuple[tuple[float, str], ...] = ()
    joined: bool = False
    guides: tuple[Guide, ...] = ()


@dataclass(frozen=True)
class Term:
    """A word of the page in plain language, with the source it comes from."""

    name: str
    text: str
    source: str = ""
    href: str = ""

    @property
    def id(self) -> str:
        return term_id(self.name)


@dataclass(frozen=True)
class Glossary:
    """Words explained; `linked` where the page's links to a term lead: one glossary a page."""

    kind: ClassVar[str] = "glossary"
    terms: tuple[Term, ...]
    linked: bool = True


@dataclass(frozen=True)
class Columns:
    """Blocks side by side where there is room."""

    kind: ClassVar[str] = "columns"
    blocks: tuple["Block", ...]
    narrow: bool = False  # three where two would be


@dataclass(frozen=True)
class Stack:
    """Blocks one below the other, in one place of `Columns`."""

    kind: ClassVar[str] = "stack"
    blocks: tuple["Block", ...]


@dataclass(frozen=True)
class Details:
    """Blocks that open on demand. `note` stands at the end of the line that opens them."""

    kind: ClassVar[str] = "details"
    id: str
    title: str
    blocks: tuple["Block", ...]
    note: str = ""
    open: bool = False


Block = (
    Paragraph
    | Alerts
    | Filter
    | Table
    | Tiles
    | LineChart
    | BarChart
    | DotChart
    | Glossary
    | Columns
    | Stack
    | Details
    | Playground
)


@dataclass(frozen=True)
class Section:
    id: str
    title: str
    short: str  # its name in the navigation
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    title: str
    sections: tuple[Section, ...]
