"""Nothing is lost and nothing gets in, tried a few times each; in full with `-m faults`, whose
counts `python -m benchmarks.faults` writes down."""

import os
import pickle
import signal
import time

import pytest

from benchmarks import faults
from latentlab import files
from tests.faults.crafted import ATTACKS, Trap
from tests.faults.experiments import EXPERIMENTS
from tests.faults.harness import (
    RUN,
    contents,
    differences,
    half_written,
    left_running,
    unfinished,
)
from tests.faults.room import can_mount

FEW = [name for name, entry in EXPERIMENTS.items() if entry.few]


def tried(name, warm, world, place, n, seed):
    entry = EXPERIMENTS[name]
    if entry.mounts and not can_mount():
        pytest.skip("needs the right to mount a disk in memory")
    count = entry.run(warm, world, place, n, seed)
    assert count.tried > 0
    assert count.failures == []


@pytest.mark.parametrize("name", FEW)
def test_a_promise_is_kept(name, warm, world, tmp_path):
    tried(name, warm, world, tmp_path, EXPERIMENTS[name].few, seed=0)


@pytest.mark.faults
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_promise_is_kept_every_time(name, warm, world, tmp_path):
    tried(name, warm, world, tmp_path, EXPERIMENTS[name].many, seed=1)


def test_the_page_tells_the_results_as_they_are():
    page = faults.PAGE.read_text(encoding="utf-8")
    _, _, rest = page.partition(faults.BEGIN)
    told, end, _ = rest.partition(faults.END)
    results = files.read_json(faults.RESULTS)
    assert end and told == faults.table(results)
    known = {faults.result_name(name) for name in EXPERIMENTS}
    assert {one["name"] for one in results} <= known


def test_an_unbroken_world_is_whole_and_a_copy_is_no_other(world, tmp_path):
    assert half_written(world.after) == []
    assert unfinished(world.after) == []
    assert len(contents(world.after)) > 25
    copy = world.copy(world.after, tmp_path / "copy")
    assert differences(copy, world.after) == []


@pytest.mark.parametrize(
    "name", [f"{RUN}/latents.parquet", f"{RUN}/model/model.safetensors", "data/tiny/images.npy"]
)
def test_the_harness_sees_what_is_not_whole(world, tmp_path, name):
    copy = world.copy(world.after, tmp_path / "copy")
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1])
    assert [problem.partition(":")[0] for problem in half_written(copy)] == [name]
    assert differences(copy, world.after) == [name]


def test_the_harness_sees_processes_that_were_left(warm, world, tmp_path):
    copy = world.copy(world.before["train"], tmp_path / "copy")
    words = ("train", RUN, "--config", "tiny.yaml", "--set", "train.epochs=10000")
    running = warm.start(words, copy)
    deadline = time.monotonic() + 30
    while not left_running(running.process) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left_running(running.process)
    done = warm.end(running, seconds=0)  # it is killed
    assert done.code is None
    assert left_running(running.process) == []


def test_a_trap_springs_where_it_is_unpickled(tmp_path):
    """Or the attacks would prove nothing."""
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()
    assert len(ATTACKS) >= 30


def test_a_killed_command_says_by_what(warm, world, tmp_path):
    copy = world.copy(world.before["probe"], tmp_path / "copy")
    running = warm.start(("probe", RUN), copy)
    os.kill(running.process, signal.SIGKILL)
    assert warm.end(running).code == -signal.SIGKILL
