"""`latentlab sweep`: many runs of one config, each in a process of its own."""

import os
import platform
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console
from pipelines.stopping import CTRL_C, RESUMABLE

if TYPE_CHECKING:
    from latentlab.config import Config
    from latentlab.sweeps import Attempt, PlannedRun, State, SweepFolder
    from pipelines.stopping import Request
    from pipelines.workers import Task

# Where a run is computed does not decide what is computed: machines that share a sweep may differ.
PLACE = ("landmarks.workers", "train.device")


@dataclass(frozen=True)
class Asked:
    """What one call of the command asks for.

    Attributes:
        sweep: Its folder, which need not exist yet.
        varied: Settings that the sweep varies, `key.key`.
        configs: The whole config of every run, by name, in order.
    """

    sweep: "SweepFolder"
    varied: frozenset[str]
    runs: "tuple[PlannedRun, ...]"
    configs: "dict[str, Config]"


def asked_for(
    path: Path,
    set_: tuple[str, ...] = (),
    *,
    seeds: int | None = None,
    only: tuple[str, ...] = (),
    out: Path | None = None,
) -> Asked:
    """The runs that a config and options describe, all checked; nothing is written.

    Args:
        set_: `key.key=value,value`. A single value replaces the config's, unless the config or the
            sweep folder varies that setting: then it is the only one of its values asked for.
        seeds: How many; as many as the config says if not given.
        only: Variants; all if none is named.
        out: The sweep folder; runs/NAME if not given.

    Raises:
        ConfigError: something of it is wrong.
    """
    from latentlab import config as configs
    from latentlab.errors import ConfigError
    from latentlab.naming import chosen
    from latentlab.sweeps import OWN, SweepFolder, plan

    given = [(text, *configs.values_of(text)) for text in set_]
    # The section itself and the name can be set too; they say what is varied, and where it is.
    first = tuple(text for text, key, _ in given if key == "name" or key.startswith("sweep."))
    content, section = configs.load_sweep(path, first)
    given = [entry for entry in given if entry[0] not in first]
    sweep = SweepFolder(out or Path("runs") / str(content.get("name", "run")))

    varied = {key for _, key, values in given if len(values) > 1} | set(section.set)
    varied |= {key for run in sweep.planned() for key in run.settings}
    values = dict(section.set) | {key: values for _, key, values in given if key in varied}
    fixed = tuple(text for text, key, _ in given if key not in varied)
    content, _ = configs.load_sweep(path, (*first, *fixed))

    variants = {name: chosen(section.variants, name, "--variant") for name in only}
    variants = variants or dict(section.variants)
    for name, settings in variants.items():
        if taken := sorted(set(settings) & {*OWN, "sweep"}):
            raise ConfigError(f"{path}: the variant {name} cannot set {taken[0]}. Take it out.")
    seed = content.get("seed", 0)
    if not isinstance(seed, int):
        raise ConfigError(f"{path}: `seed` is {seed!r}; a sweep counts on from a whole number.")
    runs = plan(values, range(seed, seed + (seeds or section.seeds)), tuple(variants))

    def config_of(run: "PlannedRun") -> "Config":
        own = configs.with_values(content, variants[run.variant] if run.variant else {})
        # A component comes before its settings.
        for key in sorted(run.settings, key=lambda key: not key.endswith(".name")):
            own = configs.with_value(own, key, run.settings[key])
        title = f"{content.get('name', 'run')} {run.name}"
        return configs.build(own | {"seed": run.seed, "name": title}, where=f"{path}, {run.name}")

    return Asked(sweep, frozenset(varied), runs, {run.name: config_of(run) for run in runs})


def enter(asked: Asked) -> None:
    """Put the runs into the sweep folder, with a config each, unless they are there.

    Raises:
        ConfigError: the folder holds something else, or runs that other settings made; nothing is
            written then.
    """
    from latentlab import files
    from latentlab.errors import ConfigError
    from latentlab.sweeps import is_sweep
    from pipelines.stages import start_run

    sweep = asked.sweep
    path = sweep.path
    if path.exists() and not is_sweep(path) and (not path.is_dir() or _holds_else(path, sweep)):
        raise ConfigError(f"{path} exists and is not a sweep folder. Choose another --out.")
    with files.taking_turns(sweep.lock_path):
        there = {run.name: run for run in sweep.planned()}
        for run in asked.runs:
            _check_agrees(asked, run, there)
        new = [run for run in asked.runs if run.name not in there]
        if new:
            sweep.write_plan((*there.values(), *new))
        for run in asked.runs:
            folder = sweep.run_path(run.name)
            if not (folder / "config.yaml").is_file():
                start_run(folder, asked.configs[run.name])


def _holds_else(path: Path, sweep: "SweepFolder") -> bool:
    """Whether there is more than the lock of another process that begins this sweep just now."""
    return any(entry != sweep.lock_path.parent for entry in path.iterdir())


def _check_agrees(asked: Asked, run: "PlannedRun", there: "dict[str, PlannedRun]") -> None:
    """A run of this name must have these settings, and other runs of its variant must agree in
    what the sweep does not vary."""
    from latentlab import config as configs
    from latentlab.errors import ConfigError

    alike = [one for one in there.values() if one.variant == run.variant]
    for other in [run] if run.name in there else alike:
        folder = asked.sweep.run_path(other.name)
        if not (folder / "config.yaml").is_file():
            continue  # its owner took it away to have it done anew
        free = {"name", *PLACE}
        if other.name != run.name:
            free |= {"seed", *asked.varied}
        found = _settings(configs.load_saved(folder / "config.yaml"), folder)
        wanted = _settings(asked.configs[run.name], folder)
        for key in sorted(found | wanted):
            if found.get(key) != wanted.get(key) and not _covered(key, free):
                raise ConfigError(
                    f"{folder} has {key} {found.get(key)}, and now {wanted.get(key)} is asked for."
                    " Choose another --out, or vary that setting in a new sweep."
                )
        return


def _covered(key: str, free: "Iterable[str]") -> bool:
    """Whether a setting may differ: itself, or as a setting of a component that may."""
    return any(
        key == one or (one.endswith(".name") and key.startswith(one.removesuffix("name")))
        for one in free
    )


def _settings(config: "Config", folder: Path) -> dict[str, Any]:
    """`key.key` -> value, with paths relative to the folder."""
    from latentlab.artifacts import relative_to

    def leaves(level: dict[str, Any], above: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in level.items():
            inner = leaves(value, f"{above}{key}.") if isinstance(value, dict) else None
            found |= inner if inner is not None else {f"{above}{key}": value}
        return found

    return leaves(config.with_paths(lambda path: Path(relative_to(path, folder))).plain())


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
        folder = config.data.folder
        with files.taking_turns(
            folder.with_name(f".{folder.name}.lock"),
            partial(console.say, f"{folder}: waiting for the process that makes it"),
        ):
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
        from latentlab.sweeps import Attempt

        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._record(task.name, Attempt("running", platform.node(), process, now))
        console.say(f"{task.name}: started; what it says is in {task.log}")

    def on_end(self, task: "Task", code: int) -> None:
        attempt = self.attempts[task.name]
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


def start(
    config: Annotated[Path, typer.Argument(help="A YAML config, with or without `sweep`.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting with its values, e.g. objective.beta=1,2,4."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Runs of each, with different seeds.")
    ] = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="Run this variant of the config alone.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The sweep folder; runs/NAME if not given.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time; as many as cores if not given.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs and do nothing.")
    ] = False,
) -> None:
    """Run a config with every value of some settings and several seeds.

    Repeat the command to go on where it stopped; start it again elsewhere to help. How far it is:
    latentlab sweep status SWEEP.
    """
    asked = asked_for(config, tuple(set_ or []), seeds=seeds, only=tuple(variant or []), out=out)
    if dry_run:
        _list(asked)
        return
    enter(asked)
    folder, names = asked.sweep, list(asked.configs)
    left = [asked.configs[name] for name in names if folder.state(name) != "done"]
    processes, threads = shares(workers, left)
    if left:
        ready_data(left)
    do_runs(folder, names, processes, threads, lambda run: run_command(run, threads))


def do_runs(
    sweep: "SweepFolder",
    names: "Sequence[str]",
    workers: int,
    threads: int,
    command: "Callable[[Path], tuple[str, ...]]",
) -> None:
    """Do what is left of these runs, so many at a time with so many threads each.

    Args:
        command: Run folder -> the words that do the run.

    Raises:
        CheckFailedError: runs failed.
        StoppedError: this process or one of its runs was asked to stop.
    """
    from pipelines.stopping import stop_requests
    from pipelines.workers import carry_out

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
    _tell(sweep, names, stop)


def run_command(run: Path, threads: int) -> tuple[str, ...]:
    """The words that do one run to its end, from wherever it stands."""
    words = ("run", str(run), "--set", f"landmarks.workers={threads}")
    return (sys.executable, "-m", "pipelines", *words)


def _list(asked: Asked) -> None:
    """What a sweep would do, without doing it."""
    states = {name: asked.sweep.state(name) for name in asked.configs}
    rows = [{"run": name, "state": now} for name, now in states.items()]
    lines = [f"{name:{_width(states)}}  {now}" for name, now in states.items()]
    text = "\n".join([*lines, f"{len(rows)} runs in {asked.sweep.path}"])
    console.result({"sweep": str(asked.sweep.path), "runs": rows}, text)


def _tell(sweep: "SweepFolder", names: "Sequence[str]", stop: "Request") -> None:
    """How it ended, as a result or as the error that says what is left."""
    from latentlab.errors import CheckFailedError, StoppedError

    states = {name: sweep.state(name) for name in names}
    counts = Counter(states.values())
    if counts["done"] == len(names):
        text = f"All {len(names)} runs are done. Compare them: latentlab compare {sweep.path}"
    else:
        text = f"{sweep.path}: {_counted(counts)}"
    failed = {}
    for name in (name for name, now in states.items() if now == "failed"):
        attempt = sweep.attempt(name)
        failed[name] = attempt.reason if attempt else None
        console.say(f"{name} failed: {failed[name]} ({sweep.log_path(name)})")
    console.result({"sweep": str(sweep.path), "counts": counts, "failed": failed}, text)
    again = "Repeat the command to go on."
    if stop.made:
        error = StoppedError(f"stopped with {counts['done']} of {len(names)} runs done. {again}")
        error.exit_code = stop.exit_code
        raise error
    if failed:
        raise CheckFailedError(
            f"{len(failed)} of {len(names)} runs failed. Repeat the command to try them again."
        )
    if counts["interrupted"]:
        raise StoppedError(f"{counts['interrupted']} of {len(names)} runs were stopped. {again}")


def _counted(counts: "Counter[State]") -> str:
    from latentlab.sweeps import STATES

    return ", ".join(f"{counts[name]} {name}" for name in STATES if counts[name])


def _width(names: "Iterable[str]") -> int:
    return max(map(len, names), default=0)


def status(
    sweep: Annotated[Path, typer.Argument(help="A sweep folder.")],
) -> None:
    """Say of every run of a sweep whether it waits, runs, failed or is done."""
    from latentlab.sweeps import SweepFolder

    folder = SweepFolder.open(sweep)
    states = folder.states()
    rows = [_row(folder, name, now) for name, now in states.items()]
    lines = [
        f"{row['run']:{_width(states)}}  {row['state']:11}  {_described(row)}".rstrip()
        for row in rows
    ]
    counts = Counter(states.values())
    console.result(
        {"sweep": str(sweep), "counts": counts, "runs": rows},
        "\n".join([*lines, f"{len(rows)} runs: {_counted(counts)}"]),
    )


def _row(sweep: "SweepFolder", name: str, now: "State") -> dict[str, Any]:
    """One run as plain values; what does not apply is None."""
    attempt = sweep.attempt(name)
    row: dict[str, Any] = {
        "run": name,
        "state": now,
        "stage": None,
        "epoch": None,
        "epochs": None,
        **dict.fromkeys(("host", "process", "since", "seconds", "reason")),
    }
    if attempt is not None and now != "waiting":
        row |= {key: value for key, value in asdict(attempt).items() if key in row}
        row["state"] = now  # the record may be of a process that was killed
    if now in ("running", "interrupted"):
        row |= _progress(sweep.run_path(name))
    return row


def _progress(path: Path) -> dict[str, Any]:
    """The stage a run is in, and how many epochs are behind it."""
    from latentlab import config as configs
    from latentlab.artifacts import RunFolder
    from pipelines.status import STAGES

    run = RunFolder.open(path)
    done = [at for at, name in enumerate(STAGES) if name in run.provenance().get("stages", {})]
    return {
        "stage": STAGES[min(max(done, default=-1) + 1, len(STAGES) - 1)],
        "epoch": len(run.history()) if run.history_path.is_file() else 0,
        "epochs": configs.load_saved(run.config_path).train.epochs,
    }


def _described(row: dict[str, Any]) -> str:
    at = row["stage"]
    if at == "train":
        at = f"train, epoch {row['epoch']} of {row['epochs']}"
    if row["state"] == "running":
        if row["since"] is None:
            return f"{at}"
        since = datetime.fromisoformat(row["since"]).astimezone()
        return f"{at}; on {row['host']}, process {row['process']}, since {since:%H:%M, %d %b}"
    if row["state"] == "interrupted":
        return f"in {at}"
    if row["state"] == "failed":
        return str(row["reason"])
    return f"in {row['seconds']:,.0f} s" if row["state"] == "done" else ""
