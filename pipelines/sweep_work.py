"""The runs of a sweep done: data made once, runs claimed, carried out and recorded."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import console
from pipelines.stopping import CTRL_C, RESUMABLE
from pipelines.sweep_status import tell_end

if TYPE_CHECKING:
    from latentlab.config import Config
    from latentlab.sweeps import Attempt, SweepFolder
    from pipelines.stopping import Request
    from pipelines.workers import Task


def ready_data(configs: "Iterable[Config]") -> None:
    """Prepare and measure the data of these runs, once for all of them; who comes second waits."""
    from latentlab import files
    from latentlab.landmarks.model_file import find_model
    from pipelines.landmarks import ensure_landmarks
    from pipelines.prepare import ensure_data

    different: dict[str, Config] = {}
    for config in configs:
        key = {"data": config.plain()["data"], "source": config.plain()["source"]}
        different.setdefault(files.digest_of(key | {"faces": config.landmarks.enabled}), config)
    for config in different.values():  # a missing model is better known before the long work
        if config.landmarks.enabled:
            find_model(config.landmarks.model)
    for config in different.values():
        data = ensure_data(config)
        if config.landmarks.enabled:
            faces = config.landmarks
            ensure_landmarks(data, model=faces.model, workers=faces.workers)


class Work:
    """The part of a sweep that this process does: it claims runs and records how they end.

    Attributes:
        attempts: Name -> how it goes or went, of the runs that this process has claimed.
    """

    def __init__(
        self,
        sweep: "SweepFolder",
        names: "Sequence[str]",
        stop: "Request",
        command: "Callable[[Path], tuple[str, ...]]",
    ):
        """
        Args:
            command: Run folder -> the words that do the run.
        """
        self.sweep, self.names, self.stop, self.command = sweep, names, stop, command
        self.attempts: dict[str, Attempt] = {}
        self.begun = time.monotonic()

    def next_task(self) -> "Task | None":
        """Claim the next run that nobody does or has done."""
        from latentlab import files
        from latentlab.sweeps import next_run
        from pipelines.workers import Task

        sweep = self.sweep
        passed: set[str] = set()
        while True:
            states = {name: sweep.state(name) for name in self.names}
            name = next_run(states, tried={*self.attempts, *passed})
            if name is None:
                return None
            claim = files.claim(sweep.claim_path(name))
            if claim is None:  # taken by another process since we looked
                passed.add(name)
            elif sweep.state(name, claimed=False) == "done":  # or even done
                os.close(claim)
            else:
                path = sweep.run_path(name)
                return Task(name, self.command(path), sweep.log_path(name), claim)

    def on_start(self, task: "Task", process: int) -> None:
        from latentlab import files
        from latentlab.sweeps import Attempt

        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._record(task.name, Attempt("running", files.this_machine(), process, now))
        console.say(f"{task.name}: started; what it says is in {task.log}")

    def on_end(self, task: "Task", code: int) -> None:
        attempt = self.attempts[task.name]
        forget_places(task.log, self.sweep.path)
        began = datetime.fromisoformat(attempt.since)
        seconds = round((datetime.now(UTC) - began).total_seconds(), 1)
        if code == 0:
            ended = replace(attempt, state="done", seconds=seconds)
        elif self.stop.made or code in (RESUMABLE, CTRL_C):
            ended = replace(attempt, state="interrupted", seconds=seconds, reason="stopped")
        else:
            reason = reason_of(code, task.log)
            ended = replace(attempt, state="failed", seconds=seconds, reason=reason)
        self._record(task.name, ended)
        os.close(task.claim)
        left = self._left()
        why = f": {ended.reason}" if ended.state == "failed" else ""
        console.say(f"{task.name}: {ended.state} after {seconds:,.0f} s{why}{left}")

    def _record(self, name: str, attempt: "Attempt") -> None:
        self.attempts[name] = attempt
        self.sweep.write_attempt(name, attempt)

    def _left(self) -> str:
        """How many runs remain and how long they may take, judging by those that ended."""
        ended = sum(attempt.state != "running" for attempt in self.attempts.values())
        states = [self.sweep.state(name) for name in self.names]
        done = states.count("done")
        left = sum(state in ("waiting", "running", "interrupted") for state in states)
        if not left or self.stop.made:
            return f" ({done} of {len(states)} done)"
        minutes = (time.monotonic() - self.begun) / ended * left / 60
        return f" ({done} of {len(states)} done, about {minutes:,.0f} min left)"


def forget_places(log: Path, sweep: Path) -> None:
    """Take out of a log where the sweep lies and whose home that is: a sweep can be passed on."""
    from latentlab import files

    said = log.read_bytes()
    shorter = said
    for place, mark in ((sweep.resolve(), "."), (Path.home(), "~")):
        shorter = shorter.replace(os.fsencode(place), mark.encode())
    if shorter != said:
        files.write_bytes(log, shorter)


def reason_of(code: int, log: Path) -> str:
    """Why a process failed, in one line: the signal that killed it, or its last word."""
    from pipelines.workers import RULE

    if code < 0:
        names = {number.value: number.name for number in signal.Signals}
        return f"killed by {names.get(-code, f'signal {-code}')}"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 10_000))
        lines = file.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    said = "without a word" if last.startswith(RULE) else last.removeprefix("latentlab: ")
    return f"exit code {code}: {said}"


def shares(workers: int | None, configs: "Sequence[Config]") -> tuple[int, int]:
    """Processes, and threads for each: together the cores this process may use.

    One thread each uses cores best for small networks; runs that compute on a GPU go one by one.
    """
    import torch

    shared = hasattr(os, "sched_getaffinity")  # on Linux: what a cluster grants, not what there is
    cores = len(os.sched_getaffinity(0)) if shared else os.cpu_count() or 1
    if workers is None:
        on_gpu = any(config.train.device in ("auto", "cuda") for config in configs)
        workers = 1 if on_gpu and torch.cuda.is_available() else min(cores, len(configs) or 1)
    return workers, max(1, cores // workers)


def do_runs(
    sweep: "SweepFolder",
    names: "Sequence[str]",
    workers: int,
    threads: int,
    command: "Callable[[Path], tuple[str, ...]]",
    *,
    engine: str = "processes",
    address: str | None = None,
) -> None:
    """Do what is left of these runs, so many at a time with so many threads each.

    Args:
        command: Run folder -> the words that do the run.
        engine: `processes` of this machine, or `ray` on the cluster at `address`.

    Raises:
        CheckFailedError: runs failed.
        StoppedError: this process or one of its runs was asked to stop.
    """
    from pipelines import ray_workers
    from pipelines import workers as local_workers
    from pipelines.stopping import stop_requests

    carry_out: Callable[..., None] = local_workers.carry_out
    if engine == "ray":
        carry_out = partial(ray_workers.carry_out, address=address, cores=threads)
    with stop_requests() as stop:
        work = Work(sweep, names, stop, command)
        carry_out(
            work.next_task,
            workers,
            environment={**os.environ, "OMP_NUM_THREADS": str(threads)},
            stop=stop,
            on_start=work.on_start,
            on_end=work.on_end,
        )
    tell_end(sweep, names, stop)


def run_command(run: Path, threads: int) -> tuple[str, ...]:
    """The words that do one run to its end, from wherever it stands."""
    words = ("run", str(run), "--set", f"landmarks.workers={threads}")
    return (sys.executable, "-m", "pipelines", *words)
