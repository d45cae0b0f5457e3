"""Latents and labels in files, handed out a slab of rows at a time, as often as asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from latentlab.artifacts import SPLITS, Targets
from latentlab.errors import DataError
from latentlab.naming import unknown
from latentlab.streams.reading import (
    check_columns,
    column_names,
    dealt,
    latent_names,
    numbers,
    parquet_files,
    side_by_side,
)

NOT_TARGETS = ("image_id", "split", "identity")
_ID = 0x9E3779B97F4A7C15  # the golden ratio in 64 bits: spreads persons over units


@dataclass(frozen=True)
class Slab:
    """Some rows that lie side by side in the files.

    Attributes:
        ids: `image_id`, (rows,); empty unless asked for.
        split: One of SPLITS a row, (rows,).
        place: Number of the row among those of its split, (rows,).
        codes: Posterior means, float64 (rows, latents).
        logvar: (rows, latents); None where the table has none or it was not asked for.
        values: Targets, NaN where unknown, (rows, targets).
        persons: Number that stands for the person in the image, (rows,); None where unknown.
    """

    ids: np.ndarray
    split: np.ndarray
    place: np.ndarray
    codes: np.ndarray
    logvar: np.ndarray | None
    values: np.ndarray
    persons: np.ndarray | None

    def at(self, rows: np.ndarray) -> "Slab":
        """Some of the rows, by number or as bool (rows,)."""
        kept = (
            None if one is None else one[rows]
            for one in (self.split, self.place, self.codes, self.logvar, self.values, self.persons)
        )
        return Slab(self.ids[rows] if len(self.ids) else self.ids, *kept)  # type: ignore[arg-type]

    def units(self, most: int) -> np.ndarray:
        """What an interval takes as independent, (rows,) numbers under `most`: whole persons where
        known, else images. Many share a number, by chance, so that memory does not grow; sums
        over independent units keep their spread when units are put together."""
        if self.persons is None:
            return self.place if self.place.max(initial=0) < most else dealt(self.place, most)
        return (self.persons % np.uint64(most)).astype(int)


@dataclass(frozen=True)
class Tables:
    """Files of latents, and files of labels of the same images in the same order.

    Attributes:
        latents, labels: Parquet files, or a folder of them in the order of their names.
        given_roles: Target -> its role, where it is not an attribute for booleans and a statistic
            for numbers.
    """

    latents: Path | Sequence[Path]
    labels: Path | Sequence[Path]
    given_roles: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def latent_files(self) -> list[Path]:
        return parquet_files(self.latents)

    @cached_property
    def label_files(self) -> list[Path]:
        return parquet_files(self.labels)

    @cached_property
    def columns(self) -> list[str]:
        """The columns of latents, in order."""
        return latent_names(self.latent_files[0])

    @cached_property
    def precision(self) -> type[np.floating]:
        """Of the codes: float32 where all columns are."""
        schema = pq.read_schema(self.latent_files[0])
        single = all(pa.types.is_float32(schema.field(name).type) for name in self.columns)
        return np.float32 if single else np.float64

    @cached_property
    def logvars(self) -> list[str]:
        names = column_names(self.latent_files[0])
        wanted = [f"logvar_{name.partition('_')[2]}" for name in self.columns]
        return wanted if set(wanted) <= set(names) else []

    @cached_property
    def roles(self) -> dict[str, str]:
        """Target -> role, in the order of the label columns.

        Raises:
            DataError: A role is given to what is no column of labels, or no column is one.
        """
        schema = pq.read_schema(self.label_files[0])
        found: dict[str, str] = {}
        for column in schema:
            if column.name in NOT_TARGETS:
                continue
            if pa.types.is_boolean(column.type):
                found[column.name] = "attribute"
            elif pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
                found[column.name] = "statistic"
        for name in self.given_roles:
            if name not in found:
                raise DataError(f"{self.label_files[0]}: {unknown(name, found)}")
        if not found:
            raise DataError(
                f"{self.label_files[0]} has no column of labels (boolean) or numbers."
                " Write labels as parquet booleans."
            )
        return {name: self.given_roles.get(name, role) for name, role in found.items()}

    @cached_property
    def persons(self) -> str | None:
        """The column of identities among the labels."""
        return "identity" if "identity" in column_names(self.label_files[0]) else None

    @property
    def rows(self) -> int:
        return sum(pq.read_metadata(path).num_rows for path in self.latent_files)

    @cached_property
    def split_beside_labels(self) -> bool:
        """Whether the split is a column of the labels and none of the latents."""
        return "split" not in column_names(self.latent_files[0])

    def slabs(
        self, split: str | None = None, *, ids: bool = False, logvars: bool = False
    ) -> Iterator[Slab]:
        """Every row, or those of one split, in the order of the files.

        Raises:
            DataError: A column is missing, a value is not what it must be, or the labels are not
                of the same rows; the message names the file.
        """
        own = ["image_id", *self.columns, *(self.logvars if logvars else [])]
        theirs = [*self.roles, *([self.persons] if self.persons else [])]
        (theirs if self.split_beside_labels else own).append("split")
        for path in self.latent_files:
            check_columns(path, own)
        for path in self.label_files:
            check_columns(path, ["image_id", *theirs])
        seen = dict.fromkeys(SPLITS, 0)
        for table, known in side_by_side(self.latent_files, own, self.label_files, theirs):
            named = (known if self.split_beside_labels else table)["split"]
            splits = np.asarray(named.to_pylist(), dtype=object)
            strange = [one for one in set(splits.tolist()) if one not in SPLITS]
            if strange:
                raise DataError(
                    f"{self.latent_files[0].parent} has the split {strange[0]!r}; known are"
                    f" {', '.join(SPLITS)}."
                )
            place = np.empty(len(splits), np.int64)
            for one in SPLITS:
                inside = splits == one
                place[inside] = seen[one] + np.arange(inside.sum())
                seen[one] += int(inside.sum())
            kept = np.ones(len(splits), bool) if split is None else splits == split
            if kept.any():
                yield self._slab(table, known, splits, place, kept, ids, logvars)

    def _slab(
        self,
        table: pa.Table,
        known: pa.Table,
        splits: np.ndarray,
        place: np.ndarray,
        kept: np.ndarray,
        ids: bool,
        logvars: bool,
    ) -> Slab:
        if not kept.all():
            table, known = table.filter(kept), known.filter(kept)
        values = self._columns(known, list(self.roles))
        if np.isinf(values).any():
            raise DataError(
                f"{self.label_files[0].parent} holds a label that is infinite. Leave it empty."
            )
        for index, (name, role) in enumerate(self.roles.items()):
            column = values[:, index]
            if role == "attribute" and not np.isin(column[~np.isnan(column)], (0.0, 1.0)).all():
                raise DataError(f"Target {name} (attribute) must hold true, false or missing.")
        return Slab(
            ids=np.asarray(table["image_id"].to_pylist(), object) if ids else np.empty(0, object),
            split=splits[kept],
            place=place[kept],
            codes=self._finite(table, self.columns),
            logvar=self._finite(table, self.logvars) if logvars and self.logvars else None,
            values=values,
            persons=_persons(known[self.persons], place[kept]) if self.persons else None,
        )

    def _finite(self, table: pa.Table, names: Sequence[str]) -> np.ndarray:
        found = self._columns(table, names)
        if not np.isfinite(found).all():
            row, column = np.argwhere(~np.isfinite(found))[0]
            raise DataError(
                f"{self.latent_files[0].parent}: {names[column]} is missing or infinite for"
                f" image_id {table['image_id'][int(row)].as_py()!r}. Leave it out."
            )
        return found

    @staticmethod
    def _columns(table: pa.Table, names: Sequence[str]) -> np.ndarray:
        """float64 (rows, columns)."""
        if not names:
            return np.empty((len(table), 0))
        return np.column_stack([numbers(table[name], name) for name in names]).astype(np.float64)

    def taken(self, places: Mapping[str, np.ndarray]) -> tuple[pd.DataFrame, Targets]:
        """Some rows of every split as the tables that the analyses in memory take.

        Args:
            places: Split -> numbers of its rows, rising.
        """
        frames, values, persons = [], [], []
        for slab in self.slabs(ids=True, logvars=True):
            wanted = np.zeros(len(slab.split), bool)
            for split, rows in places.items():
                wanted |= (slab.split == split) & np.isin(slab.place, rows)
            part = slab.at(wanted)
            frame = pd.DataFrame({"image_id": part.ids, "split": part.split})
            columns = [(self.columns, part.codes)]
            if part.logvar is not None:
                columns.append((self.logvars, part.logvar))
            made = [pd.DataFrame(block, columns=names) for names, block in columns]
            frames.append(pd.concat([frame, *made], axis=1))
            values.append(part.values)
            if part.persons is not None:
                persons.append(part.persons)
        latents = pd.concat(frames, ignore_index=True)
        index = pd.Index(latents["image_id"])
        known = pd.DataFrame(np.concatenate(values), columns=list(self.roles), index=index)
        for name, role in self.roles.items():
            if role == "attribute":
                known[name] = known[name].astype("boolean")
        identity = pd.Series(np.concatenate(persons), index=index) if persons else None
        return latents, Targets(known, dict(self.roles), identity)


def _persons(column: pa.ChunkedArray, place: np.ndarray) -> np.ndarray:
    """A number for every person, the same wherever the person appears, (rows,) uint64. An image of
    an unknown person is a person of its own."""
    text = column.cast(pa.large_string())
    named = pd.util.hash_array(np.asarray(text.fill_null("").to_pylist(), object))
    alone = (place.astype(np.uint64) + np.uint64(1)) * np.uint64(_ID)
    missing = pc.is_null(text).to_numpy()
    return np.where(missing, alone, named)
