"""Whole files or none: every write goes to a temporary file beside the target and is renamed.

A final name therefore only ever holds a complete file, whatever kills the process.
"""

import contextlib
import errno
import glob
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
import yaml

from latentlab import integrity
from latentlab.errors import DataError

TEMPORARY = ".tmp-"  # prefix of names that hold unfinished work
RETIRED = ".old-"  # prefix of the folder that a whole new one is about to replace
HOLDER = ".writer.json"  # who holds a folder's lock
_TOKEN = secrets.token_hex(4)  # tells this process from an earlier one that had its number
_LEFTOVER = re.compile(
    rf"({re.escape(TEMPORARY)}|{re.escape(RETIRED)})([0-9a-f]{{8}})-(\d+)-([0-9a-f]{{8}})-(.+)",
    re.DOTALL,
)
UNWRITABLE = {  # what the system says when the place, not the program, is at fault
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.EFBIG,
    errno.EIO,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; it takes the final name when the block ends.

    If the block raises, the temporary file is removed and the old content of `path` stays. What a
    killed process has left of such a file is removed too.
    """
    path = Path(path)
    make_folder(path.parent, path)
    _remove_leftovers(path)
    temporary = _beside(path, TEMPORARY)
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise _explained(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # on a disk that is read only even what is not there
            temporary.unlink()


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; when the block ends it replaces `path`.

    What a killed process has left of such a folder is removed, or brought back if it was the old
    one and nothing has taken its name.
    """
    path = Path(path)
    make_folder(path.parent, path)
    _remove_leftovers(path)
    temporary, retired = _beside(path, TEMPORARY), _beside(path, RETIRED)
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
    """Write strict JSON: NaN and infinity are refused, since no number here may be one. Half a
    character, as names of files have where they are no UTF-8, is written as its escape."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}. Make it again.") from error


def write_yaml(path: Path, value: Any, *, with_digest: bool = False) -> None:
    """Write YAML.

    Args:
        with_digest: Put its digest into a comment, see `integrity.check_lines`.
    """
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    write_text(path, integrity.with_lines(text) if with_digest else text)


def read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} cannot be read as YAML: {reason.rstrip('. ')}. Correct it there."
        ) from error


def digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 of a value that JSON can express, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's lock for the length of the block; a second writer is refused at once, and
    told who holds it. What killed processes have left in the folder is removed."""
    make_folder(folder)
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise DataError(
            f"{folder} is being written by another process{_said_holder(folder)}. Wait for it, or"
            " choose another folder."
        ) from None
    except OSError as error:
        raise _explained(folder, error) from error
    try:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        me = {"process": os.getpid(), "machine": this_machine(), "since": now}
        write_json(folder / HOLDER, me)
        sweep(folder)
        yield
    finally:
        (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def _said_holder(folder: Path) -> str:
    """Who holds the folder's lock, as a part of a sentence; nothing if that cannot be told."""
    for _ in range(20):  # the holder may have come this instant
        try:
            holder = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
            process, since = int(holder["process"]), datetime.fromisoformat(holder["since"])
            here = holder["machine"] == this_machine()
        except (OSError, ValueError, KeyError, TypeError):
            pass
        else:
            if not here or _runs(process):  # else of one that was killed
                place = "on this machine" if here else "on another machine"
                return f" ({process} {place}, since {since.astimezone():%H:%M:%S, %d %b})"
        time.sleep(0.05)
    return ""


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
    except OSError as error:
        raise _explained(path, error) from error
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


def require_space(place: Path, needed: int, what: str) -> None:
    """Refuse work for which the disk has no room, before it begins.

    Args:
        place: Where it will be written; it need not exist yet.
        needed: Bytes, about.
        what: For the error, e.g. "the prepared images".

    Raises:
        DataError: less than that is free.
    """
    there = next(path for path in (place, *place.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise DataError(
            f"{place}: {what} need about {_megabytes(needed)}, and {_megabytes(free)} are free"
            " there. Make room, or choose another folder."
        )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count < 1e9 else f"{count / 1e9:,.1f} GB"


def make_folder(path: Path, wanted: Path | None = None) -> None:
    """The folder and all above it, or a DataError that says why not.

    Args:
        wanted: What shall be in it, for the error; the folder itself if not given.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _explained(wanted or path, error) from error


def this_machine() -> str:
    """Which machine this is, on a disk that several may share, without telling its name."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _beside(path: Path, kind: str) -> Path:
    """A name of this process's own in the folder of `path`, of a kind that `sweep` knows."""
    return path.with_name(f"{kind}{this_machine()}-{os.getpid()}-{_TOKEN}-{path.name}")


def sweep(folder: Path) -> None:
    """Remove what killed processes of this machine have left unfinished in a folder and below, and
    bring back a folder that was about to be replaced."""
    for leftover in [*folder.rglob(f"{TEMPORARY}*"), *folder.rglob(f"{RETIRED}*")]:
        _remove_if_left(leftover)


def _remove_leftovers(path: Path) -> None:
    """What killed processes of this machine have left of `path` itself."""
    pattern = f"{this_machine()}-*-{glob.escape(path.name)}"
    for kind in (TEMPORARY, RETIRED):
        for leftover in path.parent.glob(kind + pattern):
            _remove_if_left(leftover, path.name)


def _remove_if_left(leftover: Path, of: str | None = None) -> None:
    """Remove one such file or folder if the process that began it has ended.

    Args:
        of: Leave alone what would have had another name.
    """
    parts = _LEFTOVER.fullmatch(leftover.name)
    if parts is None:
        return
    kind, machine, process, token, name = parts.groups()
    if machine != this_machine() or (of is not None and name != of):
        return
    if token == _TOKEN if int(process) == os.getpid() else _runs(int(process)):
        return
    target = leftover.with_name(name)
    with contextlib.suppress(OSError):  # another process may do the same this instant
        if kind == RETIRED and not target.exists():  # killed between the two renamings
            leftover.replace(target)
        elif leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink()


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
    return DataError(
        f"{path} cannot be written: {reason}. Make room or choose another place; the old content,"
        " if any, is untouched."
    )


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
