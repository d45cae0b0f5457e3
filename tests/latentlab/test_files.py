"""A final name holds a whole file or what it held before."""

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
        with pytest.raises(DataError, match="another process"), files.sole_writer(tmp_path):
            pass
        holder.communicate("done\n", timeout=60)
    with files.sole_writer(tmp_path):
        assert (tmp_path / ".lock").exists()
