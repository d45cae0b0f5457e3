"""No room, no right to write, and odd places to work in."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from latentlab import files
from tests.faults.harness import (
    RUN,
    SETTINGS,
    STAGES,
    Count,
    Ended,
    Warm,
    World,
    artefacts,
    contents,
    differences,
    half_written,
    unfinished,
)

SAYING = 2_000  # bytes that a command may always say, also into a file
BLOCK = 4096  # bytes by which a small disk fills up


def limited(stage: str) -> Callable[[Warm, World, Path, int, int], Count]:
    """A limit on the size of files, at n sizes up to that of the largest file of the stage, where
    everything is there already and would be replaced."""

    def experiment(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
        count = Count()
        largest = max(path.stat().st_size for path in _written(world, stage))
        refused = 0
        for at in range(n):
            folder = _to_do_again(world, stage, place / "tried")
            limit = int(SAYING * (largest / SAYING) ** (at / max(1, n - 1))) - (at == n - 1)
            with count.one():
                done = warm(_again(stage), folder, limits={"RLIMIT_FSIZE": limit}, logs=place)
                refused += done.code == 3
                _expect_nothing_lost(
                    warm, world, stage, folder, done, count, f"at most {limit:,} bytes"
                )
        count.facts["refused"] = refused
        return count

    return experiment


def full(stage: str) -> Callable[[Warm, World, Path, int, int], Count]:
    """A disk of its own with room for a part of what the stage writes, in n steps from none."""

    def experiment(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
        count = Count()
        needed = sum(_blocks(path.stat().st_size) for path in _written(world, stage)) + 16
        refused = 0
        for at in range(n):
            with small_disk(place / "disk") as (disk, fill), count.one():
                folder = _to_do_again(world, stage, disk / "tried")
                room = int(needed * at / n) * BLOCK
                fill(room)
                done = warm(_again(stage), folder, logs=place)
                refused += done.code == 3
                _expect_nothing_lost(
                    warm, world, stage, folder, done, count, f"{room:,} bytes free"
                )
        count.facts["refused"] = refused
        return count

    return experiment


def read_only(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Every stage on a disk that cannot be written to, and what only reads; whatever `n` is."""
    count = Count()
    with small_disk(place / "disk") as (disk, _):
        folder = world.copy(world.after, disk / "tried")
        before = contents(folder)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        for stage in STAGES:
            with count.one():
                if stage == "prepare":  # nothing to do: it is there
                    done = warm(("prepare", "faces", "--out", "data/new"), folder, logs=place)
                else:
                    done = warm(_again(stage), folder, logs=place)
                count.expect(done.code == 3 and done.told, f"{stage}: {done.code} {done.said}")
        for words in (("status", RUN), ("which", "Smiling", RUN), STAGES["prepare"]):
            with count.one():
                done = warm(words, folder, logs=place)
                count.expect(done.code == 0, f"{words[0]}: {done.code} {done.said}")
        count.expect(contents(folder) == before, "something changed")
    return count


# Names of folders in which everything must work, and one above that cannot be written to.
NAMES = (
    "with a blank", " blanks at the ends ", "ünïcødé 面 🙂", "100%", "%s%d", "a#b", "a;b&c|d",
    "it's", 'say "x"', "$HOME", "*?[a]", "-rf", "x" * 200, "back\\slash", "new\nline", "{name}",
    "a:b", "~", "..dots", "e\u0301",
)  # fmt: skip


def odd_places(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Every stage, and commands that read, with the first n of these names for the data folder and
    the run folder; the last with both behind links."""
    count = Count()
    for number, name in enumerate((*NAMES[: max(0, n - 1)], None)):
        above = place / f"odd {number}"
        above.mkdir(parents=True)
        if name is None:
            for kind in ("data", "runs"):
                (place / kind).mkdir()
                (above / kind).symlink_to(place / kind, target_is_directory=True)
        data, run = above / "data" / (name or "linked"), above / "runs" / (name or "linked")
        data_section = SETTINGS["data"] | {"folder": str(data)}
        files.write_yaml(above / "tiny.yaml", SETTINGS | {"data": data_section})
        for words in (
            ("prepare", "faces", "--limit", "160", "--side", "28", "--out", data),
            ("train", run, "--config", "tiny.yaml"),
            *((stage, run) for stage in list(STAGES)[2:]),
            ("status", run),
            ("which", "Smiling", run),
            ("sample", run, "--count", "4", "--out", run / "sample.png"),
        ):
            with count.one():
                done = warm(words, above, logs=place)
                how = f"{name!r}, {words[0]}"
                count.expect(done.code == 0, f"{how}: exit {done.code}: {done.said}")
                for problem in (*half_written(above), *unfinished(above)):
                    count.expect(False, f"{how}: {problem}")
        different = differences(run / "tables", world.after / RUN / "tables")
        count.expect(not different, f"{name!r}: {different} differ")
    return count


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[tuple[Path, Callable[[int], None]]]:
    """A disk in memory of 64 MB, and a function that leaves so many bytes of it free."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(place)], check=True)

    def fill(leave: int) -> None:
        free = shutil.disk_usage(place).free
        descriptor = os.open(place / "ballast", os.O_CREAT | os.O_WRONLY)
        os.posix_fallocate(descriptor, 0, max(1, free - leave))
        os.close(descriptor)

    try:
        yield place, fill
    finally:
        subprocess.run(["umount", str(place)], check=True)


def can_mount() -> bool:
    return os.geteuid() == 0 and shutil.which("mount") is not None


def _written(world: World, stage: str) -> list[Path]:
    """What the stage writes."""
    before = contents(world.before[stage])
    after = world.following(stage)
    return [path for path in artefacts(after) if path.relative_to(after).as_posix() not in before]


def _blocks(size: int) -> int:
    return -(-size // BLOCK)


def _again(stage: str) -> tuple[str, ...]:
    """The words that have a stage done once more."""
    return ("train", RUN, "--fresh") if stage == "train" else STAGES[stage]


def _to_do_again(world: World, stage: str, place: Path) -> Path:
    """A folder in which the stage is done; or, since a data folder is made once, not begun."""
    source = world.before[stage] if stage == "prepare" else world.following(stage)
    return world.copy(source, place)


def _expect_nothing_lost(
    warm: Warm, world: World, stage: str, folder: Path, done: Ended, count: Count, how: str
) -> None:
    """It was done, or refused with one line; what stands is whole, and with room it is done."""
    how = f"{stage}, {how}"
    count.expect(done.code in (0, 3), f"{how}: exit {done.code}: {done.said}")
    count.expect(done.code == 0 or done.told, f"{how}: said {done.said!r}")
    for problem in (*half_written(folder), *unfinished(folder)):
        count.expect(False, f"{how}: {problem}")
    (folder.parent / "ballast").unlink(missing_ok=True)
    # With --fresh the old states go first, by request; all else is replaced or stays.
    again = warm(_again(stage), folder, logs=folder.parent)
    count.expect(again.code == 0, f"{how}, then with room: exit {again.code}: {again.said}")
    different = differences(folder, world.following(stage))
    count.expect(not different, f"{how}, then with room: {different} differ")
