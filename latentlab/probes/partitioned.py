"""Probes on tables larger than memory: folders of parquet files, read a few rows at a time."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.base import clone

from latentlab.artifacts import FEATURES
from latentlab.errors import DataError, MissingArtifactError
from latentlab.probes.blocks import NO_FOLD, UNIT, Chunk
from latentlab.probes.logistic import LogisticProbe
from latentlab.probes.paths import checked_penalties
from latentlab.probes.ridge import RidgeProbe

BATCH = 65_536  # rows in memory at a time
_MIX = 2_654_435_761  # Knuth's multiplier: spreads row numbers over folds as if by chance

Probe = TypeVar("Probe", LogisticProbe, RidgeProbe)


def fit_partitioned(
    probe: Probe,
    latents: Path | Sequence[Path],
    targets: Sequence[str],
    *,
    labels: Path | Sequence[Path] | None = None,
    columns: Sequence[str] | None = None,
    split: str | None = "train",
) -> Probe:
    """Fit a probe to all targets of a partitioned table; memory does not grow with its rows.

    The table is read once for every step that the probe takes. The optimum is that of `probe.fit`
    on the same rows in memory. Of several penalties, each target gets the one that does best on
    left-out rows; `probe.cv` must then be a number, and rows are dealt to folds by their number.

    Args:
        probe: Holds the settings; it is not changed.
        latents: A folder of parquet files, taken in the order of their names, or the files.
        targets: Columns of labels: true or 1, false or 0, null where unknown; numbers for ridge.
        labels: Where the targets are, if not beside the latents: rows in the same order, with the
            same `image_id`.
        columns: What is probed; the columns of posterior means where None.
        split: Only rows with this `split`; all where None.

    Returns:
        A fitted copy, as after `fit` on labels (images, targets).

    Raises:
        DataError: A file or a column is missing, a value is not as it must be, or the rows of
            labels and latents differ; the message names the file.
    """
    penalties = checked_penalties(probe.penalty)
    folds = 0
    if np.ndim(probe.penalty) and len(penalties) > 1:
        if not isinstance(probe.cv, int) or probe.cv < 2:
            raise ValueError(f"cv must be a number of folds from 2 here; it is {probe.cv!r}.")
        folds = probe.cv
    source = ParquetSource(
        latents,
        targets,
        labels=labels,
        columns=columns,
        split=split,
        folds=folds,
        binary=isinstance(probe, LogisticProbe),
    )
    fitted = clone(probe)
    fitted.n_features_in_ = len(source.columns)
    return fitted.fit_source(source, folds)


class ParquetSource:
    """Chunks of parquet files, read anew each time. Arguments as of `fit_partitioned`.

    Args:
        folds: Number of folds that rows are dealt to; 0 for none.
        binary: Whether labels must be 0 or 1.
    """

    in_memory = False

    def __init__(
        self,
        latents: Path | Sequence[Path],
        targets: Sequence[str],
        *,
        labels: Path | Sequence[Path] | None = None,
        columns: Sequence[str] | None = None,
        split: str | None = "train",
        folds: int = 0,
        binary: bool = True,
    ):
        self.latents = _files(latents)
        self.labels = None if labels is None else _files(labels)
        self.targets, self.split = list(targets), split
        self.folds, self.binary = folds, binary
        if not self.targets:
            raise ValueError("targets is empty; name at least one column.")
        self.columns = _latent_columns(self.latents[0]) if columns is None else list(columns)
        self._beside = [] if self.labels is not None else self.targets
        needed = [*self.columns, *self._beside, *(["split"] if split else [])]
        if self.labels is not None:
            needed.append("image_id")
        for path in self.latents:
            _check_columns(path, needed)
        for path in self.labels or []:
            _check_columns(path, ["image_id", *self.targets])
        self._needed = list(dict.fromkeys(needed))

    def chunks(self, labels: bool = True) -> Iterator[Chunk]:
        start = 0
        found = False
        for table, known in self._tables(labels):
            numbers = np.arange(start, start + len(table))
            start += len(table)
            if self.split:
                inside = pc.equal(table["split"], self.split).fill_null(False)
                inside = inside.to_numpy(zero_copy_only=False)
                if not inside.any():
                    continue
                if not inside.all():
                    table, numbers = table.filter(inside), numbers[inside]
                    known = None if known is None else known.filter(inside)
            found = True
            yield from self._parts(table, known, numbers)
        if not found:
            where = f"of the split {self.split!r} " if self.split else ""
            raise DataError(f"{self.latents[0].parent} has no row {where}to fit to.")

    def _parts(
        self, table: pa.Table, labels: pa.Table | None, numbers: np.ndarray
    ) -> Iterator[Chunk]:
        codes = np.stack([_numbers(table[name], name) for name in self.columns])
        if not np.isfinite(codes).all():
            row = numbers[~np.isfinite(codes).all(axis=0)][0]
            raise DataError(
                f"{self.latents[0].parent}: row {row} holds a latent that is missing or infinite."
            )
        known = None if labels is None else self._known(labels, numbers)
        fold = np.full(len(numbers), NO_FOLD)
        if self.folds:
            mixed = (numbers.astype(np.uint64) * np.uint64(_MIX)) % np.uint64(2**32)
            fold = (mixed * np.uint64(self.folds) // np.uint64(2**32)).astype(int)
        for number in np.unique(fold):
            rows = np.flatnonzero(fold == number)
            for start in range(0, len(rows), UNIT):
                at = rows[start : start + UNIT]
                part = None if known is None else known[:, at]
                yield Chunk(codes[:, at], part, int(number))

    def _known(self, labels: pa.Table, numbers: np.ndarray) -> np.ndarray:
        """Labels as numbers, NaN where missing, (targets, rows)."""
        known = np.stack([_numbers(labels[name], name) for name in self.targets])
        wrong = np.isinf(known)
        if self.binary:
            wrong = (known != 0.0) & (known != 1.0) & ~np.isnan(known)
        if wrong.any():
            target, column = (int(found[0]) for found in np.nonzero(wrong))
            must = "true, false or missing" if self.binary else "a number or missing"
            raise DataError(
                f"{self.targets[target]} is {known[target, column]:g} in row {numbers[column]};"
                f" it must be {must}."
            )
        return known

    def _tables(self, labelled: bool) -> Iterator[tuple[pa.Table, pa.Table | None]]:
        """Latents and labels of the same rows."""
        if self.labels is None or not labelled:
            unread = set() if labelled else set(self._beside) - set(self.columns)
            names = [name for name in self._needed if name not in unread]
            for table in _batches(self.latents, names):
                yield table, table if labelled else None
            return
        start = 0
        names = ["image_id", *self.targets]
        others = _batches(self.labels, names)
        for table in _batches(self.latents, self._needed):
            labels = next(others, None)
            count = 0 if labels is None else len(labels)
            if labels is None or count != len(table):
                raise DataError(
                    f"{self.labels[0].parent} ends at row {start + count} and"
                    f" {self.latents[0].parent} goes on. Give both the same rows."
                )
            text = pa.large_string()
            ids, other = table["image_id"].cast(text), labels["image_id"].cast(text)
            if not ids.equals(other):
                row = int(np.flatnonzero(~(pc.equal(ids, other).fill_null(False).to_numpy()))[0])
                raise DataError(
                    f"Row {start + row} is image_id {ids[row].as_py()!r} in"
                    f" {self.latents[0].parent} and {other[row].as_py()!r} in"
                    f" {self.labels[0].parent}. Write both in the same order."
                )
            start += len(table)
            yield table, labels
        if next(others, None) is not None:
            raise DataError(
                f"{self.latents[0].parent} ends at row {start} and {self.labels[0].parent} goes"
                " on. Give both the same rows."
            )


def _batches(paths: Sequence[Path], columns: Sequence[str]) -> Iterator[pa.Table]:
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


def _numbers(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """float64 with NaN for null; float32 stays as it is."""
    try:
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.uint8())
        if not pa.types.is_float32(column.type):
            column = column.cast(pa.float64())
        return np.asarray(column.to_numpy())
    except pa.ArrowException as error:
        raise DataError(f"Column {name} does not hold numbers ({column.type}).") from error


def _files(given: Path | Sequence[Path]) -> list[Path]:
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


def _schema(path: Path) -> list[str]:
    try:
        return list(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{path} is damaged or not parquet: {reason}. Make it again.") from error


def _latent_columns(path: Path) -> list[str]:
    names = _schema(path)
    found = ([name for name in names if name.startswith(f"{kind}_")] for kind in FEATURES)
    columns = next((columns for columns in found if columns), [])
    if not columns:
        raise DataError(f"{path} has no column mu_000. Name the columns to be probed.")
    return columns


def _check_columns(path: Path, needed: Sequence[str]) -> None:
    names = _schema(path)
    for name in needed:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"It has {', '.join(names[:12])}."
            raise DataError(f"{path} has no column {name}. {hint}")
