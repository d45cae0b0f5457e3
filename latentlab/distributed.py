"""Where work runs: in this process, in processes of this machine, or on a Ray cluster.

Work is a function of one argument that can be repeated: it writes its result whole or not at all.
So an engine may do a part again when the process or the machine that did it is gone; that nothing
is lost and nothing is there twice is for the files to show (`latentlab.shards`).
"""

import importlib
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from latentlab import processes
from latentlab.errors import ConfigError, DataError

T = TypeVar("T")
Engine = Literal["here", "processes", "ray"]
ENGINES: tuple[Engine, ...] = ("here", "processes", "ray")
RETRIES = 3  # of a part whose process or machine was lost


@dataclass(frozen=True)
class Place:
    """Where parts of some work are done.

    Attributes:
        engine: One of ENGINES.
        workers: Parts at a time; 0 takes one a core. On a cluster: 0 leaves it to Ray.
        threads: Of each worker; on a cluster the cores that a part is given.
        address: Of the Ray cluster, such as `auto` or `ray://head:10001`; None starts one on this
            machine.
    """

    engine: Engine = "here"
    workers: int = 0
    threads: int = 1
    address: str | None = None

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ConfigError(f"--engine {self.engine}: known are {', '.join(ENGINES)}.")
        if self.address is not None and self.engine != "ray":
            raise ConfigError("--address is that of a Ray cluster: give --engine ray with it.")

    def each(
        self,
        work: Callable[[T], Any],
        parts: Sequence[T],
        on_done: Callable[[T], None] = lambda part: None,
    ) -> None:
        """Do the work on every part, in any order.

        Args:
            work: Importable by name, as other processes import it.
            on_done: Called here with a part when it is done.

        Raises:
            DataError: A part's process or machine was lost RETRIES + 1 times.
            Exception: What the work raised; parts under way are given up.
        """
        if not parts:
            return
        doing = {"here": _here, "processes": _in_processes, "ray": _on_ray}[self.engine]
        doing(self, work, parts, on_done)


def _here(
    place: Place, work: Callable[[T], Any], parts: Sequence[T], on_done: Callable[[T], None]
) -> None:
    for part in parts:
        work(part)
        on_done(part)


def _in_processes(
    place: Place, work: Callable[[T], Any], parts: Sequence[T], on_done: Callable[[T], None]
) -> None:
    left, lost = list(parts), 0
    while left:
        count = min(place.workers or os.cpu_count() or 1, len(left))
        # Fresh interpreters: a forked copy of torch's threads can hang.
        context = multiprocessing.get_context("spawn")
        others = set(multiprocessing.active_children())
        with ProcessPoolExecutor(
            count, mp_context=context, initializer=_start_worker, initargs=(place.threads,)
        ) as pool:
            try:
                with processes.interrupts_held():  # here the processes are started
                    waiting: dict[Future[Any], T] = {pool.submit(work, part): part for part in left}
                while waiting:
                    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
                        part = waiting.pop(future)
                        left.remove(part)
                        on_done(part)
                        lost = 0
            except BrokenProcessPool:  # what is done is done; the rest begins again
                lost += 1
                if lost > RETRIES:
                    raise DataError(
                        f"a process was killed or crashed {lost} times at one of the parts"
                        f" {', '.join(map(str, left[:count]))}. If memory ran out use fewer"
                        " --workers."
                    ) from None
            except BaseException:  # nobody waits for the parts under way
                # In this order: a worker whose pool is shut down first may find its queue closed.
                processes.end(set(multiprocessing.active_children()) - others)
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _start_worker(threads: int) -> None:
    processes.serve()
    _start(threads)


def _start(threads: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(threads)  # before torch is imported


def _on_ray(
    place: Place, work: Callable[[T], Any], parts: Sequence[T], on_done: Callable[[T], None]
) -> None:
    ray = cluster(place.address)
    task = ray.remote(num_cpus=place.threads, max_retries=RETRIES)(_on_node)
    todo = list(reversed(parts))
    running: dict[Any, T] = {}
    try:
        while todo or running:
            while todo and (not place.workers or len(running) < place.workers):
                part = todo.pop()
                running[task.remote(work, part, place.threads)] = part
            done, _ = ray.wait(list(running), num_returns=1)
            for one in done:
                part = running.pop(one)
                try:
                    ray.get(one)
                except ray.exceptions.RayTaskError as error:
                    raise (error.cause if isinstance(error.cause, Exception) else error) from None
                except ray.exceptions.RayError as error:
                    reason = str(error).strip().partition("\n")[0]
                    raise DataError(
                        f"part {part} was lost {RETRIES + 1} times with its process or machine:"
                        f" {reason}. If memory ran out use more --parts or fewer --workers."
                    ) from error
                on_done(part)
    finally:
        for one in running:
            ray.cancel(one, force=True)


def _on_node(work: Callable[[T], Any], part: T, threads: int) -> None:
    _start(threads)
    work(part)


def cluster(address: str | None) -> Any:
    """The module `ray`, connected to a cluster.

    Raises:
        ConfigError: Ray is not installed, or no cluster is at the address.
    """
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        raise ConfigError(
            "--engine ray needs Ray: pip install 'latentlab[ray]', on every machine."
        ) from error
    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # of a cluster that is started here
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ConfigError(
                f"No Ray cluster at {address}: {reason} Start one with `ray start --head`."
            ) from error
    return ray
