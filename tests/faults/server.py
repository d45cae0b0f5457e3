"""A process that has imported everything and forks a child for each command it is asked for.

So a command starts in hundredths of a second, and the moment at which it is killed falls into its
work and not into its imports. Asked in lines of JSON on standard input:

    {"start": {"words": [...], "folder": "...", "log": "...", "limits": {"RLIMIT_FSIZE": 1000},
               "at": null, "work": null, "environment": {}, "first": null}}
        ->  the child's process id. It waits for the monotonic time `at`. When a processor has
        worked `work` seconds for it, the kernel ends it by kill -9.
        `environment` is set in it, and the function `first` ("module:name") called, before.
        RLIMIT_AS counts from the memory that it begins with.
    {"wait": 123, "seconds": 60}  ->  its exit code (negative: the signal) and the seconds that
        processors worked for it; null while it still runs

A child leads a session of its own, and what it leaves behind becomes this process's child, so that
all it has started can be found. What it says goes into a pipe and from there into its log, since
limits that are set for it hold for its files.
"""

import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import time
import traceback
from pathlib import Path

from tests.faults import forking

POLL = 0.002  # seconds between looks at a child
MOST_SAID = 1 << 20  # bytes that a child can say
ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER
ABSOLUTE = 1  # TIMER_ABSTIME
PIPES: dict[int, tuple[int, str]] = {}  # child -> where what it says can be read, and its log


def main() -> None:
    import_everything()
    ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1)
    gc.freeze()  # or a child's first collection would copy all of it
    print(json.dumps(os.getpid()), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = start(**asked["start"]) if "start" in asked else wait(**asked)
        print(json.dumps(answer), flush=True)


def import_everything() -> None:
    """What commands import inside their functions. MediaPipe's threads, which would not survive a
    fork, come only with its first detector."""
    import latentlab
    import pipelines
    import reports

    for package in (latentlab, reports, pipelines):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for name in (
        "mediapipe", "pyarrow.parquet", "scipy.stats", "sklearn.linear_model", "torch.optim.adam",
    ):  # fmt: skip
        importlib.import_module(name)
    from latentlab import config

    config.build({})  # checking one imports half of torch
    forking.install()


def start(
    words: list[str],
    folder: str,
    log: str,
    limits: dict[str, int],
    at: float | None,
    work: float | None,
    environment: dict[str, str] | None = None,
    first: str | None = None,
) -> int:
    heard, said = os.pipe()
    child = os.fork()
    if child:
        os.close(said)
        PIPES[child] = heard, log
        return child
    try:
        os.setsid()
        os.chdir(folder)
        os.close(heard)
        with contextlib.suppress(OSError):
            fcntl.fcntl(said, fcntl.F_SETPIPE_SZ, MOST_SAID)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, file in ((0, nothing), (1, said), (2, said)):
            os.dup2(file, number)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 (the parent's is a pipe)
        for name, limit in limits.items():
            most = limit + (_memory() if name == "RLIMIT_AS" else 0)
            resource.setrlimit(getattr(resource, name), (most, most))
        os.environ.update(environment or {})
        if first is not None:
            module, _, name = first.partition(":")
            getattr(importlib.import_module(module), name)()
        if work is not None:
            kill_after(work)
        if at is not None:
            time.sleep(max(0.0, at - time.monotonic()))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    forking.run_command(words)
    raise AssertionError("a command's process went on")


class _Event(ctypes.Structure):
    """sigevent, see sigevent(3type)."""

    _fields_ = (("value", ctypes.c_void_p), ("signal", ctypes.c_int), ("notify", ctypes.c_int),
                ("rest", ctypes.c_char * 48))  # fmt: skip


class _Times(ctypes.Structure):
    """itimerspec, see itimerspec(3type)."""

    _fields_ = (("every", ctypes.c_long * 2), ("first", ctypes.c_long * 2))


def kill_after(work: float) -> None:
    """Have the kernel send SIGKILL to this process when processors have worked so many seconds for
    it: from outside no moment can be met on a busy machine."""
    libc, timer = ctypes.CDLL(None, use_errno=True), ctypes.c_void_p()
    event = _Event(signal=signal.SIGKILL, notify=0)  # SIGEV_SIGNAL
    seconds, rest = divmod(time.process_time() + max(work, 1e-6), 1)
    times = _Times(first=(int(seconds), max(1, int(rest * 1e9))))
    clock = time.CLOCK_PROCESS_CPUTIME_ID
    if libc.timer_create(clock, ctypes.byref(event), ctypes.byref(timer)) or libc.timer_settime(
        timer, ABSOLUTE, ctypes.byref(times), None
    ):
        raise OSError(ctypes.get_errno(), "no timer for a process's work")


def _memory() -> int:
    """Bytes of this process's address space."""
    pages = Path("/proc/self/statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()


def wait(wait: int, seconds: float) -> tuple[int, float] | None:
    deadline = time.monotonic() + seconds
    while True:
        child, status, used = os.wait4(wait, os.WNOHANG)
        if child:
            _write_down(child)
            return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        if time.monotonic() > deadline:
            return None
        time.sleep(POLL)


def _write_down(child: int) -> None:
    """What a child has said, into its log. Nobody waits for what an orphan may yet say."""
    heard, log = PIPES.pop(child)
    os.set_blocking(heard, False)
    said = b""
    with contextlib.suppress(BlockingIOError):
        while block := os.read(heard, 1 << 16):
            said += block
    os.close(heard)
    Path(log).write_bytes(said)


if __name__ == "__main__":
    main()
