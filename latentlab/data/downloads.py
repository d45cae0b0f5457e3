"""Published files, fetched only if they are what was published.

The usual trouble is a web page in the place of the file: Google Drive shows one when too many
people have asked for it that day. It is recognised, removed, and the way by hand is told.
"""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from latentlab import files
from latentlab.errors import ConfigError, DataError

DRIVE = "https://drive.google.com/uc?id="


def fetch_celeba(root: Path, progress: Callable[[str], None] = lambda name: None) -> None:
    """The pictures and label files of CelebA from the place their authors name.

    Args:
        root: Takes the files; those that are there and whole are not fetched again.
        progress: Called with the name of the file that is fetched next.

    Raises:
        ConfigError: the extra `download` is not installed.
        DataError: a file does not come, or is not the published one; what to do is told.
    """
    from torchvision.datasets import CelebA

    try:
        import gdown
    except ImportError:
        raise ConfigError(
            "fetching CelebA needs gdown. Install it with `pip install 'latentlab[download]'`."
        ) from None

    for drive_id, md5, name in CelebA.file_list:
        path = root / name
        if path.is_file() and _md5(path) == md5:
            continue
        progress(name)
        url = f"{DRIVE}{drive_id}"
        by_hand = (
            f"Open https://drive.google.com/file/d/{drive_id}/view in a browser, download {name}"
            f" and put it at {path} (MD5 {md5}); then repeat without --download."
        )
        files.make_folder(root)
        # gdown leaves pieces beside what it was told to write, so it gets a place of its own.
        with tempfile.TemporaryDirectory(dir=root, prefix=files.TEMPORARY) as place:
            came = Path(place) / name
            try:
                gdown.download(url, str(came), quiet=True)
            # It raises errors of its own and of requests, and they differ between versions.
            except Exception as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                raise DataError(f"{name} was not sent ({reason[:200]}). {by_hand}") from error
            what = _wrong(came, md5)
            if what:
                raise DataError(f"{name} is not what came: {what}. {by_hand}")
            came.replace(path)


def fetch_mnist(root: Path, progress: Callable[[str], None] = lambda name: None) -> None:
    """The four files of MNIST by torchvision, which checks their digests.

    Raises:
        DataError: they do not come, or are not the published ones.
    """
    from torchvision.datasets import MNIST

    progress("MNIST")
    try:
        MNIST(str(root), download=True)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        wanted = ", ".join(f"{name} (MD5 {md5})" for name, md5 in MNIST.resources)
        raise DataError(
            f"MNIST was not sent ({reason[:300]}). Fetch by hand {wanted} and put them into"
            f" {root / 'MNIST' / 'raw'}; then repeat without --download."
        ) from error


def _wrong(path: Path, md5: str) -> str | None:
    """What came instead of the file with this digest; None if it is the one."""
    if not path.is_file():
        return "nothing did"
    if _md5(path) == md5:
        return None
    with path.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "it is a web page, as Google Drive sends when its quota for the day is used up"
    return f"its MD5 is {_md5(path)}, not {md5}"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
