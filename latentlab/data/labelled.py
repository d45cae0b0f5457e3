"""Names of pictures joined to what a label table, folders or the names themselves say of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from latentlab.data.columns import Meaning, check_kinds, understood
from latentlab.data.images import SUFFIXES
from latentlab.data.labels import Rows, refusals
from latentlab.data.source import Listing, Refusal
from latentlab.errors import DataError


def listed(
    names: Sequence[str],
    kinds: Mapping[str, str],
    *,
    said: Rows | None = None,
    table: Rows | None = None,
    plain: frozenset[str] = frozenset(),
) -> Listing:
    """The samples of these pictures, in this order.

    Args:
        names: One a picture, unique; they become `image_id`.
        kinds, plain: See `columns.understood`.
        said: Columns that have one row a picture, in the same order, such as parts of the names.
        table: A label file, whose keys name pictures. A picture without a row has no labels, a row
            without a picture is listed as refused.

    Raises:
        DataError: no row of the table names a picture, or two columns have one name.
    """
    columns = [name for rows in (said, table) if rows is not None for name in rows.cells.columns]
    check_kinds(kinds, columns)
    samples = pd.DataFrame({"image_id": pd.Series(names, dtype=object)})
    listing = Listing(samples, {}, found=len(names))
    if said is not None:
        listing = _with_said(listing, said, understood(said, kinds, plain=plain))
    if table is not None:
        listing = _with_table(listing, table, understood(table, kinds, plain=plain))
    return listing


def _with_said(listing: Listing, said: Rows, meaning: Meaning) -> Listing:
    names = listing.samples["image_id"]
    refused = tuple(
        Refusal(names[row], "picture", f"{reason} in {said.path}")
        for row, reason in sorted(meaning.bad.items())
    )
    listing = _with_columns(listing, meaning, np.arange(len(names)))
    good = ~np.isin(np.arange(len(names)), list(meaning.bad))
    samples = listing.samples[good].reset_index(drop=True)
    return replace(listing, samples=samples, refused=listing.refused + refused)


def _with_table(listing: Listing, table: Rows, meaning: Meaning) -> Listing:
    names = listing.samples["image_id"].tolist()
    place = _joined(names, table)
    refused = refusals(table, meaning.bad)
    lonely = np.setdiff1d(np.arange(len(table.keys)), [*place, *refused])
    unmatched = [
        Refusal(str(table.keys[row]), "label row", "has no picture", harmless=True)
        for row in lonely
    ]
    # A picture that its row puts into no split is of no use, and takes the row along.
    lost = np.isin(place, list(meaning.without_split))
    for at in np.flatnonzero(lost):
        row = refused.pop(int(place[at]))
        unmatched.append(replace(row, name=names[at], what="picture", labelled=True))
    place = np.where(np.isin(place, list(meaning.bad)), -1, place)
    listing = _with_columns(listing, meaning, place)
    return replace(
        listing,
        samples=listing.samples[~lost].reset_index(drop=True),
        refused=(*listing.refused, *table.refused, *refused.values(), *unmatched),
        labelled=(place >= 0)[~lost],
        label_rows=table.found,
    )


def _with_columns(listing: Listing, meaning: Meaning, place: np.ndarray) -> Listing:
    """The samples with further columns; `place` is the row of each sample, or -1."""
    columns = {**meaning.own, **meaning.targets}
    double = set(columns) & set(listing.samples.columns)
    if double:
        raise DataError(
            f"{min(double)} is said twice, by the label file and by the names of files or folders."
            " Leave one out with --set columns.NAME=ignore, or rename it."
        )
    taken = {
        name: values.reset_index(drop=True).reindex(place).reset_index(drop=True)
        for name, values in columns.items()
    }
    samples = pd.concat([listing.samples, pd.DataFrame(taken, index=listing.samples.index)], axis=1)
    notes = listing.notes + tuple(meaning.notes)
    return replace(listing, samples=samples, roles={**listing.roles, **meaning.roles}, notes=notes)


def _without_ending(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in SUFFIXES else name


# How a label row may name its picture, the most exact first.
FORMS: tuple[Callable[[str], str], ...] = (
    lambda name: name,
    _without_ending,
    lambda name: PurePosixPath(name).name,
    lambda name: _without_ending(PurePosixPath(name).name),
)


def _joined(names: Sequence[str], table: Rows) -> np.ndarray:
    """The row of the table for each picture, -1 for none: (pictures,).

    All rows are read in the form that finds the most pictures, so that one file is not joined in
    two ways.
    """
    keys = [key.strip().replace("\\", "/").removeprefix("./") for key in table.keys]
    best: Callable[[str], str] = FORMS[0]
    most = 0
    for form in FORMS:
        pictures = {form(name) for name in names}
        hits = sum(form(key) in pictures for key in keys)
        if hits > most:
            best, most = form, hits
    if not most:
        raise DataError(_strangers(names, keys, table))
    row_of: dict[str, int] = {}
    for row, key in enumerate(keys):
        first = row_of.setdefault(best(key), row)
        if first != row:
            raise DataError(
                f"{table.path} names one picture as {keys[first]} (line {table.lines[first]}) and"
                f" as {key} (line {table.lines[row]}). Keep one of the rows."
            )
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(best(name), name)
        if other != name and best(name) in row_of:
            raise DataError(
                f"{table.path} has a row for {best(name)}, which is {other} as well as {name}."
                " Write the path and the ending in the table."
            )
    return np.array([row_of.get(best(name), -1) for name in names])


def _strangers(names: Sequence[str], keys: Sequence[str], table: Rows) -> str:
    if not keys:
        return f"{table.path} has no row that can be used. Write one row for each picture."
    message = (
        f"no row of {table.path} names a picture: its first row is for {keys[0]},"
        f" the first picture is {names[0]}."
    )
    bare = {FORMS[-1](name).lstrip("0") for name in names}
    if any(key.isdecimal() and key in bare for key in keys):
        return f"{message} The table has lost leading zeros; write that column as text."
    return f"{message} Name the column of file names with --set key=COLUMN."
