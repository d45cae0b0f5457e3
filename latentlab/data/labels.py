"""CelebA's label files in their published text layout, plain or xz-compressed."""

import csv
import io
import lzma
from pathlib import Path

import numpy as np
import pandas as pd

from latentlab.artifacts import SPLITS
from latentlab.errors import DataError

RESERVED = {"image_id", "split", "identity"}  # columns beside the attributes


def read_attributes(path: Path) -> pd.DataFrame:
    """`list_attr_celeba.txt`: a count, the names, then a row an image of -1 and 1.

    Returns:
        One nullable boolean column an attribute, indexed by file name.

    Raises:
        DataError: count, columns, values or names are not as published; the place is named.
    """
    count, names, *rows = _lines(path, least=3)
    attributes = names.split()
    wrong_names = {name for name in attributes if attributes.count(name) > 1} | (
        RESERVED & set(attributes)
    )
    if wrong_names:
        raise DataError(
            f"{path}: line 2 names {min(wrong_names)} twice, or it is a column of our own"
            f" ({', '.join(sorted(RESERVED))}). Rename it."
        )
    table = _table(path, rows, 1 + len(attributes), first_line=3).set_axis(
        ["image_id", *attributes], axis=1
    )
    if not count.strip().isdigit() or int(count) != len(table):
        raise DataError(
            f"{path}: the first line says {count.strip()!r} images, but {len(table)} rows follow."
            " The file is cut off or edited; fetch it again."
        )
    values = table[attributes]
    wrong = ~values.isin(["-1", "1"])
    if wrong.to_numpy().any():
        row, column = (int(place) for place in np.argwhere(wrong.to_numpy())[0])
        raise DataError(
            f"{path}: {table['image_id'][row]} has {values.iat[row, column]!r} for"
            f" {attributes[column]}, where only -1 and 1 are known."
        )
    return (values == "1").astype("boolean").set_index(_ids(path, table))


def read_partition(path: Path) -> pd.Series:
    """`list_eval_partition.txt`: file name and 0, 1 or 2 -> train, valid or test."""
    table = _table(path, _lines(path, least=1), 2, first_line=1)
    names = dict(zip("012", SPLITS, strict=True))
    split = table[1].map(names)
    if split.isna().any():
        row = int(split.isna().argmax())
        raise DataError(
            f"{path}: {table[0][row]} has {table[1][row]!r}, where only 0 (train), 1 (valid) and"
            " 2 (test) are known."
        )
    return split.set_axis(_ids(path, table)).rename("split")


def read_identity(path: Path) -> pd.Series:
    """`identity_CelebA.txt`: file name and the number of the person."""
    table = _table(path, _lines(path, least=1), 2, first_line=1)
    number = pd.to_numeric(table[1], errors="coerce")
    if number.isna().any():
        row = int(number.isna().argmax())
        raise DataError(f"{path}: {table[0][row]} has {table[1][row]!r}, which is no number.")
    return number.astype("int64").set_axis(_ids(path, table)).rename("identity")


def _lines(path: Path, least: int) -> list[str]:
    """The lines that are not blank."""
    try:
        content = path.read_bytes()
        if path.suffix == ".xz":
            content = lzma.decompress(content)
        lines = [line for line in content.decode("utf-8-sig").splitlines() if line.strip()]
    except (OSError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}. Fetch it again.") from error
    if len(lines) < least:
        raise DataError(f"{path} has {len(lines)} lines; at least {least} are needed.")
    return lines


def _table(path: Path, rows: list[str], columns: int, first_line: int) -> pd.DataFrame:
    """Rows of words, every one of `columns` words, as text."""
    widths = np.array([len(row.split()) for row in rows])
    if (widths != columns).any():
        row = int((widths != columns).argmax())
        raise DataError(
            f"{path}: line {first_line + row} has {widths[row]} columns, not {columns}."
        )
    text = io.StringIO("\n".join(rows))
    return pd.read_csv(
        text, sep=r"\s+", header=None, dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE
    )


def _ids(path: Path, table: pd.DataFrame) -> pd.Index:
    ids = table.iloc[:, 0]
    if not ids.is_unique:
        raise DataError(
            f"{path}: {ids[ids.duplicated()].iloc[0]} is listed twice. Remove one of the rows."
        )
    return pd.Index(ids, name="image_id")
