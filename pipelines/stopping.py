"""Ctrl-C and SIGTERM: the first asks for an end at the next safe point, the second stops."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

CTRL_C = 130  # exit code by which shells know an interrupt
RESUMABLE = 75


@dataclass
class Request:
    """Whether, and by which signal, the work was asked to stop."""

    signal: int | None = None

    @property
    def made(self) -> bool:
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        return CTRL_C if self.signal == signal.SIGINT else RESUMABLE


@contextmanager
def stop_requests() -> Iterator[Request]:
    """Count signals as requests for the length of the block; a second one interrupts at once."""
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request  # only the main thread may handle signals
        return

    def note(number: int, frame: FrameType | None) -> None:
        if request.made:
            raise KeyboardInterrupt
        request.signal = number

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
