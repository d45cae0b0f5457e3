"""Memory that runs out: told in one line with what to lower, and never waited for."""

import mmap
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

from latentlab.errors import DataError, LatentlabError
from latentlab.memory import ran_out

ASKED = re.compile(r"allocate ([\d.]+ ?[KMGTPE]?i?(?:B|bytes))\b")
# Of address space, that OpenBLAS takes for its first large product; numpy and scipy bring one each.
PRODUCTS = 2 * (36 << 20)
LARGE = 512  # rows and columns of a product that it takes them for
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


def told(error: BaseException, reason: BaseException, command: str) -> DataError:
    """The error for the user.

    Args:
        error: What ended the command.
        reason: What `latentlab.memory.ran_out` found in it.
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


@cache
def claim_for_products() -> None:
    """Have OpenBLAS take what it works in before a long stage begins, once a process: where it
    finds no memory later, it ends the process.

    Raises:
        OSError: There is not enough.
    """
    import numpy as np
    from scipy.linalg.blas import dgemm

    mmap.mmap(-1, PRODUCTS).close()
    square = np.zeros((LARGE, LARGE))
    np.matmul(square, square)
    dgemm(1.0, square, square)


@contextmanager
def threads_heard() -> Iterator[None]:
    """For the length of the block a thread that ends for want of memory, or does not even start,
    raises MemoryError in the main thread, which might else wait for it for ever."""
    if not hasattr(signal, "SIGURG") or threading.current_thread() is not threading.main_thread():
        yield
        return
    main, earlier = threading.get_ident(), (sys.unraisablehook, threading.excepthook)

    def not_started(ignored: Any) -> None:
        if issubclass(ignored.exc_type, MemoryError) and "thread" in str(ignored.err_msg):
            signal.pthread_kill(main, signal.SIGURG)  # which otherwise means nothing to a process
        else:
            earlier[0](ignored)

    def ended(thrown: Any) -> None:
        if thrown.exc_value is not None and ran_out(thrown.exc_value):
            signal.pthread_kill(main, signal.SIGURG)
        else:
            earlier[1](thrown)

    def give_up(number: int, frame: FrameType | None) -> None:
        raise MemoryError("a thread did not start, or ended")

    handled = signal.signal(signal.SIGURG, give_up)
    sys.unraisablehook, threading.excepthook = not_started, ended
    try:
        yield
    finally:
        sys.unraisablehook, threading.excepthook = earlier
        signal.signal(signal.SIGURG, handled)
