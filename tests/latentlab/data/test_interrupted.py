"""Killed, interrupted or out of room: no data folder under its name, and the next call works."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from latentlab import artifacts, files, parquet
from latentlab.data import building
from latentlab.data.faces import Faces
from latentlab.data.image_folder import ImageFolder
from latentlab.data.prepared import prepare
from latentlab.errors import DataError
from latentlab.files import TEMPORARY
from tests.latentlab.data import hostile

REPOSITORY = Path(__file__).parents[3]


START = "import runpy; runpy.run_module('pipelines', run_name='__main__', alter_sys=True)"


def command(folder, *words, first="pass"):
    """`latentlab prepare faces`, started in this folder, after this line of Python."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{first}\n{START}", "prepare", "faces",
         "--out", "data/new", *words],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip


def while_it_writes(folder, process, seconds=60):
    """Waits until pictures are on the disk; the process still runs then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        written = list(folder.glob(f"data/{TEMPORARY}*/images.npy"))
        if written and written[0].stat().st_size > 100_000:
            return
        time.sleep(0.01)
    pytest.fail(f"it did not come to writing: {process.poll()}, {process.stderr.read()}")


def finishes(folder):
    """The same command on less, after which nothing but the data folder is there."""
    process = command(folder, "--side", "28", "--limit", "40")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "40 images of 28x28" in out
    assert beside_the_lock(folder / "data") == ["new"]


def beside_the_lock(folder):
    """What is in a folder beside the lock of who makes data in it."""
    return [path.name for path in folder.iterdir() if path.name != ".new.lock"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_stopped_command_leaves_no_data_folder_and_the_next_one_works(number, tmp_path):
    # A shell that starts pytest in the background has it ignore Ctrl-C, and so its children.
    hear = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    process = command(tmp_path, "--side", "64", "--limit", "60000", first=hear)
    while_it_writes(tmp_path, process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert not (tmp_path / "data" / "new").exists()
    assert "Traceback" not in err
    codes = {signal.SIGINT: 130, signal.SIGTERM: 75, signal.SIGKILL: -signal.SIGKILL}
    assert process.returncode == codes[number]
    if number != signal.SIGKILL:
        assert "latentlab: interrupted. Repeat the command" in err
        assert beside_the_lock(tmp_path / "data") == []
    finishes(tmp_path)


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(tmp_path):
    """A limit on the size of files stands in for the disk: the kernel itself refuses to write."""
    small = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))"
    process = command(tmp_path, "--side", "64", "--limit", "1000", first=small)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    (line,) = (line for line in err.splitlines() if line.startswith("latentlab: "))
    assert "data/new cannot be written: File too large" in line
    assert "Traceback" not in err
    assert beside_the_lock(tmp_path / "data") == []
    finishes(tmp_path)


def full(*given, **named):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def stopped(*given, **named):
    raise KeyboardInterrupt


def broken(*given, **named):
    raise ValueError("a mistake in the source")


STAGES = {
    "pictures": (building._GrowingArray, "append"),
    "table": (parquet, "write_table"),
    "refusals": (artifacts, "write_refused"),
    "description": (files, "write_yaml"),
    "digest": (files, "digest"),
    "flush": (os, "fsync"),
    "rename": (Path, "replace"),
    "new folder": (Path, "mkdir"),
}


def tree(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("fault", "error"), [(full, DataError), (stopped, KeyboardInterrupt)])
@pytest.mark.parametrize("old", [False, True])
def test_whatever_fails_the_old_folder_stays_and_nothing_else_is_left(
    stage, fault, error, old, tmp_path, monkeypatch
):
    if stage == "new folder" and not old:
        (tmp_path / "data").mkdir()
    if old:
        prepare(Faces(limit=20, seed=1), "faces", tmp_path / "data" / "new", side=28)
    before = tree(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(*STAGES[stage], fault)
        with pytest.raises(error):
            prepare(Faces(limit=30), "faces", tmp_path / "data" / "new", side=28)
    assert tree(tmp_path) == before
    assert list(tmp_path.rglob(f"{TEMPORARY}*")) == []
    assert (tmp_path / "data" / "new").exists() == old
    folder = prepare(Faces(limit=30), "faces", tmp_path / "data" / "new", side=28)
    assert len(folder.samples()) == len(folder.images()) == 30


@pytest.mark.parametrize("fault", [full, stopped])
def test_a_fault_at_any_rename_or_flush_leaves_the_old_folder_or_the_whole_new_one(
    fault, tmp_path, monkeypatch
):
    target = tmp_path / "new"
    first = tree(prepare(Faces(limit=20, seed=1), "faces", target, side=28).path)
    second = tree(prepare(Faces(limit=30), "faces", tmp_path / "other", side=28).path)
    outcomes = []
    for owner, name in ((Path, "replace"), (os, "fsync")):
        real = getattr(owner, name)
        for nth in range(100):
            prepare(Faces(limit=20, seed=1), "faces", target, side=28)
            calls = iter(range(1000))

            def sometimes(*given, real=real, calls=calls, nth=nth):
                return fault() if next(calls) == nth else real(*given)

            with monkeypatch.context() as patch:
                patch.setattr(owner, name, sometimes)
                try:
                    prepare(Faces(limit=30), "faces", target, side=28)
                except (DataError, KeyboardInterrupt):
                    outcomes.append(tree(target))
                else:
                    break
        assert nth > 2
    assert all(outcome in (first, second) for outcome in outcomes)
    assert first in outcomes
    assert list(tmp_path.glob(f"{TEMPORARY}*")) == []


@pytest.mark.parametrize(("fault", "error"), [(stopped, KeyboardInterrupt), (broken, ValueError)])
def test_a_source_that_fails_half_way_leaves_nothing(fault, error, tmp_path, monkeypatch):
    root = tmp_path / "pictures"
    root.mkdir()
    for name, content in hostile.good_pictures(np.random.default_rng(0), 12).items():
        (root / name).write_bytes(content)
    monkeypatch.setattr(building, "CHUNK", 5)
    real = ImageFolder.read

    def once(self, start, stop, side):
        return fault() if start == 5 else real(self, start, stop, side)

    with monkeypatch.context() as patch:
        patch.setattr(ImageFolder, "read", once)
        with pytest.raises(error):
            prepare(ImageFolder(root), "image_folder", tmp_path / "data", side=28)
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]
    assert (
        len(prepare(ImageFolder(root), "image_folder", tmp_path / "data", side=28).images()) == 12
    )


def test_two_at_once_leave_one_whole_folder(tmp_path):
    """The first makes it; the other waits, and then sees that it was made from other settings."""
    several = [command(tmp_path, "--side", "28", "--limit", str(n)) for n in (200, 300)]
    for process in several:
        _, err = process.communicate(timeout=60)
        assert "Traceback" not in err
    assert sorted(process.returncode for process in several) == [0, 2]
    folder = artifacts.DataFolder.open(tmp_path / "data" / "new")
    assert folder.description["images"] == len(folder.images()) == len(folder.samples())
    assert len(folder.images()) in (200, 300)
    assert files.digest(folder.path / "refused.csv") == folder.description["digests"]["refused"]
    assert beside_the_lock(tmp_path / "data") == ["new"]
