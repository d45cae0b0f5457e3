"""How many dimensions a target needs: planted counts, probes fitted anew, and nothing from test."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from latentlab.probes import PROBES
from latentlab.rankings import NEEDED_COLUMNS, dimensions_needed
from latentlab.rankings.needed import greedy_order, sizes
from tests.latentlab.rankings.synthetic import noise, probed, synthetic_latents, targets_of


def needed(latents, targets, **settings):
    return dimensions_needed(latents, targets, probed(latents, targets), seed=0, **settings)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("drivers", [1, 2, 5])
def test_as_many_are_needed_as_drive_the_target(drivers, seed):
    latents = synthetic_latents(images=2000, latents=8, seed=seed)
    names = [f"mu_{index:03d}" for index in range(8)]
    signal = latents[names[:drivers]].sum(axis=1) + 0.5 * noise(latents, seed)
    table = needed(latents, targets_of(latents, {"label": signal > 0, "number": signal}))
    for target in ("label", "number"):
        found = table[table["target"] == target]
        assert found["k"].tolist() == [1, 2, 3, 5, 8]
        assert found.loc[found["needed"], "k"].tolist() == [drivers]
        chosen = found.set_index("k").loc[drivers, "latents"].split(",")
        assert set(chosen) == set(names[:drivers])
        assert found["share"].iloc[-1] == 1.0
        assert (found["low"] < found["value"]).all() and (found["value"] < found["high"]).all()


@pytest.mark.parametrize("seed", range(2))
def test_values_are_those_of_probes_fitted_on_train_and_scored_on_test(seed):
    latents = synthetic_latents(images=800, seed=seed)
    signal = latents["mu_000"] + 0.5 * latents["mu_003"] + noise(latents, seed)
    targets = targets_of(latents, {"label": signal > 0.4, "number": signal})
    results = probed(latents, targets)
    table = dimensions_needed(latents, targets, results, seed=0)
    train, test = (latents[latents["split"] == split] for split in ("train", "test"))
    for row in table.itertuples():
        used, binary = row.latents.split(","), row.target == "label"
        probe = PROBES["logistic" if binary else "ridge"](penalty=results.fits[row.target].penalty)
        y = targets.values[row.target]
        probe.fit(train[used], y[train["image_id"]].to_numpy())
        known = y[test["image_id"]].to_numpy()
        if binary:
            expected = roc_auc_score(known, probe.decision_function(test[used]))
        else:
            expected = r2_score(known, probe.predict(test[used]))
        assert row.value == pytest.approx(expected, abs=1e-4) and row.n == len(test)


def test_labels_of_test_do_not_move_the_choice():
    latents = synthetic_latents(images=600)
    signal = latents["mu_001"] + noise(latents, 0)
    turned = signal.where(latents["split"] != "test", -signal)
    chosen = [
        needed(latents, targets_of(latents, {"number": each}))["latents"].tolist()
        for each in (signal, turned)
    ]
    assert chosen[0] == chosen[1]


@pytest.mark.parametrize("seed", range(5))
def test_greedy_order_is_that_of_trying_every_next_dimension(seed):
    rng = np.random.default_rng(seed)
    design = rng.standard_normal((50, 6)) @ rng.standard_normal((6, 6))
    hessian, weights = design.T @ design, rng.standard_normal(6)

    def gain(chosen):
        part = hessian[np.ix_(chosen, chosen)]
        slope = (hessian @ weights)[chosen]
        return slope @ np.linalg.solve(part, slope)

    order = greedy_order(hessian, weights)
    assert sorted(order) == list(range(6))
    for k in range(1, 7):
        before = list(order[: k - 1])
        tried = {one: gain([*before, one]) for one in range(6) if one not in before}
        assert gain(list(order[:k])) == pytest.approx(max(tried.values()))
    singles = [gain([one]) for one in range(6)]
    assert order[0] == int(np.argmax(singles))


def test_a_copy_of_a_dimension_comes_after_what_adds_something():
    latents = synthetic_latents(images=1500)
    latents["mu_004"] = latents["mu_000"]
    signal = latents["mu_000"] + 0.4 * latents["mu_001"] + 0.5 * noise(latents, 0)
    table = needed(latents, targets_of(latents, {"number": signal}))
    two = table.set_index("k").loc[2, "latents"].split(",")
    assert "mu_001" in two and len({"mu_000", "mu_004"} & set(two)) == 1


def test_inactive_dimensions_are_never_used():
    latents = synthetic_latents(images=600)
    latents["mu_002"] *= 1e-3
    signal = latents["mu_000"] + 500 * latents["mu_002"] + noise(latents, 0)
    table = needed(latents, targets_of(latents, {"number": signal}))
    assert table["k"].tolist() == [1, 2, 3, 4]
    assert not table["latents"].str.contains("mu_002").any()


def test_what_cannot_be_read_has_no_share_and_a_reason():
    latents = synthetic_latents(images=600, seed=4)
    table = needed(latents, targets_of(latents, {"number": noise(latents, 4)}))
    hopeless = table["value"].iloc[-1] <= 0
    assert hopeless  # noise: the probe is worse than the mean
    assert table["share"].isna().all() and not table["needed"].any()
    assert table["reason"].str.startswith("no share").all()


def test_a_collapsed_model_has_one_row_that_says_so():
    latents = synthetic_latents()
    targets = targets_of(latents, {"label": latents["mu_001"] > 0.0})
    latents.iloc[:, 2:] *= 1e-3
    table = needed(latents, targets)
    assert table["reason"].tolist() == ["no dimension is active"]
    assert list(table.columns) == list(NEEDED_COLUMNS)
    assert table["k"].dtype == "Int64" and table["needed"].dtype == "boolean"


def test_sizes_grow_like_fibonacci_s_and_end_with_all():
    assert list(sizes(32)) == [1, 2, 3, 5, 8, 13, 21, 32]
    assert list(sizes(13)) == [1, 2, 3, 5, 8, 13]
    assert list(sizes(1)) == [1]
    for number in range(1, 60):
        found = list(sizes(number))
        assert found[-1] == number and all(a < b for a, b in itertools.pairwise(found))


def test_less_asked_is_reached_sooner():
    latents = synthetic_latents(images=1500)
    signal = 2 * latents["mu_000"] + latents["mu_001"] + latents["mu_002"]
    targets = targets_of(latents, {"number": signal})
    counts = [
        int(table.loc[table["needed"], "k"].iloc[0])
        for table in (needed(latents, targets, enough=enough) for enough in (0.5, 0.8, 0.99))
    ]
    assert counts == [1, 2, 3]
