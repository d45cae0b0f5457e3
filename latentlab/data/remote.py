"""Files that are not on a disk of this machine: buckets and servers, by their address.

fsspec reaches them: `s3://bucket/faces`, `gs://...`, `https://...`. What it needs for a kind of
address beside itself (s3fs, gcsfs, aiohttp) the user installs. Who may read is told by the drivers'
own variables and files, never by the address, which is stored with the data.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator

from latentlab.errors import ConfigError, DataError, LatentlabError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(::[A-Za-z][A-Za-z0-9+.-]+)*://")


def path_or_address(value: Any) -> Any:
    """A text that is an address stays one, any other becomes a path; `file://` is a path too."""
    if not isinstance(value, str) or not _ADDRESS.match(value):
        return Path(value) if isinstance(value, str) else value
    if value.startswith("file://"):
        return Path(unquote(value.removeprefix("file://")))
    return value.rstrip("/")


Root = Annotated[Path | str, BeforeValidator(path_or_address)]


@dataclass(frozen=True)
class Remote:
    """A file or a folder at an address. Processes that are given it reach it by themselves.

    Attributes:
        below: Its path from the address. No part of the address, where some signs mean something.
    """

    address: str
    below: str = ""

    def __post_init__(self) -> None:
        if "@" in urlsplit(self.address).netloc:
            raise ConfigError(
                "the address holds a name or a password, which would be stored with the data. Give"
                " them to the driver by its own variables or files instead."
            )

    def __str__(self) -> str:
        return f"{self.address}/{self.below}" if self.below else self.address

    @property
    def name(self) -> str:
        return PurePosixPath(self.below or urlsplit(self.address).path or self.address).name

    def is_dir(self) -> bool:
        with self._reached() as (system, path):
            return bool(system.isdir(path))

    def is_file(self) -> bool:
        with self._reached() as (system, path):
            return bool(system.isfile(path))

    def names(self) -> Iterator[str]:
        """Files of the folder and all below it, as paths from here; folders whose names begin
        with a dot are left out."""
        with self._reached() as (system, path):
            base = path.rstrip("/")
            for here, below, names in system.walk(path):
                for folder in [name for name in below if name.startswith(".")]:
                    below.remove(folder)
                inside = here.rstrip("/").removeprefix(base).strip("/")
                prefix = f"{inside}/" if inside else ""
                yield from (f"{prefix}{name}" for name in names)

    def inside(self, name: str) -> "Remote":
        return Remote(self.address, f"{self.below}/{name}" if self.below else name)

    def open(self, mode: str = "rb") -> IO[bytes]:
        with self._reached() as (system, path):
            return system.open(path, mode)

    def content(self, start: int, stop: int) -> bytes:
        """Its bytes from `start`, at most up to `stop`.

        Raises:
            FileNotFoundError: there is no such file.
            DataError: it cannot be reached. That says nothing about the file itself.
        """
        with self._reached((FileNotFoundError,)) as (system, path):
            return system.cat_file(path, start=start, end=stop)

    @contextmanager
    def _reached(self, known: tuple[type[Exception], ...] = ()) -> Iterator[tuple[Any, str]]:
        """The file system and the path in it; what goes wrong there, in one line.

        Args:
            known: Errors that the caller knows what to make of.
        """
        import fsspec  # on use: it takes a while, and few need it

        try:
            # Nothing is asked twice, and lists of millions would be kept with all their details.
            system, path = fsspec.core.url_to_fs(self.address, use_listings_cache=False)
            yield system, f"{path.rstrip('/')}/{self.below}" if self.below else path
        except LatentlabError:
            raise
        except known:
            raise
        except ImportError as error:
            kind = self.address.partition("://")[0]
            raise ConfigError(
                f"{self.address}: this kind of address needs a driver that is not installed:"
                f" {_line(error)}. Run pip install 'fsspec[{kind}]'"
            ) from error
        except Exception as error:  # every driver has errors of its own
            raise DataError(f"{self} cannot be reached: {_line(error)}. Try again.") from error


def _line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__).rstrip(".")
