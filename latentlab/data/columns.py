"""Columns of text to targets: what anybody's label table, folder names or file names say."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from latentlab.data import labels
from latentlab.data.labels import RESERVED, Rows
from latentlab.errors import ConfigError, DataError

Kind = Literal["attribute", "number", "category", "identity", "split", "ignore"]
MOST_CATEGORIES = 50  # a column of text with more is no set of classes unless the user says so


@dataclass
class Meaning:
    """Columns understood; all tables have the rows of the text they were read from.

    Attributes:
        targets: Nullable boolean for attributes, float64 for statistics.
        roles: Target -> "attribute" or "statistic".
        own: `identity` and `split`, where the columns say them.
        path: Where the columns stand.
        bad: Row number -> what is wrong with it.
        without_split: Rows whose split is not known, though the columns say it for others.
        notes: Columns that were not used, in words.
    """

    path: Path
    targets: dict[str, pd.Series] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    own: dict[str, pd.Series] = field(default_factory=dict)
    bad: dict[int, str] = field(default_factory=dict)
    without_split: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, values: pd.Series, role: str) -> None:
        if name in self.targets or name in RESERVED:
            raise DataError(
                f"{self.path}: two columns or classes would both be called {name}, or it is a name"
                " of our own. Rename one of them."
            )
        self.targets[name], self.roles[name] = values, role


def check_kinds(kinds: Mapping[str, str], columns: Collection[str]) -> None:
    """Raises ConfigError if a kind is given for a column that is not there."""
    for name in kinds:
        if name not in columns:
            close = difflib.get_close_matches(name, columns, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(columns)}."
            raise ConfigError(f"`source.columns.{name}`: there is no column {name}; {hint}")


def understood(
    rows: Rows, kinds: Mapping[str, str], *, plain: frozenset[str] = frozenset()
) -> Meaning:
    """Every column by the kind that the user gave it, or that its values suggest.

    Columns of one coding (-1/1, 0/1, false/true, no/yes) are attributes, other numbers are
    statistics, up to 50 different texts are classes, each an attribute `column_class`. Columns
    called `identity` and `split` are that.

    Args:
        kinds: Column -> its kind; columns that are not in `rows` are passed over.
        plain: Columns whose classes become attributes by their own name, without the column's.

    Raises:
        DataError: a column mixes codings, or two targets would have one name.
    """
    meaning = Meaning(rows.path)
    for name in map(str, rows.cells.columns):
        kind = kinds.get(name) or _suggested(rows, name)
        if kind == "attribute":
            values, bad = labels.booleans(rows, [name])
            meaning.add(name, values[name], "attribute")
        elif kind == "number":
            values, bad = labels.numbers(rows, [name])
            meaning.add(name, values[name], "statistic")
        elif kind == "category":
            bad = {}
            for value, holds in _classes(rows.cells[name]).items():
                meaning.add(value if name in plain else f"{name}_{value}", holds, "attribute")
        elif kind == "split":
            meaning.own["split"], bad = labels.splits(rows, name)
            meaning.without_split |= set(bad)
        elif kind == "identity":
            text = rows.cells[name].str.strip()
            meaning.own["identity"], bad = text.where(_known(rows.cells[name]), None), {}
        else:
            bad = {}
            if kind != "ignore":
                meaning.notes.append(f"The column {name} is not used: {kind}.")
        meaning.bad = {**bad, **meaning.bad}
    return meaning


def _suggested(rows: Rows, name: str) -> str:
    """A kind, or in words why there is none."""
    if name in ("identity", "split"):
        return name
    cells = rows.cells[name]
    words = pd.unique(cells[_known(cells)])
    if not len(words):
        return "it is empty"
    tokens = {labels.token(word) for word in words}
    coded = {token for coding in labels.CODINGS for token in coding}
    if tokens <= coded:
        if labels.coding_of(tokens) is None and len(tokens) > 2 and tokens <= {"-1", "0", "1"}:
            raise DataError(
                f"{rows.path}: the column {name} has -1, 0 and 1. Say what it is with"
                f" --set columns.{name}=number or --set columns.{name}=category; if 0 means"
                " unknown, leave those cells empty."
            )
        return "attribute"  # mixed codings are told there
    if np.isfinite(pd.to_numeric(pd.Series(list(tokens)), errors="coerce")).all():
        return "number"
    if len(words) > MOST_CATEGORIES:
        return (
            f"it has {len(words):,} different texts; --set columns.{name}=category takes them as"
            " classes all the same"
        )
    return "category"


def _known(cells: pd.Series) -> pd.Series:
    return ~cells.str.strip().str.lower().isin(labels.MISSING)


def _classes(cells: pd.Series) -> dict[str, pd.Series]:
    """One nullable boolean column a class, in the order of the names."""
    known = _known(cells)
    text = cells.str.strip()
    found = sorted(pd.unique(text[known]), key=_naturally)
    return {value: (text == value).astype("boolean").where(known, pd.NA) for value in found}


def _naturally(text: str) -> tuple[bool, float, str]:
    """Numbers by size and before words."""
    try:
        return False, float(text), text
    except ValueError:
        return True, 0.0, text
