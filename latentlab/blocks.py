"""Digests of a file block by block, so that who reads a part of it reads no more to trust it.

`data.yaml` holds the digest of a list, the list those of every block of the large files of a data
folder. A process compares the blocks that its rows touch, each once in its life.
"""

import functools
import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from latentlab.errors import DataError
from latentlab.integrity import array_header

BLOCK = 64 << 20  # bytes: a terabyte has 15,000 of them, a part of 5,000 small faces one or two
_LINE = re.compile(r"(\S+) (\d+) ([0-9a-f]{64})")


class BlockDigests:
    """SHA-256 of every `block` bytes of what goes by."""

    def __init__(self, block: int = BLOCK):
        self.block, self.finished = block, list[str]()
        self._open, self._room = hashlib.sha256(), block

    def update(self, content: bytes | memoryview) -> None:
        view = memoryview(content).cast("B")
        while len(view):
            part, view = view[: self._room], view[self._room :]
            self._open.update(part)
            self._room -= len(part)
            if not self._room:
                self._end_block()

    def digests(self) -> tuple[str, ...]:
        """Of all blocks, the last of which may be shorter. Nothing may follow."""
        if self._room < self.block:
            self._end_block()
        return tuple(self.finished)

    def _end_block(self) -> None:
        self.finished.append(self._open.hexdigest())
        self._open, self._room = hashlib.sha256(), self.block


def digests_of(path: Path, block: int = BLOCK) -> tuple[str, ...]:
    """Of the blocks of a whole file."""
    found = BlockDigests(block)
    with path.open("rb") as file:
        while content := file.read(1 << 20):
            found.update(content)
    return found.digests()


def block_list(digests: Mapping[str, tuple[str, ...]]) -> str:
    """The text of the list: a line a block, with the file's name, the block's number from 0, and
    its digest."""
    return "".join(
        f"{name} {number} {digest}\n"
        for name, of_file in digests.items()
        for number, digest in enumerate(of_file)
    )


def read_block_list(path: Path, digest: str) -> dict[str, tuple[str, ...]]:
    """File name -> digests of its blocks.

    Args:
        digest: SHA-256 of the list.

    Raises:
        DataError: it is missing, damaged, or of other data.
    """
    try:
        return _read_block_list(path, digest, _version(path))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is damaged: it is not what was written ({error}). Delete its folder and"
            " prepare again."
        ) from error


@functools.lru_cache(maxsize=4)
def _read_block_list(
    path: Path, digest: str, version: tuple[int, int, int]
) -> dict[str, tuple[str, ...]]:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError("SHA-256")
    found: dict[str, list[str]] = {}
    for line in content.decode().splitlines():
        parts = _LINE.fullmatch(line)
        if parts is None or int(parts[2]) != len(found.setdefault(parts[1], [])):
            raise ValueError(f"line {line!r}")
        found[parts[1]].append(parts[3])
    return {name: tuple(of_file) for name, of_file in found.items()}


@dataclass(frozen=True)
class Blocks:
    """What a file must hold, block by block.

    Attributes:
        start: Bytes before the first block, which somebody else checks.
        digests: Of every block.
        block: Bytes of each but the last.
    """

    path: Path
    digests: tuple[str, ...]
    start: int = 0
    block: int = BLOCK

    def check(self, first: int = 0, last: int | None = None) -> None:
        """Refuse the file if it is not as it was written from byte `first` up to byte `last`; to
        its end if that is not given.

        Blocks that this process has seen right are not read again while size, time and inode of
        the file stay.

        Raises:
            DataError: it is damaged, cut off, longer, or cannot be read.
        """
        try:
            size, *_ = version = _version(self.path)
            if -(-(size - self.start) // self.block) != len(self.digests):
                raise self.damaged()
            right = _seen(self, version)
            end = size if last is None else min(last, size)
            lowest = max(first - self.start, 0) // self.block
            beyond = -(-max(end - self.start, 0) // self.block)
            missing = [number for number in range(lowest, beyond) if not right[number]]
            if not missing:
                return
            with self.path.open("rb") as file:
                for number in missing:
                    self._check_block(file, number)
                    right[number] = 1
        except OSError as error:
            raise DataError(
                f"{self.path} cannot be read: {error.strerror or error}. See that it may be."
            ) from error

    def _check_block(self, file: Any, number: int) -> None:
        found, left = hashlib.sha256(), self.block
        file.seek(self.start + number * self.block)
        while left and (content := file.read(min(left, 1 << 20))):
            found.update(content)
            left -= len(content)
        if found.hexdigest() != self.digests[number]:
            raise self.damaged()

    def damaged(self) -> DataError:
        return DataError(
            f"{self.path} is damaged: it is not what was written (SHA-256). Delete its folder and"
            " prepare again."
        )


@functools.lru_cache(maxsize=16)
def _seen(blocks: Blocks, version: tuple[int, int, int]) -> bytearray:
    """A flag a block: whether this process has found it right."""
    return bytearray(len(blocks.digests))


def _version(path: Path) -> tuple[int, int, int]:
    about = path.stat()
    return about.st_size, about.st_mtime_ns, about.st_ino


def check_array(blocks: Blocks, shape: tuple[int, ...], rows: range | None = None) -> None:
    """Refuse a `.npy` of uint8 that has not this shape, or whose values are not as written.

    Args:
        blocks: Of the values alone; `start` is set here.
        rows: Those that will be read, side by side; all of them by default.

    Raises:
        DataError: it is damaged, cut off, or of other data.
    """
    header, width, path = array_header(shape), int(np.prod(shape[1:])), blocks.path
    blocks = replace(blocks, start=len(header))
    try:
        with path.open("rb") as file:
            same = file.read(len(header)) == header
        if not same or path.stat().st_size != len(header) + shape[0] * width:
            raise blocks.damaged()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}. See that it may be."
        ) from error
    wanted = range(shape[0]) if rows is None else rows
    blocks.check(len(header) + wanted.start * width, len(header) + wanted.stop * width)


class CheckedFile(io.RawIOBase):
    """A file to seek and read in, of which no byte is given before its block was compared."""

    def __init__(self, blocks: Blocks):
        super().__init__()
        self.blocks = blocks
        self._file = blocks.path.open("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        at = self._file.tell()
        self.blocks.check(at, at + len(buffer))
        return self._file.readinto(buffer) or 0

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
