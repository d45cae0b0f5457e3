"""Where the dots, intervals and guides of a dot chart go: from values to coordinates for SVG."""

from collections.abc import Callable
from dataclasses import dataclass

from reports.charts import BOTTOM, LEFT, RIGHT, TOP, Tick, ends, round_numbers, tick_label
from reports.numbers import shown
from reports.page import Dot, DotChart, Guide

WIDTH, HEIGHT = 520.0, 340.0
Place = Callable[[float], float]  # from a value to a coordinate
NARROW, LOW = 360.0, 220.0  # of a chart without a label on its y axis


@dataclass(frozen=True)
class Placed:
    """A dot; `range` is the path of its interval and `label` its name, empty for none."""

    x: float
    y: float
    about: str
    range: str = ""
    label: str = ""


@dataclass(frozen=True)
class PlacedGuide:
    path: str
    x: float
    y: float
    anchor: str
    label: str


@dataclass(frozen=True)
class Dots:
    """A dot chart laid out; `path` joins the means, empty where nothing does."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    dots: tuple[Placed, ...]
    means: tuple[Placed, ...]
    path: str
    guides: tuple[PlacedGuide, ...]


def dots(chart: DotChart) -> Dots:
    """Lay out a dot chart; both axes span the values and intervals, not 0."""
    width, height = (WIDTH, HEIGHT) if chart.y_label else (NARROW, LOW)
    left = LEFT if chart.y_label else LEFT - 8
    right, bottom = width - RIGHT, height - BOTTOM
    every = (*chart.dots, *chart.means)
    y_values = [one.y for one in every]
    y_values += [end for one in chart.means for end in (one.low, one.high) if end is not None]
    y_ticks = round_numbers(*ends(y_values), at_most=5)
    if chart.places:
        at = [x for x, _ in chart.places]
        x_from, x_to = min(at) - 0.5, max(at) + 0.5
    else:
        x_ticks = round_numbers(*ends(one.x for one in every), at_most=6)
        x_from, x_to = x_ticks[0], x_ticks[-1]

    def across(x: float) -> float:
        return round(left + (x - x_from) / (x_to - x_from) * (right - left), 1)

    def up(y: float) -> float:
        return round(bottom - (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0]) * (bottom - TOP), 1)

    means = tuple(_mean(one, across(one.x), up, chart) for one in chart.means)
    path = "".join(f"{'L' if index else 'M'}{one.x:g} {one.y:g}" for index, one in enumerate(means))
    ticks = (
        [Tick(across(x), name) for x, name in chart.places]
        if chart.places
        else [Tick(across(x), tick_label(x, x_ticks)) for x in x_ticks]
    )
    box = (x_from, x_to, y_ticks[0], y_ticks[-1])
    guides = (_guide(one, box, across, up) for one in chart.guides)
    return Dots(
        width, height, left, right, TOP, bottom,
        tuple(ticks),
        tuple(Tick(up(y), tick_label(y, y_ticks)) for y in y_ticks),
        tuple(Placed(across(one.x), up(one.y), _about(one)) for one in chart.dots),
        means,
        path if chart.joined and len(means) > 1 else "",
        tuple(one for one in guides if one is not None),
    )  # fmt: skip


def _mean(one: Dot, x: float, up: Place, chart: DotChart) -> Placed:
    path = ""
    if one.low is not None and one.high is not None:
        low, high = up(one.low), up(one.high)
        path = f"M{x - 4:g} {low:g}H{x + 4:g}M{x:g} {low:g}V{high:g}M{x - 4:g} {high:g}H{x + 4:g}"
    return Placed(x, up(one.y), _about(one), path, "" if chart.joined or chart.places else one.name)


def _about(one: Dot) -> str:
    text = f"{one.name}: {shown(one.y, 'amount')}"
    if one.low is not None and one.high is not None:
        text += f" [{shown(one.low, 'amount')}, {shown(one.high, 'amount')}]"
    return text


def _guide(
    one: Guide, box: tuple[float, float, float, float], across: Place, up: Place
) -> PlacedGuide | None:
    """The part of y = level - x inside the box; None where it misses it."""
    x_from, x_to, y_from, y_to = box
    start, stop = max(x_from, one.level - y_to), min(x_to, one.level - y_from)
    if stop <= start:
        return None
    first, last = (across(start), up(one.level - start)), (across(stop), up(one.level - stop))
    path = f"M{first[0]:g} {first[1]:g}L{last[0]:g} {last[1]:g}"
    # Dots go from the upper left to the lower right; the other two corners have room.
    if one.level - stop > (y_from + y_to) / 2:
        return PlacedGuide(path, last[0] - 4, last[1] - 5, "end", one.label)
    return PlacedGuide(path, first[0] + 4, first[1] + 13, "", one.label)
