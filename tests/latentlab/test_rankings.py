"""Rankings: planted truth, agreement with SciPy and with real refits, and honest uncertainty."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from latentlab import rankings
from latentlab.artifacts import SPLITS, TABLES, Targets, logvar_name, mu_name
from latentlab.probes import PROBES
from latentlab.probes.analysis import probe_targets
from latentlab.probes.scoring import bootstrap_counts
from latentlab.rankings import rank_dimensions


def synthetic_latents(images=1000, latents=5, seed=0):
    rng = np.random.default_rng(seed)
    mu = pd.DataFrame(
        rng.standard_normal((images, latents)).astype(np.float32),
        columns=[mu_name(index) for index in range(latents)],
    )
    mu.insert(0, "image_id", [f"{index:06d}.jpg" for index in range(images)])
    mu.insert(1, "split", rng.choice(SPLITS, images, p=(0.6, 0.1, 0.3)))
    return mu


def targets_of(latents, columns, identity=None):
    """Boolean columns are attributes, the others statistics."""
    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    frame.index = pd.Index(latents["image_id"])
    roles = {
        name: "attribute" if frame[name].dtype in (bool, "boolean") else "statistic"
        for name in frame
    }
    people = None if identity is None else pd.Series(identity, index=frame.index)
    return Targets(frame, roles, people)


def ranked(latents, targets, *, seed=0, resamples=200):
    results = probe_targets(latents, targets, resamples=20, seed=seed, penalties=(1.0, 10.0))
    return rank_dimensions(latents, targets, results, resamples=resamples, seed=seed), results


def one(table, target, measure):
    found = table[(table["target"] == target) & (table["measure"] == measure)]
    return found.set_index("latent")


def noise(latents, seed):
    return np.random.default_rng(seed + 1000).standard_normal(len(latents))


@pytest.mark.parametrize("seed", range(5))
def test_the_driving_dimension_is_first(seed):
    latents = synthetic_latents(seed=seed)
    signal = -latents["mu_003"] + 0.5 * noise(latents, seed)
    targets = targets_of(latents, {"label": signal > 0.3, "number": 5.0 + signal})
    table, _ = ranked(latents, targets, seed=seed)
    for target in ("label", "number"):
        for measure in ("correlation", "weight"):
            best = one(table, target, measure).loc["mu_003"]
            assert best["rank"] == 1 and best["p_first"] > 0.95
            assert best["low"] < best["value"] < best["high"] < 0.0
        assert one(table, target, "correlation").loc["mu_003", "q"] < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_correlation_agrees_with_scipy_also_where_labels_are_missing(seed):
    latents = synthetic_latents(seed=seed)
    complete = latents["mu_000"] + noise(latents, seed)
    label = (complete > 1.0).astype("boolean").mask(latents.index.to_series() % 4 == 0)
    targets = targets_of(latents, {"label": label, "number": 1e4 + 1e-3 * complete})
    table, _ = ranked(latents, targets, seed=seed, resamples=100)
    for target, values in targets.values.items():
        known = values.notna().to_numpy()
        y = values[known].astype(float)
        found = one(table, target, "correlation")
        assert (found["n"] == known.sum()).all()
        for latent, row in found.iterrows():
            expected = stats.pearsonr(latents.loc[known, latent], y).statistic
            assert row["value"] == pytest.approx(expected, abs=1e-6)


def test_resampled_correlations_are_those_of_copied_rows():
    latents = synthetic_latents(images=3000)
    targets = targets_of(latents, {"number": latents["mu_000"] + noise(latents, 0)})
    aligned = rankings.align(latents, targets)
    counts = bootstrap_counts(3000, 10, seed=0)
    (found,) = rankings._correlations(aligned, ["number"], counts)
    for weights, row in zip(counts, found.resampled, strict=True):
        rows = np.repeat(np.arange(3000), weights)
        copied = np.column_stack([aligned.codes, aligned.values["number"]])[rows]
        np.testing.assert_allclose(row, np.corrcoef(copied.T)[-1, :-1], atol=2e-6)


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("seed", range(3))
def test_one_step_bootstrap_agrees_with_refits(name, seed):
    """Same counts, once by one Newton step and once by fitting the copied rows."""
    latents = synthetic_latents(images=1000, seed=seed)
    latents["split"] = np.repeat(["train", "valid", "test"], [700, 100, 200])
    latents["mu_001"] += latents["mu_000"]  # correlated codes spread the weights unequally
    latents["mu_002"] *= np.exp(0.5 * latents["mu_000"])
    signal = latents["mu_000"] + latents["mu_002"] + noise(latents, seed)
    targets = targets_of(latents, {"y": signal > 0.5 if name == "logistic" else signal})
    _, results = ranked(latents, targets, seed=seed)
    aligned = rankings.align(latents, targets)
    counts = bootstrap_counts(700, 100, seed)
    (found,) = rankings._weights(aligned, results.fits, counts)
    probe, refits = results.fits["y"], []
    x, y = aligned.codes[:700], aligned.values["y"].to_numpy()[:700]
    y = y == 1 if name == "logistic" else y
    for weights in counts:
        rows = np.repeat(np.arange(700), weights)
        refit = PROBES[name](penalty=probe.penalty).fit(x[rows], y[rows])
        refits.append(refit.coef_ * probe.scale_)
    refitted = np.array(refits)
    spread, expected = found.resampled.std(axis=0), refitted.std(axis=0)
    assert np.corrcoef(spread, expected)[0, 1] > 0.9
    np.testing.assert_allclose(spread, expected, rtol=0.2)
    for index in range(5):
        assert np.corrcoef(found.resampled[:, index], refitted[:, index])[0, 1] > 0.9


def test_intervals_of_correlations_cover_the_truth():
    covered = []
    for seed in range(40):
        latents = synthetic_latents(images=400, seed=seed)
        targets = targets_of(latents, {"number": latents["mu_000"] + noise(latents, seed)})
        table, _ = ranked(latents, targets, seed=seed)
        found = one(table, "number", "correlation")
        truth = np.array([np.sqrt(0.5), 0.0, 0.0, 0.0, 0.0])
        covered += list((found["low"] <= truth) & (truth <= found["high"]))
    assert 0.90 <= np.mean(covered) <= 0.99


def test_independent_labels_are_seldom_called_found():
    false = 0
    for seed in range(20):
        latents = synthetic_latents(images=500, seed=seed)
        labels = np.random.default_rng(seed + 1000).random((500, 4)) < 0.3
        targets = targets_of(latents, {f"label_{index}": labels[:, index] for index in range(4)})
        table, _ = ranked(latents, targets, seed=seed)
        false += bool((table["q"] < 0.05).any())
    assert false <= 4


def test_several_images_of_one_person_prove_no_more_than_one():
    """Twenty copies of 50 people with independent labels: by image nearly all q would be small."""
    small = [0, 0]
    for seed in range(5):
        once = synthetic_latents(images=50, seed=seed)
        copies = once.loc[once.index.repeat(20)].reset_index(drop=True)
        person = copies["image_id"].to_numpy()
        copies["image_id"] = [f"{index:05d}" for index in range(len(copies))]
        label = (np.random.default_rng(seed + 1000).random(50) < 0.5).repeat(20)
        for index, identity in enumerate((None, person)):
            table, _ = ranked(copies, targets_of(copies, {"label": label}, identity), seed=seed)
            small[index] += int((table["q"] < 0.05).sum())
    assert small[0] >= 8 and small[1] <= 3


def test_copies_of_a_dimension_share_the_rank():
    latents = synthetic_latents()
    latents["mu_002"] = latents["mu_000"]
    latents["mu_004"] = -latents["mu_000"]
    targets = targets_of(latents, {"label": latents["mu_000"] + noise(latents, 0) > 0})
    table, _ = ranked(latents, targets)
    for measure in ("correlation", "weight"):
        found = one(table, "label", measure)
        assert found.loc[["mu_000", "mu_002", "mu_004"], "rank"].tolist() == [1, 1, 1]
        assert sorted(found["rank"])[3] == 4
    tied = one(table, "label", "correlation").loc[["mu_000", "mu_002", "mu_004"], "p_first"]
    assert (tied == 1.0).all()


def test_inactive_dimensions_are_named_and_never_ranked():
    latents = synthetic_latents()
    for index in range(5):
        latents[logvar_name(index)] = -2.0
    latents["mu_001"] *= 0.01
    latents["logvar_001"] = 0.0
    targets = targets_of(latents, {"label": latents["mu_001"] > 0.0, "rare": latents["mu_000"] > 9})
    table, results = ranked(latents, targets)
    inactive = table[table["latent"] == "mu_001"]
    numbers = ["value", "low", "high", "rank", "p_first", "q"]
    assert inactive[numbers].isna().all(axis=None) and len(inactive) == 2
    assert inactive["reason"].str.startswith("inactive: mean KL").all()
    active = table[table["latent"] != "mu_001"]
    assert active[["value", "rank", "p_first"]].notna().all(axis=None)
    assert sorted(one(active, "label", "weight")["rank"]) == [1, 2, 3, 4]
    assert "rare" not in set(table["target"]) and "rare" in set(results.probes["target"])


def test_a_collapsed_model_ranks_nothing():
    latents = synthetic_latents()
    names = [mu_name(index) for index in range(5)]
    targets = targets_of(latents, {"label": latents["mu_001"] > 0.0})
    latents[names] *= 1e-3
    table, results = ranked(latents, targets)
    assert len(table) == 10 and table["rank"].isna().all() and table["reason"].notna().all()
    assert results.directions.empty


def test_table_has_its_columns_keys_and_reasons():
    latents = synthetic_latents()
    table, _ = ranked(latents, targets_of(latents, {"label": latents["mu_001"] > 0.0}))
    assert list(table.columns[: len(TABLES["rankings"])]) == list(TABLES["rankings"])
    assert not table.duplicated(["target", "latent", "measure"]).any()
    weight = one(table, "label", "weight")
    assert weight["q"].isna().all() and weight["reason"].str.startswith("no q").all()


def test_nothing_probed_gives_an_empty_table_with_types():
    latents = synthetic_latents()
    table, _ = ranked(latents, targets_of(latents, {"label": latents["mu_001"] > 9.0}))
    assert table.empty and list(table.columns[:2]) == ["target", "latent"]


def test_blocks_change_nothing(monkeypatch):
    latents = synthetic_latents(images=500)
    targets = targets_of(latents, {"label": latents["mu_001"] + noise(latents, 0) > 0.0})
    whole, results = ranked(latents, targets)
    monkeypatch.setattr(rankings, "_BLOCK", 37)
    pieces = rank_dimensions(latents, targets, results, resamples=200, seed=0)
    for column in ("value", "low", "high", "q"):
        np.testing.assert_allclose(pieces[column], whole[column], rtol=1e-4, atol=1e-6)
