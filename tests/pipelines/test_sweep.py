"""A sweep does every run once, whatever fails, is killed, or works beside it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from latentlab import config as configs
from latentlab import files, overrides
from latentlab.errors import CheckFailedError, ConfigError, StoppedError
from latentlab.sweeps import Attempt, SweepFolder, plan, runs_of
from pipelines.cli import main
from pipelines.sweep_plan import asked_for, enter
from pipelines.sweep_work import do_runs

from .conftest import SMALL, Done

ROOT = Path(__file__).parents[2]

# Stands for `latentlab run RUN`: notes that it worked, does what the test has put beside the sweep,
# and ends with a report.
RUN = """
import os, pathlib, signal, sys, time
run = pathlib.Path(sys.argv[1])
run.mkdir(parents=True, exist_ok=True)
with (run / "worked").open("a") as file:
    file.write(os.environ["OMP_NUM_THREADS"] + chr(10))
def safe_point(number, frame):
    (run / "saved").touch()
    sys.exit(130 if number == signal.SIGINT else 75)
signal.signal(signal.SIGINT, safe_point)
signal.signal(signal.SIGTERM, safe_point)
todo = run.parents[1] / "todo.py"
exec(todo.read_text() if todo.exists() else "")
(run / "report.html").touch()
"""

# Stands for `latentlab sweep`: what it does once the runs are planned.
SWEEP = f"""
import pathlib, sys
from latentlab.errors import LatentlabError
from latentlab.sweeps import SweepFolder
from pipelines.sweep_work import do_runs
sweep = SweepFolder(pathlib.Path(sys.argv[1]))
names = [run.name for run in sweep.planned()]
try:
    do_runs(sweep, names, 2, 1, lambda run: (sys.executable, "-c", {RUN!r}, str(run)))
except LatentlabError as error:
    sys.exit(error.exit_code)
"""


def begun(folder, *betas, todo=""):
    """A sweep folder with planned runs; `todo` is what every run does, with `run` its folder."""
    sweep = SweepFolder(folder / "sweep")
    sweep.write_plan(plan({"objective.beta": betas}, [0]))
    (sweep.path / "todo.py").write_text(todo)
    return sweep


def work(sweep, workers=2, threads=1):
    names = [run.name for run in sweep.planned()]
    do_runs(sweep, names, workers, threads, lambda run: (sys.executable, "-c", RUN, str(run)))


def started(sweep):
    return subprocess.Popen([sys.executable, "-c", SWEEP, sweep.path], cwd=ROOT)


def times_worked(sweep):
    worked = {run.name: sweep.run_path(run.name) / "worked" for run in sweep.planned()}
    return [len(path.read_text().split()) if path.exists() else 0 for path in worked.values()]


def wait_for(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"{what} within a minute"
        time.sleep(0.05)


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


SECOND_FAILS = "if 'beta_2' in run.name: print('latentlab: no luck', file=sys.stderr); sys.exit(3)"


def test_one_failure_stops_nothing_and_is_tried_again(tmp_path, capsys):
    sweep = begun(tmp_path, 1, 2, 4, todo=SECOND_FAILS)
    with pytest.raises(CheckFailedError, match="1 of 3 runs failed") as caught:
        work(sweep, threads=3)
    assert caught.value.exit_code == 4
    assert list(sweep.states().values()) == ["done", "failed", "done"]
    assert sweep.attempt("beta_2_seed_0").reason == "exit code 3: no luck"
    assert "beta_2_seed_0 failed: exit code 3: no luck" in capsys.readouterr().err
    assert (sweep.run_path("beta_1_seed_0") / "worked").read_text() == "3\n"

    (sweep.path / "todo.py").write_text("")
    work(sweep)
    assert set(sweep.states().values()) == {"done"}
    assert times_worked(sweep) == [1, 2, 1]
    work(sweep)
    assert times_worked(sweep) == [1, 2, 1]


def test_two_processes_do_every_run_once(tmp_path):
    sweep = begun(tmp_path, *range(8), todo="time.sleep(0.3)")
    both = [started(sweep), started(sweep)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert times_worked(sweep) == [1] * 8
    assert set(sweep.states().values()) == {"done"}
    makers = {json.loads(path.read_text())["process"] for path in sweep.path.glob("states/*.json")}
    assert len(makers) == 8


def test_a_killed_run_is_told_and_done_again(tmp_path):
    sweep = begun(tmp_path, 1, 2, todo="os.kill(os.getpid(), 9) if 'beta_1' in run.name else 0")
    with pytest.raises(CheckFailedError):
        work(sweep)
    assert sweep.attempt("beta_1_seed_0").reason == "killed by SIGKILL"
    assert list(sweep.states().values()) == ["failed", "done"]
    (sweep.path / "todo.py").write_text("")
    work(sweep)
    assert set(sweep.states().values()) == {"done"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_asked_to_stop_it_lets_its_runs_save_their_state(tmp_path, number, code):
    sweep = begun(tmp_path, 1, 2, 4, todo="time.sleep(60)")
    process = started(sweep)
    wait_for(lambda: times_worked(sweep) == [1, 1, 0], "two runs start")
    runs = [sweep.attempt(f"beta_{beta}_seed_0").process for beta in (1, 2)]
    time.sleep(0.2)  # until they listen to signals
    process.send_signal(number)
    assert process.wait(30) == code
    assert not any(map(alive, runs))
    assert list(sweep.states().values()) == ["interrupted", "interrupted", "waiting"]
    assert (sweep.run_path("beta_1_seed_0") / "saved").exists()


def test_a_killed_sweep_leaves_no_process_behind(tmp_path):
    sweep = begun(tmp_path, 1, 2, todo="time.sleep(60)")
    process = started(sweep)
    wait_for(lambda: times_worked(sweep) == [1, 1], "two runs start")
    runs = [sweep.attempt(f"beta_{beta}_seed_0").process for beta in (1, 2)]
    assert set(sweep.states().values()) == {"running"}
    process.kill()
    process.wait()
    wait_for(lambda: not any(map(alive, runs)), "its runs end")
    assert set(sweep.states().values()) == {"interrupted"}
    (sweep.path / "todo.py").write_text("")
    work(sweep)
    assert times_worked(sweep) == [2, 2]


def test_a_run_that_was_stopped_alone_is_no_failure(tmp_path):
    sweep = begun(tmp_path, 1, 2, todo="sys.exit(75) if 'beta_1' in run.name else 0")
    with pytest.raises(StoppedError, match="1 of 2 runs were stopped"):
        work(sweep)
    assert list(sweep.states().values()) == ["interrupted", "done"]


# --- what is asked for -----------------------------------------------------------------------


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = {
        "name": "small",
        "seed": 5,
        "train": {"epochs": 2},
        "sweep": {
            "set": {"objective.beta": [1, 4]},
            "seeds": 2,
            "variants": {
                "small": {"model": {"latents": 4}},
                "large": {"model": {"latents": 8}, "data": {"folder": "data/other"}},
            },
        },
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    (tmp_path / "plain.yaml").write_text("name: plain\nmodel: {latents: 4}\n")
    return path


def test_a_config_can_hold_the_sweep(config):
    asked = asked_for(config)
    assert list(asked.configs) == [
        f"{variant}_beta_{beta}_seed_{seed}"
        for variant in ("small", "large")
        for beta in (1, 4)
        for seed in (5, 6)
    ]
    one = asked.configs["large_beta_4_seed_6"]
    assert (one.seed, one.model.settings["latents"], one.train.epochs) == (6, 8, 2)
    assert one.objective.settings["beta"] == 4
    assert one.data.folder == Path("data/other")
    assert asked.sweep.path == Path("runs/small")


def test_options_replace_what_the_config_says(config):
    words = (
        "objective.beta=16",  # of a setting that the config varies
        "train.epochs=3",  # of one that it does not
        "train.batch_size=8,16",
        "sweep.variants.large.model.latents=12",
    )
    asked = asked_for(config, words, seeds=1, only=("large",))
    assert list(asked.configs) == [
        "large_beta_16_batch_size_8_seed_5",
        "large_beta_16_batch_size_16_seed_5",
    ]
    one = asked.configs["large_beta_16_batch_size_16_seed_5"]
    assert (one.train.epochs, one.train.batch_size) == (3, 16)
    assert one.model.settings["latents"] == 12


@pytest.mark.parametrize(
    ("words", "only", "part"),
    [
        (("objective.bta=1,2",), (), "did you mean `objective.beta`"),
        (("objective.beta=",), (), "key=value"),
        (("objective.beta=1,-1",), (), "greater than or equal to 0"),
        (("train.epochs=2,2",), (), "two runs of the sweep would be called"),
        (("sweep.seds=1",), (), "did you mean `sweep.seeds`"),
        (("sweep.seeds=0",), (), "sweep.seeds"),
        (("sweep.variants.small.seed=1",), (), "cannot set seed"),
        (("seed=a",), (), "whole number"),
        ((), ("smal",), "did you mean `small`"),
    ],
)
def test_a_wrong_sweep_is_refused_before_anything_is_done(config, words, only, part):
    with pytest.raises(ConfigError, match=part):
        asked_for(config, words, only=only)
    assert not Path("runs").exists()


def test_later_calls_add_runs_but_do_not_change_the_others(config):
    plain = config.parent / "plain.yaml"
    enter(asked_for(plain, ("objective.beta=1,2",)))
    enter(asked_for(plain, ("objective.beta=8",)))  # one more value
    enter(asked_for(plain, ("objective.beta=1,2",)))
    folder = Path("runs/plain")
    names = ["beta_1_seed_0", "beta_2_seed_0", "beta_8_seed_0"]
    assert [path.name for path in runs_of(folder)] == names
    assert [configs.load_saved(path / "config.yaml").name for path in runs_of(folder)] == [
        f"plain {name}" for name in names
    ]
    # Where it is computed may differ, what is computed may not.
    enter(asked_for(plain, ("objective.beta=1,2", "landmarks.workers=2", "train.device=cpu")))
    for words in (
        ("objective.beta=1,2", "train.epochs=3"),
        ("objective.beta=32", "train.epochs=3"),
    ):
        with pytest.raises(ConfigError, match=r"train\.epochs 12, and now 3 is asked for"):
            enter(asked_for(plain, words))
    assert len(runs_of(folder)) == 3


def test_other_folders_are_left_alone(config):
    folder = Path("runs/small")
    folder.mkdir(parents=True)
    (folder / "thesis.txt").touch()
    with pytest.raises(ConfigError, match="not a sweep folder"):
        enter(asked_for(config))
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_the_sweep_of_the_house_is_five_betas_with_three_seeds_twice(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    asked = asked_for(ROOT / "configs" / "beta_sweep.yaml")
    assert len(asked.configs) == 30
    for variant in ("faces", "dsprites"):
        of = [one for name, one in asked.configs.items() if name.startswith(variant)]
        assert {one.source.name for one in of} == {variant}
        assert len({one.data.folder for one in of}) == 1
        assert len({(one.objective.settings["beta"], one.seed) for one in of}) == 15


# --- the command -----------------------------------------------------------------------------


def said(capsys, *words):
    """The exit code, the output and the messages of a command that starts no process."""
    code = 0
    try:
        main(list(map(str, words)))
    except SystemExit as ended:
        code = ended.code or 0
    return Done(code, *capsys.readouterr())


def test_the_command_from_a_config_to_reports(terminal, monkeypatch, capsys):
    monkeypatch.chdir(terminal.folder)
    content = {"name": "small", "data": {"folder": "data/small"}}
    for setting in (
        *SMALL,
        "train.epochs=1",
        "landmarks.enabled=false",
        "intervene.enabled=false",
        "probe.controls=false",
        "probe.nonlinear=false",
    ):
        key, (value, *_) = overrides.values_of(setting)
        content = overrides.with_value(content, key, value)
    rates = [0.003, 1e30]  # the second diverges
    content["sweep"] = {"set": {"train.learning_rate": rates}}
    Path("small.yaml").write_text(yaml.safe_dump(content))

    refused = said(capsys, "run", "small.yaml")
    assert refused.code == 2 and "latentlab sweep small.yaml" in refused.err
    names = ["learning_rate_0.003_seed_0", "learning_rate_1e+30_seed_0"]
    listed = said(capsys, "sweep", "small.yaml", "--dry-run", "--json").json
    assert listed["runs"] == [{"run": name, "state": "waiting"} for name in names]
    assert not Path("runs").exists()

    done = said(capsys, "sweep", "small.yaml", "--workers", 2, "--json")
    assert done.code == 4, done.err
    assert done.json["counts"] == {"done": 1, "failed": 1}
    assert "training has diverged" in done.json["failed"][names[1]]
    assert "training has diverged" in done.err
    run = Path("runs/small/runs") / names[0]
    assert (run / "report.html").stat().st_size > 10_000

    shown = said(capsys, "sweep", "status", "runs/small", "--json").json
    assert [row["state"] for row in shown["runs"]] == ["done", "failed"]
    assert shown["runs"][0]["seconds"] > 0
    told = said(capsys, "status", "runs/small")
    assert "2 runs: 1 done, 1 failed" in told.out and "diverged" in told.out

    # A run of a sweep is a run: its owner can go on with it by hand.
    again = said(capsys, "run", run)
    assert again.code == 0, again.err
    assert "train:" not in again.err


def test_mistakes_get_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    missing = said(capsys, "sweep", "nowhere.yaml")
    assert missing.code == 2 and "nowhere.yaml does not exist" in missing.err
    assert said(capsys, "sweep", "nowhere.yaml", "--seeds", 0).code == 2
    status = said(capsys, "sweep", "status", "runs/none")
    assert status.code == 3 and "latentlab sweep CONFIG" in status.err


def test_a_run_that_is_going_on_says_how_far_it_is(tmp_path, config, capsys):
    asked = asked_for(config, seeds=1, only=("small",))
    enter(asked)
    name = "small_beta_1_seed_5"
    held = files.claim(asked.sweep.claim_path(name))
    since = "2026-01-01T12:00:00+00:00"
    asked.sweep.write_attempt(name, Attempt("running", "node-3", 77, since))
    rows = said(capsys, "sweep", "status", "runs/small", "--json").json["runs"]
    os.close(held)
    assert rows[0] == {
        "run": name,
        "state": "running",
        "stage": "train",
        "epoch": 0,
        "epochs": 2,
        "host": "node-3",
        "process": 77,
        "since": since,
        "seconds": None,
        "reason": None,
    }
    assert rows[1]["state"] == "waiting" and rows[1]["host"] is None
    assert "interrupted  in train, epoch 0 of 2" in said(capsys, "status", "runs/small").out


def test_runs_of_several_seeds_share_a_judge(finished):
    from pipelines.judges import trained_judge
    from pipelines.stages import open_workspace

    run = finished.folder / "runs" / "small"
    judges = finished.folder / "data" / "small" / "judges"
    before = sorted(path.name for path in judges.iterdir() if path.is_dir())

    def never(*given, **settings):
        raise AssertionError("trained again")

    for seed in (0, 7):
        work = open_workspace(run, (f"seed={seed}",))
        judge = trained_judge(work, work.data.targets(), "pixels", never)
        assert judge.name == "pixels"
    other = open_workspace(run, ("intervene.judge_seed=1",))
    with pytest.raises(AssertionError, match="trained again"):
        trained_judge(other, other.data.targets(), "pixels", never)
    assert sorted(path.name for path in judges.iterdir() if path.is_dir()) == before
