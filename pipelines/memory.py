"""Memory that ran out, told in one line with what to lower. What a library in C does without memory
is out of reach: it may end the process itself, without a word of ours."""

import errno
import re
from collections.abc import Iterator

from latentlab.errors import DataError, LatentlabError

# What torch, Arrow, the loader of shared libraries and threads say; all else that Python meets is a
# MemoryError or ENOMEM.
SAID = re.compile(
    r"can't allocate memory|out of memory|cannot allocate memory|std::bad_alloc"
    r"|can't start new thread|failed to launch worker thread|failed to map segment"
    r"|failed to allocate|could not (create|execute) a primitive",  # the last is oneDNN's
    re.IGNORECASE,
)
ASKED = re.compile(r"allocate ([\d.]+ ?[KMGTPE]?i?(?:B|bytes))\b")
LOWER = {
    "prepare": "the number of images with --limit, or --side",
    "landmarks": "--workers",
    "train": "train.batch_size, or model.widths",
    "encode": "encode.batch_size with --set, or --workers",
    "intervene": "--anchors",
    "metrics": "metrics.images",
    "run": "train.batch_size, encode.batch_size or landmarks.workers with --set",
    "demo": "train.batch_size, encode.batch_size or landmarks.workers with --set",
    "start": "--workers",
    "sample": "--count",
    "reconstruct": "--count",
    "anomalies": "--count",
    "show": "--images",
    "codes": "--limit",
    "traverse": "--steps, --seconds or --fps",
    "morph": "--steps, --seconds or --fps",
}
OTHERWISE = "the number of images, with `latentlab prepare --limit`"


def ran_out(error: BaseException) -> BaseException | None:
    """The error, or the one behind it, that says so; None where memory is not the reason."""
    return next((one for one in _behind(error) if _says_so(one)), None)


def told(error: BaseException, reason: BaseException, command: str) -> DataError:
    """The error for the user.

    Args:
        error: What ended the command.
        reason: What `ran_out` found in it.
        command: The name of its function.
    """
    asked = ASKED.search(str(reason))
    amount = f" ({asked[1]} more were asked for)" if asked else ""
    lower = LOWER.get(command, OTHERWISE)
    # A damaged file can ask for anything: then what its reader said is the better advice.
    reading = f" Or else: {error}" if isinstance(error, LatentlabError) else ""
    return DataError(
        f"not enough memory{amount}. Lower {lower}, or close other programs, and repeat the"
        f" command.{reading}"
    )


def _behind(error: BaseException) -> Iterator[BaseException]:
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop(0)
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [other for other in (one.__cause__, one.__context__) if other is not None]


def _says_so(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return not isinstance(error, LatentlabError) and bool(SAID.search(str(error)))
