"""A table in parts that are made apart: which rows are whose, and the parts put together again.

Part i of n holds rows that lie side by side. A part's file takes its name only when it is whole and
carries in its metadata what it was made from, so that a job can be repeated until every part is
there, on any machine that sees the folder. Joining checks that every image is there once.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from latentlab import files, parquet
from latentlab.errors import ConfigError, DataError, MissingArtifactError


@dataclass(frozen=True)
class Shard:
    """Part `number`, from 1, of `of` parts."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """
        Raises:
            ConfigError: It is not i/n with 1 <= i <= n.
        """
        found = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text.strip())
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigError(f"--shard {text}: give part i of n as i/n, such as 1/8 to 8/8.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def file_name(self) -> str:
        return f"part-{self.number:05d}-of-{self.of:05d}.parquet"

    def rows(self, total: int, step: int = 1) -> range:
        """Its rows of so many. Parts begin at multiples of `step`, so that what is computed a batch
        of `step` rows at a time is computed in the same batches in one part or in many."""
        batches = -(-total // step)
        first, last = (batches * part // self.of * step for part in (self.number - 1, self.number))
        return range(min(first, total), min(last, total))


def every(of: int) -> list[Shard]:
    return [Shard(number, of) for number in range(1, of + 1)]


def parts_folder(folder: Path, table: str) -> Path:
    """Where the parts of a table of a run folder or a data folder are."""
    return folder / "parts" / table


class Ids(Protocol):
    """Ids of rows in order: a list, or what reads them where they are kept."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Sequence[str]: ...


@dataclass(frozen=True)
class Parts:
    """The parts of one table.

    Attributes:
        folder: Theirs alone.
        key: Digest of what the table is made from; parts with another key are of something else.
        ids: `image_id` of every row of the whole table, in order, each once; a part asks for its
            own alone.
        step: Rows that are computed together.
    """

    folder: Path
    key: str
    ids: Ids
    step: int = 1

    def path(self, shard: Shard) -> Path:
        return self.folder / shard.file_name

    def rows(self, shard: Shard) -> range:
        return shard.rows(len(self.ids), self.step)

    def some_rows(self, shard: Shard) -> range:
        """
        Raises:
            ConfigError: There are more parts than steps, so that this one is empty.
        """
        rows = self.rows(shard)
        if not rows:
            raise ConfigError(
                f"Part {shard} has no image: {len(self.ids):,} images in steps of {self.step}"
                f" make at most {-(-len(self.ids) // self.step)} parts."
            )
        return rows

    def there(self, shard: Shard) -> bool:
        """Whether this part was made, from just this."""
        path = self.path(shard)
        return path.is_file() and _stored(path).get("key") == self.key

    def write(
        self, shard: Shard, frames: Iterable[pd.DataFrame], about: dict[str, Any] | None = None
    ) -> Path:
        """Write a part as its frames come; it takes its name when it is whole.

        Raises:
            ConfigError: There are more parts than steps, so that this one is empty.
            ValueError: The frames do not hold this part's images, once and in order.
        """
        path, expected = self.path(shard), self.some_rows(shard)
        stored = {**(about or {}), "shard": str(shard), "key": self.key}
        ids, seen = self.ids[expected.start : expected.stop], 0
        with parquet.table_writer(path, stored) as write:
            for frame in frames:
                wanted = ids[seen : seen + len(frame)]
                if frame["image_id"].tolist() != list(wanted):
                    raise ValueError(f"{path.name}: rows are not those of the part")
                seen += len(frame)
                write(frame)
            if seen != len(expected):
                raise ValueError(f"{path.name}: {seen} of {len(expected)} rows were made")
        return path

    def complete(self) -> list[Path]:
        """The files of all parts, in order.

        Raises:
            MissingArtifactError: Some are missing, or were made from something else.
            DataError: There are parts of two ways to divide the rows.
        """
        found = sorted(self.folder.glob("part-*-of-*.parquet"))
        counts = {int(path.stem.rpartition("-")[2]) for path in found}
        if not counts:
            raise MissingArtifactError(f"{self.folder} holds no part. Make them with --shard i/n.")
        usable = [of for of in counts if all(self.there(shard) for shard in every(of))]
        if usable:
            return [self.path(shard) for shard in every(min(usable))]
        if len(counts) > 1:
            raise DataError(
                f"{self.folder} holds parts of {' and of '.join(map(str, sorted(counts)))}, and"
                " neither is whole. Remove those you do not want."
            )
        (of,) = counts
        lacking = [shard for shard in every(of) if not self.there(shard)]
        stale = sum(self.path(shard).is_file() for shard in lacking)
        note = f" ({stale} of them made from other data or settings)" if stale else ""
        shown = ", ".join(str(shard) for shard in lacking[:8])
        raise MissingArtifactError(
            f"{self.folder} lacks {len(lacking)} of {of} parts{note}: {shown}"
            f"{', ...' if len(lacking) > 8 else ''}. Make each with --shard."
        )

    def join(self, path: Path, about: dict[str, Any] | None = None) -> None:
        """Write the whole table from its parts, one row group at a time; ids are in memory for one
        part at a time.

        Raises:
            MissingArtifactError, DataError: As `complete` and `frames`.
        """
        parts = self.complete()
        with parquet.table_writer(path, about) as write:
            for shard in every(len(parts)):
                for frame in self.frames(shard):
                    write(frame)

    def frames(self, shard: Shard) -> Iterator[pd.DataFrame]:
        """A part that is there, one row group at a time.

        Raises:
            DataError: It is damaged, or its images are not those of its rows: each once, in order.
        """
        part, rows, seen = self.path(shard), self.rows(shard), 0
        ids = np.asarray(self.ids[rows.start : rows.stop], object)
        for frame in _frames(part):
            expected = ids[seen : seen + len(frame)]
            given = frame["image_id"].to_numpy(object)
            if len(given) != len(expected) or (given != expected).any():
                raise DataError(_other_rows(part, given, expected))
            seen += len(frame)
            yield frame
        if seen != len(rows):
            raise DataError(f"{part} has {seen} of {len(rows)} rows. Make it again.")


def _other_rows(part: Path, given: np.ndarray, expected: np.ndarray) -> str:
    if len(given) > len(expected):
        return f"{part} has more rows than its images. Make it again."
    row = int(np.flatnonzero(given != expected)[0])
    return f"{part} has {given[row]!r} where {expected[row]!r} belongs. Make it again."


def _frames(path: Path) -> Iterable[pd.DataFrame]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group).to_pandas()
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{path} is damaged: {reason}. Make it again.") from error


def _stored(path: Path) -> dict[str, Any]:
    try:
        return parquet.read_metadata(path)
    except DataError:
        return {}  # damaged: it is made again


def key_of(inputs: dict[str, Any]) -> str:
    """The key of parts that are made from these settings and digests."""
    return files.digest_of(inputs)
