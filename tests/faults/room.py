"""No room and no right to write: one line says so, what stood stands, and with room it is done."""

import contextlib
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.commands import READERS, Where, others, stages
from tests.faults.harness import (
    RUN,
    STAGES,
    Count,
    Ended,
    Warm,
    World,
    artefacts,
    contents,
    half_written,
    unfinished,
)
from tests.faults.jobs import JOBS, OTHER, Ready, base, ready
from tests.faults.kills import Experiment

BLOCK = 4096  # bytes by which a small disk fills up


def limited(name: str) -> Experiment:
    """A limit on the size of files, at n sizes from 0 to one byte less than the largest file that
    the job writes, where everything is there already and would be replaced."""

    def experiment(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
        count = Count()
        own = ready(warm, world, name)
        chance = random.Random(f"limit {name} {seed}")
        largest = _largest(warm, world, own, place / "tried")
        refused = 0
        for at in range(n):
            folder = _to_do_again(world, own, place / "tried")
            limit = int((at + chance.random()) / n * largest)
            with count.one():
                done = warm(own.again, folder, limits={"RLIMIT_FSIZE": limit}, logs=place)
                refused += done.code == 3
                how = f"{name}, files of at most {limit:,} of {largest:,} bytes"
                _expect_nothing_lost(warm, own, own.again, folder, done, count, how)
        count.facts["refused"] = refused
        return count

    return experiment


def full(name: str) -> Experiment:
    """A disk of its own that lacks some of the room a job needs: of the bytes or of the names of
    files that it takes, where nothing of it is there and where all would be replaced; n positions
    in all, no two alike."""

    def experiment(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
        count = Count()
        own = ready(warm, world, name)
        refused = 0

        def words(begin: Path) -> tuple[str, ...]:
            return own.words(0) if begin == own.before else own.again

        def tried(disk: Disk, begin: Path, leave: Leave, units: int) -> tuple[Path, Ended]:
            folder = world.copy(begin, disk.path / "tried")
            leave(disk, units)
            return folder, warm(words(begin), folder, logs=place)

        def needed(begin: Path, leave: Leave) -> int:
            def enough(units: int) -> bool:
                with small_disk(place / "disk") as disk:
                    return tried(disk, begin, leave, units)[1].code == 0

            return least(enough)

        begins = [own.before] if "prepare" in own.again else [own.before, own.after]
        ways = [
            (begin, leave) for begin in begins for leave in (Disk.leave_blocks, Disk.leave_names)
        ]
        positions = [[(*way, units) for units in range(needed(*way))] for way in ways]
        for begin, leave, units in _chosen(positions, n):
            with small_disk(place / "disk") as disk, count.one():
                folder, done = tried(disk, begin, leave, units)
                refused += done.code == 3
                disk.make_room()
                how = f"{name}, {leave.__name__} {units}"
                _expect_nothing_lost(warm, own, words(begin), folder, done, count, how)
        count.facts["refused"] = refused
        return count

    return experiment


def read_only_stages(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Every stage on a disk that cannot be written to; whatever `n` is."""
    count = Count()
    with small_disk(place / "disk") as disk:
        folder = world.copy(world.after, disk.path / "tried")
        before = contents(folder)
        disk.forbid_writing()
        for stage, words in STAGES.items():
            with count.one():
                done = warm(JOBS[stage].again or words, folder, logs=place)
                kept = done.code == 0 if stage == "prepare" else done.code == 3 and done.told
                count.expect(kept, f"{stage}: {done.code} {done.said}")
        count.expect(contents(folder) == before, "something changed")
    return count


def read_only(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Every command on a disk that cannot be written to; whatever `n` is. Those that write say so
    in one line, the others work."""
    count = Count()
    with small_disk(place / "disk") as disk:
        folder = world.copy(base(warm, world, "everything"), disk.path / "tried")
        at = Where(
            config=folder / "tiny.yaml",
            sweep_config=folder / "sweep.yaml",
            labels=folder / "labels.csv",
            data=folder / "data" / "tiny",
            faces=folder / "data" / "faces",
            runs=folder / "runs",
            run=folder / RUN,
            other=folder / OTHER,
            out=folder / "out",
        )
        at.settle()
        shutil.copytree(base(warm, world, "faces") / "data" / "faces", at.faces)
        sweep = ready(warm, world, "sweep").after / "sweep"
        shutil.copytree(sweep, at.out / "sweep")
        before = contents(folder)
        disk.forbid_writing()
        done_already = {stages(at)[0], others(at)[0]}  # data folders that are there
        for name, words in (*stages(at), *others(at)):
            if name == "doctor":
                continue
            if name == "sweep start":
                words = (*words[:-1], at.out / "new")
            if name == "train":
                words = ("train", at.run, "--fresh")
            with count.one():
                done = warm(words, folder, logs=place)
                reads = name in READERS or (name, words) in done_already
                kept = done.code == 0 if reads else done.code == 3 and done.told
                count.expect(kept, f"{' '.join(map(str, words))}: {done.code} {done.said[-600:]}")
        count.expect(contents(folder) == before, "something changed")
    return count


def least(enough: Callable[[int], bool], most: int = 4096) -> int:
    """The smallest number that is enough, where all above it are."""
    low, high = 0, 1
    while high < most and not enough(high):
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return low


@dataclass(frozen=True)
class Disk:
    """A disk in memory."""

    path: Path

    def leave_blocks(self, count: int) -> None:
        """Take up all room but so many blocks."""
        free = shutil.disk_usage(self.path).free
        descriptor = os.open(self.path / "ballast", os.O_CREAT | os.O_WRONLY)
        os.posix_fallocate(descriptor, 0, max(1, free - count * BLOCK))
        os.close(descriptor)

    def leave_names(self, count: int) -> None:
        """Allow so many files and folders more than there are."""
        about = os.statvfs(self.path)
        self._mounted_anew(f"nr_inodes={about.f_files - about.f_ffree + count}")

    def make_room(self) -> None:
        """As if nothing had been taken."""
        (self.path / "ballast").unlink(missing_ok=True)
        self._mounted_anew("nr_inodes=100000")

    def forbid_writing(self) -> None:
        self._mounted_anew("ro")

    def _mounted_anew(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.path)], check=True)


Leave = Callable[[Disk, int], None]


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Disk]:
    """A disk of 64 MB."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(place)], check=True)
    try:
        yield Disk(place)
    finally:
        _unmount(place)


def _unmount(place: Path) -> None:
    """It may be busy for as long as a process that has just ended takes to let go of its files."""
    for _ in range(50):
        if subprocess.run(["umount", str(place)], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(["umount", str(place)], check=True)


def can_mount() -> bool:
    return os.geteuid() == 0 and shutil.which("mount") is not None


def _largest(warm: Warm, world: World, own: Ready, place: Path) -> int:
    """Bytes of the largest file that is written where all is there already."""
    folder = _to_do_again(world, own, place)
    before = {path: _version(path) for path in artefacts(folder)}
    done = warm(own.again, folder)
    assert done.code == 0, done.said
    new = [path for path in artefacts(folder) if before.get(path) != _version(path)]
    return max(path.stat().st_size for path in new)


def _version(path: Path) -> tuple[int, int]:
    """Another for every file that was ever there; the number alone can be given anew."""
    about = path.stat()
    return about.st_ino, about.st_mtime_ns


def _to_do_again(world: World, own: Ready, place: Path) -> Path:
    """A folder in which the job is done; or not begun, where it would not be done once more."""
    once = own.again[0] in ("prepare", "landmarks")
    return world.copy(own.before if once else own.after, place)


def _chosen(
    positions: list[list[tuple[Path, Leave, int]]], n: int
) -> list[tuple[Path, Leave, int]]:
    """n of these positions, from all lists alike and evenly over each."""
    chosen: list[tuple[Path, Leave, int]] = []
    for place, some in enumerate(sorted(positions, key=len)):
        share = (n - len(chosen)) // (len(positions) - place)
        step = max(1.0, len(some) / max(1, share))
        chosen += [some[int(at * step)] for at in range(min(share, len(some)))]
    return chosen


def _expect_nothing_lost(
    warm: Warm,
    own: Ready,
    words: tuple[str, ...],
    folder: Path,
    done: Ended,
    count: Count,
    how: str,
) -> None:
    """It was done, or refused with one line; what stands is whole, and with room the same words do
    it."""
    count.expect(done.code in (0, 3), f"{how}: exit {done.code}: {done.said[-600:]}")
    count.expect(done.code == 0 or done.told, f"{how}: said {done.said[-600:]!r}")
    for problem in (*half_written(folder), *unfinished(folder)):
        count.expect(False, f"{how}: {problem}")
    again = warm(words, folder, logs=folder.parent)
    count.expect(again.code == 0, f"{how}, then with room: exit {again.code}: {again.said[-600:]}")
    different = own.unlike(folder)
    count.expect(not different, f"{how}, then with room: {different} differ")
