"""How much memory a process and those it started hold, looked at while they work. Needs Linux."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

EVERY = 0.05  # seconds between looks


@dataclass
class Peak:
    """Megabytes that cannot be taken back: pages of mapped files are left out.

    Attributes:
        before: What this process held at first.
        own: The most that this process held.
        children: The most that the processes it has started since, and those below, held together.
        after: What this process holds at the end.
        child: The most that one of them held.
    """

    before: float = 0.0
    own: float = 0.0
    children: float = 0.0
    after: float = 0.0
    child: float = 0.0
    _others: set[int] = field(default_factory=set, repr=False)  # that were there at first
    _seen: set[int] = field(default_factory=set, repr=False)

    def look(self) -> None:
        # A process that has just been started shares our memory until it becomes a program.
        running = set(descendants(os.getpid())) - self._others
        below = [held(process) for process in running & self._seen]
        self._seen = running
        self.own = max(self.own, held(os.getpid()))
        self.children = max(self.children, sum(below))
        self.child = max(self.child, *below, 0.0)


@contextmanager
def watched() -> Iterator[Peak]:
    """Yield a `Peak`, which is complete when the block has ended."""
    others = set(descendants(os.getpid()))
    peak, over = Peak(before=held(os.getpid()), _others=others), threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            peak.look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
        peak.look()
        peak.after = held(os.getpid())


def held(process: int) -> float:
    """Megabytes of anonymous and shared memory of a process; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    counted = ("RssAnon:", "RssShmem:")
    return sum(int(line.split()[1]) for line in lines if line.startswith(counted)) / 1024


def descendants(process: int) -> list[int]:
    """The processes that a process started, and those that these started."""
    found = []
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        below = [int(one) for task in tasks for one in (task / "children").read_text().split()]
    except OSError:
        return []
    for one in below:
        found += [one, *descendants(one)]
    return found
