"""Parquet files read side by side, some rows at a time; memory does not grow with their rows."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from latentlab.artifacts import FEATURES
from latentlab.errors import DataError, MissingArtifactError

BATCH = 65_536  # rows in memory at a time
_MIX = 2_654_435_761  # Knuth's multiplier: spreads row numbers as if by chance


def dealt(places: np.ndarray, groups: int) -> np.ndarray:
    """Row numbers, (rows,), to numbers of groups of nearly equal size, as if by chance."""
    mixed = (places.astype(np.uint64) * np.uint64(_MIX)) % np.uint64(2**32)
    found: np.ndarray = (mixed * np.uint64(groups) // np.uint64(2**32)).astype(int)
    return found


def side_by_side(
    latents: Sequence[Path],
    columns: Sequence[str],
    labels: Sequence[Path],
    targets: Sequence[str],
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Tables of the same rows of two sets of files.

    Args:
        columns: Of the latents, `image_id` among them.
        targets: Of the labels.

    Raises:
        DataError: The rows of the two are not of the same images in the same order.
    """
    start = 0
    others = batches(labels, list(dict.fromkeys(["image_id", *targets])))
    for table in batches(latents, columns):
        known = next(others, None)
        count = 0 if known is None else len(known)
        if known is None or count != len(table):
            raise DataError(
                f"{labels[0].parent} ends at row {start + count} and"
                f" {latents[0].parent} goes on. Give both the same rows."
            )
        text = pa.large_string()
        ids, other = table["image_id"].cast(text), known["image_id"].cast(text)
        if not ids.equals(other):
            row = int(np.flatnonzero(~(pc.equal(ids, other).fill_null(False).to_numpy()))[0])
            raise DataError(
                f"Row {start + row} is image_id {ids[row].as_py()!r} in"
                f" {latents[0].parent} and {other[row].as_py()!r} in"
                f" {labels[0].parent}. Write both in the same order."
            )
        start += len(table)
        yield table, known
    if next(others, None) is not None:
        raise DataError(
            f"{latents[0].parent} ends at row {start} and {labels[0].parent} goes"
            " on. Give both the same rows."
        )


def batches(paths: Sequence[Path], columns: Sequence[str]) -> Iterator[pa.Table]:
    """Tables of BATCH rows across files; the last one is shorter."""
    waiting: list[pa.Table] = []
    rows = 0
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(BATCH, columns=list(columns)):
                    waiting.append(pa.Table.from_batches([batch]).select(list(columns)))
                    rows += len(batch)
                    while rows >= BATCH:
                        whole = pa.concat_tables(waiting, promote_options="permissive")
                        yield whole.slice(0, BATCH)
                        waiting, rows = [whole.slice(BATCH)], rows - BATCH
        except (OSError, pa.ArrowException) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise DataError(
                f"{path} is damaged or not parquet: {reason}. Make it again."
            ) from error
    if rows:
        yield pa.concat_tables(waiting, promote_options="permissive")


def numbers(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """float64 with NaN for null; float32 stays as it is."""
    try:
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.uint8())
        if not pa.types.is_float32(column.type):
            column = column.cast(pa.float64())
        return np.asarray(column.to_numpy())
    except pa.ArrowException as error:
        raise DataError(
            f"Column {name} does not hold numbers ({column.type}). Leave it out."
        ) from error


def parquet_files(given: Path | Sequence[Path]) -> list[Path]:
    if isinstance(given, str | Path):
        folder = Path(given)
        found = [folder] if folder.is_file() else sorted(folder.glob("*.parquet"))
        if not found:
            raise MissingArtifactError(
                f"{folder} holds no parquet file. Give a folder of *.parquet or a list of files."
            )
        return found
    found = [Path(path) for path in given]
    for path in found:
        if not path.is_file():
            raise MissingArtifactError(f"{path} does not exist. Give parquet files that do.")
    if not found:
        raise MissingArtifactError("No parquet file is given; name at least one.")
    return found


def column_names(path: Path) -> list[str]:
    try:
        return list(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{path} is damaged or not parquet: {reason}. Make it again.") from error


def latent_names(path: Path) -> list[str]:
    names = column_names(path)
    found = ([name for name in names if name.startswith(f"{kind}_")] for kind in FEATURES)
    columns = next((columns for columns in found if columns), [])
    if not columns:
        raise DataError(f"{path} has no column mu_000. Name the columns to be probed.")
    return columns


def check_columns(path: Path, needed: Sequence[str]) -> None:
    names = column_names(path)
    for name in needed:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"It has {', '.join(names[:12])}."
            raise DataError(f"{path} has no column {name}. {hint}")
