"""`gallery` over folders as they are found: whole, half, broken, and none at all."""

import shutil

import numpy as np
import pandas as pd
import pytest

from latentlab import files, parquet
from latentlab.artifacts import TABLES, RunFolder, mu_name
from latentlab.errors import ConfigError, MissingArtifactError
from pipelines.gallery import gallery, gather

LATENTS, IMAGES = 3, 40


def write(run, name, table):
    """A table of a run, the columns that nobody looks at here being empty."""
    run.write_table(name, table.reindex(columns=list(dict.fromkeys([*table, *TABLES[name]]))))


def make_run(path, *, source="faces", report=True, verdict="supported"):
    """The tables of a run, without a model."""
    run = RunFolder(path)
    files.write_yaml(
        run.config_path,
        {
            "name": path.name,
            "source": {"name": source},
            "model": {"name": "vae", "latents": LATENTS},
            "objective": {"name": "beta_vae", "beta": 4.0},
        },
    )
    names = [mu_name(k) for k in range(LATENTS)]
    rng = np.random.default_rng(0)
    latents = pd.DataFrame(rng.normal(size=(IMAGES, LATENTS)), columns=names)
    latents.insert(0, "split", ["train"] * 30 + ["test"] * 10)
    parquet.write_table(run.latents_path, latents)
    dimensions = pd.DataFrame(
        {"latent": names, "kl": [2.0, 1.0, 0.0], "deviation": 1.0, "active": [True, True, False]}
    )
    write(run, "dimensions", dimensions)
    probes = pd.DataFrame(
        {
            "target": ["Smiling", "Bald", "Hat", "yaw", "Smiling"],
            "role": ["attribute", "attribute", "attribute", "factor", "attribute"],
            "metric": ["auc", "auc", "auc", "r2", "average_precision"],
            "value": [0.9, 0.7, np.nan, 0.5, 0.1],
        }
    )
    write(run, "probes", probes)
    verdicts = pd.DataFrame(
        {
            "target": ["Smiling", "Bald"],
            "verdict": [verdict, "entangled"],
            "direction": [names[1], names[0]],
            "effect": [-0.5, 0.9],
        }
    )
    write(run, "verdicts", verdicts)
    if report:
        files.write_text(run.report_path, "<p>")
    return run


def test_runs_are_found_at_any_depth_and_read(tmp_path):
    make_run(tmp_path / "b")
    make_run(tmp_path / "sweep" / "runs" / "a")
    make_run(tmp_path / ".hidden" / "c")
    found = gather(tmp_path)
    assert [run.folder for run in found.runs] == ["b", "sweep/runs/a"]
    run = found.runs[1]
    assert run.href == "./sweep/runs/a/report.html"
    assert (run.images, run.latents, run.active, run.beta) == (IMAGES, LATENTS, 2, 4.0)
    assert run.verdicts == {"supported": 1, "entangled": 1}
    assert run.scores["auc"].mean == pytest.approx(0.8)
    assert (run.scores["auc"].targets, run.scores["r2"].targets) == (2, 1)
    assert run.no_strip == "no model" and found.unfinished == ()


def test_a_name_that_is_no_plain_word_is_quoted_in_its_link(tmp_path):
    make_run(tmp_path / "javascript:alert(1)#?%")
    (run,) = gather(tmp_path).runs
    assert run.href == "./javascript%3Aalert%281%29%23%3F%25/report.html"


def test_half_and_broken_runs_are_listed_with_the_reason(tmp_path):
    half = make_run(tmp_path / "half", report=False)
    half.write_provenance({"stages": {"train": {}, "encode": {}}})
    make_run(tmp_path / "no_tables").table_path("probes").unlink()
    (make_run(tmp_path / "bad_yaml").config_path).write_text("a: [")
    (make_run(tmp_path / "bad_table").table_path("dimensions")).write_bytes(b"no parquet")
    (make_run(tmp_path / "odd").config_path).write_text("model: 3\n")
    found = {one.folder: one for one in gather(tmp_path).unfinished}
    assert set(found) == {"half", "no_tables", "bad_yaml", "bad_table", "odd"}
    assert found["half"].reason == "no report yet; done: train, encode"
    assert found["half"].next == "latentlab probe half"
    assert "probes.parquet is missing" in found["no_tables"].reason
    assert all(str(tmp_path) not in one.reason for one in found.values())


def test_comparisons_are_found_with_what_their_claims_say(tmp_path):
    make_run(tmp_path / "a")
    told = tmp_path / "comparison"
    files.write_text(told / "comparison.html", "<p>")
    facts = {"runs": 6.0, "groups": 2.0}
    files.write_json(
        told / "claims.json", {"title": "betas", "sections": {"answer": {"facts": facts}}}
    )
    silent = tmp_path / "silent"
    files.write_text(silent / "comparison.html", "<p>")
    first, second = gather(tmp_path).comparisons
    assert (first.title, first.runs, first.groups) == ("betas", 6.0, 2.0)
    assert (second.title, second.runs) == ("silent", None)
    assert second.href == "./silent/comparison.html"


def test_folders_that_hold_no_runs_are_refused(tmp_path):
    with pytest.raises(MissingArtifactError, match="does not exist"):
        gallery(tmp_path / "none")
    with pytest.raises(MissingArtifactError, match="holds no run"):
        gallery(tmp_path)
    run = make_run(tmp_path / "one")
    with pytest.raises(ConfigError, match="is one run"):
        gallery(run.path)


def test_the_page_of_a_real_run_shows_a_face_unless_it_may_be_of_a_person(finished, tmp_path):
    folder = tmp_path / "runs"
    shutil.copytree(finished.folder / "runs" / "small", folder / "small")
    (run,) = gather(folder).runs
    assert run.strip is not None and run.strip.images.shape == (7, 32, 32, 3)
    assert run.moved.startswith("mu_") and run.moved_for
    zero = run.strip.images[3].astype(int)
    assert np.abs(zero - run.strip.images[0].astype(int)).max() > 0
    config = folder / "small" / "config.yaml"
    described = files.read_yaml(config)
    described["source"]["name"] = "celeba"
    files.write_yaml(config, described)
    (hidden,) = gather(folder).runs
    assert hidden.strip is None and "real people" in hidden.no_strip
    assert gather(folder, faces=True).runs[0].strip is not None
    files.write_yaml(config, described | {"report": {"faces": False}})
    assert gather(folder, faces=True).runs[0].no_strip == "left out by its config"


def test_the_command_writes_the_page_and_its_claims(finished):
    done = finished("gallery", "runs", "--json")
    assert done.code == 0, done.err
    assert "small" in done.json["runs"]
    page = (finished.folder / "runs" / "index.html").read_text(encoding="utf-8")
    assert 'href="./small/report.html"' in page
    said = files.read_json(finished.folder / "runs" / "claims.json")
    assert said["sections"]["runs"]["facts"]["runs"] >= 1
    before = page
    assert finished("gallery", "runs").code == 0
    assert (finished.folder / "runs" / "index.html").read_text(encoding="utf-8") == before
