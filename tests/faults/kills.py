"""Killed, interrupted, and started twice: what stands is whole, and the same command goes on."""

import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from latentlab import checkpoints, files
from latentlab.artifacts import RunFolder
from latentlab.sweeps import SweepFolder
from tests.faults.harness import (
    RUN,
    STAGES,
    Count,
    Ended,
    Warm,
    World,
    differences,
    half_written,
    unfinished,
)
from tests.faults.jobs import CLOCKED, Ready, ready
from tests.faults.processes import after_work, left_behind, send, workers_of

ENDLESS = 100_000  # epochs that nobody waits for
GRACE = 10.0  # seconds in which the first signal must have its way
Experiment = Callable[[Warm, World, Path, int, int], Count]


def killed(name: str) -> Experiment:
    """kill -9 at random moments of a job, then the same command again."""

    def experiment(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
        count = Count()
        chance = random.Random(f"{name} {seed}")
        own = ready(warm, world, name)
        ended = 0
        for at in range(n):
            folder = world.copy(own.before, place / "tried")
            with count.one():
                done = warm(own.words(at), folder, work=chance.random() * own.work)
                moment = f"killed after {done.work:.3f} s of work"
                ended += done.code == 0
                if name == "train":
                    lost = _epochs_lost(RunFolder(folder / RUN))
                    count.expect(lost <= 1, f"{moment}: {lost} epochs lost")
                _expect_finished(warm, own, at, folder, count, moment)
        count.facts["had ended before"] = ended
        return count

    return experiment


def killed_processes(name: str) -> Experiment:
    """kill -9 at random moments of a job of several processes, of the command itself or of one that
    works for it, then the same command again."""

    def experiment(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
        count = Count()
        chance = random.Random(f"{name} {seed}")
        own = ready(warm, world, name)
        ended = workers = 0
        for at in range(n):
            folder = world.copy(own.before, place / "tried")
            with count.one():
                running = warm.start(own.words(at), folder)
                after_work(running, chance.random(), own.work, several=True)
                others = workers_of(running) if at % 2 else []
                victim = chance.choice(others) if others else running.process
                send(victim, signal.SIGKILL)
                done = warm.end(running)
                who = "a worker" if others else "the command"
                moment = f"{who} killed in {done.work:.3f} s of work"
                ended += done.code == 0 and not others
                workers += bool(others)
                codes = (0, 3, 4, 75) if others else (0, -signal.SIGKILL)
                count.expect(done.code in codes, f"{moment}: exit {done.code}: {done.said}")
                told = done.told or done.code in (0, -signal.SIGKILL)
                count.expect(told, f"{moment}: said {done.said!r}")
                left = left_behind(warm, GRACE)
                count.expect(not left, f"{moment}: {left} still run")
                _expect_finished(warm, own, at, folder, count, moment)
        count.facts |= {"of a process that works for it": workers, "had ended before": ended}
        return count

    return experiment


def interrupted(name: str, *numbers: signal.Signals) -> Experiment:
    """One signal at random moments of a job: it ends in order, and the same command goes on."""

    def experiment(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
        count = Count()
        chance = random.Random(f"{name} {numbers} {seed}")
        own = ready(warm, world, name)
        slowest = ended = 0.0
        for at in range(n):
            number = chance.choice(numbers)
            code = 130 if number == signal.SIGINT else 75
            folder = world.copy(own.before, place / "tried")
            with count.one():
                running = warm.start(own.words(at), folder)
                after_work(running, chance.random(), own.work, several=own.job.several)
                sent = time.monotonic()
                send(running.process, number)
                done = warm.end(running, GRACE + 5)
                left = left_behind(warm, GRACE)
                took = time.monotonic() - sent
                slowest = max(slowest, took)
                ended += done.code == 0
                moment = f"{number.name} in {done.work:.3f} s of work"
                count.expect(took < GRACE, f"{moment}: ended {took:.1f} s later")
                count.expect(done.code in (0, code), f"{moment}: exit {done.code}: {done.said}")
                count.expect(done.code == 0 or done.told, f"{moment}: said {done.said!r}")
                count.expect(not left, f"{moment}: {left} still run")
                left = unfinished(folder)
                count.expect(not left, f"{moment}: left {left}")
                _expect_finished(warm, own, at, folder, count, moment)
        count.facts |= {"had ended before": int(ended), "s the slowest end": round(slowest, 2)}
        return count

    return experiment


def interrupted_twice(*names: str) -> Experiment:
    """A second signal a moment after the first ends any of these jobs at once."""

    def experiment(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
        count = Count()
        chance = random.Random(f"twice {names} {seed}")
        for at in range(n):
            name = names[at % len(names)]
            own = ready(warm, world, name)
            folder = world.copy(own.before, place / "tried")
            with count.one():
                running = warm.start(own.words(at // len(names)), folder)
                after_work(running, chance.random(), own.work, several=own.job.several)
                for pause in (chance.random() * 0.1, 0.0):
                    send(running.process, chance.choice((signal.SIGINT, signal.SIGTERM)))
                    time.sleep(pause)
                sent = time.monotonic()
                done = warm.end(running, 15)
                took = time.monotonic() - sent
                moment = f"{name}, twice in {done.work:.3f} s of work"
                count.expect(took < 2.0, f"{moment}: ended {took:.1f} s after the second")
                count.expect(done.code in (0, 75, 130), f"{moment}: exit {done.code}: {done.said}")
                count.expect("Traceback" not in done.said, f"{moment}: {done.said}")
                left = left_behind(warm, GRACE)
                count.expect(not left, f"{moment}: {left} still run")
                _expect_finished(warm, own, at // len(names), folder, count, moment)
        return count

    return experiment


def killed_anywhere(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """`latentlab run` killed again and again, n times in all, until a last one may finish."""
    count = Count()
    chance = random.Random(f"anywhere {seed}")
    whole = sum(world.work.values())
    words = ("run", "tiny.yaml", "--run", RUN)
    folder = world.copy(world.before["prepare"], place / "tried")
    for at in range(n):
        with count.one():
            done = warm(words, folder, work=chance.random() * whole)
            for problem in half_written(folder):
                count.expect(False, f"kill {at + 1}: {problem}")
            if done.code == 0 or at == n - 1:
                again = warm(words, folder)
                count.expect(again.code == 0, f"kill {at + 1}: then exit {again.code}")
                different = differences(folder, world.after, CLOCKED)
                count.expect(not different, f"kill {at + 1}: {different} differ")
                count.expect(not unfinished(folder), f"kill {at + 1}: left {unfinished(folder)}")
                folder = world.copy(world.before["prepare"], place / "tried")
    return count


def one_writer(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """n starts of training in one run folder in the same instant."""
    folder = world.copy(world.before["train"], place / "tried")
    words = (*STAGES["train"], "--set", f"train.epochs={ENDLESS}")
    count = Count()
    at = time.monotonic() + 1.0
    running = [warm.start(words, folder, at=at) for _ in range(n)]
    ended: list[Ended] = []
    deadline = time.monotonic() + 60 + 3 * n
    while len(running) > 1 and time.monotonic() < deadline:
        for one in list(running):
            end = warm.look(one)
            if end is not None:
                ended.append(end)
                running.remove(one)
    winners = [one.process for one in running]
    for end in ended:
        with count.one():
            named = re.search(r"another process \((\d+) on this machine, since", end.said)
            count.expect(end.code == 3 and end.told, f"exit {end.code}: {end.said}")
            count.expect(
                named is not None and int(named[1]) in winners,
                f"did not say that {winners} holds it: {end.said}",
            )
    for one in running:
        with count.one():
            count.expect(len(running) == 1, f"{len(running)} of {n} work in one folder")
            send(one.process, signal.SIGTERM)
            end = warm.end(one)
            count.expect(end.code == 75, f"the winner: exit {end.code}: {end.said}")
            for problem in (*half_written(folder), *unfinished(folder)):
                count.expect(False, problem)
    return count


def writer_killed(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """The holder of a run folder is killed; the next start takes it."""
    count = Count()
    chance = random.Random(f"holder {seed}")
    for _ in range(n):
        folder = world.copy(world.before["train"], place / "tried")
        with count.one():
            words = (*STAGES["train"], "--set", f"train.epochs={ENDLESS}")
            holder = warm.start(words, folder)
            deadline = time.monotonic() + 60
            while not (folder / RUN / files.HOLDER).exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            after_work(holder, chance.random(), world.work["train"])
            refused = warm(STAGES["encode"], folder)
            send(holder.process, signal.SIGKILL)
            warm.end(holder)
            said = f"another process ({holder.process} on this machine" in refused.said
            count.expect(refused.code == 3 and refused.told and said, f"second: {refused.said}")
            done = warm(STAGES["train"], folder)
            count.expect(done.code == 0, f"after the kill: exit {done.code}: {done.said}")
    return count


def one_maker(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """n starts of `prepare` of one data folder in the same instant: all of them get it, whole."""
    folder = world.copy(world.before["prepare"], place / "tried")
    at = time.monotonic() + 1.0
    started = [warm.start(STAGES["prepare"], folder, at=at) for _ in range(n)]
    count = Count()
    for running in started:
        end = warm.end(running)
        with count.one():
            count.expect(end.code == 0, f"exit {end.code}: {end.said}")
    different = differences(folder / "data", world.following("prepare") / "data")
    count.expect(not different, f"{different} differ")
    return count


def _epochs_lost(run: RunFolder) -> int:
    """Epochs that were told of and that no state remembers."""
    told = len(run.history()) if run.history_path.is_file() else 0
    state = checkpoints.load_state(run.checkpoints_folder)
    return told - (state["epoch"] if state else 0)


def _expect_finished(
    warm: Warm, own: Ready, number: int, folder: Path, count: Count, moment: str
) -> None:
    """What stands is whole; the same command again finishes, does no run of a sweep twice, and
    leaves what an unbroken one leaves."""
    for problem in half_written(folder):
        count.expect(False, f"{moment}: {problem}")
    pages = _pages_of_done(folder)
    again = warm(own.words(number), folder)
    count.expect(again.code == 0, f"{moment}, then again: exit {again.code}: {again.said}")
    different = own.unlike(folder)
    count.expect(not different, f"{moment}, then again: {different} differ")
    count.expect(not unfinished(folder), f"{moment}, then again: left {unfinished(folder)}")
    found = _pages_of_done(folder)
    new = [name for name, page in pages.items() if found.get(name) != page]
    count.expect(not new, f"{moment}, then again: {new} done twice")
    if (folder / "sweep").exists():
        states = SweepFolder(folder / "sweep").states()
        count.expect(set(states.values()) == {"done"}, f"{moment}, then again: {states}")
    shutil.rmtree(folder, ignore_errors=True)


def _pages_of_done(folder: Path) -> dict[str, int]:
    """The report of every run of a sweep that was done, and which file it is. One that was killed
    between its page and its end writes the page again."""
    if not (folder / "sweep").exists():
        return {}
    sweep = SweepFolder(folder / "sweep")
    done = [name for name, state in sweep.states().items() if state == "done"]
    return {name: (sweep.run_path(name) / "report.html").stat().st_ino for name in done}
