"""What a comparison's page is made of: tables and pictures, gathered before any HTML is written."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from latentlab.comparison.choice import Tally
from latentlab.comparison.groups import BETA, Group, Grouping
from latentlab.comparison.runs import LeftOut
from latentlab.pictures import Strip


@dataclass(frozen=True)
class Moved:
    """One run's row of a block of faces.

    Attributes:
        strip: None where nothing can be shown; `note` then says why, else what to know of it.
    """

    group: str
    run: str
    latent: str
    strip: Strip | None
    note: str


@dataclass(frozen=True)
class Faces:
    """The same face moved along one axis in every group, for one target.

    Attributes:
        origin: The run and latent that the others were matched to, in words.
    """

    target: str
    origin: str
    rows: tuple[Moved, ...]


@dataclass(frozen=True)
class ComparisonContents:
    """Everything the page of a comparison shows.

    Attributes:
        title: Names the comparison.
        grouping: Of the runs.
        summary, differences, choices, matches, survival, agreement, values: The tables of
            `latentlab.comparison` by their names.
        tallies: (group, target) -> what its runs say.
        roles: Target -> role.
        likelihoods: Group -> its likelihood, None where the model has none.
        normalized: Group -> Higgins' normalised beta, None where there is none.
        images: Test images that all share.
        left_out: Runs that were asked for and are not compared.
        common: Settings that all runs share, nested plain values.
        faces: One block a target that is shown.
        unshown: Targets that some latent moves and that have no block.
        asked: Targets that were asked for by name; the first is spoken of first.
        pictures_left_out: Whether every picture was left out on request.
        stand_ins: Whether metrics took attributes in place of factors.
    """

    title: str
    grouping: Grouping
    summary: pd.DataFrame
    differences: pd.DataFrame
    choices: pd.DataFrame
    matches: pd.DataFrame
    survival: pd.DataFrame
    agreement: pd.DataFrame
    values: pd.DataFrame
    tallies: dict[tuple[str, str], Tally]
    roles: dict[str, str]
    likelihoods: dict[str, str | None]
    normalized: dict[str, float | None]
    images: int
    left_out: tuple[LeftOut, ...]
    common: dict[str, Any]
    faces: tuple[Faces, ...]
    unshown: tuple[str, ...]
    asked: tuple[str, ...] = ()
    pictures_left_out: bool = False
    stand_ins: bool = False

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.grouping.groups

    @property
    def kind(self) -> str:
        """What a group is called: `beta` where beta alone sets groups apart, else `group`."""
        if self.grouping.axis == BETA:
            return "beta"
        return (self.grouping.axis or "group").rpartition(".")[2].replace("_", " ")

    def short(self, group: str) -> str:
        """A group's name where the axis is already named: its value on the axis."""
        axis = self.grouping.axis
        if axis is None:
            return group
        found = next(one for one in self.groups if one.name == group)
        return f"{found.settings[axis]:g}"
