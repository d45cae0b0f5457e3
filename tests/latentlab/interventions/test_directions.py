"""Directions: what each is by definition, in closed form, and what is said where there is none."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import null_space

from latentlab.artifacts import Targets, mu_name
from latentlab.errors import DataError
from latentlab.interventions.directions import (
    all_directions,
    direction_table,
    latent_directions,
    mean_difference,
    probe_directions,
    projected_directions,
    projected_out,
    random_directions,
    rivals,
)
from latentlab.probes.analysis import direction_of, probe_targets

LATENTS = 6
NAMES = [mu_name(index) for index in range(LATENTS)]
ACTIVE = np.array([True, True, False, True, True, True])


def unit(vector):
    return vector / np.linalg.norm(vector)


def probe_table(vectors):
    rows = [
        {"target": target, "probe": "ridge", "latent": latent, "weight": weight}
        for target, vector in vectors.items()
        for latent, weight in zip(NAMES, vector, strict=True)
    ]
    return pd.DataFrame(rows, columns=["target", "probe", "latent", "weight"])


@pytest.mark.parametrize("seed", range(5))
def test_for_two_classes_it_is_the_difference_of_their_means(seed):
    rng = np.random.default_rng(seed)
    codes = rng.normal(3.0, 1.0, (500, LATENTS))
    label = (codes[:, 0] - codes[:, 3] + rng.normal(size=500) > 1.0).astype(float)
    unknown = rng.random(500) < 0.2
    expected = codes[(label == 1) & ~unknown].mean(0) - codes[(label == 0) & ~unknown].mean(0)
    found = mean_difference(codes, np.where(unknown, np.nan, label), ACTIVE)
    np.testing.assert_allclose(found, unit(np.where(ACTIVE, expected, 0.0)), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_for_a_number_it_is_the_covariance_and_has_no_unit(seed):
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(300, LATENTS))
    number = codes @ rng.normal(size=LATENTS) + rng.normal(size=300)
    expected = np.array([np.cov(codes[:, index], number)[0, 1] for index in range(LATENTS)])
    for values in (number, 100.0 + 0.01 * number):
        found = mean_difference(codes, values, np.ones(LATENTS, bool))
        np.testing.assert_allclose(found, unit(expected), atol=1e-9)
    reverse = mean_difference(codes, -number, np.ones(LATENTS, bool))
    np.testing.assert_allclose(reverse, -unit(expected), atol=1e-9)


@pytest.mark.parametrize("values", [np.full(20, np.nan), np.ones(20)])
def test_a_target_without_two_values_has_no_mean_difference(values):
    with pytest.raises(DataError, match="no two known values"):
        mean_difference(np.random.default_rng(0).normal(size=(20, LATENTS)), values, ACTIVE)


@pytest.mark.parametrize("seed", range(5))
def test_projected_out_is_the_nearest_direction_that_leaves_the_others_alone(seed):
    rng = np.random.default_rng(seed)
    direction, others = unit(rng.normal(size=LATENTS)), rng.normal(size=(3, LATENTS))
    found = projected_out(direction, others)
    free = null_space(others)  # an orthonormal basis of all that leave them alone
    np.testing.assert_allclose(found, unit(free @ free.T @ direction), atol=1e-12)
    np.testing.assert_allclose(others @ found, 0.0, atol=1e-12)
    repeated = np.vstack([5.0 * others, others[0] - others[1]])
    np.testing.assert_allclose(projected_out(direction, repeated), found, atol=1e-9)


def test_what_lies_within_the_others_is_refused():
    axes = np.eye(LATENTS)
    with pytest.raises(DataError, match="leave nothing"):
        projected_out(unit(axes[0] + axes[1]), axes[:2])
    table = probe_table({"a": axes[0], "b": unit(axes[0] + 0.01 * axes[1]), "c": axes[3]})
    gone, kept, alone = projected_directions(
        table, NAMES, {"a": ["b"], "b": ["c", "b", "unknown"], "c": ["unknown"]}
    )
    assert gone.reason and "(b)" in gone.reason and not gone.vector.any()
    assert kept.reason is None and kept.without == ("c",)
    np.testing.assert_allclose(kept.vector, unit(axes[0] + 0.01 * axes[1]), atol=1e-12)
    assert alone.reason and "no other probe vector" in alone.reason


@pytest.mark.parametrize("seed", range(3))
def test_random_directions_are_unit_vectors_spread_evenly_over_the_active_latents(seed):
    found = random_directions(2000, ACTIVE, seed)
    vectors = np.stack([one.vector for one in found])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0)
    assert not vectors[:, ~ACTIVE].any()
    spread = vectors[:, ACTIVE].T @ vectors[:, ACTIVE] / len(vectors)
    np.testing.assert_allclose(spread, np.eye(5) / 5, atol=0.02)
    fewer = random_directions(3, ACTIVE, seed)
    np.testing.assert_array_equal([one.vector for one in fewer], vectors[:3])
    other = random_directions(3, ACTIVE, seed + 1)
    assert not np.allclose(other[0].vector, fewer[0].vector)


def test_rivals_are_other_things_that_go_along():
    names = ["a", "same", "near", "far", "against", "unknown"]
    row = [1.0, 0.95, 0.3, 0.05, -0.6, np.nan]
    table = pd.DataFrame(np.eye(6), index=names, columns=names)
    table["a"] = row
    assert rivals(table, "a", count=2) == ["against", "near"]
    assert rivals(table, "a", count=9) == ["against", "near", "far"]
    assert rivals(table, "a", count=1, ceiling=1.0) == ["same"]


def test_all_directions_have_names_of_their_own_and_move_active_latents_only():
    rng = np.random.default_rng(0)
    latents = pd.DataFrame(rng.normal(size=(400, LATENTS)), columns=NAMES)
    latents["mu_002"] *= 1e-3
    latents.insert(0, "image_id", [f"{index}.png" for index in range(400)])
    latents.insert(1, "split", rng.choice(["train", "valid", "test"], 400))
    codes = latents[NAMES].to_numpy()
    values = pd.DataFrame({"a": codes[:, 0] + codes[:, 1] > 0, "rare": codes[:, 0] > 9})
    values["b"] = codes[:, 1] + 0.1 * rng.normal(size=400)
    values.index = pd.Index(latents["image_id"])
    roles = {"a": "attribute", "rare": "attribute", "b": "statistic"}
    probes = probe_targets(latents, Targets(values, roles), resamples=10, seed=0).directions
    found = all_directions(NAMES, ACTIVE, codes, values.astype(float), probes, random=4, seed=0)
    by_name = {one.name: one for one in found}
    assert len(by_name) == len(found) == 5 + 3 * 3 + 4 + 1
    for one in found:
        assert not one.vector[~ACTIVE].any()
        moves = one.kind != "zero" and one.reason is None
        assert np.linalg.norm(one.vector) == pytest.approx(float(moves))
    for target in ("a", "b"):
        expected = direction_of(probes, target, NAMES)
        np.testing.assert_allclose(by_name[f"probe:{target}"].vector, expected, atol=1e-12)
    assert by_name["projected:a"].without == ("b",)
    assert abs(by_name["projected:a"].vector @ by_name["probe:b"].vector) < 1e-12
    unmade = {one.name for one in found if one.reason}
    assert unmade == {"probe:rare", "mean_difference:rare", "projected:rare"}
    assert all(by_name[name].of == "rare" for name in unmade)
    table = direction_table(found, NAMES)
    for name, one in by_name.items():
        rows = table[table["direction"] == name].set_index("latent")["weight"]
        np.testing.assert_array_equal(rows.reindex(NAMES).fillna(0.0), one.vector)


def test_no_active_latent_leaves_the_zero_step():
    values = pd.DataFrame({"a": np.arange(20.0)})
    codes = np.random.default_rng(0).normal(size=(20, LATENTS))
    none = np.zeros(LATENTS, bool)
    found = all_directions(NAMES, none, codes, values, probe_table({}), seed=0)
    assert latent_directions(NAMES, none) == []
    assert [one.kind for one in found if one.reason is None] == ["zero"]


def test_a_probe_vector_that_lacks_a_latent_is_refused():
    table = probe_table({"a": np.ones(LATENTS)}).iloc[:-1]
    with pytest.raises(DataError, match="every latent for a"):
        probe_directions(table, NAMES, ["a"])
