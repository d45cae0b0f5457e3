"""Tables with something wrong in them, drawn by chance: which column, which rows, which value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tests.reports.hostile import HOSTILE

NOT_FINITE = (np.nan, np.inf, -np.inf)
EXTREME = (1e308, -1e308, 1e-320, 0.0)
SHARES = (0.0, 0.1, 0.5, 1.0)  # of the rows; 0 is a single row


@dataclass(frozen=True)
class Bad:
    """A table and what was done to it.

    Attributes:
        mute: Columns about which nothing can be said any more: no value known, or all the same.
        hostile: Whether texts in it try to be something else, or to look like no number.
    """

    table: pd.DataFrame
    what: str
    mute: frozenset[str] = field(default_factory=frozenset)
    hostile: bool = False


Change = Callable[[pd.DataFrame, np.random.Generator], Bad]


def spoiled(table: pd.DataFrame, chance: np.random.Generator, changes: tuple[Change, ...]) -> Bad:
    """The table with one of the changes that it has a column for."""
    has_text = any(_is_text(table[name]) for name in table)
    fitting = [change for change in changes if has_text or change is not text]
    return _one(fitting, chance)(table, chance)


def number(table: pd.DataFrame, chance: np.random.Generator) -> Bad:
    """NaN, an infinity or an extreme in some rows of a column of numbers."""
    name = _one(_numbers(table), chance)
    rows, share = _rows(table, chance)
    value = float(_one((*NOT_FINITE, *NOT_FINITE, *EXTREME), chance))
    column = table[name].astype("float64").to_numpy(copy=True)
    column[rows] = value
    return Bad(
        table.assign(**{name: column}),
        f"{value} in {share} of {name}",
        frozenset({name}) if share == "all" and not np.isinf(value) else frozenset(),
    )


def label(table: pd.DataFrame, chance: np.random.Generator) -> Bad:
    """One class, all unknown, or a single other in a column of labels."""
    name = _one([one for one in table if _is_label(table[one])], chance)
    kind = _one(("one class", "all unknown", "half unknown", "a single positive"), chance)
    values = table[name].astype("boolean").to_numpy(dtype=object, na_value=None).copy()
    if kind == "one class":
        values[:] = bool(chance.integers(2))
    elif kind == "a single positive":
        values[:] = False
        values[chance.integers(len(values))] = True
    else:
        values[: len(values) if kind == "all unknown" else len(values) // 2] = None
    mute = frozenset() if kind == "half unknown" else frozenset({name})
    return Bad(table.assign(**{name: pd.array(values, dtype="boolean")}), f"{kind} in {name}", mute)


def text(table: pd.DataFrame, chance: np.random.Generator) -> Bad:
    """A hostile or missing text in some rows of a column of text."""
    name = _one([one for one in table if _is_text(table[one])], chance)
    rows, share = _rows(table, chance)
    value = None if chance.random() < 0.2 else _one(HOSTILE, chance)
    column = table[name].astype(object).to_numpy(copy=True)
    column[rows] = value
    what = f"{value!r:.40} in {share} of {name}"
    return Bad(table.assign(**{name: column}), what, hostile=value is not None)


def names(table: pd.DataFrame, chance: np.random.Generator) -> Bad:
    """A hostile name for a column."""
    name = _one([one for one in table if one not in ("image_id", "split")], chance)
    value = _one(HOSTILE, chance)
    what = f"{name} is called {value!r:.40}"
    return Bad(table.rename(columns={name: value}), what, hostile=True)


def ids(table: pd.DataFrame, chance: np.random.Generator) -> Bad:
    """Images that are listed twice, or have odd names."""
    found = table["image_id"].astype(object).to_numpy(copy=True)
    kind = _one(("a double", "all the same", "hostile", "one empty", "numbers"), chance)
    if kind == "a double":
        found[-1] = found[0]
    elif kind == "all the same":
        found[:] = found[0]
    elif kind == "hostile":
        usual = [one for one in HOSTILE if "\0" not in one]
        found[: len(usual)] = usual[: len(found)]
    elif kind == "one empty":
        found[0] = None
    else:
        found = np.arange(len(found))
    return Bad(table.assign(image_id=found), f"image_id: {kind}", hostile=kind == "hostile")


def rows(table: pd.DataFrame, chance: np.random.Generator) -> Bad:
    """Too few rows, rows twice, or another order."""
    kind = _one(("none", "one", "twenty", "twice", "reversed"), chance)
    count = {"none": 0, "one": 1, "twenty": 20}.get(kind)
    if count is not None:
        changed = table.head(count)
    else:
        changed = pd.concat([table, table]) if kind == "twice" else table[::-1]
    return Bad(changed.reset_index(drop=True), f"rows: {kind}")


def splits(table: pd.DataFrame, chance: np.random.Generator) -> Bad:
    """A split without images, with one, or of an unknown name."""
    name = _one(("train", "valid", "test"), chance)
    kind = _one(("gone", "alone", "of one image", "of another name"), chance)
    split = table["split"]
    if kind in ("gone", "alone"):
        changed = table[(split == name) == (kind == "alone")]
    elif kind == "of one image":
        changed = table[(split != name) | ~split.duplicated()]
    else:
        changed = table.assign(split=split.where(split != name, "other"))
    return Bad(changed.reset_index(drop=True), f"split {name} {kind}")


def many_latents(table: pd.DataFrame, chance: np.random.Generator) -> Bad:
    """Ten times more latents than images."""
    few = table.groupby("split", sort=False).head(6).reset_index(drop=True)
    codes = chance.normal(size=(len(few), 10 * len(few))).astype(np.float32)
    made = pd.DataFrame(codes, columns=[f"mu_{index:03d}" for index in range(codes.shape[1])])
    return Bad(pd.concat([few[["image_id", "split"]], made], axis=1), "10 times more latents")


def constant(table: pd.DataFrame, chance: np.random.Generator) -> Bad:
    """Every number of the table the same in all rows."""
    found = _numbers(table)
    same = {name: np.full(len(table), float(table[name].iloc[0])) for name in found}
    return Bad(table.assign(**same), "all numbers constant", frozenset(found))


def absent(table: pd.DataFrame, chance: np.random.Generator) -> Bad:
    """A column is not there."""
    name = _one(list(table), chance)
    return Bad(table.drop(columns=name), f"no column {name}")


def mixed(table: pd.DataFrame, chance: np.random.Generator) -> Bad:
    """A label that is -1, 0 and 1."""
    name = _one([one for one in table if _is_label(table[one])], chance)
    return Bad(table.assign(**{name: np.arange(len(table)) % 3 - 1}), f"-1, 0 and 1 in {name}")


def _one(among: Sequence[Any], chance: np.random.Generator) -> Any:
    """One of a sequence; numpy's own choice would make arrays of it."""
    return among[int(chance.integers(len(among)))]


def _rows(table: pd.DataFrame, chance: np.random.Generator) -> tuple[np.ndarray, str]:
    """Row numbers, and how many in words."""
    share = _one(SHARES, chance)
    count = max(1, round(share * len(table)))
    found = np.sort(chance.permutation(len(table))[:count])
    return found, "all" if share == 1 else f"{count} rows"


def _numbers(table: pd.DataFrame) -> list[str]:
    return [
        name
        for name in table
        if pd.api.types.is_numeric_dtype(table[name]) and not _is_label(table[name])
    ]


def _is_label(column: pd.Series) -> bool:
    return pd.api.types.is_bool_dtype(column)


def _is_text(column: pd.Series) -> bool:
    return not _is_label(column) and not pd.api.types.is_numeric_dtype(column)
