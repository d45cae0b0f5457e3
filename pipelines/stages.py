"""A stage reads artefacts, calls one library function, and writes artefacts. This keeps its record.

`provenance.json` holds, per stage, what went in and what came out as digests, so that a stage whose
inputs have not changed is skipped, and a result can be traced to what made it.
"""

import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import latentlab
from latentlab import config as configs
from latentlab import files
from latentlab.artifacts import DataFolder, RunFolder
from latentlab.config import Config
from latentlab.errors import ConfigError

PACKAGES = ("torch", "torchvision", "numpy", "pandas", "scikit-learn", "mediapipe", "pyarrow")


@dataclass(frozen=True)
class Workspace:
    """A run folder with its config and its data folder: what every stage starts from."""

    run: RunFolder
    config: Config
    data: DataFolder

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        """What holds for networks and products of a stage while it is at work."""
        if not self.config.deterministic:
            yield
            return
        from latentlab.probes.kernels import threads
        from latentlab.reproducible import by_any_threads

        with by_any_threads(True), threads():
            yield


def open_workspace(path: Path, overrides: tuple[str, ...] = ()) -> Workspace:
    """The run in `path`, which must have a config and a prepared data folder.

    Args:
        overrides: What counts this time, whatever the config says, as `key.key=value`.
    """
    run = RunFolder.open(path)
    config = configs.load_saved(run.config_path, overrides)
    return Workspace(run, config, DataFolder.open(config.data.folder))


def device_override(device: str | None) -> tuple[str, ...]:
    """What `--device` means among the `--set` options."""
    return () if device is None else (f"train.device={device}",)


@contextmanager
def started_run(path: Path, config: Config) -> Iterator[RunFolder]:
    """Make `path` a run folder with this config, an older one there being replaced, and hold it
    for the length of the block: who finds it held must not change its config."""
    _check_free(path)
    with files.sole_writer(path):
        yield start_run(path, config)


def start_run(path: Path, config: Config) -> RunFolder:
    """Make `path` a run folder with this config; an older config there is replaced. Nobody else may
    be writing in it."""
    _check_free(path)
    configs.save(config, path / "config.yaml")
    return RunFolder(path)


def _check_free(path: Path) -> None:
    """Refuse a folder of something else. What begins with a dot, such as a lock, does not count."""
    if not path.exists() or (path / "config.yaml").is_file():
        return
    if not path.is_dir() or any(not entry.name.startswith(".") for entry in path.iterdir()):
        raise ConfigError(f"{path} exists and is not a run folder. Choose another --run.")


@dataclass(frozen=True)
class Stage:
    """One entry of the record.

    Attributes:
        inputs: Settings and digests that the outputs depend on; JSON can hold it.
        outputs: Files below the run folder that the stage writes.
    """

    run: RunFolder
    name: str
    inputs: dict[str, Any]
    outputs: tuple[Path, ...]

    @property
    def current(self) -> bool:
        """Whether the outputs stand and were made from just these inputs."""
        entry = self.run.provenance().get("stages", {}).get(self.name)
        if entry is None or entry["key"] != files.digest_of(self.inputs):
            return False
        return all(
            path.is_file() and files.digest(path) == entry["outputs"].get(self._name_of(path))
            for path in self.outputs
        )

    @contextmanager
    def recorded(self) -> Iterator[dict[str, float]]:
        """Time the block, then write down what it made.

        Yields:
            Where the block may put more measurements of itself; nothing else depends on them.
        """
        measured: dict[str, float] = {}
        began, start = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
        yield measured
        record = self.run.provenance()
        stages = record.get("stages", {})
        stages[self.name] = {
            "start": start,
            "seconds": round(time.monotonic() - began, 2),
            **measured,
            "key": files.digest_of(self.inputs),
            "inputs": self.inputs,
            "outputs": {self._name_of(path): files.digest(path) for path in self.outputs},
        }
        # The page states how its numbers were made, so building it again must not change that.
        kept = self.name == "report" and "command" in record
        about = {} if kept else _circumstances()
        self.run.write_provenance({**record, **about, "stages": stages})

    def _name_of(self, path: Path) -> str:
        return path.relative_to(self.run.path).as_posix()


def _circumstances() -> dict[str, Any]:
    versions = {"latentlab": latentlab.__version__, "python": platform.python_version()}
    versions |= {name: metadata.version(name) for name in PACKAGES}
    return {"versions": versions, "command": _command(), "git": _commit()}


def _command() -> str:
    """The command line without anything that names a user's folders."""
    words = []
    for word in sys.argv[1:]:
        key, equals, value = word.rpartition("=")
        shown = Path(value).name if Path(value).is_absolute() else value
        words.append(f"{key}{equals}{shown}")
    return " ".join([Path(sys.argv[0]).name, *words])


def _commit() -> str | None:
    """The commit of the source tree latentlab runs from; None where it is installed otherwise."""
    root = Path(latentlab.__file__).parents[1]
    if not (root / ".git").exists():
        return None
    done = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None
