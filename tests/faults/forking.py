"""Processes that commands start, without the seconds in which Python starts and imports.

A sweep starts `python -m pipelines run ...`, and `encode --engine processes` fresh interpreters.
Here they are forks, which differ in nothing that a signal, a lock or the kernel can see: they hold
of all open files only what a new process would be given, and hear signals as it does. What measures
landmarks is started in earnest: MediaPipe's threads do not survive a fork.
"""

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import resource_tracker
from typing import IO

HEARD = {signal.SIGINT, signal.SIGTERM}


def install() -> None:
    """Have commands of this process, and of those it forks, start processes so."""
    from multiprocessing import popen_spawn_posix, util

    from pipelines import workers

    workers.subprocess = types.SimpleNamespace(  # type: ignore[assignment]
        **{**vars(subprocess), "Popen": ForkedPopen}
    )
    started = util.spawnv_passfds

    def start(path: bytes, words: Sequence[str], kept: Sequence[int]) -> int:
        code = next((word for word in words if "spawn_main" in str(word)), None)
        if code is None or sys.argv[1:2] != ["encode"]:
            return started(path, words, kept)
        return forked(lambda: _interpreter(str(code)), kept)

    popen_spawn_posix.util = types.SimpleNamespace(  # type: ignore[assignment]
        **{**vars(util), "spawnv_passfds": start}
    )


def forked(
    work: Callable[[], None], kept: Sequence[int], said: tuple[str, int, int] | None = None
) -> int:
    """A new process that does this and ends.

    Args:
        kept: Of the open files, those that it has too.
        said: What it reads, and where what it says goes; as here if not given.

    Returns:
        Its number.
    """
    # What another thread hears is raised in this one at any moment, and would be lost among what
    # Python does around a fork. The fresh interpreters that this stands for do nothing of the kind.
    late: list[int] = []
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {one: signal.signal(one, lambda one, _: late.append(one)) for one in HEARD}
    number = os.fork()
    if number == 0:
        try:
            if said is not None:
                for to, file in enumerate((os.open(said[0], os.O_RDONLY), *said[1:])):
                    os.dup2(file, to)
            _close_all_but({0, 1, 2, *kept})
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    for one, handler in handlers.items():
        signal.signal(one, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for one in late:
        signal.raise_signal(one)
    return number


def _interpreter(code: str) -> None:
    """What a fresh interpreter of multiprocessing does; all of its parent is forgotten first."""
    from concurrent.futures import process as pools
    from multiprocessing import process, util

    pools._threads_wakeups.clear()
    process._children.clear()
    util._finalizer_registry.clear()
    sys.argv = ["-c", "--multiprocessing-fork"]
    try:
        exec(code, {"__name__": "__spawned__"})
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)


class ForkedPopen(subprocess.Popen):  # type: ignore[type-arg]
    """A `subprocess.Popen` of this very program."""

    def __init__(
        self,
        args: Sequence[str],
        *,
        stdin: int,
        stdout: IO[bytes],
        stderr: IO[bytes],
        env: Mapping[str, str],
        pass_fds: Sequence[int],
        start_new_session: bool,
        preexec_fn: Callable[[], None] | None,
    ):
        assert tuple(args[:3]) == (sys.executable, "-m", "pipelines") and start_new_session
        self.args, self.returncode = args, None
        self.stdin = self.stdout = self.stderr = None
        self._child_created = True
        self._waitpid_lock = threading.Lock()
        self._sigint_wait_secs = 0.25  # that `wait` gives a process when it is interrupted

        def run() -> None:
            os.setsid()
            os.environ.clear()
            os.environ.update(env)
            if preexec_fn is not None:
                preexec_fn()
            run_command(list(args[3:]))

        said = (os.devnull, stdout.fileno(), stderr.fileno())
        self.pid = forked(run, pass_fds, said)


def _close_all_but(kept: set[int]) -> None:
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (numbers, not paths)
        if int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:  # the one that listed them
                continue


def run_command(words: list[str]) -> None:
    """Do a command and end this process as the program would."""
    code = 1
    try:
        sys.argv = ["latentlab", *words]
        from pipelines.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        if multiprocessing.active_children() or resource_tracker._resource_tracker._fd is not None:
            # What Python does at its end, but for taking down all that was imported.
            threading._shutdown()
            atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                code = 1
        os._exit(code)
