"""The table of ranks: planted truth, ties, false discoveries, persons, and what is said of gaps."""

import numpy as np
import pandas as pd
import pytest

from latentlab import rankings
from latentlab.artifacts import TABLES, logvar_name, mu_name
from latentlab.rankings import MEASURES, rank_dimensions
from latentlab.rankings import ranking as module
from tests.latentlab.rankings.synthetic import (
    noise,
    one,
    probed,
    ranked,
    synthetic_latents,
    targets_of,
)

NUMBERS = ["value", "low", "high", "rank", "p_first", "q", "p"]


@pytest.mark.parametrize("seed", range(5))
def test_the_driving_dimension_is_first_by_every_measure(seed):
    latents = synthetic_latents(seed=seed)
    signal = -latents["mu_003"] + 0.5 * noise(latents, seed)
    other = np.random.default_rng(seed).random(len(latents)) < 0.5
    columns = {"label": signal > 0.3, "number": 5.0 + signal, "other": other}
    table = ranked(latents, targets_of(latents, columns), seed=seed)
    for target, nothing in (("label", "r2"), ("number", "auc")):
        found = table[table["target"] == target]
        assert set(found["measure"]) == set(MEASURES) - {nothing}
        for measure in set(found["measure"]):
            best = one(table, target, measure).loc["mu_003"]
            assert best["rank"] == 1 and best["p_first"] > 0.95
            assert best["low"] < best["value"] < best["high"]
            name = MEASURES[measure]
            if name.signed and not name.squared:
                assert best["high"] < name.nothing
            if name.null:
                assert best["p"] == 1 / 201
            if not name.untested:
                assert best["q"] < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_dimensions_and_their_unit_do_not_matter(seed):
    latents = synthetic_latents(images=400, latents=4, seed=seed)
    signal = latents["mu_000"] - 0.3 * latents["mu_002"] + noise(latents, seed)
    columns = {"label": signal > 0.0, "number": signal, "other": noise(latents, seed + 1) > 0}
    moved = latents.copy()
    for index, source in enumerate((2, 0, 3, 1)):
        moved[mu_name(index)] = 2.0 * latents[mu_name(source)] - 1.0
    tables = [ranked(each, targets_of(latents, columns), seed=seed) for each in (latents, moved)]
    sources = [mu_name(index) for index in (2, 0, 3, 1)]
    for target, measure in tables[0].groupby(["target", "measure"]).groups:
        here, there = (one(table, target, measure) for table in tables)
        there = there.set_axis(sources).loc[here.index]
        for column in ("value", "low", "high", "rank", "p", "q"):
            np.testing.assert_allclose(
                there[column].astype(float), here[column].astype(float), rtol=1e-3, atol=1e-4
            )


def test_the_same_seed_gives_the_same_table_and_another_the_same_values():
    latents = synthetic_latents(images=300)
    targets = targets_of(latents, {"label": latents["mu_001"] + noise(latents, 0) > 0.0})
    results = probed(latents, targets)
    again = [
        rank_dimensions(latents, targets, results, resamples=50, permutations=50, seed=seed)
        for seed in (1, 1, 2)
    ]
    pd.testing.assert_frame_equal(again[0], again[1])
    drawn = again[0]["measure"] == "permutation_importance"
    for column in ("value", "low", "high", "q"):
        pd.testing.assert_series_equal(again[0].loc[~drawn, column], again[2].loc[~drawn, column])


def test_independent_labels_are_seldom_called_found():
    false = {"q": 0, "p": 0}
    for seed in range(20):
        latents = synthetic_latents(images=500, seed=seed)
        labels = np.random.default_rng(seed + 1000).random((500, 4)) < 0.3
        targets = targets_of(latents, {f"label_{index}": labels[:, index] for index in range(4)})
        table = ranked(latents, targets, seed=seed, permutations=100)
        found = table[table["measure"] == "correlation"]
        false["q"] += bool((found["q"] < 0.05).any())
        false["p"] += int((found["p"] < 0.05).groupby(found["target"]).any().sum())
    assert false["q"] <= 4  # of 20
    assert false["p"] <= 9  # of 80; P(more than 9 | 5 %) = 0.6 %


def test_several_images_of_one_person_prove_no_more_than_one():
    """Twenty copies of 60 people with independent labels: by image nearly all q would be small."""
    small = {"images": 0, "persons": 0}
    for seed in range(5):
        once = synthetic_latents(images=60, seed=seed)
        copies = once.loc[once.index.repeat(20)].reset_index(drop=True)
        person = copies["image_id"].to_numpy()
        copies["image_id"] = [f"{index:05d}" for index in range(len(copies))]
        label = (np.random.default_rng(seed + 1000).random(60) < 0.5).repeat(20)
        for name, identity in (("images", None), ("persons", person)):
            table = ranked(copies, targets_of(copies, {"label": label}, identity), seed=seed)
            found = one(table, "label", "correlation")
            small[name] += int((found["q"] < 0.05).sum() + (found["p"] < 0.05).sum())
    assert small["images"] >= 16 and small["persons"] <= 4


def test_copies_of_a_dimension_share_the_rank_and_the_first_place():
    latents = synthetic_latents()
    latents["mu_002"] = latents["mu_000"]
    latents["mu_004"] = -latents["mu_000"]
    tied = ["mu_000", "mu_002", "mu_004"]
    targets = targets_of(latents, {"label": latents["mu_000"] + noise(latents, 0) > 0})
    table = ranked(latents, targets)
    for measure in ("correlation", "spearman", "auc", "weight"):
        found = one(table, "label", measure)
        assert found.loc[tied, "rank"].tolist() == [1, 1, 1]
        assert sorted(found["rank"])[3] == 4
        assert (found.loc[tied, "p_first"] == 1.0).all()


@pytest.mark.parametrize("seed", range(3))
def test_two_dimensions_that_know_alike_much_are_a_tie(seed):
    latents = synthetic_latents(images=4000, seed=seed)
    signal = latents["mu_000"] + latents["mu_001"]
    table = ranked(latents, targets_of(latents, {"number": signal}), seed=seed)
    shares = one(table, "number", "correlation")["p_first"]
    assert shares["mu_000"] + shares["mu_001"] == pytest.approx(1.0)
    assert 0.01 < shares["mu_000"] < 0.99


def test_inactive_dimensions_are_named_and_never_ranked():
    latents = synthetic_latents()
    for index in range(5):
        latents[logvar_name(index)] = -2.0
    latents["mu_001"] *= 0.01
    latents["logvar_001"] = 0.0
    targets = targets_of(latents, {"label": latents["mu_001"] > 0.0, "rare": latents["mu_000"] > 9})
    table = ranked(latents, targets)
    inactive = table[table["latent"] == "mu_001"]
    assert inactive[NUMBERS].isna().all(axis=None) and len(inactive) == len(MEASURES) - 1
    assert inactive["reason"].str.startswith("inactive: mean KL").all()
    found = one(table[table["latent"] != "mu_001"], "label", "correlation")
    assert found[NUMBERS].notna().all(axis=None) and sorted(found["rank"]) == [1, 2, 3, 4]
    assert "rare" not in set(table["target"])


def test_a_collapsed_model_ranks_nothing():
    latents = synthetic_latents()
    names = [mu_name(index) for index in range(5)]
    targets = targets_of(latents, {"label": latents["mu_001"] > 0.0})
    latents[names] *= 1e-3
    table = ranked(latents, targets)
    assert len(table) == 5 * (len(MEASURES) - 1)
    assert table[NUMBERS].isna().all(axis=None) and table["reason"].notna().all()


def test_what_is_constant_on_test_has_no_numbers_and_a_reason():
    latents = synthetic_latents()
    targets = targets_of(latents, {"label": latents["mu_000"] > 0.0})
    latents.loc[latents["split"] == "test", "mu_002"] = 1.5
    table = ranked(latents, targets)
    for measure in ("correlation", "spearman", "mutual_information"):
        row = one(table, "label", measure).loc["mu_002"]
        assert row[NUMBERS].isna().all() and "does not vary" in row["reason"]


def test_a_perfect_dimension_has_no_interval_and_says_so():
    latents = synthetic_latents()
    targets = targets_of(latents, {"number": 3.0 * latents["mu_001"]})
    row = one(ranked(latents, targets), "number", "correlation").loc["mu_001"]
    assert row["value"] == pytest.approx(1.0) and row["rank"] == 1
    assert np.isnan(row["low"]) and row["reason"].startswith("no interval")


def test_table_has_its_columns_keys_types_and_reasons():
    latents = synthetic_latents()
    table = ranked(latents, targets_of(latents, {"label": latents["mu_001"] > 0.0}))
    assert list(table.columns) == list(rankings.COLUMNS)
    assert list(table.columns[: len(TABLES["rankings"])]) == list(TABLES["rankings"])
    assert not table.duplicated(["target", "latent", "measure"]).any()
    assert (table[["value", "low", "high", "p_first", "q", "p"]].dtypes == np.float64).all()
    missing = table[["value", "low", "high", "rank", "p_first", "q", "p"]].isna().any(axis=1)
    assert (table["reason"].notna() == missing).all()
    assert one(table, "label", "weight")["reason"].str.startswith("no q").all()
    assert one(table, "label", "conditional")["reason"].str.contains("no other attributes").all()
    n = (latents["split"] == "test").sum()
    assert (one(table, "label", "correlation")["n"] == n).all()


def test_nothing_probed_gives_an_empty_table_with_types():
    latents = synthetic_latents()
    table = ranked(latents, targets_of(latents, {"label": latents["mu_001"] > 9.0}))
    assert table.empty and list(table.columns) == list(rankings.COLUMNS)
    assert table["p"].dtype == np.float64


def test_no_permutations_leave_p_out_and_all_else_as_it_was():
    latents = synthetic_latents(images=300)
    targets = targets_of(latents, {"label": latents["mu_001"] + noise(latents, 0) > 0.0})
    results = probed(latents, targets)
    tables = [
        rank_dimensions(latents, targets, results, resamples=50, permutations=number, seed=0)
        for number in (0, 50)
    ]
    assert tables[0]["p"].isna().all() and tables[0]["reason"].notna().all()
    kept = ["target", "latent", "measure", "value", "low", "high", "rank", "p_first", "q"]
    pd.testing.assert_frame_equal(tables[0][kept], tables[1][kept])


def test_targets_shuffled_few_at_a_time_get_the_same_p(monkeypatch):
    latents = synthetic_latents(images=300)
    columns = {f"label_{seed}": noise(latents, seed) > 0.0 for seed in range(3)}
    columns["number"] = pd.Series(noise(latents, 9)).mask(latents.index % 5 == 0)
    targets = targets_of(latents, columns)
    whole = ranked(latents, targets)
    monkeypatch.setattr(module, "_CHUNK", 1)
    pd.testing.assert_frame_equal(ranked(latents, targets), whole)


def test_progress_counts_targets():
    latents = synthetic_latents(images=300)
    targets = targets_of(latents, {"a": latents["mu_001"] > 0.0, "b": latents["mu_002"]})
    steps = []
    rank_dimensions(
        latents, targets, probed(latents, targets), resamples=10, permutations=10, seed=0,
        progress=steps.append,
    )  # fmt: skip
    assert steps == [1, 1]
