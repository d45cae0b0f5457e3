"""Where picture files lie, in folders and archives, and their bytes by name."""

import os
import stat
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from latentlab.data.archives import MOST_BYTES, UNREADABLE, ZIP, members
from latentlab.data.images import SUFFIXES, BadPicture
from latentlab.data.remote import Remote
from latentlab.errors import DataError


@dataclass(frozen=True)
class Place:
    """One file: in a folder (`member` None), or in an archive.

    Attributes:
        path: The file itself, or the archive.
        member: Its name in the archive.
        offset, size: Where its bytes lie in a plain tar.
    """

    path: Path | Remote
    member: str | None = None
    offset: int | None = None
    size: int = 0


class Folder(Mapping[str, Place]):
    """Files below a folder by relative path, in the order of the names; only these are kept."""

    def __init__(self, folder: Path | Remote, names: Iterable[str]):
        self.folder = folder
        self.names = dict.fromkeys(names)

    def __getitem__(self, name: str) -> Place:
        if name not in self.names:
            raise KeyError(name)
        if isinstance(self.folder, Remote):
            return Place(self.folder.inside(name))
        return Place(self.folder / name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def pictures_in(place: Path | Remote) -> Mapping[str, Place]:
    """The picture files of a folder and all below it, or of an archive: relative path -> place.

    A file is a picture by its suffix. What starts with a dot, or lies in __MACOSX, is left out.
    The order is that of the names.

    Raises:
        DataError: the folder cannot be listed, or the archive is damaged or unsafe.
    """
    if place.is_dir():
        names = place.names() if isinstance(place, Remote) else _in_folder(place)
        return Folder(place, sorted(filter(_is_picture, names)))
    found = {
        str(PurePosixPath(member.name)): Place(place, member.name, member.offset, member.size)
        for member in members(place)
    }
    return {name: found[name] for name in sorted(found) if _is_picture(name)}


def _in_folder(folder: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise DataError(
            f"{error.filename} cannot be listed: {error.strerror}. Give the right to read it."
        ) from error

    for here, below, names in os.walk(folder, onerror=refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        # `os.walk` also lists what is no file, such as a pipe; `Reader` refuses it by name.
        inside = Path(here).relative_to(folder).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        yield from (f"{prefix}{name}" for name in names)


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


class Reader:
    """The bytes of files by name.

    Archives stay open, since opening a zip of 202,599 members takes a second. Each process opens
    its own: a fork shares the position in the file, and a pickle carries no open file.
    """

    def __init__(self, places: Mapping[str, Place]):
        self.places = places
        self.archives: dict[tuple[int, Path | Remote], zipfile.ZipFile] = {}
        self.lock = threading.Lock()

    def __reduce__(self) -> tuple[type["Reader"], tuple[Mapping[str, Place]]]:
        return Reader, (self.places,)

    def __call__(self, name: str) -> bytes:
        """Raises BadPicture if there is no such file or it cannot be read, DataError if what holds
        it cannot be reached just now."""
        place = self.places[name]
        try:
            if place.member is not None and place.path.name.lower().endswith(ZIP):
                return self._unzipped(place.path, place.member)
            if isinstance(place.path, Remote):
                return _fetched(place.path, place)
            if place.member is None:
                return _content(place.path)
            with place.path.open("rb") as archive:
                archive.seek(place.offset or 0)
                return archive.read(place.size)
        except UNREADABLE as error:
            reason = getattr(error, "strerror", None) or error
            raise BadPicture(f"cannot be read ({reason}); fetch it again") from error

    def _unzipped(self, path: Path | Remote, member: str) -> bytes:
        with self.lock:
            key = (os.getpid(), path)
            if key not in self.archives:
                self.archives[key] = zipfile.ZipFile(path.open("rb"))
            return self.archives[key].read(member)


def _fetched(file: Remote, place: Place) -> bytes:
    if place.member is not None:
        start = place.offset or 0
        return file.content(start, start + place.size)
    content = file.content(0, MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadPicture(f"has more than {MOST_BYTES:,} bytes")
    return content


def _content(path: Path) -> bytes:
    # Without waiting: a pipe that looks like a picture must not hold everything up.
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise BadPicture("is not a file")
        if status.st_size > MOST_BYTES:
            raise BadPicture(f"has {status.st_size:,} bytes, more than {MOST_BYTES:,}")
        content = os.read(file, status.st_size)
        while len(content) < status.st_size and (more := os.read(file, status.st_size)):
            content += more
        return content
    finally:
        os.close(file)
