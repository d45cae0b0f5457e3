"""The whole way of the data, through the command line, on a few generated faces."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from latentlab.artifacts import TABLES
from latentlab.files import TEMPORARY
from latentlab.parquet import read_metadata
from latentlab.pictures import LINE
from latentlab.verdicts import VERDICTS


def run_folder(terminal, name="small"):
    return terminal.folder / "runs" / name


def test_a_run_leaves_every_artefact(finished):
    run = run_folder(finished)
    for name in (
        "config.yaml",
        "provenance.json",
        "model/model.safetensors",
        "model/config.json",
        "model/README.md",
        "checkpoints/best.pt",
        "history.parquet",
        "grids/epoch_0001.png",
        "grids/epoch_0002.png",
        "latents.parquet",
        "claims.json",
        "report.html",
    ):
        assert (run / name).stat().st_size > 0, name
    for name, columns in TABLES.items():
        if name == "anomalies":  # made when asked for
            continue
        table = pd.read_parquet(run / "tables" / f"{name}.parquet")
        assert len(table) > 0
        assert set(columns) <= set(table.columns)
    assert list(finished.folder.rglob(f"{TEMPORARY}*")) == []


def test_rows_are_images_in_every_table(finished):
    run, data = run_folder(finished), finished.folder / "data" / "small"
    latents = pd.read_parquet(run / "latents.parquet")
    samples = pd.read_parquet(data / "samples.parquet")
    assert latents["image_id"].tolist() == samples["image_id"].tolist()
    assert latents["split"].tolist() == samples["split"].tolist()
    assert np.load(data / "images.npy", mmap_mode="r").shape == (260, 32, 32, 3)
    about = read_metadata(run / "latents.parquet")
    assert about["latents"] == 6
    assert about["beta"] == 0.1


def test_every_probed_number_has_an_interval_or_a_reason(finished):
    probes = pd.read_parquet(run_folder(finished) / "tables" / "probes.parquet")
    told = probes["reason"].notna() & (probes["reason"] != "")
    measured = probes[~told]
    assert len(measured) > 0
    assert measured[["value", "low", "high", "baseline"]].notna().all().all()
    assert ((measured["low"] <= measured["value"]) & (measured["value"] <= measured["high"])).all()
    assert probes.loc[told, "value"].isna().all()


def test_the_config_is_spelled_out_and_names_no_folder_of_the_user(finished):
    run = run_folder(finished)
    for name in ("config.yaml", "provenance.json", "report.html", "claims.json"):
        assert str(finished.folder) not in (run / name).read_text(), name
    shown = finished("config", "show", run / "config.yaml", "--json").json
    assert shown["objective"] == {
        "name": "beta_vae", "beta": 0.1, "samples": 1, "anneal": "none", "anneal_steps": 10_000,
        "cycles": 4, "free_bits": 0.0, "reconstruction": 1.0,
    }  # fmt: skip
    assert shown["model"]["widths"] == [8, 16]


def test_a_second_call_skips_every_stage(finished):
    run = run_folder(finished)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.parquet")}
    done = finished(*finished.small("landmarks.enabled=false"))
    assert done.code == 0, done.err
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*.parquet")} == before


def test_a_changed_setting_redoes_what_depends_on_it_and_no_more(finished):
    settings = ("landmarks.enabled=false", "probe.resamples=120")
    words = finished.small(*settings, run="runs/changed")
    assert finished(*finished.small("landmarks.enabled=false", run="runs/changed")).code == 0
    run = run_folder(finished, "changed")
    model = (run / "model" / "model.safetensors").stat().st_mtime_ns
    probes = (run / "tables" / "probes.parquet").stat().st_mtime_ns
    assert finished(*words).code == 0
    assert (run / "model" / "model.safetensors").stat().st_mtime_ns == model
    assert (run / "tables" / "probes.parquet").stat().st_mtime_ns > probes


def test_the_same_config_gives_the_same_bytes(finished):
    again = finished.small("landmarks.enabled=false", "data.folder=data/again", run="runs/again")
    assert finished(*again).code == 0
    first, second = run_folder(finished), run_folder(finished, "again")
    tables = ("history.parquet", "latents.parquet", "tables/probes.parquet")
    for name in ("model/model.safetensors", *tables):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    first_data, second_data = (finished.folder / "data" / name for name in ("small", "again"))
    for name in ("images.npy", "samples.parquet"):
        assert (first_data / name).read_bytes() == (second_data / name).read_bytes(), name


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_training_stopped_by_a_signal_goes_on_as_if_unbroken(finished, terminal, number, code):
    words = terminal.small("landmarks.enabled=false", "train.epochs=30")
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", *words],
        cwd=terminal.folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    checkpoints = run_folder(terminal) / "checkpoints"
    deadline = time.monotonic() + 120
    while not (checkpoints / "best.pt").exists():
        assert time.monotonic() < deadline, "no checkpoint within two minutes"
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "--resume" in err.splitlines()[-1]
    assert "Traceback" not in err

    run = run_folder(terminal)
    assert terminal("train", run, "--resume").code == 0
    other = run_folder(terminal, "b")
    other.mkdir()
    shutil.copy(run / "config.yaml", other)
    unbroken = terminal("train", other)
    assert unbroken.code == 0, unbroken.err
    weights = [path / "model" / "model.safetensors" for path in (run, other)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    histories = [path / "history.parquet" for path in (run, other)]
    assert histories[0].read_bytes() == histories[1].read_bytes()


def test_which_answers_in_text_and_in_json(finished):
    done = finished("which", "Smiling", "runs/small")
    assert done.code == 0, done.err
    assert done.out.startswith("Smiling (attribute")
    assert "baseline" in done.out
    answer = finished("which", "Smiling", "runs/small", "--json").json
    assert answer["target"] == "Smiling"
    assert answer["verdict"]["verdict"] in VERDICTS
    assert f"{answer['verdict']['verdict']}: {answer['verdict']['rule']}" in done.out
    assert {score["metric"] for score in answer["scores"]} >= {"auc", "balanced_accuracy"}


def test_moves_were_measured_and_every_target_has_a_verdict(finished):
    tables = run_folder(finished) / "tables"
    moved = pd.read_parquet(tables / "interventions.parquet")
    assert set(moved["kind"]) == {
        "latent", "probe", "mean_difference", "projected", "random", "zero",
    }  # fmt: skip
    assert set(moved["judge"]) == {"pixels", "circular"}
    assert moved["slope"].notna().any()
    assert (moved["slope"].notna() | moved["reason"].notna()).all()
    judges = pd.read_parquet(tables / "judges.parquet")
    assert set(judges["pictures"]) == {"originals", "reconstructions"}
    verdicts = pd.read_parquet(tables / "verdicts.parquet")
    assert set(verdicts["target"]) == set(pd.read_parquet(tables / "probes.parquet")["target"])
    assert set(verdicts["verdict"]) <= set(VERDICTS)
    assert verdicts["rule"].notna().all()


def test_the_rules_of_verdicts_are_settings(finished):
    words = finished.small("landmarks.enabled=false", run="runs/ruled")
    assert finished(*words).code == 0
    verdicts = run_folder(finished, "ruled") / "tables" / "verdicts.parquet"
    moves = (verdicts.parent / "interventions.parquet").stat().st_mtime_ns
    before = pd.read_parquet(verdicts)
    assert finished(*words, "--set", "verdicts.gain=2").code == 0
    after = pd.read_parquet(verdicts)
    assert not before["verdict"].isin(["not encoded", "cannot measure"]).all()
    assert after["verdict"].isin(["not encoded", "cannot measure"]).all()
    assert (verdicts.parent / "interventions.parquet").stat().st_mtime_ns == moves


def test_latents_and_labels_alone_are_analyzed(finished):
    run, data = run_folder(finished), finished.folder / "data" / "small"
    samples = pd.read_parquet(data / "samples.parquet")
    labels = samples[["image_id", "Smiling", "Black_Hair", "hair_color"]]
    labels.to_csv(finished.folder / "labels.csv", index=False)
    latents = pd.read_parquet(run / "latents.parquet").drop(columns=["split"])
    latents.to_parquet(finished.folder / "latents.parquet")
    words = ["analyze", "latents.parquet", "labels.csv", "--out", "analysis"]
    done = finished(*words, "--factor", "hair_color", "--resamples", "100", "--min-positives", "10")
    assert done.code == 0, done.err
    folder = finished.folder / "analysis"
    probes = pd.read_parquet(folder / "tables" / "probes.parquet")
    assert dict(zip(probes["target"], probes["role"], strict=True)) == {
        "Smiling": "attribute", "Black_Hair": "attribute", "hair_color": "factor",
    }  # fmt: skip
    verdicts = pd.read_parquet(folder / "tables" / "verdicts.parquet").set_index("target")
    assert verdicts["verdict"].isin(["not encoded", "cannot measure"]).all()
    assert "no decoder" in verdicts.loc["hair_color", "rule"]
    assert (folder / "report.html").stat().st_size > 10_000
    assert finished("which", "Smiling", "analysis").code == 0
    wrong = finished(*words, "--factor", "hair_colour")
    assert wrong.code == 2 and "hair_color" in wrong.err
    assert finished("analyze", "latents.parquet", "none.csv", "--out", "x").code == 3
    assert finished("analyze", "none.parquet", "labels.csv", "--out", "x").code == 3


def test_traversals_are_pictures_of_the_asked_size(finished):
    for words, rows in (
        (["--target", "Smiling"], 1),
        (["--dimension", "2", "--prior", "3", "--unit", "latent"], 1),
        (["--steps", "5", "--span", "2"], None),
    ):
        done = finished("traverse", "runs/small", *words, "--json")
        assert done.code == 0, done.err
        with Image.open(finished.folder / done.json["picture"]) as picture:
            columns = len(done.json["offsets"])
            assert picture.width == 56 + columns * 34 + 2
            assert picture.height == LINE + 6 + len(done.json["rows"]) * 34 + 2  # offsets above
        assert rows is None or len(done.json["rows"]) == rows


def test_a_collapsed_model_is_reported_as_one(terminal):
    words = terminal.small("landmarks.enabled=false", "objective.beta=1000", "train.epochs=2")
    assert terminal(*words).code == 0
    page = (run_folder(terminal) / "report.html").read_text()
    assert "6 of 6 dimensions carry nothing" in page
    assert terminal("which", "Smiling", "runs/small").code == 0
    refused = terminal("traverse", "runs/small")
    assert refused.code == 3
    assert "no dimension of runs/small is active" in refused.err


def test_status_tells_what_is_done_and_what_is_next(finished, terminal):
    assert finished("status", "runs/small", "--json").json["missing"] == []
    fresh = run_folder(terminal, "fresh")
    fresh.mkdir(parents=True)
    (fresh / "config.yaml").write_text("name: fresh\n")
    assert "Next: latentlab train" in terminal("status", "runs/fresh").out


def test_the_stages_can_be_called_one_by_one(finished):
    for stage in ("encode", "probe", "intervene", "metrics", "report"):
        done = finished(stage, "runs/small")
        assert done.code == 0, done.err


def test_the_device_is_chosen_by_name(finished):
    assert finished("encode", "runs/small", "--device", "cpu").code == 0
    wrong = finished("encode", "runs/small", "--device", "gpu")
    assert wrong.code == 2
    assert "train.device" in wrong.err
    absent = finished("encode", "runs/small", "--device", "mps")
    assert absent.code == (0 if torch.backends.mps.is_available() else 3)
    assert absent.code == 0 or "--device auto" in absent.err


def test_doctor_tries_everything(finished):
    done = finished("doctor", "--json")
    assert done.code == 0, done.out
    assert done.json["torchvision"]["works"]


def test_claims_are_numbers_of_the_tables(finished):
    run = run_folder(finished)
    claims = json.loads((run / "claims.json").read_text())
    assert claims
    assert "NaN" not in json.dumps(claims)
