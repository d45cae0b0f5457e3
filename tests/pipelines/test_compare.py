"""`latentlab compare` on two small runs: its page, its tables, and what it refuses."""

import json
import shutil
from types import SimpleNamespace

import pandas as pd
import pytest

from latentlab import files
from latentlab.comparison.agreement import AGREEMENT_COLUMNS
from latentlab.comparison.choice import CHOICE_COLUMNS
from latentlab.comparison.matching import MATCH_COLUMNS
from latentlab.comparison.summary import DIFFERENCE_COLUMNS, SUMMARY_COLUMNS
from latentlab.comparison.survival import SURVIVAL_COLUMNS
from latentlab.errors import ConfigError
from latentlab.sweeps import Attempt, PlannedRun, SweepFolder
from pipelines import compared_faces
from pipelines.compare import MOST_FACES, _faces
from pipelines.compared import asked_for
from tests.pipelines.conftest import Terminal

TABLES = {
    "comparison": SUMMARY_COLUMNS,
    "differences": DIFFERENCE_COLUMNS,
    "choices": CHOICE_COLUMNS,
    "matches": MATCH_COLUMNS,
    "survival": SURVIVAL_COLUMNS,
    "agreement": AGREEMENT_COLUMNS,
}


@pytest.fixture(scope="module")
def two(finished, tmp_path_factory):
    """A terminal in a folder with `runs/small` and `runs/other`, which has another beta."""
    folder = tmp_path_factory.mktemp("two")
    for name in ("data", "runs"):
        shutil.copytree(finished.folder / name, folder / name)
    terminal = Terminal(folder)
    done = terminal(
        *terminal.small("landmarks.enabled=false", "objective.beta=2", run="runs/other")
    )
    assert done.code == 0, done.err
    for name in ("small", "other"):  # so little training moves nothing: plant what is shown
        path = folder / "runs" / name / "tables" / "verdicts.parquet"
        table = pd.read_parquet(path)
        smiling = table["target"] == "Smiling"
        words = {"verdict": "entangled", "latents": "mu_000", "direction": "mu_000"}
        for column, value in {**words, "effect": -0.3, "selectivity": 0.6}.items():
            table.loc[smiling, column] = value
        table.to_parquet(path)
    return terminal


@pytest.fixture(scope="module")
def compared(two):
    done = two("compare", "runs/small", "runs/other", "--out", "out", "--json")
    assert done.code == 0, done.err
    return done.json


def test_the_page_the_claims_and_the_tables_are_there(two, compared):
    out = two.folder / "out"
    for name, columns in TABLES.items():
        table = pd.read_parquet(out / "tables" / f"{name}.parquet")
        assert [one for one in table.columns if one in columns] == list(columns)
        assert len(table)
    comparison = pd.read_parquet(out / "tables" / "comparison.parquet")
    assert sorted(comparison["objective.beta"].unique()) == [0.1, 2.0]
    assert comparison["reason"].str.contains("one run: no interval").any()
    page = (out / "comparison.html").read_text()
    assert "groups of one seed only" in page
    assert "Smiling: beta 0.1, with control .60" in page and "data:image/webp" in page
    survival = pd.read_parquet(out / "tables" / "survival.parquet")
    changes = survival[survival["question"] == "matched_change"].set_index("group")["value"]
    assert changes.notna().sum() == 1  # of the two runs; a group of one has no pair
    claims = json.loads((out / "claims.json").read_text())
    kl = comparison[comparison["number"] == "kl"]["mean"].tolist()
    means = claims["sections"]["numbers"]["charts"]["number-kl"]["means"]
    assert [one["y"] for one in means] == kl
    assert list(compared["groups"]) == ["beta 0.1", "beta 2"]
    assert {row["target"] for row in compared["answers"]} >= {"Smiling", "smile"}


def test_the_target_that_the_page_speaks_of_has_its_faces_on_it(monkeypatch):
    names = [f"Other_{index}" for index in range(MOST_FACES)] + ["Smiling"]
    choices = pd.DataFrame({"target": names, "group": "beta 1", "answer": "tie"})
    choices["control"] = [0.9] * MOST_FACES + [0.1]
    shown = SimpleNamespace  # stands in for what is drawn
    monkeypatch.setattr(compared_faces, "faces", lambda target, *rest: shown(target=target))
    made = [one.target for one in _faces((), choices, None, [], {}, {})]
    assert len(made) == MOST_FACES and made[:2] == ["Smiling", "Other_0"]


def test_no_folder_of_the_user_is_on_the_page(two, compared):
    for name in ("comparison.html", "claims.json"):
        assert str(two.folder) not in (two.folder / "out" / name).read_text()


def test_a_page_without_faces_has_no_picture_and_the_same_numbers(two, compared):
    done = two("compare", "runs/small", "runs/other", "--out", "bare", "--no-faces", "--json")
    assert done.code == 0, done.err
    page = (two.folder / "bare" / "comparison.html").read_text()
    assert ";base64," not in page and "Pictures were left out of this page on request" in page
    said, whole = (
        json.loads((two.folder / name / "claims.json").read_text())["sections"]
        for name in ("bare", "out")
    )
    assert "faces" in whole and "faces" not in said
    assert said == {key: value for key, value in whole.items() if key != "faces"}


def test_the_same_runs_give_the_same_page(two, compared):
    assert two("compare", "runs/small", "runs/other", "--out", "again").code == 0
    for name in ("comparison.html", "claims.json", "tables/survival.parquet"):
        assert files.digest(two.folder / "out" / name) == files.digest(two.folder / "again" / name)


def test_an_unfinished_run_and_a_stale_one_are_left_out_by_name(two, compared):
    runs = two.folder / "runs"
    shutil.copytree(runs / "other", runs / "half")
    (runs / "half" / "tables" / "probes.parquet").unlink()
    shutil.copytree(runs / "other", runs / "stale")
    shutil.copy(runs / "small" / "latents.parquet", runs / "stale" / "latents.parquet")
    words = ["compare", *(f"runs/{name}" for name in ("small", "other", "half", "stale", "none"))]
    done = two(*words, "--out", "some", "--json")
    assert done.code == 0, done.err
    left = done.json["left_out"]
    assert "no probes.parquet" in left["half"]
    assert "latents.parquet is newer" in left["stale"]
    assert "does not exist" in left["none"]
    alone = two("compare", "runs/small", "runs/half")
    assert alone.code == 3 and "only small is" in alone.err and "half" in alone.err


def test_a_run_of_other_data_is_refused_by_name(two, compared):
    other = two.folder / "runs" / "elsewhere"
    shutil.copytree(two.folder / "runs" / "other", other)
    provenance = files.read_json(other / "provenance.json")
    provenance["stages"]["encode"]["inputs"]["data"] = "another digest"
    files.write_json(other / "provenance.json", provenance)
    done = two("compare", "runs/small", "runs/elsewhere")
    assert done.code == 3 and "elsewhere was made from other data than small" in done.err
    assert "Traceback" not in done.err


def test_a_run_without_verdicts_is_compared_and_says_so(two, compared):
    bare = two.folder / "runs" / "bare"
    shutil.copytree(two.folder / "runs" / "other", bare)
    (bare / "tables" / "verdicts.parquet").unlink()
    assert two("compare", "runs/small", "runs/bare", "--out", "unjudged").code == 0
    table = pd.read_parquet(two.folder / "unjudged" / "tables" / "comparison.parquet")
    rows = table[(table["number"] == "control") & (table["group"] == "beta 2")]
    assert rows["mean"].isna().all() and rows["reason"].str.contains("no table of verdicts").all()
    assert "1 run without verdicts" in (two.folder / "unjudged" / "comparison.html").read_text()


def test_a_sweep_folder_is_compared_where_it_is(two, compared):
    sweep = SweepFolder(two.folder / "sweep")
    betas = {"small": 0.1, "other": 2.0, "waiting": 8.0}
    sweep.write_plan(
        [PlannedRun(name, None, {"objective.beta": beta}, 0) for name, beta in betas.items()]
    )
    for name in ("small", "other"):
        shutil.copytree(two.folder / "runs" / name, sweep.run_path(name))
        sweep.write_attempt(name, Attempt("done", "here", 1, "2026-01-01T00:00:00+00:00"))
    done = two("compare", "sweep", "--json")
    assert done.code == 0, done.err
    assert done.json["left_out"] == {"waiting": "waiting"}
    assert (sweep.path / "comparison" / "comparison.html").is_file()
    sweep.write_plan(
        [*sweep.planned(), *(PlannedRun(f"late_{seed}", "late", {}, seed) for seed in range(5))]
    )
    partly = two("compare", "sweep", "--json")
    assert partly.code == 0 and len(partly.json) == 1
    assert "late left out. late_0 and 4 others: waiting" in partly.err
    refused = two("compare", "sweep", "runs/small")
    assert refused.code == 2 and "compare it alone" in refused.err


def test_a_run_named_twice_is_refused_and_like_names_are_told_apart(tmp_path):
    with pytest.raises(ConfigError, match="more than once"):
        asked_for([tmp_path / "a", tmp_path / "b" / ".." / "a"])
    (asked,) = asked_for([tmp_path / "x" / "run", tmp_path / "y" / "run"])
    assert list(asked.runs) == ["x/run", "y/run"]


def test_an_unknown_target_is_refused_with_the_nearest(two, compared):
    done = two("compare", "runs/small", "runs/other", "--target", "Smilng")
    assert done.code == 2 and "did you mean `Smiling`" in done.err
