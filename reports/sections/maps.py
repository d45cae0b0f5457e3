"""Maps: targets by dimensions as they go together and as they move, and targets by targets."""

import numpy as np
import pandas as pd

from latentlab.artifacts import FEATURES
from reports import palette
from reports.contents import Contents
from reports.effects import Effects
from reports.findings import CORRELATION, ROLE_TITLES, UNKNOWN, Finding, dimension_link
from reports.numbers import number, shown
from reports.page import Block, Cell, Column, Row, Section, Table, Text


def section(contents: Contents, found: tuple[Finding, ...], moved: Effects) -> Section | None:
    """The three maps, as far as there is something to show; rows and columns alike in the first
    two, so that they can be held against each other."""
    r = _correlations(contents, found)
    if r.empty:
        return None
    measured = {one.target: one for one in found}
    r = r.iloc[:, by_likeness(r.abs().T.to_numpy())]
    targets = [name for rows in _roles(r, measured) for name in rows]
    blocks: list[Block] = [_held(contents, r.loc[targets], measured)]
    if moved.slopes:
        blocks.append(_moved(r.loc[targets], measured, moved))
    labels = _of_labels(contents, measured)
    return Section("map", "Maps", "Maps", (*blocks, labels) if labels else tuple(blocks))


def by_likeness(profiles: np.ndarray) -> list[int]:
    """Order of the rows of (items, features) in which like ones are neighbours; NaN counts as 0.

    Average linkage with optimal leaf ordering. Source: Bar-Joseph et al. 2001,
    https://doi.org/10.1093/bioinformatics/17.suppl_1.S22
    """
    if len(profiles) < 3:
        return list(range(len(profiles)))
    from scipy.cluster.hierarchy import leaves_list, linkage

    tree = linkage(np.nan_to_num(profiles), "average", optimal_ordering=True)
    return [int(leaf) for leaf in leaves_list(tree)]


def _correlations(contents: Contents, found: tuple[Finding, ...]) -> pd.DataFrame:
    """Targets by active dimensions, in the order of the findings."""
    rankings = contents.rankings
    rows = rankings[(rankings["measure"] == CORRELATION) & rankings["rank"].notna()]
    r = rows.pivot(index="target", columns="latent", values="value")
    return r.loc[[one.target for one in found if one.target in r.index]]


def _roles(profiles: pd.DataFrame, measured: dict[str, Finding]) -> list[list[str]]:
    """The rows' names, by role, like ones together in each."""
    roles: dict[str, list[str]] = {}
    for name in map(str, profiles.index):
        roles.setdefault(measured[name].role, []).append(name)
    return [
        [names[at] for at in by_likeness(profiles.loc[names].abs().to_numpy())]
        for names in roles.values()
    ]


def _held(contents: Contents, r: pd.DataFrame, measured: dict[str, Finding]) -> Table:
    """Correlation of every target with every active dimension."""
    rows = []
    for target, values in r.iterrows():
        one = measured[str(target)]
        cells: list[Cell] = [Text(one.target, href=f"#{one.anchor}")]
        for value in values:
            cells.append(
                number(
                    value,
                    form="short",
                    shade=None if value != value else palette.level(value),
                    reason=UNKNOWN,
                    quiet=True,
                )
            )
        rows.append(Row(tuple(cells), ROLE_TITLES.get(one.role, one.role)))
    left_out = len(contents.dimensions) - r.shape[1]
    note = f" {left_out} inactive dimensions are left out." if left_out else ""
    caption = (
        "What goes together: Pearson correlation of each active dimension's posterior mean with"
        " each target, over the test images. Dimensions that go with the same targets stand"
        f" together, and so do targets.{note}"
    )
    return Table("heat", caption, _latents(r), tuple(rows), style="heat")


def _moved(r: pd.DataFrame, measured: dict[str, Finding], moved: Effects) -> Table:
    """The measured effect of every active dimension on every target."""
    slopes = {
        (target, latent): moved.slope(latent, target)
        for target in map(str, r.index)
        for latent in map(str, r.columns)
    }
    largest = max((abs(one.value) for one in slopes.values() if one.value is not None), default=1.0)
    rows = []
    for target in map(str, r.index):
        one = measured[target]
        judge = moved.judge(target)
        cells: list[Cell] = [Text(target, href=f"#{one.anchor}", note=judge and f"judge: {judge}")]
        for latent in map(str, r.columns):
            slope = slopes[target, latent]
            value = slope.value
            cells.append(
                number(
                    value,
                    slope.low,
                    slope.high,
                    form="short",
                    shade=None if value is None else palette.level(value / largest),
                    reason=slope.reason,
                    quiet=True,
                    folded=True,
                )
            )
        rows.append(Row(tuple(cells), ROLE_TITLES.get(one.role, one.role)))
    caption = (
        "What moves together, the side-effect matrix: effect of moving each dimension on each"
        " target, in standard deviations of the real data per standard deviation of the dimension,"
        " by the judge that speaks for the target. Rows and columns stand as above; the strongest"
        f" colour is {shown(largest, 'score')}."
    )
    return Table("effects", caption, _latents(r), tuple(rows), style="heat")


def _of_labels(contents: Contents, measured: dict[str, Finding]) -> Table | None:
    """Correlation of the targets with each other in the data, no model involved."""
    r = contents.evidence.correlations
    names = [name for name in map(str, r.index) if name in measured]
    if len(names) < 2:
        return None
    r = r.loc[names, names]
    order = [names[at] for at in by_likeness(r.abs().to_numpy())]
    rows = []
    for target in order:
        one = measured[target]
        cells: list[Cell] = [Text(target, href="" if one.reason else f"#{one.anchor}")]
        for other in order:
            value = r.at[target, other]
            cells.append(
                number(
                    value,
                    form="short",
                    shade=None if value != value else palette.level(value),
                    reason="fewer than 10 images have both, or one of them never changes",
                    quiet=True,
                )
            )
        rows.append(Row(tuple(cells)))
    columns = (
        Column("target", "Target"),
        *(Column(name, name, numeric=True) for name in order),
    )
    caption = (
        "What goes together in the data, before any model: Pearson correlation of the targets with"
        " each other, over all images where both are known. What goes together here is hard to tell"
        " apart in any model of these images."
    )
    return Table("label-map", caption, columns, tuple(rows), style="heat upright")


def _latents(r: pd.DataFrame) -> tuple[Column, ...]:
    return (
        Column("target", "Target"),
        *(
            Column(name, short(name), name, numeric=True, href=dimension_link(name))
            for name in map(str, r.columns)
        ),
    )


def short(name: str) -> str:
    """`mu_007` as `7`, for narrow columns."""
    feature, _, digits = name.partition("_")
    return digits.lstrip("0") or "0" if feature in FEATURES else name
