"""A Ray cluster of two nodes on this machine; skipped where Ray is not installed."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from benchmarks.cluster import trial
from pipelines.ray_workers import carry_out
from pipelines.stopping import Request
from pipelines.workers import Task

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.cluster, pytest.mark.slow]

WORDS = """
import os, sys, time
mark = sys.argv[1] + ".tried"
if not os.path.exists(mark):
    open(mark, "w").close()
    time.sleep(float(sys.argv[2]))
open(sys.argv[1], "a").write("done")
sys.exit(int(sys.argv[3]))
"""


def test_no_row_is_lost_or_doubled_when_a_node_is_killed(finished):
    found = trial(finished.folder / "runs" / "small", 6, kill_after=1)
    assert found["same"]
    assert found["rows"] == 260


def test_runs_of_a_killed_node_are_begun_again(tmp_path, monkeypatch):
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path.cwd()), *sys.path[1:]]))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    nowhere = os.open(os.devnull, os.O_RDONLY)
    waiting = [
        Task(
            name,
            (sys.executable, "-c", WORDS, str(tmp_path / name), seconds, code),
            tmp_path / "logs" / f"{name}.log",
            nowhere,
        )
        for name, seconds, code in (
            ("a", "6", "0"), ("b", "6", "0"), ("c", "0", "0"), ("d", "0", "3"),
        )
    ]  # fmt: skip
    codes = {}

    def on_end(task, code):
        codes[task.name] = code

    def on_start(task, process):
        if task.name == "d":  # all are handed over; two are under way
            kill = threading.Timer(4, cluster.remove_node, (second,), {"allow_graceful": False})
            kill.start()

    try:
        carry_out(
            lambda: waiting.pop(0) if waiting else None,
            0,
            environment={**os.environ, "OMP_NUM_THREADS": "1"},
            stop=Request(),
            on_start=on_start,
            on_end=on_end,
            address=cluster.address,
            cores=1,
        )
    finally:
        ray.shutdown()
        cluster.shutdown()
        os.close(nowhere)
    assert codes == {"a": 0, "b": 0, "c": 0, "d": 3}
    assert all((tmp_path / name).read_text().startswith("done") for name in "abcd")
    assert (tmp_path / "logs" / "a.log").read_text().startswith("-----")
    assert -signal.SIGKILL not in codes.values()
