"""Tables as parquet that pandas, DuckDB and Polars read as they are.

Values are compressed with zstd and have page checksums; the whole file has a digest.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from latentlab import files, integrity
from latentlab.errors import DataError

# Many small row groups would make the footer, which every reader reads and every writer holds, as
# large as the rows.
ROW_GROUP = 16_384
FEW_BYTES = 1 << 22  # of a table that is read by one thread


def read_table(path: Path, again: str = "Make it again.") -> pd.DataFrame:
    """A whole table. One that latentlab wrote is refused if a single byte of it has changed.

    Args:
        again: What the error tells to do.

    Raises:
        DataError: it is damaged or no table.
    """
    with _refusing(path, again):
        # Arrow may wait for ever for threads that do not start for want of memory; a table this
        # small needs none.
        threads = path.stat().st_size > FEW_BYTES
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=threads) as table:
            return table.read(use_threads=threads).to_pandas(use_threads=threads)


def read_metadata(path: Path) -> dict[str, Any]:
    """The JSON that a table carries under the key `latentlab`; empty where there is none."""
    with _refusing(path, "Make it again."):
        stored = (pq.read_schema(path).metadata or {}).get(b"latentlab")
        return json.loads(stored) if stored else {}


def read_rows(file: Any, rows: range, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Some rows of a table, side by side, with their row numbers as index.

    Args:
        file: A parquet file, or an open one. Of it the row groups with these rows are read.
        columns: All by default.

    Raises:
        ValueError: it has not so many rows.
    """
    found: list[pa.Table] = []
    with pq.ParquetFile(file, page_checksum_verification=True) as table:
        if rows.stop > table.metadata.num_rows:
            raise ValueError(f"it has {table.metadata.num_rows} rows, not {rows.stop}")
        start = 0
        for group in range(table.num_row_groups):
            stop = start + table.metadata.row_group(group).num_rows
            first, last = max(rows.start, start), min(rows.stop, stop)
            if first < last:
                held = table.read_row_group(group, columns=columns)
                found.append(held.slice(first - start, last - first))
            start = stop
        if not found:
            found = [table.schema_arrow.empty_table().select(columns or table.schema_arrow.names)]
    return pa.concat_tables(found).to_pandas().set_index(pd.RangeIndex(rows.start, rows.stop))


@contextmanager
def _refusing(path: Path, again: str) -> Iterator[None]:
    """The same, for a file that must be what was written, to the last byte."""
    with explaining(path, again):
        integrity.check_stamp(path)
        yield


@contextmanager
def explaining(path: Path, again: str) -> Iterator[None]:
    """What a reader makes of a damaged file, as an error that names it."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{path} is damaged or not parquet: {reason}. {again}") from error


def write_table(
    path: Path,
    table: pd.DataFrame,
    metadata: dict[str, Any] | None = None,
    row_group: int = ROW_GROUP,
) -> Path:
    with table_writer(path, metadata, row_group) as write:
        write(table)
    return path


@contextmanager
def table_writer(
    path: Path, metadata: dict[str, Any] | None = None, row_group: int = ROW_GROUP
) -> Iterator[Any]:
    """Yield `write(frame)`, which appends rows; the file appears whole when the block ends.

    Memory stays flat: every `row_group` rows are written, however many come at a time. All frames
    must have the columns of the first.
    """
    writer: pq.ParquetWriter | None = None
    waiting: list[pa.Table] = []

    def write(frame: pd.DataFrame) -> None:
        nonlocal writer
        # By one thread: for one that does not start, for want of memory, it would wait for ever.
        batch = pa.Table.from_pandas(frame, preserve_index=False, nthreads=1)
        if writer is None:
            extra = {"latentlab": json.dumps(metadata)} if metadata is not None else {}
            schema = batch.schema.with_metadata({**(batch.schema.metadata or {}), **extra})
            writer = pq.ParquetWriter(
                temporary, schema, compression="zstd", write_page_checksum=True
            )
        waiting.append(batch.replace_schema_metadata(writer.schema.metadata))
        if sum(len(one) for one in waiting) >= row_group:
            flush(writer, row_group)

    def flush(writer: pq.ParquetWriter, least: int) -> None:
        """Write row groups until fewer than `least` rows are left."""
        rows = pa.concat_tables(waiting)
        waiting.clear()
        while len(rows) >= least:
            writer.write_table(rows[:row_group].combine_chunks())
            rows = rows[row_group:]
        if len(rows):
            waiting.append(rows)

    with files.whole_file(path) as temporary:
        try:
            yield write
        except BaseException:
            if writer is not None:
                with contextlib.suppress(OSError):  # what went wrong first is what is told
                    writer.close()
            raise
        if writer is not None:
            if waiting:
                flush(writer, 1)
            blank = integrity.blank_stamp(writer.schema.serialize().to_pybytes())
            writer.add_key_value_metadata({integrity.KEY: blank})
            writer.close()
            integrity.stamp(temporary, blank)
