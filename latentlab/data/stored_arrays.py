"""Rows of an array on disk, whatever its size: `.npy` is mapped, `.npz` is read as a stream."""

import os
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentlab.data.archives import UNREADABLE
from latentlab.errors import DataError


def names_in(path: Path) -> list[str]:
    """The names of the arrays in an `.npz`."""
    with _opened(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


class StoredArray:
    """An array that is never in memory as a whole.

    Attributes:
        shape, dtype: Of the whole array.
    """

    def __init__(self, path: Path, name: str | None = None):
        """
        Args:
            path: A `.npy`, or an `.npz`.
            name: Which array of an `.npz`.

        Raises:
            DataError: it is not there, damaged, cut off, or holds Python objects (whose reading
                would run code from the file).
        """
        self.path, self.name = path, name
        self.streams: dict[int, Any] = {}  # one a process: a fork shares the position in the file
        self.lock = threading.Lock()
        try:
            if name is None:
                self.mapped = np.load(path, mmap_mode="r", allow_pickle=False)
                if not isinstance(self.mapped, np.ndarray):
                    raise DataError(f"{path} is no .npy file. Save it with numpy.save.")
                self.shape, self.dtype = self.mapped.shape, self.mapped.dtype
            else:
                self.shape, self.dtype, self.start = self._header()
        except (*UNREADABLE, KeyError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            if "pickle" in reason:  # numpy says how to run what is in it, which nobody should
                reason = "it holds Python objects, which are not read, or is something else"
            raise DataError(
                f"{path} cannot be read as an array: {reason}. Save numbers with numpy.save."
            ) from error

    def __reduce__(self) -> tuple[type["StoredArray"], tuple[Path, str | None]]:
        return StoredArray, (self.path, self.name)

    def __len__(self) -> int:
        return int(self.shape[0])

    def take(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """These rows, (rows, ...). In an `.npz` rising numbers are quick, going back is slow."""
        if self.name is None:
            return np.asarray(self.mapped[np.asarray(rows)])
        size = int(np.prod(self.shape[1:], dtype=int)) * self.dtype.itemsize
        parts = []
        with self.lock:
            stream = self.streams.setdefault(os.getpid(), None) or self._open()
            self.streams[os.getpid()] = stream
            try:
                for first, count in _runs(rows):
                    stream.seek(self.start + first * size)
                    content = stream.read(count * size)
                    if len(content) != count * size:
                        raise DataError(f"{self.path} is cut off. Fetch it again.")
                    parts.append(np.frombuffer(content, self.dtype))
            except UNREADABLE as error:
                raise DataError(f"{self.path} is damaged: {error}. Fetch it again.") from error
        return np.concatenate(parts).reshape(-1, *self.shape[1:])

    def _open(self) -> Any:
        return _opened(self.path).open(f"{self.name}.npy")

    def _header(self) -> tuple[tuple[int, ...], np.dtype, int]:
        with self._open() as stream:
            version = np.lib.format.read_magic(stream)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version)
            if read is None:
                raise ValueError(f"the .npy format {version} is not known")
            shape, fortran, dtype = read(stream)
            start = stream.tell()
        if dtype.hasobject:
            raise ValueError(f"{self.name} holds Python objects, which are not read")
        if fortran and len(shape) > 1:
            raise ValueError(f"{self.name} is in column order; save numpy.ascontiguousarray of it")
        with _opened(self.path) as archive:
            stored = archive.getinfo(f"{self.name}.npy").file_size - start
        if stored != int(np.prod(shape, dtype=object)) * dtype.itemsize:
            raise ValueError(f"{self.name} says it has the shape {shape}, but is of another size")
        return tuple(int(size) for size in shape), dtype, start


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except UNREADABLE as error:
        what = error if path.is_file() else "it is not there"
        raise DataError(f"{path} cannot be opened as .npz: {what}. Fetch it again.") from error


def _runs(rows: Sequence[int] | np.ndarray) -> list[tuple[int, int]]:
    """Row numbers as runs of neighbours: (first, count)."""
    numbers = np.asarray(rows)
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 2) != 1)
    counts = np.diff(starts, append=len(numbers))
    return list(zip(numbers[starts].tolist(), counts.tolist(), strict=True))
