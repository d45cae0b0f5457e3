"""Nothing is lost and nothing gets in, tried a few times each; in full with `-m faults`, whose
counts `python -m benchmarks.faults` writes down."""

import os
import pickle
import shutil
import signal
from dataclasses import fields

import pytest

from benchmarks import faults
from latentlab import files
from pipelines import cli
from tests.faults.commands import Where, others, stages
from tests.faults.crafted import ATTACKS, Trap
from tests.faults.experiments import EXPERIMENTS
from tests.faults.harness import (
    RUN,
    contents,
    differences,
    half_written,
    unfinished,
)
from tests.faults.places import KINDS
from tests.faults.processes import left_behind
from tests.faults.room import can_mount, least

FEW = [name for name, entry in EXPERIMENTS.items() if entry.few]


def tried(name, warm, world, place, n, seed):
    entry = EXPERIMENTS[name]
    if entry.mounts and not can_mount():
        pytest.skip("needs the right to mount a disk in memory")
    if entry.program and shutil.which(entry.program) is None:
        pytest.skip(f"needs the program {entry.program}")
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
    assert left_behind(warm, 0.1) != []  # and they are killed
    assert warm.end(running, seconds=10).code == -signal.SIGKILL
    assert left_behind(warm, 1) == []


def test_every_command_is_tried_in_every_kind_of_place(tmp_path):
    at = Where(*[tmp_path] * len(fields(Where)))
    groups = {id(cli.app): "", id(cli.sweeps): "sweep ", id(cli.prepared): "data "}
    groups[id(cli.settings)] = "config "
    commands = {f"{groups[id(group)]}{command.__name__}" for group, command, _ in cli.COMMANDS}
    assert {name for name, _ in (*stages(at), *others(at))} == commands
    assert len(KINDS) >= 15


@pytest.mark.parametrize("needed", [0, 1, 2, 3, 17, 64, 100])
def test_the_least_that_is_enough_is_found_in_few_tries(needed):
    tries = []
    found = least(lambda units: tries.append(units) or units >= needed)
    assert found == needed
    assert len(tries) <= 15


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
