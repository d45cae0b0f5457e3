"""Label files to columns: as CelebA publishes them, as its mirrors do, and anybody's own table.

A file is read as text first (`read_rows`) and understood afterwards, so that leading zeros stay and
every complaint can name its line. What is wrong with the file as a whole is raised; what is wrong
with one row is a refusal, and the rows read are always the rows used and the rows refused.
"""

import csv
import io
import lzma
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from latentlab.artifacts import SPLITS
from latentlab.data.images import SUFFIXES
from latentlab.data.source import Refusal
from latentlab.errors import DataError

FOLDERS = ("", "Anno", "Eval", "Img")  # where the published archive keeps its parts
ENDINGS = (".txt", ".csv", ".txt.xz", ".csv.xz")
MOST_BYTES = 1 << 30  # of a label file, unpacked
RESERVED = {"image_id", "split", "identity"}  # columns of our own, beside the labels

MISSING = {"", "na", "n/a", "nan", "null", "<na>"}
CODINGS: tuple[dict[str, bool], ...] = (
    {"-1": False, "1": True},
    {"0": False, "1": True},
    {"false": False, "true": True},
    {"no": False, "yes": True},
)
_MISSING, _STRANGE = -1, -2  # beside 0 and 1, for cells that are empty or no code

SPLIT_NAMES = {
    **dict(zip("012", SPLITS, strict=True)),
    **{name: name for name in SPLITS},
    "training": "train", "val": "valid", "validation": "valid", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """A label file as text.

    Attributes:
        path: Whose name the complaints carry.
        keys: What each row says it belongs to, such as a file name; unique.
        cells: Text, one column a label, (rows, labels), same order as `keys`.
        lines: Line of the file each row stands in, counted from 1.
        found: Rows in the file, also the refused ones.
        refused: Rows that are repeated, or contradict each other.
    """

    path: Path
    keys: pd.Index
    cells: pd.DataFrame
    lines: np.ndarray
    found: int
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class LabelTable:
    """A label file understood.

    Attributes:
        values: Indexed by the row's key, unique.
        refused: The other rows, and why.
        rows: How many there are of both kinds.
    """

    values: pd.DataFrame
    refused: tuple[Refusal, ...]
    rows: int


def find(name: str, *folders: Path) -> Path | None:
    """The published label file of this name, as text or CSV, plain or xz-compressed."""
    stem = name.removesuffix(".txt").removesuffix(".csv")
    for folder in folders:
        for below in FOLDERS:
            for ending in ENDINGS:
                path = folder / below / f"{stem}{ending}"
                if path.is_file():
                    return path
    return None


def read_attributes(path: Path) -> LabelTable:
    """`list_attr_celeba`: -1 and 1 a row in the published text (a count, the names, the rows),
    also 0 and 1 or false and true in the CSV of the mirrors (a header, the rows).

    Returns:
        One nullable boolean column an attribute, indexed by file name.

    Raises:
        DataError: count, columns or names are not as they should be, or codings are mixed.
    """
    rows = read_rows(path, counted=True)
    wrong = RESERVED & set(rows.cells.columns)
    if wrong:
        raise DataError(
            f"{path} names an attribute {min(wrong)}, which is a column of our own. Rename it."
        )
    values, bad = booleans(rows, list(rows.cells.columns))
    return _table(rows, values, bad)


def read_partition(path: Path) -> LabelTable:
    """`list_eval_partition`: file name and 0, 1 or 2, to one column `split`."""
    rows = _pairs(path, "split")
    values, bad = splits(rows, "split")
    return _table(rows, values.to_frame("split"), bad)


def read_identity(path: Path) -> LabelTable:
    """`identity_CelebA`: file name and the number of the person, to one column `identity`."""
    rows = _pairs(path, "identity")
    values, bad = numbers(rows, ["identity"])
    fractional = values["identity"].notna() & (values["identity"] % 1 != 0)
    for row in np.flatnonzero(fractional):
        bad[int(row)] = f"has {rows.cells['identity'].iat[row]!r}, which is no number of a person"
    whole = values["identity"].where(~fractional).astype("Int64")
    return _table(rows, whole.to_frame(), bad)


def read_numbers(path: Path) -> LabelTable:
    """`list_landmarks_align_celeba` or `list_bbox_celeba`: a float column a name."""
    rows = read_rows(path, counted=True)
    values, bad = numbers(rows, list(rows.cells.columns))
    return _table(rows, values, bad)


def read_rows(
    path: Path, *, counted: bool = False, key: str | None = None, keyed: bool = True
) -> Rows:
    """Any label file as text: CSV, TSV or parquet by its ending, else words between blanks.

    Args:
        counted: Text starts with a line that counts the rows, as CelebA's does.
        key: The column that names the picture; the first one if not given.
        keyed: Whether there is such a column; if not, rows are known by their number from 0.

    Raises:
        DataError: it cannot be read, has no rows, or rows and header do not fit together.
    """
    if path.name.lower().endswith(".parquet"):
        names, cells, lines = _parquet(path)
    else:
        names, cells, lines = _text(path, counted)
    double = {name for name in names if names.count(name) > 1}
    if double or "" in names:
        raise DataError(
            f"{path} has {'two columns ' + min(double) if double else 'a column without a name'}"
            " in its header. Rename or remove it (pandas writes one without a name unless it is"
            " told index=False)."
        )
    if not cells:
        raise DataError(f"{path} has no row of labels. Give one with labels.")
    if keyed and names[0].lower().endswith(SUFFIXES):
        raise DataError(
            f"{path} has {names[0]} in its first line, where the names of the columns are expected."
            " Write such a line above it."
        )
    if key is not None and key not in names:
        raise DataError(
            f"{path} has no column {key}; it has {', '.join(names)}. Name one of these."
        )
    frame = pd.DataFrame(cells, columns=names, dtype=object)
    if not keyed:
        return Rows(path, frame.index.astype(str), frame, np.array(lines), len(frame))
    keys = frame.pop(key or names[0]).str.strip()
    return _unique(path, keys, frame, np.array(lines))


def booleans(rows: Rows, columns: Sequence[str]) -> tuple[pd.DataFrame, dict[int, str]]:
    """Columns of one coding to nullable booleans, and what is wrong with which row.

    Raises:
        DataError: the columns mix codings, so that no value can be trusted.
    """
    # Millions of cells hold a handful of words, so each word is understood once.
    codes, words = pd.factorize(rows.cells[list(columns)].to_numpy(dtype=object).ravel())
    tokens = [token(word) for word in words]
    coding = coding_of(tokens)
    if coding is None:
        raise DataError(_mixed(rows, columns, codes, tokens))
    meaning = [_MISSING if word in MISSING else int(coding.get(word, _STRANGE)) for word in tokens]
    values = np.array(meaning, np.int8)[codes].reshape(-1, len(columns))
    table = {
        name: pd.arrays.BooleanArray(values[:, at] == 1, values[:, at] < 0)
        for at, name in enumerate(columns)
    }
    allowed = " and ".join(coding)
    bad: dict[int, str] = {}
    for row, at in np.argwhere(values == _STRANGE):
        text = rows.cells[columns[at]].iat[row]
        bad.setdefault(int(row), f"has {text!r} for {columns[at]}, where only {allowed} are known")
    return pd.DataFrame(table), bad


def coding_of(tokens: Iterable[str]) -> dict[str, bool] | None:
    """The coding that has all of the words that any coding has, or None if they are mixed."""
    known = set(tokens) & {token for coding in CODINGS for token in coding}
    return next((coding for coding in CODINGS if known <= set(coding)), None)


def numbers(rows: Rows, columns: Sequence[str]) -> tuple[pd.DataFrame, dict[int, str]]:
    """Columns to float64 (missing stays missing), and what is wrong with which row."""
    values: dict[str, pd.Series] = {}
    bad: dict[int, str] = {}
    for name in columns:
        text = rows.cells[name].map(token)
        text = text.where(~text.isin(MISSING))
        column = pd.to_numeric(text, errors="coerce").astype("float64")
        column = column.where(np.isfinite(column))
        values[name] = column
        for row in np.flatnonzero(column.isna() & text.notna()):
            bad.setdefault(
                int(row), f"has {rows.cells[name].iat[row]!r} for {name}, which is no number"
            )
    return pd.DataFrame(values), bad


def splits(rows: Rows, column: str) -> tuple[pd.Series, dict[int, str]]:
    """0, 1, 2 or the names of the splits to train, valid and test."""
    tokens = rows.cells[column].map(token)
    split = tokens.map(SPLIT_NAMES).astype(object)
    bad = {
        int(row): f"has {rows.cells[column].iat[row]!r} for its split, where only 0 (train),"
        " 1 (valid) and 2 (test) are known"
        for row in np.flatnonzero(split.isna())
    }
    return split, bad


def refusals(rows: Rows, bad: dict[int, str]) -> dict[int, Refusal]:
    """Rows to refuse, by number, as refusals that name file and line."""
    return {
        row: Refusal(str(rows.keys[row]), "label row", f"{reason} ({_where(rows, row)})")
        for row, reason in sorted(bad.items())
    }


def _table(rows: Rows, values: pd.DataFrame, bad: dict[int, str]) -> LabelTable:
    good = np.ones(len(rows.keys), bool)
    good[list(bad)] = False
    kept = values.set_axis(rows.keys)[good]
    return LabelTable(kept, (*rows.refused, *refusals(rows, bad).values()), rows.found)


def _where(rows: Rows, row: int) -> str:
    return f"{rows.path.name}, line {rows.lines[row]}"


def token(cell: str) -> str:
    """A cell as it is compared: small letters, and 1.0 as 1, as float columns are written."""
    text = cell.strip().lower()
    return {"1.0": "1", "+1": "1", "-1.0": "-1", "0.0": "0"}.get(text, text)


def _mixed(rows: Rows, columns: Sequence[str], codes: np.ndarray, tokens: Sequence[str]) -> str:
    places = []
    for word, text in enumerate(tokens):
        if any(text in coding for coding in CODINGS):
            row, at = divmod(int((codes == word).argmax()), len(columns))
            places.append(f"{text} (line {rows.lines[row]}, {columns[at]})")
    return (
        f"{rows.path} mixes the codings {', '.join(places)}, so that none can be trusted."
        " Write all labels in one of -1/1, 0/1, false/true, no/yes; leave a cell empty where the"
        " label is unknown."
    )


def _pairs(path: Path, name: str) -> Rows:
    """A file of two columns, with a header if it is CSV."""
    rows = read_rows(path)
    if rows.cells.shape[1] != 1:
        raise DataError(
            f"{path} has {rows.cells.shape[1] + 1} columns; file name and {name} are expected."
            " Fetch it again."
        )
    rows.cells.columns = [name]
    return rows


def _unique(path: Path, keys: pd.Series, cells: pd.DataFrame, lines: np.ndarray) -> Rows:
    """Without repeated rows; where rows of one key differ, without any of them."""
    double = keys.duplicated(keep=False)
    if not double.any():
        return Rows(path, pd.Index(keys, name="image_id"), cells, lines, len(keys))
    keep = ~double.to_numpy()
    refused = []
    for key, group in keys[double].groupby(keys[double], sort=False):
        places = group.index.to_numpy()
        said = ", ".join(str(line) for line in lines[places])
        if len(cells.iloc[places].drop_duplicates()) == 1:
            keep[places[0]] = True
            reason = f"is repeated in {path.name}, lines {said}; the first is used"
            refused += [Refusal(str(key), "label row", reason, harmless=True)] * (len(places) - 1)
        else:
            reason = f"has different labels in {path.name}, lines {said}; keep one of them"
            refused += [Refusal(str(key), "label row", reason)] * len(places)
    return Rows(
        path,
        pd.Index(keys[keep], name="image_id"),
        cells[keep].reset_index(drop=True),
        lines[keep],
        len(keys),
        tuple(refused),
    )


def _text(path: Path, counted: bool) -> tuple[list[str], list[list[str]], list[int]]:
    """Header, cells and line numbers of a text file."""
    text = _decoded(path)
    if path.name.removesuffix(".xz").lower().endswith((".csv", ".tsv")):
        numbered = _separated(path, text)
        header, first = (numbered[0][1], numbered[1:]) if numbered else ([], [])
        names = [name.strip() for name in header]
    else:
        lines = ((number, line.split()) for number, line in enumerate(text.split("\n"), 1))
        numbered = [(number, words) for number, words in lines if words]
        if counted:
            if len(numbered) < 2:
                raise DataError(
                    f"{path} has {len(numbered)} lines; a count, the names and the rows are needed."
                    " Fetch it again."
                )
            names = ["image_id", *numbered[1][1]]
            first = numbered[2:]
            count = " ".join(numbered[0][1])
            if not count.isdecimal() or int(count) != len(first):
                raise DataError(
                    f"{path}: the first line says {count!r} images, but {len(first)} rows follow."
                    " The file is cut off or edited; fetch it again."
                )
        else:
            first = numbered
            names = [f"column {n}" for n in range(1, len(first[0][1]) + 1)] if first else []
    for number, cells in first:
        if len(cells) != len(names):
            raise DataError(
                f"{path}: line {number} has {len(cells)} columns, where {len(names)} are expected."
                " Correct it there."
            )
    shared: dict[str, str] = {}  # a label is a word of few, repeated by the million
    rows = [[shared.setdefault(cell, cell) for cell in cells] for _, cells in first]
    return names, rows, [number for number, _ in first]


def _separated(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """The rows of a CSV or TSV that are not blank, with the lines they end in."""
    head = text.partition("\n")[0]
    separator = max("\t;,", key=head.count) if any(mark in head for mark in "\t;,") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DataError(
            f"{path}: line {reader.line_num} is not CSV: {error}. Correct it there."
        ) from error


def _decoded(path: Path) -> str:
    _check_file(path)
    try:
        content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
        if content is not None and path.suffix == ".xz":
            with lzma.open(io.BytesIO(content)) as packed:
                content = packed.read(MOST_BYTES + 1)
        if content is None or len(content) > MOST_BYTES:
            raise DataError(
                f"{path} holds more than {MOST_BYTES:,} bytes, too many for labels. Give another."
            )
        if content[:256].lstrip().lower().startswith((b"<!doctype html", b"<html")):
            raise DataError(f"{path} is a web page, not a label file. Fetch it again.")
        text = content.decode("utf-8-sig")
    except EOFError:
        raise DataError(f"{path} is cut off. Fetch it again.") from None
    except (OSError, lzma.LZMAError) as error:
        raise DataError(f"{path} cannot be read: {error}. Fetch it again.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}. Save it as UTF-8.") from error
    if "\0" in text:
        raise DataError(f"{path} has zero bytes in it, so it is no text. Save it as UTF-8.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _check_file(path: Path) -> None:
    if not path.is_file():
        what = "is a folder, not a label file" if path.is_dir() else "does not exist"
        raise DataError(f"{path} {what}. Give a label file.")


def _parquet(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """A parquet table as text; its rows count as lines."""
    from latentlab.parquet import read_table

    _check_file(path)
    frame = read_table(path)
    if any(frame.index.names):  # a named index is a column to whoever wrote it
        frame = frame.reset_index()
    columns = [frame[name].map(_cell).tolist() for name in frame.columns]
    rows = [list(cells) for cells in zip(*columns, strict=True)]
    return [str(name) for name in frame.columns], rows, list(range(1, len(rows) + 1))


def _cell(value: object) -> str:
    missing = value is None or value is pd.NA or value is pd.NaT or value != value
    return "" if missing else str(value)
