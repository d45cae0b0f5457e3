"""A process that has imported everything and forks a child for each command it is asked for.

So a command starts in hundredths of a second, and the moment at which it is killed falls into its
work and not into its imports. Asked in lines of JSON on standard input:

    {"start": {"words": [...], "folder": "...", "log": "...", "limits": {"RLIMIT_FSIZE": 1000},
               "at": null, "work": null}}
        ->  the child's process id. It waits for the monotonic time `at`. When a processor has
        worked `work` seconds for it, the kernel ends it as by kill -9, but by the name of SIGPROF,
        for which nothing here has a handler: from outside no moment can be met on a busy machine.
    {"wait": 123, "seconds": 60}  ->  its exit code (negative: the signal) and the seconds that
        processors worked for it; null while it still runs

A child leads a session of its own, by which all it has started can be found.
"""

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

POLL = 0.002  # seconds between looks at a child


def main() -> None:
    import_everything()
    gc.freeze()  # or a child's first collection would copy all of it
    print(json.dumps(os.getpid()), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = start(**asked["start"]) if "start" in asked else wait(**asked)
        print(json.dumps(answer), flush=True)


def import_everything() -> None:
    """What commands import inside their functions; MediaPipe excepted, whose threads do not
    survive a fork."""
    import latentlab
    import pipelines
    import reports

    for package in (latentlab, reports, pipelines):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for name in ("sklearn.linear_model", "scipy.stats", "pyarrow.parquet", "torch.optim.adam"):
        importlib.import_module(name)
    from latentlab import config

    config.build({})  # checking one imports half of torch


def start(
    words: list[str],
    folder: str,
    log: str,
    limits: dict[str, int],
    at: float | None,
    work: float | None,
) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        nothing = os.open(os.devnull, os.O_RDONLY)
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for number, file in ((0, nothing), (1, said), (2, said)):
            os.dup2(file, number)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 (the parent's is a pipe)
        for name, limit in limits.items():
            resource.setrlimit(getattr(resource, name), (limit, limit))
        sys.argv = ["latentlab", *words]
        from pipelines.cli import main as command

        if work is not None:
            signal.setitimer(signal.ITIMER_PROF, max(work, 1e-6))
        if at is not None:
            time.sleep(max(0.0, at - time.monotonic()))
        command(words)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(wait: int, seconds: float) -> tuple[int, float] | None:
    deadline = time.monotonic() + seconds
    while True:
        child, status, used = os.wait4(wait, os.WNOHANG)
        if child:
            return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        if time.monotonic() > deadline:
            return None
        time.sleep(POLL)


if __name__ == "__main__":
    main()
