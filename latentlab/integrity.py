"""Digests that travel with what they vouch for, so that no changed byte becomes a number.

Parquet's page checksums cover the values alone: a changed bit in a column's name, a type or the
header of a page goes by. So a table carries the SHA-256 of the whole file in its footer, where any
reader of parquet finds and ignores it; text ends with one in a comment; a resume state ends with
one behind what torch wrote. Whoever copies the file copies its digest with it.
"""

import functools
import hashlib
import io
import mmap
from pathlib import Path

import numpy as np

from latentlab.errors import DataError

KEY = "latentlab.sha256"
_ZEROS = b"0" * 64
_MARK = f"{KEY}:".encode()
_FIRST = b"# The last line is the SHA-256 of all above it.\n"
_LAST = b"# SHA-256: %s\n"
_TRAILER = b"latentlab.sha256:%s\n"
_TRAILER_BYTES = len(_TRAILER % _ZEROS)


def blank_stamp(about: bytes) -> str:
    """What to write into a file, under KEY, for `stamp` to fill in.

    Args:
        about: Something of the file that cannot hold the result by chance, nor by design.
    """
    return f"{KEY}:{hashlib.sha256(about).hexdigest()}"


def stamp(path: Path, blank: str) -> None:
    """Put the digest of a file, taken with zeros in its own place, where `blank` stands."""
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            at = content.rfind(blank.encode()) + len(blank) - 64
            digest = _digest_around(content, at)
        file.seek(at)
        file.write(digest.encode())


def check_stamp(path: Path) -> None:
    """Refuse a file that `stamp` was put on and that is not as it was then; others pass.

    A stamp names itself twice (as key and in its value), so that one changed bit cannot turn a
    stamped file into one that never was.

    Raises:
        ValueError: it was changed.
        OSError: it cannot be read.
    """
    if not path.stat().st_size:  # nothing to map
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.rfind(KEY.encode()) < 0:
            return
        at = len(content)
        # A column may be called like a stamp, so the true one need not be the very last.
        while (at := content.rfind(_MARK, 0, at)) >= 0:
            digest = at + len(_MARK)
            if content[digest : digest + 64] == _digest_around(content, digest).encode():
                return
    raise ValueError("it is not what was written (SHA-256)")


def _digest_around(content: mmap.mmap, at: int) -> str:
    """The digest of all of it with zeros for the 64 bytes that start at `at`."""
    with memoryview(content) as view:
        digest = hashlib.sha256(view[:at])
        digest.update(_ZEROS)
        digest.update(view[at + 64 :])
    return digest.hexdigest()


def with_lines(text: str) -> str:
    """YAML with a comment behind it that holds its digest, and one before it that says so."""
    content = _FIRST + text.encode()
    return (content + _last_line(content)).decode()


def check_lines(path: Path) -> None:
    """Refuse a text with one of the two comments that is not as it was written; others pass.

    Raises:
        DataError: it was changed.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    text, last = content[: -len(_last_line(b""))], content[-len(_last_line(b"")) :]
    ours = content.startswith(_FIRST) or last.startswith(_LAST[:10])
    if ours and not (text.startswith(_FIRST) and last == _last_line(text)):
        raise DataError(
            f"{path} is not what was written (SHA-256): it is damaged or was changed by hand. If"
            " the change is meant, take out its first line and its last."
        )


def _last_line(content: bytes) -> bytes:
    return _LAST % hashlib.sha256(content).hexdigest().encode()


def with_trailer(content: bytes) -> bytes:
    """The bytes with their digest behind them."""
    return content + _TRAILER % hashlib.sha256(content).hexdigest().encode()


def without_trailer(content: bytes) -> bytes:
    """What `with_trailer` was given.

    Raises:
        ValueError: it is not whole, or something else.
    """
    body, trailer = content[:-_TRAILER_BYTES], content[-_TRAILER_BYTES:]
    if trailer != _TRAILER % hashlib.sha256(body).hexdigest().encode():
        raise ValueError("it is not what was written (SHA-256)")
    return body


def array_header(shape: tuple[int, ...]) -> bytes:
    """How a `.npy` file of uint8 in row order begins. numpy leaves room for the first dimension to
    grow, so the length does not depend on it."""
    written = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(written, header)
    return written.getvalue()


def check_array(path: Path, shape: tuple[int, ...], digest: str) -> None:
    """Refuse a `.npy` of uint8 that has not this shape or whose values have not this digest.

    All of it is read, about 1.5 s a GB, once in the life of a process.

    Raises:
        DataError: it is damaged, cut off, or of other data.
    """
    try:
        about = path.stat()
        _check_array(path, shape, digest, (about.st_size, about.st_mtime_ns, about.st_ino))
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}. See that it may be."
        ) from error


@functools.lru_cache(maxsize=16)  # errors are not kept
def _check_array(
    path: Path, shape: tuple[int, ...], digest: str, version: tuple[int, int, int]
) -> None:
    header = array_header(shape)
    with path.open("rb") as file:
        same = file.read(len(header)) == header  # the values follow
        if same and hashlib.file_digest(file, "sha256").hexdigest() == digest:
            return
    raise DataError(
        f"{path} is damaged: it is not what was written (SHA-256). Delete its folder and prepare"
        " again."
    )
