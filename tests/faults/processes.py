"""The processes of a command: what they have worked, which of them there are, and what is left."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tests.faults.harness import Running, Warm

TICKS = os.sysconf("SC_CLK_TCK")
# Python's own helper beside a pool: it ends with the pool, and to kill it kills no work.
HELPER = b"resource_tracker"


@dataclass(frozen=True)
class Process:
    number: int
    parent: int
    name: str
    state: str  # Z has ended and waits for somebody to ask how
    work: float  # seconds that processors worked for it and for its children that have ended


def process(number: int) -> Process | None:
    """A process as the kernel tells of it, see proc(5); None where it is gone."""
    try:
        name, _, rest = Path(f"/proc/{number}/stat").read_text().rpartition(")")
    except OSError:
        return None
    fields = rest.split()  # from the third on
    work = sum(map(int, fields[11:15])) / TICKS
    return Process(number, int(fields[1]), name.partition("(")[2], fields[0], work)


def below(number: int) -> list[Process]:
    """The processes that a process has started, and those have, as long as they run."""
    every = [
        process(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdecimal()
    ]
    children: dict[int, list[Process]] = {}
    for one in every:
        if one is not None:
            children.setdefault(one.parent, []).append(one)
    found: list[Process] = []
    waiting = [number]
    while waiting:
        its = children.get(waiting.pop(), [])
        found += its
        waiting += [one.number for one in its]
    return [one for one in found if one.state != "Z"]


def after_work(running: Running, share: float, whole: float, *, several: bool = False) -> None:
    """Wait until a command has done a share of its work, or has ended. Work is counted by what the
    processor did: on a busy machine the clock runs on while nothing is done.

    Args:
        whole: Seconds of work of the unbroken command.
        several: Whether it works in several processes.
    """
    while True:
        one = process(running.process)
        if one is None or one.state == "Z":
            return
        work = one.work
        if several:
            work += sum(other.work for other in below(running.process))
        if work >= share * whole:
            break
        time.sleep(0.005 if several else 0.001)
    time.sleep(share * 1000 % 1 / TICKS)  # any moment of the tick, the waits for the disk included


def workers_of(running: Running) -> list[int]:
    """The processes that work for a command."""
    return [one.number for one in below(running.process) if HELPER not in _words(one.number)]


def left_behind(warm: Warm, seconds: float) -> list[str]:
    """Processes that commands have left, by name, when they had so long to end. While it is asked,
    no command may be running. Orphans become the server's children."""
    deadline = time.monotonic() + seconds
    while (left := below(warm.process.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    for one in left:  # or the next try would find them again
        send(one.number, signal.SIGKILL)
    return [one.name for one in left]


def send(number: int, what: int) -> None:
    """A signal to a process, if there is one."""
    try:
        os.kill(number, what)
    except ProcessLookupError:
        return


def _words(number: int) -> bytes:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""
