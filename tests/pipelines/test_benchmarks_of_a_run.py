"""Benchmarks that measure the stages of a finished run, at a toy size."""

import shutil
import sys

import numpy as np

from benchmarks import many_images, measuring, profile_stages
from latentlab import artifacts, files, parquet


def test_latents_labels_and_page_of_many_more_images(finished, tmp_path):
    (tmp_path / "small").mkdir()
    shutil.copytree(finished.folder / "runs" / "small", tmp_path / "small" / "run")
    shutil.copytree(finished.folder / "data" / "small", tmp_path / "small" / "data")
    lines = [
        many_images.alone(many_images.STAGES[stage], tmp_path, 600)
        for stage in ("encode", "decode", "report")
    ]
    assert [line["images"] for line in lines] == [600, 600 // 25 * 25, 600]
    latents = parquet.read_table(tmp_path / "run" / "latents.parquet")
    assert len(latents) == 600 and latents["image_id"].is_unique
    # The same images again have the same latents.
    again = artifacts.latent_columns(latents)
    assert np.allclose(latents[again][260:520], latents[again][:260], atol=1e-5)
    assert "600" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_every_stage_is_profiled(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "RESULTS", tmp_path)
    run = str(finished.folder / "runs" / "small")
    monkeypatch.chdir(finished.folder)  # its data folder is a relative path
    monkeypatch.setattr(sys, "argv", ["profile_stages", run, "--pictures", "20"])
    before = parquet.read_table(finished.folder / "runs" / "small" / "history.parquet")
    profile_stages.main()
    able, *lines = files.read_json(tmp_path / "profile.json")
    assert able["gemm"] > 0
    assert [line["name"].removeprefix("profile.") for line in lines] == [
        "prepare", "landmarks", "train", "encode", "probe", "rank", "intervene", "verdicts",
        "metrics", "report",
    ]  # fmt: skip
    assert all(line["cores"] > 0 and line["seconds"] > 0 for line in lines)
    assert all(line["bound"]["share"] > 0 for line in lines[:4])
    after = parquet.read_table(finished.folder / "runs" / "small" / "history.parquet")
    assert after.equals(before)  # the run itself is left as it was
