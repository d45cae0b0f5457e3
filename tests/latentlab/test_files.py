"""A final name holds a whole file or what it held before."""

import os
import subprocess
import sys

import pytest

from latentlab import files
from latentlab.errors import DataError


def leftovers(folder):
    return [path for path in folder.iterdir() if path.name.startswith(files.TEMPORARY)]


def test_a_failed_write_leaves_the_old_file_and_no_trace(tmp_path):
    path = tmp_path / "table"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.whole_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_a_failed_folder_leaves_the_old_folder_and_no_trace(tmp_path):
    path = tmp_path / "data"
    with files.whole_folder(path) as building:
        (building / "a").write_text("old")
    with pytest.raises(RuntimeError), files.whole_folder(path) as building:
        (building / "b").write_text("half")
        raise RuntimeError
    assert [file.name for file in path.iterdir()] == ["a"]
    assert leftovers(tmp_path) == []


def test_a_new_folder_replaces_the_old_one_whole(tmp_path):
    path = tmp_path / "data"
    for name in ("a", "b"):
        with files.whole_folder(path) as building:
            (building / name).write_text(name)
    assert [file.name for file in path.iterdir()] == ["b"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match=r"file.table cannot be written"):
        files.write_text(tmp_path / "file" / "table", "text")


def test_an_error_of_another_making_keeps_its_kind(tmp_path):
    with pytest.raises(FileNotFoundError), files.whole_file(tmp_path / "a"):
        (tmp_path / "missing").read_text()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_is_no_number(tmp_path, value):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "claims.json", {"auc": value})
    assert not (tmp_path / "claims.json").exists()


def test_digests_ignore_the_order_of_keys():
    assert files.digest_of({"a": 1, "b": [2]}) == files.digest_of({"b": [2], "a": 1})
    assert files.digest_of({"a": 1}) != files.digest_of({"a": 2})


HOLD = """
import sys, pathlib
from latentlab import files
with files.sole_writer(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_second_writer_is_refused_and_the_next_one_let_in(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        said = rf"another process \({holder.pid} on this machine, since \d\d:\d\d"
        with pytest.raises(DataError, match=said), files.sole_writer(tmp_path):
            pass
        holder.communicate("done\n", timeout=60)
    with files.sole_writer(tmp_path):
        assert (tmp_path / ".lock").exists()


def left_by(process, kind, name, token="0123abcd"):
    """The name of what this process left unfinished."""
    return f"{kind}{files.this_machine()}-{process}-{token}-{name}"


@pytest.fixture(scope="module")
def ended():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_writer_removes_what_killed_processes_left_anywhere_below(tmp_path, ended):
    tables = tmp_path / "tables"
    tables.mkdir()
    left = [
        tmp_path / left_by(ended, files.TEMPORARY, "config.yaml"),
        tables / left_by(ended, files.TEMPORARY, "a name-with\nall.parquet"),
        tables / left_by(os.getpid(), files.TEMPORARY, "of one who had our number"),
    ]
    kept = [
        tables / left_by(os.getppid(), files.TEMPORARY, "of one who runs"),
        tables / left_by(os.getpid(), files.TEMPORARY, "our own", files._TOKEN),
        tables / f"{files.TEMPORARY}of-somebody-else",
        tables / "probes.parquet",
    ]
    for path in (*left, *kept):
        path.write_text("half")
    (tables / left_by(ended, files.TEMPORARY, "folder")).mkdir()
    with files.sole_writer(tmp_path):
        assert sorted(tables.iterdir()) == sorted(kept)
        assert not left[0].exists()


def test_the_next_write_removes_what_a_killed_one_left_of_the_same_file_alone(tmp_path, ended):
    same, other = (tmp_path / left_by(ended, files.TEMPORARY, name) for name in ("a", "b-a"))
    same.write_text("half")
    other.write_text("half")
    files.write_text(tmp_path / "a", "whole")
    assert not same.exists() and other.exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_killed_between_its_two_renamings_is_brought_back(tmp_path, ended, there):
    retired = tmp_path / left_by(ended, files.RETIRED, "model")
    retired.mkdir()
    (retired / "weights").write_text("old")
    if there:
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "weights").write_text("new")
    files.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "weights").read_text() == ("new" if there else "old")


def test_half_of_a_folder_called_old_is_not_taken_for_the_whole_one_without(tmp_path, ended):
    half = tmp_path / left_by(ended, files.TEMPORARY, "old-faces")
    half.mkdir()
    with files.whole_folder(tmp_path / "faces") as building:
        (building / "a").write_text("new")
    assert [path.name for path in (tmp_path / "faces").iterdir()] == ["a"]
    assert half.exists()  # whoever writes old-faces next removes it


def test_work_for_which_there_is_no_room_is_refused_before_it_begins(tmp_path):
    files.require_space(tmp_path / "not" / "there" / "yet", 1, "the images")
    with pytest.raises(DataError, match=r"the images need about 1,000,000\.0 GB, and .* are free"):
        files.require_space(tmp_path / "new", 10**15, "the images")
    assert list(tmp_path.iterdir()) == []
