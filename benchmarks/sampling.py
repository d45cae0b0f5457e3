"""Where the time goes: what every thread is doing, looked at a hundred times a second."""

import sys
import sysconfig
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

EVERY = 0.01  # seconds
INSTALLED = Path(sysconfig.get_paths()["purelib"])
OURS = Path(__file__).parents[1]
# Innermost here, a thread waits for others.
WAITING = ("threading.py", "queue.py", "thread.py", "process.py", "selectors.py", "connection.py")


@contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Yield a count of looks by place, of this thread and those that are started in the block.

    Compiled code counts where Python called it. A look waits until Python's lock is free, so code
    that holds it is seen when it gives it up.
    """
    found: Counter[str] = Counter()
    over = threading.Event()
    others = set(sys._current_frames()) - {threading.get_ident()}

    def watch() -> None:
        unasked = others | {threading.get_ident()}
        while not over.wait(EVERY):
            for thread, frame in sys._current_frames().items():
                if thread not in unasked and (where := place(frame)) is not None:
                    found[where] += 1

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def place(frame: FrameType) -> str | None:
    """The package and module that a frame is in, or that called Python's own library there; None
    where its thread waits."""
    path = Path(frame.f_code.co_filename)
    if path.name in WAITING:
        return None
    at: FrameType | None = frame
    while at is not None:
        path = Path(at.f_code.co_filename)
        for root in (INSTALLED, OURS):
            if path.is_relative_to(root) and "benchmarks" not in path.parts:
                parts = path.relative_to(root).with_suffix("").parts
                return ".".join(dict.fromkeys((parts[0], parts[-1])))
        at = at.f_back
    return "python"


def largest(found: Counter[str], count: int = 4) -> list[list[object]]:
    """The places with most looks: [place, share of all looks]."""
    total = max(sum(found.values()), 1)
    return [[name, looks / total] for name, looks in found.most_common(count)]
