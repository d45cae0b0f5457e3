"""Probing every target: planted truth, chance, and what cannot be measured."""

import warnings

import numpy as np
import pandas as pd
import pytest

from latentlab.artifacts import SPLITS, TABLES, Targets, logvar_name, mu_name
from latentlab.errors import DataError
from latentlab.probes.analysis import PROBE_COLUMNS, direction_of, probe_targets
from latentlab.probes.logistic import LogisticProbe


def synthetic_latents(images=1200, latents=5, seed=0):
    rng = np.random.default_rng(seed)
    mu = pd.DataFrame(
        rng.standard_normal((images, latents)).astype(np.float32),
        columns=[mu_name(index) for index in range(latents)],
    )
    mu.insert(0, "image_id", [f"{index:06d}.jpg" for index in range(images)])
    mu.insert(1, "split", rng.choice(SPLITS, images, p=(0.6, 0.1, 0.3)))
    return mu


def targets_of(latents, role="attribute", **columns):
    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    frame.index = pd.Index(latents["image_id"])
    if role == "attribute":
        frame = frame.astype("boolean")
    return Targets(frame, dict.fromkeys(columns, role))


def value_of(results, target, metric):
    table = results.probes.set_index(["target", "metric"])
    return table.loc[(target, metric)]


@pytest.mark.parametrize("seed", range(3))
def test_planted_direction_is_found(seed):
    latents = synthetic_latents(seed=seed)
    noise = np.random.default_rng(seed + 100).standard_normal(len(latents))
    score = latents["mu_001"] - 2.0 * latents["mu_003"]
    targets = targets_of(latents, label=score + noise > 0.5)
    results = probe_targets(latents, targets, resamples=200, seed=seed)
    row = value_of(results, "label", "auc")
    assert 0.8 < row["low"] < row["value"] < row["high"] < 1.0
    names = [mu_name(index) for index in range(5)]
    direction = direction_of(results.directions, "label", names)
    truth = np.array([0.0, 1.0, 0.0, -2.0, 0.0]) / np.sqrt(5)
    assert np.linalg.norm(direction) == pytest.approx(1.0)
    assert direction @ truth > 0.98


@pytest.mark.parametrize("role", ["statistic", "factor"])
@pytest.mark.parametrize("seed", range(3))
def test_planted_number_is_found(seed, role):
    latents = synthetic_latents(seed=seed)
    noise = np.random.default_rng(seed + 100).standard_normal(len(latents))
    targets = targets_of(latents, role, number=100.0 + 3.0 * latents["mu_002"] + noise)
    results = probe_targets(latents, targets, resamples=200, seed=seed)
    r2, r = value_of(results, "number", "r2"), value_of(results, "number", "r")
    assert r2["low"] < 0.9 < r2["high"] and r2["role"] == role
    assert r["value"] ** 2 == pytest.approx(r2["value"], abs=0.03)
    assert -0.05 < r2["baseline"] <= 0.0 and r["baseline"] == 0.0 and pd.isna(r["positives"])


def test_independent_labels_score_as_chance():
    covered = 0
    for seed in range(20):
        latents = synthetic_latents(images=600, seed=seed)
        label = np.random.default_rng(seed + 100).random(600) < 0.4
        results = probe_targets(latents, targets_of(latents, label=label), resamples=200, seed=seed)
        row = value_of(results, "label", "auc")
        covered += row["low"] <= 0.5 <= row["high"]
    assert covered >= 17


def test_table_has_its_columns_and_keys():
    latents = synthetic_latents(images=400)
    targets = targets_of(latents, a=latents["mu_000"] > 0, b=latents["mu_001"] > 0)
    probes = probe_targets(latents, targets, resamples=50, seed=0).probes
    assert list(probes.columns[: len(TABLES["probes"])]) == list(TABLES["probes"])
    assert not probes.duplicated(["target", "metric"]).any()
    train, test = latents["split"] == "train", latents["split"] == "test"
    row = probes.set_index(["target", "metric"]).loc[("a", "average_precision")]
    assert row["n"] == test.sum() and row["n_train"] == train.sum()
    assert row["positives"] == (latents["mu_000"] > 0)[train].sum()
    assert row["baseline"] == pytest.approx((latents["mu_000"] > 0)[test].mean())


def test_same_seed_same_table():
    latents = synthetic_latents(images=400)
    targets = targets_of(latents, a=latents["mu_000"] + latents["mu_001"] ** 2 > 0.5)
    first = probe_targets(latents, targets, resamples=50, seed=7).probes
    pd.testing.assert_frame_equal(
        first, probe_targets(latents, targets, resamples=50, seed=7).probes
    )
    other = probe_targets(latents, targets, resamples=50, seed=8).probes
    assert (first["value"] == other["value"]).all() and (first["low"] != other["low"]).any()


def test_persons_widen_the_interval():
    """Ten copies of each person: by image the interval is about sqrt(10) times too narrow."""
    once = synthetic_latents(images=300)
    copies = once.loc[once.index.repeat(10)].reset_index(drop=True)
    person = copies["image_id"].to_numpy()
    copies["image_id"] = [f"{index:05d}" for index in range(len(copies))]
    label = copies["mu_000"] + np.random.default_rng(0).standard_normal(300).repeat(10) > 0
    targets = targets_of(copies, label=label)
    known = Targets(targets.values, targets.roles, pd.Series(person, index=copies["image_id"]))
    widths = []
    for one in (targets, known):
        row = value_of(probe_targets(copies, one, resamples=200, seed=0), "label", "auc")
        widths.append(row["high"] - row["low"])
    assert 2.0 < widths[1] / widths[0] < 5.0


def test_what_cannot_be_measured_is_said():
    latents = synthetic_latents(images=600)
    train, test = latents["split"] == "train", latents["split"] == "test"
    rows = np.arange(600)
    few = pd.Series(rows % 3 == 0)
    few[train] = False
    few[np.flatnonzero(train)[:7]] = True
    rare_in_test = pd.Series(rows % 3 == 0)
    rare_in_test[test] = False
    unknown = pd.Series(rows % 2 == 0).astype("boolean")
    unknown[rows > 15] = None
    targets = targets_of(
        latents,
        few=few,
        mostly=~few,
        never=rows < 0,
        rare_in_test=rare_in_test,
        unknown=unknown,
        fine=rows % 2 == 0,
    )
    constant = targets_of(latents, "factor", constant=np.full(600, 2.5))
    targets = Targets(targets.values.join(constant.values), {**targets.roles, "constant": "factor"})
    results = probe_targets(latents, targets, resamples=50, seed=0)
    reasons = results.probes.drop_duplicates("target").set_index("target")["reason"]
    assert reasons["few"] == "only 7 positive images in train; at least 20 are needed"
    assert reasons["mostly"] == "only 7 negative images in train; at least 20 are needed"
    assert reasons["never"] == "only 0 positive images in train; at least 20 are needed"
    assert reasons["rare_in_test"] == "only 0 positive images in test; at least 5 are needed"
    assert "images with a known value" in reasons["unknown"]
    assert reasons["constant"] == "the value is 2.5 in every image of train"
    assert pd.isna(reasons["fine"])
    silent = results.probes["value"].isna() & results.probes["reason"].isna()
    assert not silent.any() and set(results.fits) == {"fine"}
    assert (
        results.probes.groupby("target")["metric"].nunique()[["few", "constant"]] == [3, 2]
    ).all()
    with pytest.raises(DataError, match="few has no direction"):
        direction_of(results.directions, "few", ["mu_000"])


def test_unknown_labels_leave_the_target_alone():
    latents = synthetic_latents(images=600)
    label = (latents["mu_000"] > 0).astype("boolean")
    partly = label.mask(pd.Series(np.arange(600) % 3 == 0))
    both = probe_targets(latents, targets_of(latents, partly=partly), resamples=50, seed=0)
    kept = latents[partly.notna()].reset_index(drop=True)
    alone = probe_targets(
        kept, targets_of(kept, partly=partly.dropna().to_numpy()), resamples=50, seed=0
    )
    columns = ["target", "metric", "value", "n", "n_train", "positives"]
    pd.testing.assert_frame_equal(both.probes[columns], alone.probes[columns])


def test_rows_may_come_in_any_order():
    latents = synthetic_latents(images=400)
    targets = targets_of(latents, a=latents["mu_000"] > 0)
    shuffled = Targets(targets.values.sample(frac=1.0, random_state=0), targets.roles)
    first = probe_targets(latents, targets, resamples=50, seed=0).probes
    second = probe_targets(latents, shuffled, resamples=50, seed=0).probes
    pd.testing.assert_frame_equal(first, second)


def test_inactive_dimensions_have_no_part_in_the_direction():
    latents = synthetic_latents(images=600)
    rng = np.random.default_rng(1)
    latents["mu_004"] = latents["mu_000"] * 1e-3 + rng.standard_normal(600) * 1e-3
    for index in range(5):
        latents[logvar_name(index)] = 0.0 if index == 4 else -2.0
    results = probe_targets(
        latents, targets_of(latents, a=latents["mu_000"] > 0), resamples=50, seed=0
    )
    direction = direction_of(results.directions, "a", [mu_name(index) for index in range(5)])
    assert direction[4] == 0.0 and direction[0] > 0.95
    assert results.fits["a"].weights_[4] != 0.0


def test_separable_labels_and_more_latents_than_images_are_quiet():
    latents = synthetic_latents(images=120, latents=200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = probe_targets(
            latents, targets_of(latents, a=latents["mu_000"] > 0), resamples=50, seed=0
        )
    assert isinstance(results.fits["a"], LogisticProbe)
    assert results.probes["value"].notna().all()


def test_no_split_test_is_said_for_every_target():
    latents = synthetic_latents(images=200)
    latents["split"] = "train"
    results = probe_targets(latents, targets_of(latents, a=latents["mu_000"] > 0), seed=0)
    assert results.probes["reason"].str.contains("in test").all() and results.directions.empty


def test_progress_counts_targets():
    latents, steps = synthetic_latents(images=200), []
    targets = targets_of(latents, a=latents["mu_000"] > 0, b=latents["mu_000"] > 9)
    probe_targets(latents, targets, resamples=20, seed=0, progress=steps.append)
    assert steps == [1, 1]


def controlled(seed=0, images=1500, **settings):
    """A target along a latent, one in its square, one that is not there."""
    latents = synthetic_latents(images=images, seed=seed)
    rng = np.random.default_rng(seed + 100)
    noise = 0.5 * rng.standard_normal(len(latents))
    targets = targets_of(
        latents,
        line=latents["mu_000"] + noise > 0.5,
        square=latents["mu_001"] ** 2 + noise > 1.0,
        absent=rng.random(len(latents)) < 0.3,
        few=np.arange(len(latents)) < 3,
    )
    number = targets_of(latents, "statistic", number=latents["mu_002"] + noise)
    targets = Targets(targets.values.join(number.values), {**targets.roles, "number": "statistic"})
    return latents, targets, probe_targets(latents, targets, resamples=100, seed=seed, **settings)


@pytest.mark.parametrize("seed", range(2))
def test_controls_score_what_they_should(seed):
    latents = synthetic_latents(images=1500, seed=seed)
    other = latents.sample(frac=1.0, random_state=0)
    blind = latents.assign(mu_000=np.random.default_rng(9).standard_normal(len(latents))).drop(
        columns=["mu_001", "mu_002", "mu_003", "mu_004"]
    )
    given = {"the same": other, "blind": blind}
    _, _, results = controlled(seed, nonlinear=True, controls=given)
    found = results.controls.set_index(["target", "metric", "features", "probe"])
    assert found.index.is_unique and list(results.controls.columns) == list(PROBE_COLUMNS)

    def value(target, features, metric="auc", probe="logistic"):
        return found.loc[(target, metric, features, probe), "value"]

    main = results.probes.set_index(["target", "metric"])["value"]
    assert value("line", "the same") == pytest.approx(main["line", "auc"], abs=1e-6)
    for features in ("shuffled labels", "blind"):
        row = found.loc[("line", "auc", features, "logistic")]
        assert abs(row["value"] - 0.5) < 0.1
    assert 0.5 < value("line", "random directions") < main["line", "auc"] - 0.03
    assert value("square", "latents", probe="nonlinear") > main["square", "auc"] + 0.2
    assert abs(value("absent", "latents", probe="nonlinear") - 0.5) < 0.1
    r2 = value("number", "latents", "r2", "nonlinear")
    assert r2 == pytest.approx(main["number", "r2"], abs=0.05)
    assert abs(value("number", "shuffled labels", "r2", "ridge")) < 0.1
    reasons = results.controls.groupby("target")["reason"].first()
    assert "positive images in train; at least 20 are needed" in reasons["few"]
    told = results.controls["reason"].notna()
    assert (told == results.controls["value"].isna()).all()
    kinds = 1 + 2 + len(given)  # the non-linear probe, two that need no table, and the tables
    assert len(results.controls) == kinds * (4 * 3 + 2)


def test_controls_leave_the_table_of_probes_alone():
    _, _, alone = controlled()
    _, _, beside = controlled(nonlinear=True, controls={})
    pd.testing.assert_frame_equal(alone.probes, beside.probes)
    assert alone.controls.empty and list(alone.controls.columns) == list(PROBE_COLUMNS)
    assert set(alone.probes["features"]) == {"latents"}
    assert set(beside.controls["features"]) == {"latents", "shuffled labels", "random directions"}
    assert len(beside.together) == len(beside.probes) + len(beside.controls)
    keys = ["target", "metric", "features", "probe"]
    assert not beside.together.duplicated(keys).any()


def test_any_columns_can_be_probed():
    latents = synthetic_latents(images=600)
    latents["sharpness"] = latents["mu_000"] * 3.0 + 100.0
    targets = targets_of(latents, a=latents["mu_000"] > 0, b=latents["mu_003"] > 0)
    columns = ["mu_003", "sharpness"]
    results = probe_targets(latents, targets, columns=columns, resamples=50, seed=0)
    assert set(results.probes["features"]) == {"mu_003, sharpness"}
    assert (results.probes.loc[results.probes["metric"] == "auc", "value"] > 0.99).all()
    assert set(results.directions["latent"]) == set(columns)
    assert abs(direction_of(results.directions, "b", columns)[0]) > 0.95
    for wrong, told in ((["mu_0033"], "Did you mean mu_003"), (["split"], "not numeric")):
        with pytest.raises(DataError, match=told):
            probe_targets(latents, targets, columns=wrong, resamples=50, seed=0)


@pytest.mark.parametrize("seed", range(2))
def test_the_penalty_is_the_best_on_valid(seed):
    latents = synthetic_latents(images=700, latents=12, seed=seed)
    noise = 2.0 * np.random.default_rng(seed).standard_normal(len(latents))
    targets = targets_of(latents, a=latents["mu_000"] + noise > 0)
    penalties = (0.1, 100.0, 1e4)
    chosen = probe_targets(latents, targets, penalties=penalties, resamples=20, seed=0).fits["a"]
    codes, y = latents.filter(like="mu_").to_numpy(float), targets.values["a"].to_numpy(bool)
    train, valid = latents["split"] == "train", latents["split"] == "valid"
    losses = {}
    for penalty in penalties:
        probe = LogisticProbe(penalty=penalty).fit(codes[train], y[train])
        odds = probe.decision_function(codes[valid])
        losses[penalty] = np.logaddexp(0, np.where(y[valid], -odds, odds)).mean()
        if penalty == chosen.penalty:
            np.testing.assert_allclose(chosen.coef_, probe.coef_, rtol=1e-5)
            np.testing.assert_array_equal(chosen.predict(codes), probe.predict(codes))
    assert chosen.penalty == min(losses, key=losses.get)
