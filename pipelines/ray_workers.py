"""Tasks on a Ray cluster: `workers.carry_out` for many machines that see the same folders.

The claim on a run stays with this process, which holds it until the run ends, and what a run says
goes to the same log. A run whose machine is lost is begun again elsewhere, from its last state.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from latentlab.distributed import RETRIES, cluster
from pipelines.stopping import Request
from pipelines.workers import GRACE, POLL, Task, begin_log

LOST = -int(signal.SIGKILL)  # exit code of a run whose machine was lost too often


def carry_out(
    next_task: Callable[[], Task | None],
    workers: int,
    *,
    environment: Mapping[str, str],
    stop: Request,
    on_start: Callable[[Task, int], None],
    on_end: Callable[[Task, int], None],
    address: str | None,
    cores: int,
) -> None:
    """Run the tasks on the cluster at `address`, each with so many cores; see `workers.carry_out`.

    Args:
        workers: Tasks at a time; 0 has all wait in the cluster's queue.
    """
    ray = cluster(address)
    remote = ray.remote(num_cpus=cores, max_retries=RETRIES)(run_task)
    running: dict[Any, Task] = {}
    more = True
    try:
        while running or (more and not stop.made):
            while more and not stop.made and (not workers or len(running) < workers):
                task = next_task()
                more = task is not None
                if task is not None:
                    begin_log(task)
                    given = (task.command, task.log.resolve(), dict(environment), Path.cwd())
                    running[remote.remote(*given)] = task
                    on_start(task, os.getpid())
            if stop.made:
                for one in running:
                    ray.cancel(one)  # the task hears it as Ctrl-C, and asks the run to stop
            done, _ = ray.wait(list(running), timeout=GRACE if stop.made else POLL)
            for one in done:
                on_end(running.pop(one), _code(ray, one))
                more = True
            if stop.made and not done:
                break
    finally:
        for one in running:
            ray.cancel(one, force=True)


def run_task(command: tuple[str, ...], log: Path, environment: dict[str, str], folder: Path) -> int:
    """Run one task on the machine that Ray has chosen; its exit code."""
    program = sys.executable if Path(command[0]).name.startswith("python") else command[0]
    with log.open("ab", buffering=0) as out:
        process = subprocess.Popen(
            (program, *command[1:]),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **_portable(environment)},
            cwd=folder,
            start_new_session=True,
        )
    try:
        return process.wait()
    except BaseException:  # cancelled, or this worker ends
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(GRACE)
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def _portable(environment: Mapping[str, str]) -> dict[str, str]:
    """What a run needs of the environment it was asked for in; the rest is the other machine's."""
    wanted = ("OMP_NUM_THREADS", "PYTHONPATH")
    return {name: environment[name] for name in wanted if name in environment}


def _code(ray: Any, one: Any) -> int:
    try:
        return int(ray.get(one))
    except ray.exceptions.TaskCancelledError:
        return -int(signal.SIGTERM)
    except ray.exceptions.RayError:
        return LOST
