"""Sweeps: which runs a grid of settings makes, what they are called, and which one is next.

A sweep folder holds the runs of one question, each in a run folder as `latentlab run` makes it:

| | |
|---|---|
| `sweep.yaml` | every run in order: its variant, seed and the settings that were set for it |
| `runs/NAME/` | the run folder |
| `logs/NAME.log` | what the run's process said |
| `states/NAME.json` | how its last attempt went |
| `states/NAME.lock` | locked as long as somebody works on it |
"""

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from latentlab import files
from latentlab.errors import ConfigError, MissingArtifactError

OWN = ("name", "seed")  # settings that the sweep itself gives every run
LONGEST = 40  # characters of one value in a name

State = Literal["waiting", "running", "interrupted", "failed", "done"]
STATES: tuple[State, ...] = ("done", "running", "waiting", "interrupted", "failed")


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep.

    Attributes:
        name: Of its folder: unique in the sweep, and safe on every file system.
        variant: None where the sweep has no variants.
        settings: `key.key` -> value, of the settings that the sweep varies.
    """

    name: str
    variant: str | None
    settings: dict[str, Any]
    seed: int


def plan(
    settings: Mapping[str, Sequence[Any]],
    seeds: Sequence[int],
    variants: Sequence[str] = (),
) -> tuple[PlannedRun, ...]:
    """Every value with every other, every seed and every variant; seeds vary fastest.

    Args:
        settings: `key.key` -> its values.
        seeds: At least one.
        variants: Their names; none makes a sweep without variants.

    Raises:
        ConfigError: a setting has no values, belongs to the sweep itself, or two runs would have
            one name.
    """
    for key, values in settings.items():
        if not values:
            raise ConfigError(f"{key} has no values to sweep over. Give some: --set {key}=1,2,4.")
        if key in OWN:
            raise ConfigError(f"{key} is given by the sweep itself. Say how many with --seeds.")
    if not seeds:
        raise ConfigError("a sweep needs at least one seed: --seeds 1.")
    words = _words(list(settings))
    runs = [
        PlannedRun(
            _name(variant, {words[key]: value for key, value in chosen.items()}, seed),
            variant,
            chosen,
            seed,
        )
        for variant in (variants or (None,))
        for chosen in (
            dict(zip(settings, values, strict=True))
            for values in itertools.product(*settings.values())
        )
        for seed in seeds
    ]
    first: dict[str, PlannedRun] = {}
    for run in runs:
        twin = first.setdefault(run.name.casefold(), run)  # some disks know no upper case
        if twin is not run:
            raise ConfigError(
                f"two runs of the sweep would be called {run.name}: {_said(twin)} and"
                f" {_said(run)}. Leave one of the two out."
            )
    return tuple(runs)


def _words(keys: Sequence[str]) -> dict[str, str]:
    """What stands for each key in names: its last part, with the parts before where several end
    alike."""
    words = {}
    for key in keys:
        parts = key.split(".")
        alike = sum(other.split(".")[-1] == parts[-1] for other in keys) > 1
        words[key] = _safe("_".join(parts) if alike else parts[-1])
    return words


def _name(variant: str | None, values: Mapping[str, Any], seed: int) -> str:
    parts = [] if variant is None else [_safe(variant)]
    parts += [f"{word}_{_safe(_written(value))}" for word, value in values.items()]
    # A name must not look like an option or a hidden file.
    return "_".join([*parts, f"seed_{seed}"]).lstrip("-.")


def _written(value: Any) -> str:
    """4.0 as 4, lists with dashes, text as it is."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.12g}"
    if isinstance(value, list | tuple):
        return "-".join(map(_written, value))
    return str(value)


def _safe(text: str) -> str:
    """Without what file systems or shells take amiss, at a length that leaves room for others."""
    return re.sub(r"[^A-Za-z0-9.+_-]+", "-", text)[:LONGEST] or "empty"


def _said(run: PlannedRun) -> str:
    """The settings in words, for an error."""
    values = [f"{key}={value!r}" for key, value in run.settings.items()]
    return ", ".join([*([] if run.variant is None else [run.variant]), *values])


@dataclass(frozen=True)
class Attempt:
    """How the last attempt at a run went, or goes.

    Attributes:
        host, process: Who worked on it; the machine by a mark that does not tell its name.
        since: When it began, ISO 8601 in UTC.
        seconds: It took; None while it goes on.
        reason: Why it failed or was interrupted, in one line.
    """

    state: State
    host: str
    process: int
    since: str
    seconds: float | None = None
    reason: str | None = None


def state_of(attempt: Attempt | None, *, claimed: bool, finished: bool) -> State:
    """Where a run stands.

    Args:
        attempt: The last one that is on record.
        claimed: Whether somebody works on it now.
        finished: Whether the run folder has what a finished run ends with.
    """
    if claimed:
        return "running"
    if attempt is None:
        return "waiting"
    if attempt.state == "done":
        return "done" if finished else "waiting"
    # A record of work that nobody does is of a process that was killed.
    return "interrupted" if attempt.state == "running" else attempt.state


def next_run(states: Mapping[str, State], tried: Collection[str] = ()) -> str | None:
    """The first run, in order, that is to be done: neither done, nor somebody's, nor tried.

    Args:
        states: Name -> state, in the order of the sweep.
        tried: What this process has attempted; once is enough until the command is repeated.
    """
    return next(
        (
            name
            for name, now in states.items()
            if now not in ("done", "running") and name not in tried
        ),
        None,
    )


@dataclass(frozen=True)
class SweepFolder:
    """A folder of runs that belong together; see the top of this module for what is in it."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> "SweepFolder":
        """Refuses what is not a sweep folder."""
        if not is_sweep(path):
            what = "does not exist" if not path.exists() else "is not a sweep (no sweep.yaml)"
            raise MissingArtifactError(
                f"{path} {what}. Start one with `latentlab sweep CONFIG --out {path}`."
            )
        return cls(path)

    @property
    def plan_path(self) -> Path:
        return self.path / "sweep.yaml"

    @property
    def lock_path(self) -> Path:
        """Held by who changes sweep.yaml."""
        return self.path / "states" / ".sweep.lock"

    def run_path(self, name: str) -> Path:
        return self.path / "runs" / name

    def log_path(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def claim_path(self, name: str) -> Path:
        return self.path / "states" / f"{name}.lock"

    def attempt_path(self, name: str) -> Path:
        return self.path / "states" / f"{name}.json"

    def planned(self) -> tuple[PlannedRun, ...]:
        """The runs in order; none where the folder is new."""
        if not self.plan_path.is_file():
            return ()
        runs = files.read_yaml(self.plan_path)["runs"]
        return tuple(PlannedRun(name, **about) for name, about in runs.items())

    def write_plan(self, runs: Sequence[PlannedRun]) -> None:
        about = {run.name: asdict(run) for run in runs}
        for entry in about.values():
            del entry["name"]  # it is the key
        files.write_yaml(self.plan_path, {"runs": about})

    def attempt(self, name: str) -> Attempt | None:
        path = self.attempt_path(name)
        return Attempt(**files.read_json(path)) if path.is_file() else None

    def write_attempt(self, name: str, attempt: Attempt) -> None:
        files.write_json(self.attempt_path(name), asdict(attempt))

    def state(self, name: str, *, claimed: bool | None = None) -> State:
        """Where a run stands.

        Args:
            claimed: Whether somebody works on it; looked up if not given.
        """
        if claimed is None:
            claimed = files.claimed(self.claim_path(name))
        finished = (self.run_path(name) / "report.html").is_file()
        return state_of(self.attempt(name), claimed=claimed, finished=finished)

    def states(self) -> dict[str, State]:
        """Name -> state, in the order of the sweep."""
        return {run.name: self.state(run.name) for run in self.planned()}


def is_sweep(folder: Path) -> bool:
    """Whether the folder is a sweep's."""
    return (folder / "sweep.yaml").is_file()


def runs_of(folder: Path) -> list[Path]:
    """The run folders of a sweep, finished or not, in its order.

    Raises:
        MissingArtifactError: the folder is not a sweep's.
    """
    sweep = SweepFolder.open(folder)
    return [sweep.run_path(run.name) for run in sweep.planned()]
