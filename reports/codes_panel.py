"""Where images lie in two latent dimensions, one run beside another, as one PNG."""

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from reports.palette import THEMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

PER_ROW = 4  # panels
SIDE, HEAD, BESIDE, BELOW = 3.2, 0.75, 1.3, 0.35  # inches: of a panel, its title, the legends
DPI = 160
DEVIATIONS = (1, 2)  # of the prior: where its circles are
LINE_LETTERS = 30  # of a title
INK, QUIET, UNKNOWN = "#22262b", "#6a7078", "#d5d8dc"
GOLDEN = (math.sqrt(5) - 1) / 2  # its multiples fill 0..1 evenly, without chance

# Paul Tol's "muted" scheme, for colour-blind eyes too, https://sronpersonalpages.nl/~pault/, and
# ink as a tenth. Light grey stands for what is not known in that scheme as well.
CLASSES = (
    "#332288", "#cc6677", "#117733", "#88ccee", "#ddcc77", "#882255", "#44aa99", "#aa4499",
    "#999933", INK,
)  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """The codes of one run.

    Attributes:
        title: Names the run.
        about: A smaller line below it, e.g. "572 test images".
        points: One or two latents, in latent units, (images, 1 or 2).
        names: Of these latents.
        values: What colours the points, (images,): text for classes or float64 for amounts,
            missing where unknown. The same kind in all panels.
        prior: Whether to draw N(0, 1); discrete codes have no such prior.
    """

    title: str
    about: str
    points: np.ndarray
    names: tuple[str, ...]
    values: pd.Series
    prior: bool = True


def codes_panel(panels: Sequence[Panel], attribute: str, classes: Sequence[str] = ()) -> bytes:
    """The bytes of a PNG with `codes_figure`; the same panels give the same bytes."""
    buffer = io.BytesIO()
    figure = codes_figure(panels, attribute, classes)
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def codes_figure(panels: Sequence[Panel], attribute: str, classes: Sequence[str] = ()) -> "Figure":
    """Draw one scatter plot a run, with one legend for all.

    The prior N(0, 1) is drawn as circles at 1 and 2 standard deviations. Both axes of a panel have
    one scale; panels may differ in theirs, and the circles tell how much. A single latent lies
    along the horizontal axis alone, with the prior as vertical lines.

    Args:
        attribute: What the values are, for the legend.
        classes: The values in the order of the legend, at most len(CLASSES); none for amounts.
    """
    from matplotlib.figure import Figure

    values = pd.concat([panel.values for panel in panels], ignore_index=True)
    columns = min(PER_ROW, len(panels))
    rows = math.ceil(len(panels) / columns)
    size = (columns * SIDE + BESIDE, rows * (SIDE + HEAD) + BELOW)
    figure = Figure(figsize=size, dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for unused in grid[len(panels) :]:
        unused.remove()
    scale = _Classes(tuple(classes)) if classes else _Amounts(values.astype(float))
    for axes, panel in zip(grid, panels, strict=False):
        _draw(axes, panel, scale)
    scale.explain(figure, grid[: len(panels)], attribute)
    notes = [_prior_line()] if any(panel.prior for panel in panels) else []
    if values.isna().any():
        notes.append(_dot(UNKNOWN, f"{attribute} not known"))
    if notes:
        figure.legend(handles=notes, loc="outside lower center", ncols=len(notes), frameon=False)
    return figure


class _Scale(Protocol):
    """How values become colours, and how the picture says so."""

    def of(self, values: pd.Series) -> np.ndarray:
        """Red, green, blue and alpha in [0, 1], (images, 4)."""

    def explain(self, figure: "Figure", grid: "list[Axes]", attribute: str) -> None: ...

    def name(self, axes: "Axes", panel: Panel) -> None:
        """Write names among the points, where that says more than the legend."""


class _Classes:
    def __init__(self, classes: tuple[str, ...]):
        if len(classes) > len(CLASSES):
            raise ValueError(f"{len(classes)} classes for {len(CLASSES)} colours")
        low, _, high = THEMES["light"]
        shades = (low, high) if len(classes) <= 2 else CLASSES
        self.colours = dict(zip(classes, shades, strict=False))

    def of(self, values: pd.Series) -> np.ndarray:
        from matplotlib.colors import to_rgba_array

        return np.asarray(to_rgba_array([self.colours.get(value, UNKNOWN) for value in values]))

    def explain(self, figure: "Figure", grid: "list[Axes]", attribute: str) -> None:
        figure.legend(
            handles=[_dot(colour, name) for name, colour in self.colours.items()],
            title=textwrap.fill(attribute, 14),
            loc="outside right center",
            frameon=False,
        )

    def name(self, axes: "Axes", panel: Panel) -> None:
        """Each class at its median, so that many colours need not be told apart by eye."""
        from matplotlib.patheffects import withStroke

        if len(self.colours) <= 2 or panel.points.shape[1] < 2:
            return
        apart = 0.05 * np.ptp(axes.get_xlim())
        places: dict[str, np.ndarray] = {}
        for name in self.colours:
            own = panel.points[(panel.values == name).to_numpy(bool, na_value=False)]
            place = np.median(own, axis=0) if len(own) else None
            if place is not None and all(
                np.hypot(*(place - other)) > apart for other in places.values()
            ):
                places[name] = place
        if 2 * len(places) < panel.values.nunique():
            return  # the classes lie on one another: a few names would mislead
        for name, place in places.items():
            axes.annotate(
                name, (place[0], place[1]), ha="center", va="center", color=INK, fontsize=10,
                weight="bold", path_effects=[withStroke(linewidth=2.5, foreground="white")],
                zorder=4,
            )  # fmt: skip


class _Amounts:
    """Blue over grey to yellow, as long as it is not too light to be seen on white."""

    def __init__(self, values: pd.Series):
        from matplotlib import colormaps
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import LinearSegmentedColormap, Normalize

        known = values.dropna()
        low, high = known.quantile([0.01, 0.99]) if len(known) else (0.0, 1.0)
        shades = colormaps["cividis"](np.linspace(0.0, 0.93, 256))
        self.beyond = bool((known < low).any()), bool((known > high).any())
        self.mapped = ScalarMappable(
            Normalize(low, high), LinearSegmentedColormap.from_list("codes", shades)
        )

    def of(self, values: pd.Series) -> np.ndarray:
        from matplotlib.colors import to_rgba

        colours = np.asarray(self.mapped.to_rgba(values.to_numpy(np.float64, na_value=np.nan)))
        colours[values.isna().to_numpy()] = to_rgba(UNKNOWN)
        return colours

    def explain(self, figure: "Figure", grid: "list[Axes]", attribute: str) -> None:
        extend = {(True, True): "both", (True, False): "min", (False, True): "max"}
        bar = figure.colorbar(
            self.mapped,
            ax=grid,
            label=attribute,
            extend=extend.get(self.beyond, "neither"),
            aspect=30,
            fraction=0.04,
        )
        bar.outline.set_visible(False)

    def name(self, axes: "Axes", panel: Panel) -> None:
        pass


def _draw(axes: "Axes", panel: Panel, scale: _Scale) -> None:
    count, latents = panel.points.shape
    across = panel.points[:, 0]
    up = panel.points[:, 1] if latents == 2 else np.arange(count) * GOLDEN % 1
    # In a shuffled order, so that no class hides the others because it comes last.
    order = np.argsort(np.arange(count) * GOLDEN % 1)
    known = panel.values.notna().to_numpy()[order]
    order = np.concatenate([order[~known], order[known]])
    axes.scatter(
        across[order],
        up[order],
        c=scale.of(panel.values.iloc[order]),
        s=float(np.clip(7000 / max(count, 1), 5, 30)),
        alpha=0.75,
        linewidths=0,
        zorder=2,
    )
    _frame(axes, panel.points, reach=max(DEVIATIONS) if panel.prior else 0)
    if panel.prior:
        _draw_prior(axes, latents)
    scale.name(axes, panel)
    axes.set_title(textwrap.fill(panel.title, LINE_LETTERS), fontsize=12, color=INK, pad=20)
    axes.annotate(
        panel.about, (0.5, 1.0), (0, 6), xycoords="axes fraction", textcoords="offset points",
        ha="center", fontsize=9, color=QUIET,
    )  # fmt: skip
    axes.set_xlabel(panel.names[0], color=INK)
    axes.set_ylabel(panel.names[1] if latents == 2 else "spread evenly, no latent", color=INK)


def _frame(axes: "Axes", points: np.ndarray, reach: float) -> None:
    """A square box that holds the points and -reach..reach, with one scale on both axes."""
    from matplotlib.ticker import MaxNLocator

    low = np.minimum(points.min(axis=0), -reach)
    high = np.maximum(points.max(axis=0), reach)
    middle, half = (low + high) / 2, 0.53 * (float((high - low).max()) or 1.0)
    axes.set_box_aspect(1)
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    if points.shape[1] == 2:
        axes.set_ylim(middle[1] - half, middle[1] + half)
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    else:
        axes.set_ylim(-0.03, 1.03)
        axes.set_yticks([])
    axes.tick_params(color=QUIET, labelcolor=QUIET, labelsize=9)
    for spine in axes.spines.values():
        spine.set_color("#b9bec5")


def _draw_prior(axes: "Axes", latents: int) -> None:
    from matplotlib.patches import Circle

    for deviation in DEVIATIONS:
        if latents == 2:
            axes.add_patch(
                Circle((0, 0), deviation, fill=False, edgecolor=INK, linewidth=1.1, zorder=3)
            )
        else:
            for place in (-deviation, deviation):
                axes.axvline(place, color=INK, linewidth=1.1, zorder=3)


def _prior_line() -> "Line2D":
    from matplotlib.lines import Line2D

    away = " and ".join(map(str, DEVIATIONS))
    return Line2D([], [], color=INK, linewidth=1.1, label=f"prior at {away} standard deviations")


def _dot(colour: str, label: str) -> "Line2D":
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, marker="o", markersize=6, linewidth=0, label=label)
