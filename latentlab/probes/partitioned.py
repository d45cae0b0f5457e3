"""Probes on tables larger than memory: folders of parquet files, read a few rows at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.base import clone

from latentlab.errors import DataError
from latentlab.probes.blocks import NO_FOLD, UNIT, Chunk
from latentlab.probes.logistic import LogisticProbe
from latentlab.probes.paths import checked_penalties
from latentlab.probes.ridge import RidgeProbe
from latentlab.streams.reading import (
    batches,
    check_columns,
    dealt,
    latent_names,
    numbers,
    parquet_files,
    side_by_side,
)

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
        split_beside_labels: Whether the column `split` is among the labels.
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
        split_beside_labels: bool = False,
    ):
        self.latents = parquet_files(latents)
        self.labels = None if labels is None else parquet_files(labels)
        self.targets, self.split = list(targets), split
        self.folds, self.binary = folds, binary
        if not self.targets:
            raise ValueError("targets is empty; name at least one column.")
        self.columns = latent_names(self.latents[0]) if columns is None else list(columns)
        self._beside = [] if self.labels is not None else self.targets
        self._split_beside_labels = split_beside_labels
        own_split = ["split"] if split and not split_beside_labels else []
        needed = [*self.columns, *self._beside, *own_split]
        if self.labels is not None:
            needed.append("image_id")
        for path in self.latents:
            check_columns(path, needed)
        for path in self.labels or []:
            check_columns(path, ["image_id", *self.targets])
        self._needed = list(dict.fromkeys(needed))

    def chunks(self, labels: bool = True) -> Iterator[Chunk]:
        start = 0
        found = False
        for table, known in self._tables(labels):
            places = np.arange(start, start + len(table))
            start += len(table)
            if self.split:
                named = known if self._split_beside_labels else table
                assert named is not None
                inside = pc.equal(named["split"], self.split).fill_null(False)
                inside = inside.to_numpy(zero_copy_only=False)
                if not inside.any():
                    continue
                if not inside.all():
                    table, places = table.filter(inside), places[inside]
                    known = None if known is None else known.filter(inside)
            found = True
            yield from self._parts(table, known, places)
        if not found:
            where = f"of the split {self.split!r} " if self.split else ""
            raise DataError(f"{self.latents[0].parent} has no row {where}to fit to. Give some.")

    def _parts(
        self, table: pa.Table, labels: pa.Table | None, places: np.ndarray
    ) -> Iterator[Chunk]:
        codes = np.stack([numbers(table[name], name) for name in self.columns])
        if not np.isfinite(codes).all():
            row = places[~np.isfinite(codes).all(axis=0)][0]
            raise DataError(
                f"{self.latents[0].parent}: row {row} holds a latent that is missing or infinite."
                " Leave such rows out."
            )
        known = None if labels is None else self._known(labels, places)
        fold = np.full(len(places), NO_FOLD)
        if self.folds:
            fold = dealt(places, self.folds)
        for number in np.unique(fold):
            rows = np.flatnonzero(fold == number)
            for start in range(0, len(rows), UNIT):
                at = rows[start : start + UNIT]
                part = None if known is None else known[:, at]
                yield Chunk(codes[:, at], part, int(number))

    def _known(self, labels: pa.Table, places: np.ndarray) -> np.ndarray:
        """Labels as numbers, NaN where missing, (targets, rows)."""
        known = np.stack([numbers(labels[name], name) for name in self.targets])
        wrong = np.isinf(known)
        if self.binary:
            wrong = (known != 0.0) & (known != 1.0) & ~np.isnan(known)
        if wrong.any():
            target, column = (int(found[0]) for found in np.nonzero(wrong))
            must = "true, false or missing" if self.binary else "a number or missing"
            raise DataError(
                f"{self.targets[target]} is {known[target, column]:g} in row {places[column]};"
                f" it must be {must}."
            )
        return known

    def _tables(self, labelled: bool) -> Iterator[tuple[pa.Table, pa.Table | None]]:
        """Latents and labels of the same rows."""
        if self.labels is None or (not labelled and not self._split_beside_labels):
            unread = set() if labelled else set(self._beside) - set(self.columns)
            names = [name for name in self._needed if name not in unread]
            for table in batches(self.latents, names):
                yield table, table if labelled else None
            return
        more = ["split"] if self.split and self._split_beside_labels else []
        yield from side_by_side(self.latents, self._needed, self.labels, [*self.targets, *more])
