"""Which runs a grid makes, what they are called, and which one is next."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentlab import files, overrides
from latentlab.errors import ConfigError, MissingArtifactError
from latentlab.sweeps import (
    Attempt,
    PlannedRun,
    SweepFolder,
    is_sweep,
    next_run,
    plan,
    runs_of,
    state_of,
)

ATTEMPT = Attempt("running", "here", 1, "2026-01-01T00:00:00+00:00")


def test_every_value_meets_every_other_and_every_seed():
    runs = plan({"objective.beta": [1, 4.0], "model.widths": [[8, 16]]}, [3, 4], ["a", "b"])
    assert [run.name for run in runs[:4]] == [
        "a_beta_1_widths_8-16_seed_3",
        "a_beta_1_widths_8-16_seed_4",
        "a_beta_4_widths_8-16_seed_3",
        "a_beta_4_widths_8-16_seed_4",
    ]
    assert len(runs) == 8
    assert runs[2] == PlannedRun(
        runs[2].name, "a", {"objective.beta": 4.0, "model.widths": [8, 16]}, 3
    )


def test_settings_that_end_alike_are_told_apart():
    (run,) = plan({"objective.name": ["dip_vae"], "model.name": ["vae"]}, [0])
    assert run.name == "objective_name_dip_vae_model_name_vae_seed_0"


@given(st.lists(st.one_of(st.text(), st.floats(), st.booleans(), st.none()), min_size=1))
def test_names_are_safe_and_unique_or_refused(values):
    try:
        runs = plan({"source.root": values}, [0])
    except ConfigError as error:
        assert "would be called" in str(error)
        return
    names = {run.name.casefold() for run in runs}
    assert len(names) == len(values)
    allowed = set(string.ascii_letters + string.digits + ".+_-")
    assert all(set(run.name) <= allowed and run.name[0] not in ".-" for run in runs)
    assert all(len(run.name) < 100 for run in runs)


@pytest.mark.parametrize(
    ("settings", "seeds", "part"),
    [
        ({"objective.beta": []}, [0], "objective.beta has no values"),
        ({"seed": [1, 2]}, [0], "--seeds"),
        ({"name": ["a", "b"]}, [0], "given by the sweep"),
        ({"objective.beta": [1, 1.0]}, [0], "objective.beta=1 and objective.beta=1.0"),
        ({"objective.beta": [1, "1"]}, [0], "two runs"),
        ({"source.root": ["a/b", "a b"]}, [0], "two runs"),
        ({"source.root": ["A", "a"]}, [0], "two runs"),
        ({"objective.beta": [1]}, [], "at least one seed"),
    ],
)
def test_what_makes_no_sweep_is_refused(settings, seeds, part):
    with pytest.raises(ConfigError, match=part):
        plan(settings, seeds)


def test_a_run_is_what_its_lock_and_its_last_attempt_say():
    def now(state=None, claimed=False, finished=False):
        attempt = Attempt(state, "here", 1, ATTEMPT.since) if state else None
        return state_of(attempt, claimed=claimed, finished=finished)

    assert now() == "waiting"
    assert now(claimed=True) == "running"
    assert now("failed", claimed=True) == "running"
    assert now("running") == "interrupted"  # the process was killed
    assert now("failed") == "failed"
    assert now("done", finished=True) == "done"
    assert now("done") == "waiting"  # its report was taken away


def test_the_next_run_is_the_first_that_nobody_has():
    states = {"a": "done", "b": "running", "c": "failed", "d": "interrupted", "e": "waiting"}
    assert next_run(states) == "c"
    assert next_run(states, tried={"c"}) == "d"
    assert next_run(states, tried={"c", "d"}) == "e"
    assert next_run(states, tried={"c", "d", "e"}) is None


def test_a_sweep_folder_gives_its_runs_in_order(tmp_path):
    runs = plan({"objective.beta": [16, 2]}, [0, 1])
    assert not is_sweep(tmp_path)
    with pytest.raises(MissingArtifactError, match="latentlab sweep CONFIG --out"):
        runs_of(tmp_path)
    sweep = SweepFolder(tmp_path)
    assert sweep.planned() == ()
    sweep.write_plan(runs)
    assert is_sweep(tmp_path)
    assert sweep.planned() == runs
    assert runs_of(tmp_path) == [tmp_path / "runs" / run.name for run in runs]
    assert set(sweep.states().values()) == {"waiting"}
    sweep.write_attempt(runs[1].name, ATTEMPT)
    assert sweep.attempt(runs[1].name) == ATTEMPT
    assert sweep.states()[runs[1].name] == "interrupted"


def test_a_claim_is_had_by_one_and_seen_by_all(tmp_path):
    import os

    path = tmp_path / "states" / "a.lock"
    assert not files.claimed(path)
    held = files.claim(path)
    assert held is not None and files.claimed(path)
    assert files.claim(path) is None
    os.close(held)
    assert not files.claimed(path)
    again = files.claim(path)
    assert again is not None
    os.close(again)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a.b=1,2.5,x", (1, 2.5, "x")),
        ("a.b=[8,16]", ([8, 16],)),
        ("a.b=[8,16],[16, 32]", ([8, 16], [16, 32])),
        ("a.b='x,y',null", ("x,y", None)),
        ("a.b=../shared/data", ("../shared/data",)),
    ],
)
def test_values_are_parted_by_commas(text, values):
    assert overrides.values_of(text) == ("a.b", values)


@pytest.mark.parametrize("text", ["a.b=", "a.b", "=1", "a.b=1,,2", "a.b=[1"])
def test_no_values_are_refused(text):
    with pytest.raises(ConfigError, match="key=value"):
        overrides.values_of(text)


def test_a_variant_that_names_another_component_drops_the_settings_of_the_old_one():
    content = {"source": {"name": "faces", "limit": 9}, "train": {"epochs": 2, "batch_size": 4}}
    variant = {"source": {"root": "x", "name": "dsprites"}, "train": {"epochs": 3}}
    assert overrides.with_values(content, variant) == {
        "source": {"name": "dsprites", "root": "x"},
        "train": {"epochs": 3, "batch_size": 4},
    }
    assert content["train"]["epochs"] == 2
