"""What worker processes and those who start them owe each other: neither outlives the other, and a
Ctrl-C is heard by one of them alone."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from multiprocessing.process import BaseProcess

PATIENCE = 5.0  # seconds in which a process that is told to end may remove what it has not finished


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back. Processes started meanwhile never hear Ctrl-C: who started them
    ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # A SIGTERM waits too, or it might leave a process that was started and not told what to do; but
    # here alone, since who started processes ends them by it.
    late: list[int] = []
    handler = None
    if threading.current_thread() is threading.main_thread():
        handler = signal.signal(signal.SIGTERM, lambda number, frame: late.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if handler is not None:
            signal.signal(signal.SIGTERM, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if late:
            signal.raise_signal(signal.SIGTERM)


def serve() -> None:
    """Make this process a worker: it ends with the one that started it, and on SIGTERM it leaves
    nothing half-written."""
    end_with_parent()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))


def end_with_parent() -> None:
    """Have this process end when its parent does: a worker whose parent was killed would wait for
    work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def end(processes: Iterable[BaseProcess]) -> None:
    """Have workers end now, whatever they are at; those that do not are killed."""
    told = list(processes)
    for one in told:
        one.terminate()
    deadline = time.monotonic() + PATIENCE
    for one in told:
        one.join(max(0.0, deadline - time.monotonic()))
        if one.is_alive():
            one.kill()
            one.join()
