"""Planted permutations are found with their signs, chance matches are told apart."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from latentlab.artifacts import mu_name
from latentlab.comparison.axes import Axis, axis_of, counterparts
from latentlab.comparison.changes import mean_changes
from latentlab.comparison.groups import group_runs
from latentlab.comparison.matching import match, match_all, matches_table
from latentlab.comparison.survival import Changes, pairs_of, survival, wilson
from tests.latentlab.comparison import made


def codes(values):
    return pd.DataFrame(values, columns=[mu_name(k) for k in range(values.shape[1])])


@pytest.mark.parametrize("seed", range(5))
def test_a_permutation_is_recovered_with_its_signs(seed):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((300, 8))
    order, signs = rng.permutation(8), rng.choice([-1.0, 1.0], 8)
    b = 3.0 * a[:, order] * signs + 1.0 + 0.5 * rng.standard_normal((300, 8))
    found = match(codes(a), codes(b), seed=seed)
    for place, source in enumerate(order):
        assert found.partner(mu_name(source)) == (mu_name(place), signs[place])
        assert found.reversed().partner(mu_name(place)) == (mu_name(source), signs[place])
    assert found.strengths.min() > found.limit > found.control


def test_unrelated_codes_match_as_shuffled_ones_do():
    rng = np.random.default_rng(1)
    found = [
        match(codes(rng.standard_normal((200, 6))), codes(rng.standard_normal((200, 6))), seed=s)
        for s in range(40)
    ]
    strengths = np.mean([one.strengths.mean() for one in found])
    assert strengths == pytest.approx(np.mean([one.control for one in found]), abs=0.01)
    beyond = np.mean([one.strengths.max() > one.limit for one in found])
    assert beyond <= 0.2  # 5 % of shuffles are; a limit from 20 of them is rough


def test_what_has_no_partner_is_listed_with_the_reason():
    a, b = made.run(name="a"), made.run(seed=1, name="b")
    half = b.dimensions.assign(active=[True, True, False, False])
    runs = [a, replace(b, dimensions=half)]
    table = matches_table(match_all(runs), runs, group_runs(runs))
    alone = table[table["strength"].isna()]
    assert len(table) == made.LATENTS and len(alone) == 2
    assert alone["latent_b"].isna().all()
    assert set(alone["reason"]) == {"b has fewer active dimensions"}
    assert np.allclose(table["r"].dropna().abs(), table["strength"].dropna())


def test_a_collapsed_run_matches_nothing():
    a, b = made.run(name="a"), made.run(seed=1, name="b")
    runs = [a, replace(b, dimensions=b.dimensions.assign(active=False))]
    groups, matchings = group_runs(runs), match_all(runs)
    table = matches_table(matchings, runs, groups)
    assert table["strength"].isna().all() and len(table) == made.LATENTS
    found = survival(runs, groups, pairs_of(runs, matchings, {})).set_index("question")
    assert found.loc["match_strength", "reason"] == "no two runs can be matched"


def test_a_constant_dimension_correlates_with_nothing():
    rng = np.random.default_rng(2)
    a = rng.standard_normal((100, 2))
    flat = np.column_stack([a[:, 0], np.full(100, 0.1)])
    found = match(codes(a), codes(flat))
    assert found.partner(mu_name(0)) == (mu_name(0), 1.0)
    assert np.isfinite(found.r).all() and not found.r[:, 1].any()


def decoder(seed, order, signs):
    """Pictures in which each factor has its own pattern; latents are factors in another order."""
    patterns = np.random.default_rng(99).normal(0, 12, (made.LATENTS, 8, 8, 3))

    def decode(z, at):
        factors = np.zeros_like(z)
        factors[:, order] = z * signs
        noise = np.random.default_rng(seed).normal(0, 1, (8, 8, 3))
        return np.clip(128 + np.tensordot(factors, patterns, 1) + noise, 0, 255).astype(np.uint8)

    return decode


def test_matched_axes_change_pictures_alike_and_others_do_not():
    factors = np.random.default_rng(99).standard_normal((made.IMAGES, made.LATENTS))
    runs, changes = [], {}
    for seed in range(3):
        rng = np.random.default_rng(seed)  # draws as `made.latents` does
        order, signs = rng.permutation(made.LATENTS), rng.choice([-1, 1], made.LATENTS)
        run = made.run(seed=seed, latents=made.latents(seed, factors))
        names = run.dimensions["latent"].tolist()
        anchors = run.test_codes.to_numpy()[:10]
        changes[run.name] = mean_changes(
            anchors, np.ones(made.LATENTS), names, names, decoder(seed, order, signs)
        )
        runs.append(run)
    pairs = pairs_of(runs, match_all(runs), changes)
    assert min(pair.matched_change for pair in pairs) > 0.95
    assert max(abs(pair.unmatched_change) for pair in pairs) < 0.3
    table = survival(runs, group_runs(runs), pairs).set_index(["question", "target"])
    whole = table.xs("matched_change").iloc[0]
    assert whole["value"] > 0.95 and whole["n"] == 3 and "share runs" in whole["reason"]


def test_a_change_is_half_the_difference_of_one_deviation_up_and_down():
    def decode(z, at):
        assert at.tolist() == [0, 1, 0, 1]  # up from each image, then down
        return np.clip(100 + 10 * z[:, :1, None, None] * np.ones((1, 1, 2, 2)), 0, 255).astype(
            np.uint8
        )

    found = mean_changes(
        np.zeros((2, 2)), np.array([3.0, 1.0]), ["mu_000", "mu_001"], ["mu_000"], decode
    )
    assert found.latents == ("mu_000",)
    assert found.mean == pytest.approx(np.full((1, 4), 30 / 255))


@pytest.mark.parametrize(("count", "n"), [(0, 3), (2, 3), (3, 3), (40, 100)])
def test_the_interval_of_a_share_solves_wilsons_equation(count, n):
    for end in wilson(count, n):
        assert abs(count / n - end) == pytest.approx(
            1.959964 * np.sqrt(end * (1 - end) / n), abs=1e-6
        )


def test_counts_of_survival_are_exact():
    def control(beta, seed, target):
        if target == "Smiling":
            return (0.9, 0.85, 0.4)[seed]
        return (0.0, None, 0.5)[seed]

    runs = made.runs(betas=(1.0,), control=control)
    table = survival(runs, group_runs(runs), pairs_of(runs, match_all(runs), {}))
    rows = table.set_index(["target", "question"])
    supported = rows.loc[("Smiling", "supported")]
    assert (supported["count"], supported["n"]) == (2, 3)
    assert (supported["low"], supported["high"]) == pytest.approx(wilson(2, 3))
    moved = rows.loc[("Male", "moved")]
    assert (moved["count"], moved["n"]) == (1, 2)  # one run could not measure it
    same = rows.loc[("Smiling", "same_verdict")]
    assert (same["count"], same["answer"]) == (2, "supported")
    assert rows.loc[("Smiling", "same_axis"), "n"] == 3
    assert "in no pair" in rows.loc[("Male", "same_axis"), "reason"]
    assert rows.loc[("Smiling", "same_change"), "reason"] == "nothing was decoded"


def test_latents_that_move_it_are_one_only_where_they_are_matched():
    factors = np.random.default_rng(99).standard_normal((made.IMAGES, made.LATENTS))
    runs = []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(made.LATENTS)
        # Three runs move Smiling by the latent of factor 2, the last by that of factor 0.
        latent = mu_name(int(np.flatnonzero(order == (2 if seed < 3 else 0))[0]))
        row = made.verdict("Smiling", "attribute", 0.9, latent)
        runs.append(
            made.run(
                seed=seed, latents=made.latents(seed, factors), verdicts=pd.DataFrame([row])
            )
        )  # fmt: skip
    table = survival(runs, group_runs(runs), pairs_of(runs, match_all(runs), {}))
    row = table[(table["target"] == "Smiling") & (table["question"] == "same_axis")].iloc[0]
    assert (row["count"], row["n"]) == (3, 6)
    assert row["baseline"] == pytest.approx(1 / made.LATENTS)


def test_the_axis_is_followed_into_every_group_with_its_sign():
    factors = np.random.default_rng(99).standard_normal((made.IMAGES, made.LATENTS))
    runs = [
        made.run(beta, seed, latents=made.latents(int(beta) * 10 + seed, factors))
        for beta in (1.0, 4.0)
        for seed in (0, 1)
    ]
    groups, matchings = group_runs(runs), match_all(runs)
    axis = axis_of("Smiling", "beta 4", groups, runs)
    assert axis == Axis("beta_4_seed_0", "mu_000", -1.0)  # the planted slope is negative
    there, own = counterparts("Smiling", axis, groups, runs, matchings)
    assert own.axis == axis and own.note == "moves it most"
    assert there.run == "beta_1_seed_0"
    latent, sign = matchings[axis.run, there.run].partner("mu_000")
    assert there.axis == Axis("beta_1_seed_0", latent, -sign)
    assert "correlation" in there.note
    still = [made.run(beta, seed, {"Male": 0.0}) for beta in (1.0, 4.0) for seed in (0, 1)]
    assert axis_of("Male", "beta 1", groups, still) is None


def test_what_is_not_decoded_has_no_likeness():
    runs = made.runs(betas=(1.0,))
    names = tuple(runs[0].active)
    some = {run.name: Changes(names, np.eye(made.LATENTS)) for run in runs[:2]}
    pairs = pairs_of(runs, match_all(runs), some)
    assert [pair.cosines is not None for pair in pairs] == [True, False, False]


def test_a_collapsed_run_has_no_likeness_to_others():
    runs = made.runs(betas=(1.0,))
    dimensions = runs[1].dimensions.assign(active=False)
    runs[1] = replace(runs[1], dimensions=dimensions)
    names = tuple(runs[0].active)
    changes = {run.name: Changes(names, np.eye(made.LATENTS)) for run in runs}
    nothing = mean_changes(np.zeros((2, made.LATENTS)), np.ones(made.LATENTS), names, (), no_decode)
    pairs = pairs_of(runs, match_all(runs), changes | {runs[1].name: nothing})
    assert [pair.cosines is not None for pair in pairs] == [False, True, False]
    table = survival(runs, group_runs(runs), pairs).set_index("question")
    assert table.loc["matched_change", "n"] == 1  # of the pairs of runs


def no_decode(z, at):
    raise AssertionError("nothing is to be decoded")
