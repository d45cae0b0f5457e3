"""Archives that are read in place, and only if nothing about them is suspicious.

Nothing is ever unpacked to disk. An archive with one unsafe member is refused as a whole: whoever
made it did not make the data set it claims to be.
"""

import io
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from latentlab.data.remote import Remote
from latentlab.errors import DataError

MOST_BYTES = 256 << 20  # of one file, unpacked; 50 million pixels of RGB fit
BOMB_RATIO, BOMB_BYTES = 200, 16 << 20  # a member that is this much larger unpacked, and this large
ZIP, TAR = (".zip",), (".tar",)
PACKED_TAR = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".7z", ".rar")

# The last two are a packing method that Python lacks, and a zip with a password.
UNREADABLE = (
    OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError,
    tarfile.TarError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A file in an archive. `offset` is where its bytes start, if they lie there as they are."""

    name: str
    size: int
    offset: int | None = None


def is_archive(path: Path | Remote) -> bool:
    return path.name.lower().endswith((*ZIP, *TAR, *PACKED_TAR))


def members(path: Path | Remote) -> list[Member]:
    """The files of a zip or a plain tar, once the whole archive is known to be safe.

    Raises:
        DataError: it is damaged, packed in a way that allows no access to single files, or has a
            member that is a link or a device, leads out of the archive, has the same name as
            another but for its case, or unpacks to an absurd size.
    """
    name = path.name.lower()
    if name.endswith(PACKED_TAR):
        raise DataError(
            f"{path} gives no access to single files. Unpack it, and name the folder instead."
        )
    try:
        listed = list(_zip_members(path) if name.endswith(ZIP) else _tar_members(path))
    except UNREADABLE as error:
        raise DataError(f"{path} is not a whole archive: {error}. Fetch it again.") from error
    seen: dict[str, str] = {}
    for member in listed:
        other = seen.setdefault(_clean(path, member.name).casefold(), member.name)
        if other is not member.name:
            what = "is there twice" if other == member.name else f"and {other} could be one file"
            raise _unsafe(path, member.name, what)
    return [member for member in listed if not member.name.endswith("/")]


def _zip_members(path: Path | Remote) -> Iterator[Member]:
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        packed = 0
        for entry in archive.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _unsafe(path, entry.filename, "is a link or a device")
            if entry.flag_bits & 0x1:
                raise _unsafe(path, entry.filename, "needs a password")
            ratio = entry.file_size / max(entry.compress_size, 1)
            if entry.file_size > MOST_BYTES or (
                ratio > BOMB_RATIO and entry.file_size > BOMB_BYTES
            ):
                raise _unsafe(path, entry.filename, f"unpacks to {entry.file_size:,} bytes")
            packed += entry.compress_size
            # The name as stored: zipfile itself cuts it at a zero byte.
            yield Member(entry.orig_filename, entry.file_size)
        if packed > file.seek(0, io.SEEK_END):
            raise DataError(f"{path} has members that overlap; it was made to do harm. Delete it.")


def _tar_members(path: Path | Remote) -> Iterator[Member]:
    with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
        for entry in archive:
            if not (entry.isreg() or entry.isdir()) or entry.issparse():
                raise _unsafe(path, entry.name, "is a link or a device")
            if entry.size > MOST_BYTES:
                raise _unsafe(path, entry.name, f"has {entry.size:,} bytes")
            name = entry.name + "/" if entry.isdir() else entry.name
            yield Member(name, entry.size, entry.offset_data)
        # tarfile takes a damaged header for the end, and with it all that follows.
        end = archive.offset
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError(f"no member and no end at byte {end:,}")


def _clean(path: Path | Remote, name: str) -> str:
    """The name as a disk would know it, if it stays inside the archive."""
    parts = name.replace("\\", "/").rstrip("/").split("/")
    if parts[0] in ("", "~") or ":" in parts[0] or ".." in parts or "\0" in name:
        raise _unsafe(path, name, "leads out of the archive")
    name = "/".join(part for part in parts if part not in ("", "."))
    return unicodedata.normalize("NFC", name)


def _unsafe(path: Path | Remote, name: str, what: str) -> DataError:
    shown = name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return DataError(
        f"{path} is not read, since its member {shown} {what}. Get the archive from its publisher,"
        " or unpack what you trust of it and name that folder."
    )
