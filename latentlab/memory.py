"""Whether memory ran out, whatever library noticed it."""

import errno
import re
from collections.abc import Iterator

from latentlab.errors import LatentlabError

# What torch, Arrow, the loader of shared libraries and threads say; all else that Python meets is a
# MemoryError or ENOMEM.
SAID = re.compile(
    r"can't allocate memory|out of memory|cannot allocate memory|std::bad_alloc"
    r"|can't start new thread|failed to launch worker thread|failed to map segment"
    r"|failed to allocate|could not (create|execute) a primitive",  # the last is oneDNN's
    re.IGNORECASE,
)


def ran_out(error: BaseException) -> BaseException | None:
    """The error, or the one behind it, that says so; None where memory is not the reason."""
    return next((one for one in _behind(error) if _says_so(one)), None)


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
