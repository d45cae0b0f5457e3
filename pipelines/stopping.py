"""Ctrl-C and SIGTERM. The first ends a command in order: training at its next step, with its state
kept; all else by unwinding, so that unfinished files go and locks are released. The second ends the
process on the spot; nothing under a final name is ever half-written, so that is safe too.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

CTRL_C = 130  # exit code by which shells know an interrupt
RESUMABLE = 75
HEARD = (signal.SIGINT, signal.SIGTERM)


def exit_code_of(number: int | None) -> int:
    """130 for Ctrl-C, as shells know it; else the code of work that can be taken up again."""
    return CTRL_C if number == signal.SIGINT else RESUMABLE


class Interrupted(KeyboardInterrupt):
    """Raised in the main thread by the first signal.

    Attributes:
        told: Whether the person at the terminal knows of it.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.exit_code = exit_code_of(number)
        self.told = False


@dataclass
class Request:
    """Whether, and by which signal, the work was asked to stop."""

    signal: int | None = None

    @property
    def made(self) -> bool:
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        return exit_code_of(self.signal)


@contextmanager
def stop_requests() -> Iterator[Request]:
    """Count signals as requests for the length of the block; a second one interrupts at once."""
    request = Request()

    def note(number: int) -> None:
        if request.made:
            raise Interrupted(number)
        request.signal = number

    with _handling(note):
        yield request


@contextmanager
def interruptible() -> Iterator[list[Interrupted]]:
    """For the length of the block the first signal raises Interrupted, and the second ends this
    process; processes that it started end with it.

    Yields:
        What was raised; nothing so far.
    """
    raised: list[Interrupted] = []

    def note(number: int) -> None:
        if raised:
            os._exit(exit_code_of(number))
        raised.append(Interrupted(number))
        raise raised[0]

    with _handling(note):
        yield raised


def ended() -> None:
    """Have signals ignored from here on: the work is done, and its exit code stands while the
    interpreter ends."""
    if threading.current_thread() is threading.main_thread():
        for number in HEARD:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def _handling(note: Callable[[int], None]) -> Iterator[None]:
    """Have signals noted; in another than the main thread, which cannot, they are left alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(number: int, frame: FrameType | None) -> None:
        note(number)

    before = {number: signal.signal(number, handler) for number in HEARD}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
