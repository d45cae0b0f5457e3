"""Where the lines, bars and labels of a chart go: from values to coordinates, ready for SVG."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reports.numbers import MINUS, shown
from reports.page import BarChart, LineChart, Series

Scale = Callable[[float], float]  # from a value to a coordinate
WIDTH, HEIGHT = 520.0, 260.0  # of a line chart, in SVG units
LEFT, RIGHT, TOP, BOTTOM = 70.0, 12.0, 14.0, 44.0  # margins
BAR, BARS_HEIGHT = 32.0, 220.0
SHORT = 12  # letters of a label that is repeated at every point
DOTS = 60  # points to point at; of more, every second or third


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    about: str


@dataclass(frozen=True)
class Line:
    """A line; `band` is the outline of its interval, empty where it has none."""

    name: str
    path: str
    dots: tuple[Dot, ...]
    band: str = ""


@dataclass(frozen=True)
class Lines:
    """A line chart laid out: a box, ticks along its edges, lines in it."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Column:
    x: float
    y: float
    width: float
    height: float
    label: str
    value: str
    strong: bool
    href: str


@dataclass(frozen=True)
class Bars:
    width: float
    height: float
    left: float
    right: float
    bottom: float
    y_ticks: tuple[Tick, ...]
    columns: tuple[Column, ...]

    @property
    def linked(self) -> bool:
        return any(one.href for one in self.columns)


def lines(chart: LineChart) -> Lines:
    """Lay out a line chart; the y axis spans the values, not 0."""
    points = [
        (x, y) for one in chart.series for x, y in zip(one.x, one.y, strict=True) if y is not None
    ]
    x_from, x_to = ends(x for x, _ in points)
    edges = [y for one in chart.series for y in (*one.low, *one.high) if y is not None]
    ticks = round_numbers(*ends([*(y for _, y in points), *edges]), at_most=6)
    y_from, y_to = ticks[0], ticks[-1]
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def across(x: float) -> float:
        return round(LEFT + (x - x_from) / (x_to - x_from) * (right - LEFT), 1)

    def up(y: float) -> float:
        return round(bottom - (y - y_from) / (y_to - y_from) * (bottom - TOP), 1)

    at = f"{chart.x_label} " if len(chart.x_label) <= SHORT else ""
    made = []
    for one in chart.series:
        known = [(x, y) for x, y in zip(one.x, one.y, strict=True) if y is not None]
        every = math.ceil(len(known) / DOTS)
        path = "".join(
            f"{'L' if index else 'M'}{across(x):g} {up(y):g}" for index, (x, y) in enumerate(known)
        )
        dots = tuple(
            Dot(across(x), up(y), f"{one.name}, {at}{x:g}: {shown(y, 'amount')}")
            for x, y in known[::-1][::every]  # from the end, so that the last is always there
        )
        made.append(Line(one.name, path, dots, _band(one, across, up)))
    whole = [x for x in round_numbers(x_from, x_to, at_most=8) if x.is_integer()]
    return Lines(
        WIDTH, HEIGHT, LEFT, right, TOP, bottom,
        tuple(
            Tick(across(x), f"{x:g}".replace("-", MINUS)) for x in whole if x_from <= x <= x_to
        ),
        tuple(Tick(up(y), tick_label(y, ticks)) for y in ticks),
        tuple(made),
    )  # fmt: skip


def described(chart: LineChart) -> str:
    """The chart in words, for those who do not see it: where each line begins and ends, and how
    far it goes between."""
    said = [text for one in chart.series if (text := _course(one, chart.x_label))]
    head = ", ".join(filter(None, (chart.title, chart.y_label)))
    return f"{head} over {chart.x_label}: {'; '.join(said)}"


def _course(one: Series, x_label: str) -> str:
    known = [(x, y) for x, y in zip(one.x, one.y, strict=True) if y is not None]
    if not known:
        return ""
    (first, begins), (last, ends) = known[0], known[-1]
    text = f"{one.name} from {shown(begins, 'amount')} at {x_label} {first:g}"
    text += f" to {shown(ends, 'amount')} at {last:g}"
    for word, (x, y) in (("lowest", min(known, key=_height)), ("highest", max(known, key=_height))):
        if x not in (first, last):
            text += f", {word} {shown(y, 'amount')} at {x:g}"
    return text


def _height(point: tuple[float, float]) -> float:
    return point[1]


def _band(one: Series, across: Scale, up: Scale) -> str:
    """There along the upper ends of the intervals, and back along the lower ones."""
    if not one.low:
        return ""
    known = [
        (across(x), up(low), up(high))
        for x, low, high in zip(one.x, one.low, one.high, strict=True)
        if low is not None and high is not None
    ]
    outline = [(x, high) for x, _, high in known] + [(x, low) for x, low, _ in known[::-1]]
    return f"M{'L'.join(f'{x:g} {y:g}' for x, y in outline)}Z" if len(known) > 1 else ""


def bars(chart: BarChart) -> Bars:
    """Lay out a bar chart from 0."""
    ticks = round_numbers(0.0, max([bar.value for bar in chart.bars], default=0.0), at_most=5)
    bottom = BARS_HEIGHT - 58.0
    scale = (bottom - TOP) / ticks[-1]
    columns = tuple(
        Column(
            x=round(LEFT + index * BAR + 5, 1),
            y=round(bottom - bar.value * scale, 1),
            width=BAR - 10,
            height=round(bar.value * scale, 1),
            label=bar.label,
            value=shown(bar.value, "amount"),
            strong=bar.strong,
            href=bar.href,
        )
        for index, bar in enumerate(chart.bars)
    )
    right = LEFT + BAR * len(columns)
    y_ticks = tuple(Tick(round(bottom - y * scale, 1), tick_label(y, ticks)) for y in ticks)
    return Bars(right + RIGHT, BARS_HEIGHT, LEFT, right, bottom, y_ticks, columns)


def along(value: float, scale: tuple[float, float], width: float) -> float:
    """Where a value lies on an axis of this width; what is beyond its ends is at its ends."""
    low, high = scale
    return round(width * max(0.0, min(1.0, (value - low) / (high - low))), 1)


def round_numbers(low: float, high: float, *, at_most: int) -> list[float]:
    """Evenly spaced round numbers that hold low..high, at most so many steps."""
    raw = max((high - low) / at_most, 1e-9 * max(abs(low), abs(high), 1e-3))
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10, 20) if power * m >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, max(last, first + 1) + 1)]


def ends(values: Iterable[float]) -> tuple[float, float]:
    """Smallest and largest; one value gets room to either side."""
    known = list(values)
    low, high = min(known, default=0.0), max(known, default=1.0)
    if high > low:
        return low, high
    room = abs(low) * 0.05 or 1.0
    return low - room, high + room


def tick_label(value: float, ticks: list[float]) -> str:
    """A tick's number with as many decimals as its step has."""
    step = ticks[1] - ticks[0]
    decimals = next((d for d in range(9) if math.isclose(step * 10**d, round(step * 10**d))), 9)
    return f"{value:,.{decimals}f}".replace("-", MINUS)
