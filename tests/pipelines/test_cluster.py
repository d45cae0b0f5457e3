"""A Ray cluster of two nodes on this machine, one of which is killed in the middle of the work."""

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmarks import cluster
from latentlab.data.faces import Faces
from latentlab.data.prepared import prepare
from latentlab.distributed import Place
from latentlab.errors import DataError
from pipelines.ray_workers import carry_out
from pipelines.stopping import Request
from pipelines.workers import Task

pytestmark = pytest.mark.cluster

# Leaves a mark, and waits for the file `go` the first time: until then it cannot end.
WORDS = """
import os, sys, time
mark, go = sys.argv[1] + ".tried", os.path.join(os.path.dirname(sys.argv[1]), "go")
if not os.path.exists(mark):
    open(mark, "w").close()
    while sys.argv[2] == "wait" and not os.path.exists(go):
        time.sleep(0.05)
open(sys.argv[1], "a").write("done")
sys.exit(int(sys.argv[3]))
"""


def test_nothing_is_lost_or_doubled_when_a_node_is_killed(finished, tmp_path):
    """One test, since to start a cluster takes ten seconds."""
    data = prepare(Faces(limit=200), "faces", tmp_path / "data", side=28)
    with cluster.two_nodes() as nodes:
        found = cluster.prepare_trial(nodes, 200, 5, kill_after=1)
        assert found["same"] and found["rows"] == 200, found
        found = cluster.landmarks_trial(nodes, data.path, 5, kill_after=2, stand_in=True)
        assert found["same"] and found["rows"] == 200, found
        found = cluster.encode_trial(nodes, finished.folder / "runs" / "small", 5, kill_after=1)
        assert found["same"] and found["rows"] == 260, found
        found = cluster.intervene_trial(nodes, finished.folder / "runs" / "small", 3, kill_after=1)
        assert found["same"] and found["rows"] > 1024, found
        runs_of_a_killed_node_are_begun_again(nodes, tmp_path)
        with pytest.raises(DataError, match="cannot do 7"):
            Place("ray", address=nodes.address).each(refuse, [7])
    assert not nodes.place.exists()
    assert processes_that_name(nodes.place) == []


def runs_of_a_killed_node_are_begun_again(nodes, tmp_path):
    nodes.with_second()
    nowhere = os.open(os.devnull, os.O_RDONLY)
    waiting = [
        Task(
            name,
            (sys.executable, "-c", WORDS, str(tmp_path / name), how, code),
            tmp_path / "logs" / f"{name}.log",
            nowhere,
        )
        for name, how, code in (
            ("a", "wait", "0"), ("b", "wait", "0"), ("c", "end", "0"), ("d", "end", "3"),
        )
    ]  # fmt: skip
    codes = {}

    def on_end(task, code):
        codes[task.name] = code

    def kill_when_both_are_busy():
        end = time.monotonic() + 60
        while time.monotonic() < end and len(list(tmp_path.glob("*.tried"))) < 2:
            time.sleep(0.05)
        nodes.kill_second()
        (tmp_path / "go").touch()

    killing = threading.Thread(target=kill_when_both_are_busy)
    killing.start()
    try:
        carry_out(
            lambda: waiting.pop(0) if waiting else None,
            0,
            environment={**os.environ, "OMP_NUM_THREADS": "1"},
            stop=Request(),
            on_start=lambda task, process: None,
            on_end=on_end,
            address=nodes.address,
            cores=1,
        )
    finally:
        killing.join()
        os.close(nowhere)
    assert codes == {"a": 0, "b": 0, "c": 0, "d": 3}
    assert all((tmp_path / name).read_text().startswith("done") for name in "abcd")
    assert (tmp_path / "logs" / "a.log").read_text().startswith("-----")
    assert -signal.SIGKILL not in codes.values()


def refuse(part):
    raise DataError(f"cannot do {part}")


def processes_that_name(place):
    found = []
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            if str(place).encode() in words.read_bytes():
                found.append(words.read_bytes())
    return found
