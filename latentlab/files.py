"""Whole files or none: every write goes to a temporary file beside the target and is renamed.

A final name therefore only ever holds a complete file, whatever kills the process.
"""

import errno
import hashlib
import json
import os
import platform
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import yaml

from latentlab.errors import DataError

TEMPORARY = ".tmp-"  # prefix of names that hold unfinished work
UNWRITABLE = {  # what the system says when the place, not the program, is at fault
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.EFBIG,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; it takes the final name when the block ends.

    If the block raises, the temporary file is removed and the old content of `path` stays.
    """
    path = Path(path)
    make_folder(path.parent, path)
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise _explained(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; when the block ends it replaces `path`.

    What a killed process has left of such a folder is removed, or brought back if it was the old
    one and nothing has taken its name.
    """
    path = Path(path)
    make_folder(path.parent, path)
    _remove_leftovers(path)
    mine = f"{TEMPORARY}{_machine()}-{os.getpid()}-"
    temporary = path.with_name(f"{mine}{path.name}")
    retired = path.with_name(f"{mine}old-{path.name}")
    try:
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _flush(file)
        if path.exists():
            path.replace(retired)
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise _explained(path, error) from error
    finally:
        if retired.exists() and not path.exists():  # stopped between the two
            retired.replace(path)
        for leftover in (temporary, retired):
            shutil.rmtree(leftover, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON: NaN and infinity are refused, since no number here may be one."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}.") from error


def write_yaml(path: Path, value: Any) -> None:
    write_text(path, yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


def read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} cannot be read as YAML: {reason}.") from error


def digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 of a value that JSON can express, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's lock for the length of the block; a second writer is refused at once."""
    make_folder(folder)
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise DataError(
            f"{folder} is being written by another process. Wait for it, or choose another folder."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def taking_turns(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock file `path` for the length of the block, waiting for it as long as it takes.

    Args:
        on_wait: Called once if another process has it.
    """
    make_folder(path.parent)
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def claim(path: Path) -> int | None:
    """Lock the file `path` without waiting; None where another process has it.

    Returns:
        A descriptor that holds the lock until it is closed. A process that inherits it holds the
        lock too, so that a claim lasts as long as the work, even if who started the work is killed.
    """
    import fcntl  # not on Windows, where there are no sweeps

    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    for pause in (0.01, 0.03, None):  # `claimed` looks for an instant
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if pause is not None:
                time.sleep(pause)
    os.close(descriptor)
    return None


def claimed(path: Path) -> bool:
    """Whether some process has a `claim` on the file."""
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def make_folder(path: Path, wanted: Path | None = None) -> None:
    """The folder and all above it, or a DataError that says why not.

    Args:
        wanted: What shall be in it, for the error; the folder itself if not given.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _explained(wanted or path, error) from error


def _machine() -> str:
    """Which machine this is, on a disk that several may share, without telling its name."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _remove_leftovers(path: Path) -> None:
    """Unfinished folders for `path` whose process, on this machine, has ended."""
    prefix = f"{TEMPORARY}{_machine()}-"
    for leftover in path.parent.glob(f"{prefix}*"):
        process, _, name = leftover.name.removeprefix(prefix).partition("-")
        ours = name in (path.name, f"old-{path.name}") and process.isdecimal()
        if ours and not _runs(int(process)):
            if name != path.name and not path.exists():  # killed between the two renamings
                leftover.replace(path)
            shutil.rmtree(leftover, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it runs, and is somebody else's
        return True
    return True


def _explained(path: Path, error: OSError) -> Exception:
    """The same error if it is of another making, else one that names the file and the cause."""
    if error.errno not in UNWRITABLE:
        return error
    reason = error.strerror or str(error)
    return DataError(f"{path} cannot be written: {reason}. The old content, if any, is untouched.")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
