"""Parts of work done in processes: each done whatever dies, and what fails is told."""

import os
import signal
from pathlib import Path

import pytest

from latentlab.distributed import RETRIES, Place
from latentlab.errors import ConfigError, DataError


def write(part):
    folder, number = part
    Path(folder, f"{number}.txt").write_text(str(os.getpid()))


def die_once(part):
    """The first to come by each number is killed."""
    folder, number = part
    mark = Path(folder, f"{number}.tried")
    if number % 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    write(part)


def die(part):
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(part):
    raise DataError(f"cannot do {part[1]}")


def numbers(folder):
    return sorted(int(path.stem) for path in folder.glob("*.txt"))


@pytest.mark.parametrize("engine", ["here", "processes"])
def test_every_part_is_done_and_told_once(tmp_path, engine):
    done = []
    parts = [(str(tmp_path), number) for number in range(5)]
    Place(engine, workers=2).each(write, parts, done.append)
    assert sorted(done) == parts
    assert numbers(tmp_path) == [0, 1, 2, 3, 4]
    pids = {path.read_text() for path in tmp_path.glob("*.txt")}
    assert (str(os.getpid()) in pids) == (engine == "here")


def test_parts_of_a_killed_process_are_done_again(tmp_path):
    done = []
    parts = [(str(tmp_path), number) for number in range(4)]
    Place("processes", workers=2).each(die_once, parts, done.append)
    assert sorted(done) == parts
    assert numbers(tmp_path) == [0, 1, 2, 3]


def test_what_always_kills_its_process_is_told(tmp_path):
    with pytest.raises(DataError, match=f"killed or crashed {RETRIES + 1} times"):
        Place("processes", workers=1).each(die, [(str(tmp_path), 1)])


@pytest.mark.parametrize("engine", ["here", "processes"])
def test_an_error_of_the_work_is_raised_here(tmp_path, engine):
    with pytest.raises(DataError, match="cannot do 7"):
        Place(engine, workers=1).each(refuse, [(str(tmp_path), 7)])


def test_places_that_are_none():
    with pytest.raises(ConfigError, match="known are here, processes, ray"):
        Place("spark")
    with pytest.raises(ConfigError, match="give --engine ray"):
        Place("processes", address="auto")
