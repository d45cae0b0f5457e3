"""Figures for papers, from the tables of a run or a comparison; the page itself draws its own.

Each takes plain tables and returns a matplotlib figure that belongs to nobody else: change it, or
write it with `save`. Blue stands for less, orange for more, and nothing is told by colour alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from latentlab.metrics.titles import metric_title
from latentlab.pictures import Strip
from latentlab.verdicts import VERDICTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, WHITE, ORANGE = "#1f6fb4", "#ffffff", "#d9730d"
LINES = ("#1f6fb4", "#d9730d", "#111111", "#5aa9d6", "#a05a00", "#7a7a7a")
DASHES = ("-", "--", ":", "-.", (0, (6, 2)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")
NATS = "nats per image"
_TITLES = {"reconstruction": "Reconstruction", "kl": "KL", "elbo": "ELBO"}


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PDF, SVG, PNG or what else matplotlib knows; the same figure gives the same
    bytes, and letters stay letters."""
    import matplotlib

    settings: Any = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "latentlab"}
    dated = {".pdf": "CreationDate", ".svg": "Date"}.get(Path(path).suffix.lower())
    with matplotlib.rc_context(settings):
        figure.savefig(path, dpi=200, metadata={dated: None} if dated else None)


def heat_map(rankings: pd.DataFrame, measure: str = "correlation") -> "Figure":
    """Every target against every ranked dimension.

    Args:
        rankings: The table of this name.
        measure: `correlation`, or another measure with values of either sign.
    """
    rows = rankings[(rankings["measure"] == measure) & rankings["rank"].notna()]
    if rows.empty:
        raise ValueError(f"the rankings hold no ranked dimension by {measure!r}")
    values = rows.pivot(index="target", columns="latent", values="value").astype(float)
    values = values.loc[rows["target"].unique()]
    limit = 1.0 if measure == "correlation" else None
    return _matrix(values, measure, "latent dimension", limit)


def side_effects(
    interventions: pd.DataFrame, judge: str, directions: Sequence[str] | None = None
) -> "Figure":
    """What moving each direction does to every target: the wanted change has a frame.

    Args:
        interventions: The table of this name.
        judge: Whose measurements.
        directions: As the table names them; the probe directions of all targets if not given.

    Raises:
        ValueError: The judge measured none of the directions.
    """
    rows = interventions[(interventions["judge"] == judge) & interventions["slope"].notna()]
    wanted = rows["kind"] == "probe" if directions is None else rows["direction"].isin(directions)
    rows = rows[wanted]
    if rows.empty:
        raise ValueError(f"{judge!r} measured none of these directions")
    values = rows.pivot(index="direction", columns="target", values="slope").astype(float)
    names = list(directions) if directions is not None else list(rows["direction"].unique())
    values = values.loc[[name for name in names if name in values.index]]
    made_for = rows.drop_duplicates("direction").set_index("direction")["of"]
    first = [of for of in made_for.reindex(values.index) if of in values.columns]
    values = values[list(dict.fromkeys([*first, *values.columns]))]
    label = "standard deviations of the target\nper standard deviation of the direction"
    figure = _matrix(values, label, f"target, measured by {judge}", None)
    axes = figure.axes[0]
    for row, name in enumerate(values.index):
        if made_for[name] in values.columns:
            column = values.columns.get_loc(made_for[name])
            axes.add_patch(_frame(column, row))
    return figure


def _frame(column: int, row: int) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column, row), 1, 1, fill=False, edgecolor="black", linewidth=1.4)


def _matrix(values: pd.DataFrame, label: str, x_label: str, limit: float | None) -> "Figure":
    import seaborn
    from matplotlib.figure import Figure

    height, width = values.shape
    figure = Figure(figsize=(3 + 0.28 * width, 1.2 + 0.22 * height), layout="constrained")
    axes = figure.subplots()
    limit = limit or float(values.abs().max(axis=None)) or 1.0
    seaborn.heatmap(
        values,
        ax=axes,
        cmap=seaborn.blend_palette([BLUE, WHITE, ORANGE], as_cmap=True),
        vmin=-limit,
        vmax=limit,
        linewidths=0.3,
        xticklabels=True,
        yticklabels=True,
        cbar_kws={"label": label},
    )
    axes.set(xlabel=x_label, ylabel="")
    return figure


def training_curves(history: pd.DataFrame) -> "Figure":
    """Reconstruction and KL over the epochs, train and valid, in nats per image."""
    import seaborn
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, term in zip(figure.subplots(1, 2), ("reconstruction", "kl"), strict=True):
        for split, dashes in (("train", (4, 2)), ("valid", ())):
            seaborn.lineplot(
                x=history["epoch"],
                y=history[f"{split}_{term}"],
                ax=axes,
                label=split,
                dashes=dashes or (None, None),
            )
        axes.set(xlabel="epoch", ylabel=NATS, title=_TITLES[term])
    return figure


def intervention_curves(
    responses: pd.DataFrame, direction: str, targets: Sequence[str], judge: str
) -> "Figure":
    """How the measured targets answer as a direction is moved, with 95 % bands.

    Args:
        responses: The table of this name.
        direction: As the table names it: `mu_007`, `probe:Smiling`.
        targets: The first is drawn strongest.

    Raises:
        ValueError: The judge measured none of the targets along it.
    """
    rows = responses[(responses["direction"] == direction) & (responses["judge"] == judge)]
    known = [target for target in targets if rows.loc[rows["target"] == target, "value"].any()]
    if not known:
        raise ValueError(f"{judge!r} measured none of these targets along {direction!r}")
    figure, axes = _axes(4.6, 3.4)
    for number, target in enumerate(known):
        one = rows[rows["target"] == target].sort_values("t")
        color = LINES[number % len(LINES)]
        axes.fill_between(one["t"], one["low"], one["high"], color=color, alpha=0.18, linewidth=0)
        axes.plot(
            one["t"],
            one["value"],
            color=color,
            linestyle=DASHES[number % len(DASHES)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            linewidth=2.2 if number == 0 else 1.2,
            label=target,
        )
    axes.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    axes.set(
        xlabel=f"{direction} moved, standard deviations of the codes",
        ylabel=f"change measured by {judge},\nstandard deviations of real data",
    )
    axes.legend(frameon=False, fontsize="small")
    return figure


def ranking(
    rankings: pd.DataFrame, target: str, measure: str = "correlation", most: int = 10
) -> "Figure":
    """The first dimensions of a target with their 95 % intervals, the first at the top.

    Raises:
        ValueError: Nothing is ranked for the target by this measure.
    """
    rows = rankings[(rankings["target"] == target) & (rankings["measure"] == measure)]
    rows = rows[rows["rank"].notna()].sort_values("rank").head(most)
    if rows.empty:
        raise ValueError(f"the rankings hold no dimension for {target!r} by {measure!r}")
    figure, axes = _axes(4.6, 0.9 + 0.27 * len(rows))
    _whiskers(axes, rows["value"], np.arange(len(rows)), rows["low"], rows["high"], upright=False)
    axes.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    axes.set_yticks(np.arange(len(rows)), rows["latent"].astype(str).tolist())
    axes.invert_yaxis()
    axes.set(xlabel=f"{measure} with {target}")
    return figure


def verdict_summary(verdicts: pd.DataFrame) -> "Figure":
    """How many targets got each verdict, by kind of target."""
    roles = list(dict.fromkeys(verdicts["role"]))
    figure, axes = _axes(5.2, 2.4)
    left = np.zeros(len(VERDICTS))
    hatches = ("", "///", "...")
    for number, role in enumerate(roles):
        given = verdicts.loc[verdicts["role"] == role, "verdict"]
        counts = np.array([(given == verdict).sum() for verdict in VERDICTS])
        axes.barh(
            list(VERDICTS),
            counts,
            left=left,
            color=LINES[number % len(LINES)],
            hatch=hatches[number % len(hatches)],
            edgecolor="white",
            label=f"{role}s",
        )
        left += counts
    for place, count in enumerate(left):
        axes.text(count, place, f" {count:.0f}", va="center", fontsize="small")
    axes.invert_yaxis()
    axes.set(xlabel=f"targets, of {len(verdicts)}")
    axes.legend(frameon=False, fontsize="small")
    return figure


def rate_distortion(comparison: pd.DataFrame) -> "Figure":
    """Reconstruction against KL of every group of runs, means over seeds with 95 % intervals.

    Args:
        comparison: `tables/comparison.parquet` of `latentlab compare`.

    Raises:
        ValueError: No group has both.
    """
    known = comparison[comparison["target"].isna()]
    rate, distortion = (
        known[known["number"] == name].set_index("group") for name in ("kl", "reconstruction")
    )
    groups = rate.index[rate["mean"].notna()].intersection(
        distortion.index[distortion["mean"].notna()], sort=False
    )
    if groups.empty:
        raise ValueError("no group of the comparison has both a KL and a reconstruction")
    rate, distortion = rate.loc[groups], distortion.loc[groups]
    figure, axes = _axes(4.6, 3.4)
    axes.plot(rate["mean"], distortion["mean"], color="0.7", linewidth=1, zorder=0)
    _whiskers(axes, rate["mean"], distortion["mean"], distortion["low"], distortion["high"])
    _whiskers(axes, rate["mean"], distortion["mean"], rate["low"], rate["high"], upright=False)
    for group in groups:
        axes.annotate(
            group,
            (rate["mean"][group], distortion["mean"][group]),
            xytext=(6, 5),
            textcoords="offset points",
            fontsize="small",
        )
    axes.set(xlabel=f"rate: KL, {NATS}", ylabel=f"distortion: reconstruction,\n{NATS}")
    return figure


def against_setting(
    comparison: pd.DataFrame,
    numbers: Sequence[str],
    setting: str = "objective.beta",
    target: str | None = None,
) -> "Figure":
    """Numbers of runs over a setting, each on its own axes: means over seeds with 95 % intervals.

    Args:
        comparison: `tables/comparison.parquet` of `latentlab compare`.
        numbers: Of its column `number`: metrics, `kl`, `active_units`, `control` ...
        setting: A column of the table; all positive values are drawn on a logarithmic axis.
        target: For numbers of one target.

    Raises:
        ValueError: The comparison has no such column, or none of a number.
    """
    if setting not in comparison:
        raise ValueError(f"the comparison has no column {setting!r}")
    own = comparison["target"].isna() if target is None else comparison["target"] == target
    rows = comparison[own & comparison["mean"].notna()]
    figure, grid = _axes(3.2 * len(numbers), 2.8, columns=len(numbers))
    for axes, name in zip(grid, numbers, strict=True):
        one = rows[rows["number"] == name].sort_values(setting)
        if one.empty:
            raise ValueError(
                f"the comparison has no {name!r}" + (f" of {target}" if target else "")
            )
        axes.plot(one[setting], one["mean"], color=BLUE, linewidth=1.2, zorder=0)
        _whiskers(axes, one[setting], one["mean"], one["low"], one["high"])
        if (one[setting] > 0).all():
            axes.set_xscale("log")
            axes.set_xticks(one[setting], [f"{value:g}" for value in one[setting]])
            axes.minorticks_off()
        title = _TITLES.get(name) or metric_title(name)
        title = title if target is None else f"{title} of {target}"
        axes.set(xlabel=setting.rpartition(".")[2], title=title)
    return figure


def traversal_grid(strips: Mapping[str, Strip]) -> "Figure":
    """Decoded pictures along several lines, a row each, with the offsets above.

    Args:
        strips: Label -> strip; all of the same offsets.
    """
    if not strips:
        raise ValueError("there is no strip to draw")
    offsets = {strip.offsets for strip in strips.values()}
    if len(offsets) > 1:
        raise ValueError("strips of one grid must have the same offsets")
    (steps,) = offsets
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.2 + 0.7 * len(steps), 0.5 + 0.7 * len(strips)), layout="constrained")
    grid = figure.subplots(len(strips), len(steps), squeeze=False)
    for row, (label, strip) in zip(grid, strips.items(), strict=True):
        for axes, image in zip(row, strip.images, strict=True):
            grey = image.shape[-1] == 1
            axes.imshow(image[..., 0] if grey else image, cmap="gray", vmin=0, vmax=255)
            axes.set(xticks=[], yticks=[], frame_on=False)
        row[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize="small")
    for axes, offset in zip(grid[0], steps, strict=True):
        axes.set_title(f"{offset:+.3g}" if offset else "0", fontsize="small")
    figure.supxlabel(next(iter(strips.values())).unit, fontsize="small")
    return figure


def _axes(width: float, height: float, columns: int | None = None) -> "tuple[Figure, Any]":
    """A figure with axes that have no box; an array of them where columns are given."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    made = figure.subplots(1, columns or 1, squeeze=False)[0]
    for axes in made:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, made if columns else made[0]


def _whiskers(axes: "Axes", x: Any, y: Any, low: Any, high: Any, *, upright: bool = True) -> None:
    """Dots with their intervals; where an interval is missing the dot stands alone."""
    x, y, low, high = (np.asarray(values, float) for values in (x, y, low, high))
    middle = y if upright else x
    reach = np.abs(np.stack([middle - low, high - middle]))
    error = np.where(np.isfinite(reach), reach, 0.0)
    axes.errorbar(
        x,
        y,
        yerr=error if upright else None,
        xerr=None if upright else error,
        fmt="o",
        color=BLUE,
        markersize=5,
        capsize=2.5,
        linewidth=1.4,
    )
