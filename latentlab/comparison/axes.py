"""The latent that moves a target in one run, and those of other runs that are matched to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from latentlab.comparison.groups import Grouping
from latentlab.comparison.matching import Matching
from latentlab.comparison.numbers import moved_by, verdict_rows
from latentlab.comparison.runs import ComparedRun


@dataclass(frozen=True)
class Axis:
    """A latent of a run; along `sign` times it the target grows."""

    run: str
    latent: str
    sign: float


@dataclass(frozen=True)
class Counterpart:
    """What stands for an axis in a run of another group, or of its own.

    Attributes:
        axis: None where no dimension is matched to it.
        note: How well it is matched, and whether another latent moves the target more.
    """

    group: str
    run: str
    axis: Axis | None
    note: str


def axis_of(
    target: str, group: str, grouping: Grouping, runs: Sequence[ComparedRun]
) -> Axis | None:
    """Of the first run of a group in which a single latent moves the target; None without one."""
    by_name = {run.name: run for run in runs}
    members = next(one.runs for one in grouping.groups if one.name == group)
    for name in members:
        row = verdict_rows(by_name[name]).get(target)
        latent = None if row is None else moved_by(row)
        if row is not None and latent is not None:
            return Axis(name, latent, float(np.sign(row["effect"])))
    return None


def counterparts(
    target: str,
    axis: Axis,
    grouping: Grouping,
    runs: Sequence[ComparedRun],
    matchings: Mapping[tuple[str, str], Matching],
) -> tuple[Counterpart, ...]:
    """One of every group: the run of the axis, elsewhere the run with its seed or else the first,
    with the latent matched to it."""
    by_name = {run.name: run for run in runs}
    seed = by_name[axis.run].seed
    found = []
    for group in grouping.groups:
        same = [name for name in group.runs if by_name[name].seed == seed]
        name = axis.run if axis.run in group.runs else [*same, group.runs[0]][0]
        matched: Axis | None = axis
        note = "moves it most"
        if name != axis.run:
            matched, note = _matched(axis, matchings[axis.run, name], name)
        row = verdict_rows(by_name[name]).get(target)
        own = None if row is None else moved_by(row)
        if matched is not None and name != axis.run:
            if own == matched.latent:
                note += "; moves it most"
            elif own is not None:
                note += f"; here {own} moves it most"
        found.append(Counterpart(group.name, name, matched, note))
    return tuple(found)


def _matched(axis: Axis, matching: Matching, run: str) -> tuple[Axis | None, str]:
    partner = matching.partner(axis.latent)
    if partner is None:
        return None, "no dimension is matched"
    latent, sign = partner
    place = matching.latents_a.index(axis.latent), matching.latents_b.index(latent)
    r = float(matching.r[place])
    note = f"correlation {r:+.2f}".replace("-", "\N{MINUS SIGN}")
    if matching.limit is not None and abs(r) <= matching.limit:
        note += ", as chance"
    return Axis(run, latent, axis.sign * sign), note
