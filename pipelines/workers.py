"""Tasks as processes of their own on this machine, a few at a time.

`carry_out` takes tasks as workers become free and tells how each ended, and knows nothing of what
the tasks do. `ray_workers.carry_out` does the same on a cluster.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.stopping import Request

GRACE = 60.0  # seconds that a process has to come to a safe point and end
POLL = 0.2  # seconds between looks at the processes
RULE = "-----"  # begins the line above what a process says


@dataclass(frozen=True)
class Task:
    """Work for one process.

    Attributes:
        command: Its words.
        log: File that its output is appended to.
        claim: Descriptor that the process inherits, so that a lock it holds lasts as long as it.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    claim: int


def carry_out(
    next_task: Callable[[], Task | None],
    workers: int,
    *,
    environment: Mapping[str, str],
    stop: Request,
    on_start: Callable[[Task, int], None],
    on_end: Callable[[Task, int], None],
) -> None:
    """Run the tasks, so many at a time, to the end of each, whatever becomes of the others.

    Args:
        next_task: Asked whenever a worker is free, and after None again when a process has ended.
        environment: Of the processes.
        stop: When made, no task is started any more; the running ones are sent the same signal,
            and are killed if they have not ended after GRACE seconds or if a second signal comes.
        on_start: Called with the task and the process id.
        on_end: Called with the task and its exit code; negative is the signal that killed it.
    """
    running: dict[subprocess.Popen[bytes], Task] = {}
    more = True
    try:
        while running or (more and not stop.made):
            while more and not stop.made and len(running) < workers:
                task = next_task()
                more = task is not None
                if task is not None:
                    process = _started(task, environment)
                    running[process] = task
                    on_start(task, process.pid)
            if stop.made:
                _stop(running, stop)
            for process in [one for one in running if one.poll() is not None]:
                on_end(running.pop(process), process.returncode)
                more = True
            if running:
                time.sleep(POLL)
    except BaseException:  # a second Ctrl-C, or a bug: nothing is left behind
        for process in running:
            _kill(process)
        raise


def begin_log(task: Task) -> None:
    """Write the line above what the task will say."""
    task.log.parent.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with task.log.open("ab", buffering=0) as log:
        log.write(f"{RULE} {task.name}, {now}\n".encode())


def _started(task: Task, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    begin_log(task)
    with task.log.open("ab", buffering=0) as log:
        return subprocess.Popen(
            task.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(environment),
            pass_fds=[task.claim],
            # A terminal's Ctrl-C reaches its whole group. The tasks are not in it: they are told
            # once, by us, since a second signal would keep them from saving their state.
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )


def _end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when the one that started it dies, even by
    SIGKILL or with its terminal."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _stop(running: Mapping[subprocess.Popen[bytes], Task], stop: Request) -> None:
    """Ask every process to end, and wait for it."""
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(stop.signal or signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The process and whatever it has started and left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
