"""The playground of a finished run: its probes are the run's own, and its switch works."""

import json
import re

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import r2_score, roc_auc_score

from latentlab.artifacts import DataFolder, RunFolder, latent_columns
from latentlab.probes.weights import weights_of


@pytest.fixture(scope="module")
def run(finished):
    return RunFolder.open(finished.folder / "runs/small")


def data_in(page):
    (text,) = re.findall(r'<script type="application/json" id="play-data">(.*?)</script>', page)
    return json.loads(text)


def test_the_stored_probes_give_the_scores_of_the_table(finished, run):
    latents, scores = run.latents(), run.table("probes")
    names = latent_columns(latents)
    targets = DataFolder.open(finished.folder / "data/small").targets()
    test = latents[latents["split"] == "test"]
    values = targets.values.loc[test["image_id"]]
    compared = 0
    for target, (probe, weights, intercept) in weights_of(
        run.table("probe_weights"), names
    ).items():
        answer = test[names].to_numpy(np.float64) @ weights + intercept
        truth = values[target].to_numpy(np.float64, na_value=np.nan)
        known = np.isfinite(truth)
        metric, score = {"logistic": ("auc", roc_auc_score), "ridge": ("r2", r2_score)}[probe]
        row = scores[(scores["target"] == target) & (scores["metric"] == metric)].iloc[0]
        assert score(truth[known], answer[known]) == pytest.approx(row["value"], abs=1e-9)
        compared += 1
    assert compared > 10


def test_the_page_has_the_runs_own_decoder_faces_and_probes(run):
    data = data_in(run.report_path.read_text(encoding="utf-8"))
    latents = run.latents()
    names = latent_columns(latents)
    first = latents[latents["split"] == "test"].iloc[:12]
    assert [face["name"] for face in data["faces"]] == first["image_id"].tolist()
    codes = np.array([face["code"] for face in data["faces"]])
    np.testing.assert_allclose(codes, first[names].to_numpy(), rtol=1e-6)
    weights = weights_of(run.table("probe_weights"), names)
    assert [reader["target"] for reader in data["readers"]] == list(weights)
    for reader in data["readers"]:
        _, coefficients, intercept = weights[reader["target"]]
        answers = codes @ reader["coefficients"] + reader["intercept"]
        np.testing.assert_allclose(answers, codes @ coefficients + intercept, atol=1e-3)
        if reader["spread"] is None:
            assert np.ptp(expit(answers)) > 0
    active = run.table("dimensions").query("active").sort_values("kl", ascending=False)
    keys = [axis["key"] for axis in data["axes"]]
    assert keys[: len(active)] == active["latent"].tolist()
    assert set(keys[len(active) :]) >= {f"probe:{target}" for target in weights}


def test_a_slider_goes_by_standard_deviations_of_the_codes(run):
    data = data_in(run.report_path.read_text(encoding="utf-8"))
    latents = run.latents()
    codes = latents[latent_columns(latents)].to_numpy(np.float64)
    for axis in data["axes"]:
        vector = np.array(axis["vector"])
        length = np.linalg.norm(vector)
        assert (codes @ (vector / length)).std() == pytest.approx(length, rel=1e-4)


def test_it_can_be_left_out(finished, run):
    from pipelines.report import gather
    from pipelines.stages import open_workspace

    assert gather(open_workspace(run.path)).playground is not None
    for switch in ("report.playground=false", "report.faces=false"):
        assert gather(open_workspace(run.path, (switch,))).playground is None
