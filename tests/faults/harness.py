"""What all faults need: commands that start at once, a small world, and judging it.

An experiment is a function `(warm, world, place, n, seed) -> Count`: it does something bad `n`
times in folders of its own below `place` and counts how often a promise was not kept.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from latentlab import checkpoints, files, parquet
from latentlab.artifacts import DataFolder
from latentlab.errors import LatentlabError
from latentlab.judges.pixels import PixelJudge

ROOT = Path(__file__).parents[2]
CLOCK = ("start", "seconds", "images_per_second")  # of a stage, in which two equal runs differ

# 160 generated faces of 28 x 28 and a network of a few hundred weights: seconds for the whole way.
SETTINGS = {
    "name": "tiny",
    "source": {"name": "faces", "limit": 160},
    "data": {"folder": "data/tiny", "side": 28},
    "landmarks": {"enabled": False},
    "model": {"latents": 4, "widths": [4, 4]},
    "objective": {"beta": 0.1},
    "train": {"epochs": 3, "batch_size": 16, "learning_rate": 0.003, "device": "cpu"},
    "encode": {"batch_size": 32},  # five parts, where it is done in parts
    "probe": {"resamples": 100, "min_positives": 8, "nonlinear": False, "controls": False},
    "intervene": {
        "anchors": 10, "steps": 3, "random": 1, "references": 20, "judges": ["pixels"],
        "judge_epochs": 1,
    },
    "metrics": {"dci": "lasso", "images": 20},
}  # fmt: skip
RUN = "runs/tiny"

# The stages in order, with the words that do each.
STAGES: dict[str, tuple[str, ...]] = {
    "prepare": ("prepare", "faces", "--limit", "160", "--side", "28", "--out", "data/tiny"),
    "train": ("train", RUN, "--config", "tiny.yaml"),
    "encode": ("encode", RUN),
    "probe": ("probe", RUN),
    "intervene": ("intervene", RUN),
    "metrics": ("metrics", RUN),
    "report": ("report", RUN),
}


@dataclass
class Count:
    """How often something was tried, and every time it did not go as promised."""

    tried: int = 0
    failures: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def expect(self, kept: bool, otherwise: str) -> None:
        if not kept:
            self.failures.append(otherwise)

    @contextmanager
    def one(self) -> Iterator[None]:
        """One try. However many promises it breaks, it failed once."""
        before = len(self.failures)
        self.tried += 1
        yield
        broken = self.failures[before:]
        if broken:
            self.failures[before:] = ["; ".join(broken)]


@dataclass(frozen=True)
class Running:
    process: int
    log: Path
    since: float  # monotonic


@dataclass(frozen=True)
class Ended:
    code: int | None  # negative: the signal that killed it; None: it did not end
    said: str
    seconds: float
    work: float  # seconds that processors worked for it

    @property
    def told(self) -> bool:
        """It ended with one line that says what was wrong, and without a traceback."""
        lines = self.said.strip().splitlines()
        return "Traceback" not in self.said and bool(lines) and lines[-1].startswith("latentlab: ")


class Warm:
    """Starts commands in processes in which everything is imported."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """
        Args:
            environment: Set before Python starts, for what it reads only then.
        """
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": str(ROOT),
                **(environment or {}),
            },
        )
        self._answer()
        self.logs = 0

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the server of warm processes has died"
        return json.loads(line)

    def _ask(self, asked: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def start(
        self,
        words: Sequence[str | Path],
        folder: Path,
        limits: Mapping[str, int] | None = None,
        at: float | None = None,
        work: float | None = None,
        logs: Path | None = None,
        environment: Mapping[str, str] | None = None,
        first: str | None = None,
    ) -> Running:
        """Start a command.

        Args:
            at: When it shall begin, by the monotonic clock.
            work: Kill it when a processor has worked so many seconds for it.
            logs: Where to keep what it says; beside `folder` if not given.
            environment: Set in its process.
            first: A function, "module:name", that its process calls before the command.
        """
        self.logs += 1
        log = (logs or folder.parent) / f".said-{self.logs}"
        asked = {
            "words": [str(word) for word in words],
            "folder": str(folder),
            "log": str(log),
            "limits": dict(limits or {}),
            "at": at,
            "work": work,
            "environment": dict(environment or {}),
            "first": first,
        }
        return Running(self._ask({"start": asked}), log, time.monotonic())

    def end(self, running: Running, seconds: float = 300) -> Ended:
        """Wait for its end; what does not come to an end is killed, and has no exit code."""
        ended = self._ask({"wait": running.process, "seconds": seconds})
        if ended is None:
            os.kill(running.process, signal.SIGKILL)
            ended = None, self._ask({"wait": running.process, "seconds": 60})[1]
        return self._ended(running, *ended)

    def _ended(self, running: Running, code: int | None, work: float) -> Ended:
        took = time.monotonic() - running.since
        said = running.log.read_text(errors="replace") if running.log.exists() else ""
        running.log.unlink(missing_ok=True)
        return Ended(code, said, took, work)

    def look(self, running: Running) -> Ended | None:
        """How a command ended; None while it runs."""
        ended = self._ask({"wait": running.process, "seconds": 0})
        return None if ended is None else self._ended(running, *ended)

    def __call__(self, words: Sequence[str | Path], folder: Path, **given: Any) -> Ended:
        return self.end(self.start(words, folder, **given))

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


@dataclass(frozen=True)
class World:
    """A finished run and its data, and how both stood before every stage.

    Attributes:
        before: Stage -> a folder as it was before the stage.
        after: The folder with everything done.
        work: Stage -> seconds that a processor worked on it.
        kept: What experiments have made of it for themselves and their like, by name.
    """

    before: dict[str, Path]
    after: Path
    work: dict[str, float]
    kept: dict[str, Any] = field(default_factory=dict)

    def following(self, stage: str) -> Path:
        """How things stood when the stage was done."""
        names = list(STAGES)
        at = names.index(stage) + 1
        return self.before[names[at]] if at < len(names) else self.after

    def copy(self, source: Path, place: Path) -> Path:
        """A fresh copy to break, at `place`."""
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(source, place, symlinks=True)
        return place


def make_world(warm: Warm, place: Path) -> World:
    """Do all stages once, unbroken, with a copy kept before each."""
    folder = place / "world"
    folder.mkdir(parents=True)
    files.write_yaml(folder / "tiny.yaml", SETTINGS)
    before, work = {}, {}
    for stage, words in STAGES.items():
        before[stage] = place / f"before_{stage}"
        shutil.copytree(folder, before[stage])
        done = warm(words, folder)
        if done.code != 0:
            raise RuntimeError(f"{stage} failed unbroken: {done.said}")
        work[stage] = done.work
    return World(before, folder, work)


def shown(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def artefacts(folder: Path) -> list[Path]:
    """Every file below a folder that is an artefact; locks and the like begin with a dot."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def half_written(folder: Path) -> list[str]:
    """Files under their final name that are not whole, with why."""
    problems = []
    for path in artefacts(folder):
        try:
            _check(path)
        except (LatentlabError, OSError, ValueError, SyntaxError, KeyError) as error:
            problems.append(f"{shown(path, folder)}: {error}")
    return problems


def _check(path: Path) -> None:
    """Read a file with the reader of its kind."""
    if path.suffix == ".parquet":
        parquet.read_table(path)
    elif path.suffix == ".npy":
        DataFolder.open(path.parent).images()
    elif path.name == "model.safetensors":
        judge = (path.parent / "judge.json").is_file()
        _ = PixelJudge.load(path.parent) if judge else checkpoints.load_model(path.parent)
    elif path.suffix == ".pt":
        checkpoints.read_state(path)
    elif path.suffix == ".json":
        files.read_json(path)
    elif path.suffix == ".yaml":
        files.read_yaml(path)
    elif path.suffix == ".png":
        with Image.open(path) as picture:
            picture.load()
    elif path.suffix == ".html" and not path.read_text().rstrip().endswith("</html>"):
        raise ValueError("does not end")
    elif path.suffix != ".lock" and not path.stat().st_size:
        raise ValueError("is empty")


def unfinished(folder: Path) -> list[str]:
    """What is left of work that was not finished."""
    found = [*folder.rglob(f"{files.TEMPORARY}*"), *folder.rglob(f"{files.RETIRED}*")]
    return [shown(path, folder) for path in found]


def contents(folder: Path) -> dict[str, Any]:
    """Every artefact as it must be again after any accident: its digest, or without its clock."""
    found: dict[str, Any] = {}
    for path in artefacts(folder):
        name = shown(path, folder)
        if path.parent.name == "checkpoints":
            continue  # what comes of them is compared
        if path.name == "provenance.json":
            stages = files.read_json(path)["stages"]
            for stage in stages.values():
                for clock in CLOCK:
                    stage.pop(clock, None)
            found[name] = stages
        else:
            found[name] = files.digest(path)
    return found


def differences(folder: Path, wanted: Path, but: Sequence[str] = ()) -> list[str]:
    """Artefacts in which two folders differ, without those whose name ends with one of `but`."""
    one, other = contents(folder), contents(wanted)
    return [
        name
        for name in sorted({*one, *other})
        if one.get(name) != other.get(name) and not name.endswith(tuple(but))
    ]
