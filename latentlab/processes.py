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
from types import FrameType
from typing import Any

PATIENCE = 5.0  # seconds in which a process that is told to end may remove what it has not finished


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold the first Ctrl-C or SIGTERM back until the block ends; a second is heard at once.
    Processes started meanwhile never hear Ctrl-C: who started them ends them.

    A SIGTERM is held too, or it might leave a process that was started and not told what to do.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    if threading.current_thread() is not threading.main_thread():  # where no signal is heard
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    late: list[int] = []
    earlier: dict[int, Any] = {}

    def restore() -> None:
        while earlier:
            signal.signal(*earlier.popitem())
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def note(number: int, frame: FrameType | None) -> None:
        late.append(number)
        if len(late) == 2:
            restore()
            with contextlib.suppress(KeyboardInterrupt):  # of the first, which the second overtakes
                signal.raise_signal(late[0])
            signal.raise_signal(late[1])

    over = threading.Event()
    # What is started inherits that this thread blocks Ctrl-C, which comes to the other thread then
    # and is noted here. Were it blocked for all threads, two would count as one.
    listener = threading.Thread(target=over.wait, daemon=True)
    listener.start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                earlier[number] = signal.signal(number, note)
        yield
    finally:
        restore()
        over.set()
        listener.join()
        if len(late) == 1:
            signal.raise_signal(late[0])


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
