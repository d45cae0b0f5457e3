"""Tables in files give what the same rows in memory give, and memory does not grow with them."""

import numpy as np
import pandas as pd
import pytest

from latentlab.artifacts import Targets, mu_name
from latentlab.dimensions import summarize_dimensions
from latentlab.errors import DataError
from latentlab.metrics import binned
from latentlab.metrics.dcimig import dcimig, dcimig_of
from latentlab.metrics.mutual_information_gap import (
    mutual_information_gap,
    mutual_information_gap_of,
)
from latentlab.parquet import write_table
from latentlab.probes import blocks, partitioned
from latentlab.probes.analysis import probe_targets
from latentlab.probes.scoring import auc, average_precision
from latentlab.rankings import rank_dimensions
from latentlab.streams import analysis, information, reading, scores
from latentlab.streams.overview import overview
from latentlab.streams.tables import Tables

LATENTS = 5
ROLES = {"Smiling": "attribute", "Rare": "attribute", "mouth": "statistic", "shape": "factor",
         "size": "factor", "empty": "attribute"}  # fmt: skip


def planted(seed=0, images=1500, persons=False):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((images, LATENTS)).astype(np.float32)
    z[:, 4] *= 0.01  # inactive
    frame = pd.DataFrame(z, columns=[mu_name(k) for k in range(LATENTS)])
    for k in range(LATENTS):
        frame[f"logvar_{k:03d}"] = rng.normal(-2 if k < 4 else 0, 0.01, images).astype(np.float32)
    frame.insert(0, "image_id", [f"{row:05d}" for row in range(images)])
    frame.insert(1, "split", rng.choice(["train", "valid", "test"], images, p=(0.5, 0.1, 0.4)))
    noise = rng.standard_normal((4, images))
    labels = pd.DataFrame(
        {
            "image_id": frame["image_id"],
            "Smiling": pd.array(z[:, 0] + 0.5 * z[:, 1] + noise[0] > 0, "boolean"),
            "Rare": pd.array(z[:, 2] + noise[1] > 2.2, "boolean"),
            "mouth": z[:, 0] - z[:, 3] + noise[2],
            "shape": np.digitize(z[:, 1], [-0.5, 0.5]).astype(float),
            "size": z[:, 3] + 0.3 * noise[3],
            "empty": pd.array([pd.NA] * images, "boolean"),
        }
    )
    labels.loc[rng.choice(images, 60, replace=False), "mouth"] = np.nan
    labels.loc[rng.choice(images, 80, replace=False), "Smiling"] = pd.NA
    if persons:
        labels["identity"] = [f"person {number}" for number in rng.integers(0, 200, images)]
    return frame, labels


def targets_of(labels):
    values = labels.set_index("image_id")
    return Targets(values[list(ROLES)], ROLES, values.get("identity"))


def written(folder, table, parts=3):
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(table)), parts)):
        table.iloc[rows].to_parquet(folder / f"part-{number:03d}.parquet", index=False)
    return folder


def in_files(folder, frame, labels):
    folder.mkdir(exist_ok=True)
    return Tables(
        written(folder / "latents", frame),
        written(folder / "labels", labels, 4),
        {name: role for name, role in ROLES.items() if role == "factor"},
    )


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(reading, "BATCH", 170)
    monkeypatch.setattr(blocks, "UNIT", 64)
    monkeypatch.setattr(partitioned, "UNIT", 64)


def same(found, expected, columns, rtol=1e-9, atol=0.0):
    for name in columns:
        if found[name].dtype.kind in "OT" or str(found[name].dtype) == "str":
            assert found[name].tolist() == expected[name].tolist(), name
        else:
            one, other = (each[name].to_numpy(float, na_value=np.nan) for each in (found, expected))
            np.testing.assert_allclose(one, other, rtol=rtol, atol=atol, err_msg=name)


def test_the_overview_is_that_of_memory(tmp_path):
    frame, labels = planted()
    seen = overview(in_files(tmp_path, frame, labels))
    expected = summarize_dimensions(frame)
    same(seen.dimensions, expected, ["kl", "mean", "deviation", "posterior_deviation"], 1e-6, 1e-9)
    assert seen.dimensions["active"].tolist() == expected["active"].tolist()
    assert seen.rows == frame["split"].value_counts().to_dict()
    train = labels[frame["split"] == "train"]
    assert seen.known["Smiling", "train"].positives == int(train["Smiling"].sum())
    assert seen.known["mouth", "train"].n == train["mouth"].notna().sum()
    assert seen.known["empty", "test"].n == 0


@pytest.mark.parametrize("persons", [False, True])
def test_probes_and_rankings_are_those_of_memory(tmp_path, persons):
    frame, labels = planted(persons=persons)
    tables = in_files(tmp_path, frame, labels)
    found = analysis.analyze(tables, resamples=300, seed=3).tables
    targets = targets_of(labels)
    expected = probe_targets(frame, targets, resamples=300, seed=3)
    key = ["target", "metric", "probe", "role"]
    same(found["probes"], expected.probes, [*key, "n", "n_train", "positives", "penalty"])
    same(found["probes"], expected.probes, ["value", "baseline"], 1e-5, 1e-7)
    measured = expected.probes["value"].notna()
    assert measured.sum() >= 10
    assert found["probes"].loc[~measured, "reason"].tolist() == (
        expected.probes.loc[~measured, "reason"].tolist()
    )
    # One interval is resampled, the other made of influences.
    one, other = found["probes"][measured], expected.probes[measured]
    width = (other["high"] - other["low"]).to_numpy()
    np.testing.assert_allclose((one["high"] - one["low"]) / width, 1.0, atol=0.3)
    assert (np.abs(one["low"] - other["low"]) < 0.2 * width).all()
    same(found["directions"], expected.directions, ["target", "latent"])
    same(found["directions"], expected.directions, ["weight"], 1e-4, 1e-6)

    ranks = rank_dimensions(frame, targets, expected, resamples=300, seed=3)
    same(found["rankings"], ranks, ["target", "latent", "measure", "n"])
    exact = ranks["measure"].isin(["correlation", "r2", "weight"])
    one, other = found["rankings"][exact], ranks[exact]
    same(one, other, ["value"], 1e-4, 1e-6)
    same(one, other, ["rank"])
    if not persons:  # the same units are drawn
        same(one, other, ["low", "high", "p_first"], 1e-3, 2e-3)
        same(one, other, ["q"], 0.02, 1e-6)
    assert one["p"].isna().all()
    assert one["reason"].str.contains("shuffling").sum() > 0


def test_scores_of_more_images_than_cells_stay_within_their_bound(monkeypatch, tmp_path):
    monkeypatch.setattr(scores, "CELLS", 64)
    frame, labels = planted(images=4000)
    tables = in_files(tmp_path, frame, labels)
    seen = overview(tables)
    found = analysis.probe_targets(tables, seen)
    means = {name: seen.known[name, "train"].mean for name in found.fits}
    rough = scores.scores_on_test(tables, found.fits, means, seen.rows["test"])["Smiling"]
    test = (frame["split"] == "test") & labels["Smiling"].notna()
    codes = frame.loc[test, tables.columns].to_numpy(float)
    answers = codes @ found.fits["Smiling"].coef_
    truth = labels.loc[test, "Smiling"].to_numpy(bool)
    exact = auc(truth, answers, np.ones((1, len(truth))))[0]
    assert 0 < abs(rough["auc"].value - exact) <= rough["auc"].within < 0.02
    precision = average_precision(truth, answers, np.ones((1, len(truth))))[0]
    assert rough["average_precision"].value == pytest.approx(precision, abs=0.01)


def test_binned_information_is_that_of_memory(tmp_path):
    frame, labels = planted()
    tables = in_files(tmp_path, frame, labels)
    factors = ["shape", "size", "mouth"]
    found = information.information(tables, factors)
    known = labels[factors].notna().all(axis=1)
    codes = frame.loc[known, tables.columns].reset_index(drop=True)
    values = labels.loc[known, factors].reset_index(drop=True)
    expected = binned.information(codes, values, binned.BINS)
    np.testing.assert_array_equal(found.mutual, expected.mutual)
    np.testing.assert_array_equal(found.entropies, expected.entropies)
    np.testing.assert_array_equal(found.code_entropies, expected.code_entropies)
    assert found.rows == expected.rows < len(frame)
    assert mutual_information_gap_of(found) == mutual_information_gap(codes, values)
    assert dcimig_of(found).score == dcimig(codes, values).score


def test_a_sample_is_drawn_openly(tmp_path):
    frame, labels = planted()
    tables = in_files(tmp_path, frame, labels)
    found = analysis.analyze(tables, resamples=100, sample=200, seed=0)
    assert found.drawn == {"train": 200, "valid": found.rows["valid"], "test": 200}
    ranks = found.tables["rankings"].dropna(subset=["value"]).set_index("measure")
    counted = ranks["n"].groupby(level=0).max()
    assert counted["spearman"] <= 200 < counted["correlation"]
    again = analysis.analyze(tables, resamples=100, sample=200, seed=0)
    pd.testing.assert_frame_equal(found.latents, again.latents)
    assert found.latents["image_id"].is_unique


def test_what_is_wrong_is_named(tmp_path):
    frame, labels = planted(images=300)
    tables = in_files(tmp_path / "a", frame, labels)
    with pytest.raises(DataError, match="Write both in the same order"):
        overview(in_files(tmp_path / "b", frame, labels.iloc[::-1]))
    with pytest.raises(DataError, match="did you mean `shape`"):
        _ = Tables(tables.latents, tables.labels, {"shap": "factor"}).roles
    broken = frame.copy()
    broken.loc[7, "mu_001"] = np.inf
    with pytest.raises(DataError, match="mu_001 is missing or infinite for image_id '00007'"):
        overview(in_files(tmp_path / "c", broken, labels))
    with pytest.raises(DataError, match="is damaged"):
        path = write_table(tmp_path / "e" / "part-000.parquet", frame)
        path.write_bytes(path.read_bytes().replace(b"mu_001", b"mu_011"))
        overview(Tables(path.parent, tables.labels))
    with pytest.raises(DataError, match="'dev'"):
        overview(in_files(tmp_path / "d", frame.assign(split="dev"), labels))
