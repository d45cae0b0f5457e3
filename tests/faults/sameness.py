"""The same config and seed give the same bytes, wherever and whenever; what threads change, and
how much."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from latentlab import checkpoints
from latentlab.artifacts import RunFolder
from tests.faults.harness import ROOT, RUN, STAGES, Count, Warm, World, differences
from tests.faults.processes import after_work, send

WHOLE = ("run", "tiny.yaml", "--run", RUN)
# What Python reads only when it starts, and what else could get into a file.
OTHERWISE = {
    "PYTHONHASHSEED": "4711", "LC_ALL": "C", "LANG": "C", "TZ": "Asia/Kathmandu", "COLUMNS": "40",
}  # fmt: skip
THREADS = (2, 3, 4)
THREADS_OF = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def two_threads() -> None:
    _threads(2)


def three_threads() -> None:
    _threads(3)


def four_threads() -> None:
    _threads(4)


def _threads(count: int) -> None:
    """For the rest of this process, in torch and in what multiplies matrices for numpy."""
    torch.set_num_threads(count)
    threadpool_limits(count)


BY = dict(zip(THREADS, (two_threads, three_threads, four_threads), strict=True))


@dataclass(frozen=True)
class Way:
    """One way of doing the whole job.

    Attributes:
        commands: In order.
        stopped: Whether the first of them is stopped in the middle.
        folder: Below the place of the experiment.
    """

    commands: Sequence[Sequence[str]] = (WHOLE,)
    stopped: bool = False
    folder: str = "tried"
    environment: dict[str, str] = field(default_factory=dict)


WAYS = {
    "elsewhere, in another time zone": Way(
        folder="else/where/it is", environment={"TZ": "Asia/Kathmandu"}
    ),
    "stopped and resumed": Way((WHOLE, WHOLE), stopped=True),
    "encoded by 2 processes": Way(
        (
            STAGES["prepare"],
            STAGES["train"],
            ("encode", RUN, "--engine", "processes", "--workers", "2", "--parts", "3"),
            WHOLE,
        )
    ),
    "once more": Way(),
}


def runs(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """The whole way n times, in turn in each of these ways, against the first."""
    count = Count()
    wanted = _done(warm, world.before["prepare"], world, place / "wanted", Way(), count)
    for number in range(n):
        name, way = list(WAYS.items())[number % len(WAYS)]
        with count.one():
            folder = _done(warm, world.before["prepare"], world, place / way.folder, way, count)
            shutil.rmtree(folder / RUN / "parts", ignore_errors=True)
            different = differences(folder, wanted)
            count.expect(not different, f"{name}: {different} differ")
    return count


def started_otherwise(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """The same n times from Python started with another hash seed, locale and time zone."""
    count = Count()
    wanted = _done(warm, world.before["prepare"], world, place / "wanted", Way(), count)
    other = Warm(OTHERWISE)
    try:
        for _ in range(n):
            with count.one():
                folder = _done(other, world.before["prepare"], world, place / "tried", Way(), count)
                different = differences(folder, wanted)
                count.expect(not different, f"started otherwise: {different} differ")
    finally:
        other.close()
    return count


def threads(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Stages that train nothing and decode nothing, anew, by the first n of several numbers of
    threads, against one."""
    count = Count()
    way = Way([STAGES[stage] for stage in ("encode", "probe", "report")])
    wanted = _done(warm, world.after, world, place / "wanted", way, count)
    for number in THREADS[:n]:
        with count.one():
            folder = _done(warm, world.after, world, place / "tried", way, count, by=number)
            different = differences(folder, wanted)
            count.expect(not different, f"{number} threads: {different} differ")
    return count


def deterministic(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """The whole way with that setting, by the first n of several numbers of threads, against one.

    Processes started anew: a fork of one that has computed by several threads hangs.
    """
    count = Count()
    words = (sys.executable, "-m", "pipelines", *WHOLE, "--set", "deterministic=true")

    def done(folder: Path, threads: int) -> Path:
        world.copy(world.before["prepare"], folder)
        environment = {"PYTHONPATH": str(ROOT), **dict.fromkeys(THREADS_OF, str(threads))}
        subprocess.run(
            words, cwd=folder, env={**os.environ, **environment}, check=True, capture_output=True,
            timeout=600,
        )  # fmt: skip
        return folder

    wanted = done(place / "wanted", 1)
    for number in THREADS[:n]:
        with count.one():
            different = differences(done(place / "tried", number), wanted)
            count.expect(not different, f"{number} threads: {different} differ")
    return count


def training_threads(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Training by n times 2 threads: the same bytes every time, and how far from those of one."""
    count = Count()
    train, before = Way((STAGES["train"],)), world.before["train"]
    wanted = _done(warm, before, world, place / "wanted", train, count, by=2)
    for _ in range(n):
        with count.one():
            folder = _done(warm, before, world, place / "tried", train, count, by=2)
            different = differences(folder, wanted)
            count.expect(not different, f"2 threads, again: {different} differ")
    alone, together = (RunFolder(one / RUN) for one in (world.after, wanted))
    weights = [checkpoints.load_model(run.model_folder).state_dict() for run in (alone, together)]
    apart = max(float((one - weights[1][key]).abs().max()) for key, one in weights[0].items())
    losses = [run.history()["valid_loss"].iloc[-1] for run in (alone, together)]
    count.facts |= {
        "the largest change of a weight by a second thread": float(f"{apart:.1g}"),
        "nats that the last loss changes": float(f"{abs(losses[0] - losses[1]):.1g}"),
    }
    return count


def _done(
    warm: Warm,
    source: Path,
    world: World,
    folder: Path,
    way: Way,
    count: Count,
    by: int | None = None,
) -> Path:
    """A copy of a folder in which the job is done.

    Args:
        by: So many threads; one if not given.
    """
    world.copy(source, folder)
    for number, words in enumerate(way.commands):
        stop = way.stopped and number == 0
        running = warm.start(
            words,
            folder,
            logs=folder.parent,
            environment=way.environment,
            first=None if by is None else f"{__name__}:{BY[by].__name__}",
        )
        if stop:
            after_work(running, 0.5, world.work["prepare"] + world.work["train"])
            send(running.process, signal.SIGTERM)
        done = warm.end(running)
        fine = done.code == 0 or (stop and done.code == 75)
        count.expect(fine, f"{words[0]}: exit {done.code}: {done.said[-500:]}")
    return folder
