"""Planted decoders: what moves is found with its exact size, and nothing else is."""

import numpy as np
import pandas as pd
import pytest

from latentlab.interventions.directions import (
    Direction,
    all_directions,
    latent_directions,
    random_directions,
)
from latentlab.interventions.effects import effects_matrix
from latentlab.interventions.looks import REENCODED, spread_anchors
from latentlab.parquet import read_table, write_table
from tests.latentlab.interventions.drawn import (
    ALL,
    ANCHORS,
    GREY,
    INNER,
    LATENTS,
    NAMES,
    SIDE,
    Pixels,
    cloud,
    linear,
    moved,
    painted,
    real,
    row_of,
    whole_anchors,
)


@pytest.mark.parametrize("seed", range(3))
def test_slopes_of_a_linear_decoder_are_its_weights_in_real_deviations(seed):
    weights = np.random.default_rng(seed).integers(-3, 4, (4, LATENTS))
    deviations = np.array([0.5, 1.0, 2.0, 4.0])
    anchors = whole_anchors(seed)
    results = moved(
        linear(3 * weights),
        judges=[Pixels(gain=3.0)],
        anchors=anchors,
        reference={"pixels": real(deviations)},
        codes=cloud() * [1.0, 2.0, 1.0, 1.0],  # so that mu_001 moves 2 a deviation
    )
    reach = np.abs(anchors @ weights.T).max(axis=0) + 4 * np.abs(weights).max(axis=1)
    assert (3 * reach < 128).all()  # else pixels would be cut off
    expected = weights / deviations[:, None] * [1.0, 2.0, 1.0, 1.0]
    matrix = effects_matrix(results.interventions, "pixels")
    np.testing.assert_allclose(matrix.to_numpy(), expected, atol=1e-9)
    found = results.interventions
    for end in ("low", "high"):
        np.testing.assert_allclose(found[end], found["slope"], atol=1e-9)
    np.testing.assert_allclose(found["effect"], 4 * found["slope"], atol=1e-9)
    moves = found["slope"].abs() > 1e-9
    assert (found["monotone_share"] == moves).all()
    np.testing.assert_allclose(found.loc[moves, "saturation"], 0.0, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_a_rotated_code_needs_a_direction_and_each_latent_moves_a_part(seed):
    """The decoder reads a turned code: no latent moves one target alone, the right vector does."""
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(LATENTS, LATENTS)))
    exact = [Direction(f"probe:{name}", "probe", turn[k], name) for k, name in enumerate("abcd")]
    results = moved(
        linear(20 * turn),
        [*exact, *latent_directions(NAMES, ALL)],
        judges=[Pixels(gain=20.0)],
        anchors=whole_anchors() / 2,
    )
    matrix = effects_matrix(results.interventions, "pixels")
    np.testing.assert_allclose(matrix.iloc[:, :4], np.eye(4), atol=0.01)
    np.testing.assert_allclose(matrix.iloc[:, 4:], turn, atol=0.01)
    chosen = results.selectivity.set_index(["direction", "target"])["selectivity"]
    for name in "abcd":
        assert chosen[(f"probe:{name}", name)] > 0.98
    largest = np.abs(turn).max(axis=0)
    second = np.sort(np.abs(turn), axis=0)[-2]
    for latent, share in zip(NAMES, largest / (largest + second), strict=True):
        assert chosen[latent].iloc[0] == pytest.approx(share, abs=0.02)


def test_a_dimension_that_only_goes_along_with_the_target_moves_nothing():
    """mu_001 copies mu_000 in the codes and the decoder ignores it: a probe would like both."""
    codes = cloud()
    codes[:, 1] = codes[:, 0]
    results = moved(linear([[10.0, 0.0, 0.0, 0.0]]), codes=codes)
    cause, confounded = row_of(results, "mu_000", "a"), row_of(results, "mu_001", "a")
    assert cause["slope"] == pytest.approx(1.0) and cause["monotone_share"] == 1.0
    assert (confounded["slope"], confounded["low"], confounded["high"]) == (0.0, 0.0, 0.0)
    assert confounded["monotone_share"] == 0.0 and confounded["q"] == 1.0
    chosen = results.selectivity.set_index("direction")
    assert chosen.loc["mu_000", "selectivity"] == 1.0
    assert chosen.loc["mu_001", "reason"] == "nothing moved"


def test_a_decoder_that_saturates_says_so():
    results = moved(
        lambda z, anchor: painted(np.column_stack([100 * np.tanh(z[:, 0]), 10 * z[:, 1]])),
        anchors=np.zeros((ANCHORS, LATENTS)),
    )
    lost = 1 - (np.tanh(2.0) - np.tanh(1.0)) / np.tanh(1.0)
    assert row_of(results, "mu_000", "a")["saturation"] == pytest.approx(lost, abs=0.02)
    assert row_of(results, "mu_001", "b")["saturation"] == pytest.approx(0.0, abs=1e-9)


def test_side_effects_are_held_against_the_real_labels():
    weights = [[10, 0, 0, 0], [7, 10, 0, 0], [-3, 0, 10, 0], [0, 0, 0, 10]]
    labels = pd.DataFrame(np.eye(4), index=list("abcd"), columns=list("abcd"))
    labels.loc["a", "b"] = labels.loc["b", "a"] = 0.7
    results = moved(linear(weights), correlations=labels, asked=["b"])
    chosen = results.selectivity.set_index(["direction", "target"])
    own = chosen.loc[("mu_000", "a")]
    assert own["selectivity"] == pytest.approx(1 / 1.3, abs=0.01)
    assert own["worst"] == "c" and own["worst_slope"] == pytest.approx(-0.3)
    assert own["worst_correlation"] == 0.0 and own["worst_excess"] == pytest.approx(0.3)
    for direction, target in chosen.index:
        again = results.selectivity_of(direction, target, "pixels")
        assert again["selectivity"] == chosen.loc[(direction, target), "selectivity"]
    assert results.selectivity_of("mu_001", "a", "pixels")["selectivity"] == 0.0


def test_pictures_that_cannot_be_measured_are_left_out_and_counted():
    """Blind beyond 2: anchors at 1 lose t = 2, those at 2 lose t = 1 and 2."""
    anchors = np.zeros((30, LATENTS))
    anchors[10:20, 0], anchors[20:, 0] = 1.0, 2.0
    results = moved(linear(10 * np.eye(4)), judges=[Pixels(blind_above=2.0)], anchors=anchors)
    row = row_of(results, "mu_000", "a")
    assert row["slope"] == pytest.approx(1.0) and row["anchors"] == 30
    assert row["effect"] == pytest.approx(4.0)
    assert row["detected"] == pytest.approx((50 + 40 + 30) / 150)
    assert row["monotone_share"] == 1.0
    path = results.paths[results.paths["direction"] == "mu_000"].set_index("t")
    assert path["detected"].tolist() == pytest.approx([1.0, 1.0, 1.0, 2 / 3, 1 / 3])
    seen = results.detections.set_index(["direction", "t"])["detected"]
    assert seen[("mu_000", 2.0)] == pytest.approx(1 / 3) and seen[("mu_001", 2.0)] == 1.0

    blind = moved(linear(10 * np.eye(4)), judges=[Pixels(blind_above=0.0)], anchors=anchors)
    row = row_of(blind, "mu_000", "a")
    assert np.isnan(row["slope"]) and row["anchors"] == 0
    assert row["reason"].startswith("measured in 20 % of the pictures: 0 anchors")
    assert pd.isna(blind.selectivity_of("mu_000", "a", "pixels").get("selectivity"))


@pytest.mark.parametrize("seed", range(3))
def test_turning_a_direction_round_turns_its_slopes_round(seed):
    rng = np.random.default_rng(seed)
    weights = rng.integers(-9, 10, (4, LATENTS))
    anchors = whole_anchors(seed) + rng.integers(0, 2, (ANCHORS, LATENTS))

    def decode(z, anchor):
        return painted(np.round(z) @ weights.T * (1 + anchor[:, None] % 3))

    axes = latent_directions(NAMES, ALL)
    back = [Direction(one.name, one.kind, -one.vector) for one in axes]
    one = moved(decode, axes, anchors=anchors).interventions
    two = moved(decode, back, anchors=anchors).interventions
    assert one["slope"].abs().max() > 0.5
    np.testing.assert_allclose(one["slope"], -two["slope"], atol=1e-12)
    np.testing.assert_allclose(one["low"], -two["high"], atol=1e-9)
    np.testing.assert_allclose(one["high"], -two["low"], atol=1e-9)
    np.testing.assert_allclose(one["monotone_share"], two["monotone_share"])
    np.testing.assert_allclose(one["q"], two["q"])


def test_random_directions_are_the_background_for_what_a_latent_does():
    directions = [*latent_directions(NAMES, ALL), *random_directions(20, ALL, 0)]
    results = moved(linear(10 * np.eye(4)), directions)
    assert row_of(results, "mu_002", "c")["beyond_random"] == 1.0
    assert row_of(results, "mu_002", "a")["beyond_random"] == 0.0
    drawn = results.interventions.query("kind == 'random' and target == 'a'")["slope"]
    expected = [one.vector[0] for one in directions if one.kind == "random"]
    np.testing.assert_allclose(drawn, expected, atol=0.15)  # whole grey levels, and SD along each


def test_a_direction_that_could_not_be_made_is_listed_with_its_reason():
    unmade = Direction("probe:x", "probe", np.zeros(LATENTS), "x", reason="no direction: why")
    results = moved(linear(10 * np.eye(4)), [*latent_directions(NAMES, ALL), unmade])
    for table in (results.interventions, results.selectivity, results.paths):
        (row,) = [row for _, row in table.iterrows() if row["direction"] == "probe:x"]
        assert row["reason"] == "no direction: why"
    assert np.isnan(row_of(results, "probe:x", "x")["slope"])
    assert len(results.interventions) == 4 * 4 + 1


def test_the_way_out_of_the_data_is_shown():
    codes = cloud()
    results = moved(
        linear(10 * np.eye(4)),
        anchors=np.repeat(np.eye(LATENTS), 2, axis=0),
        codes=codes,
        span=6.0,
        encode=lambda pictures: np.clip(
            (pictures[:, INNER, INNER, 0].reshape(-1, 16)[:, :4] - 128.0) / 10.0, -3, 3
        ),
    )
    path = results.paths[results.paths["direction"] == "mu_000"].set_index("t")
    assert path["quantile"].loc[0.0] == pytest.approx(
        np.mean(np.linalg.norm(codes, axis=1) < 1.0), abs=1e-9
    )
    assert path["quantile"].loc[6.0] == 1.0 and path["outside"].loc[6.0] == 1.0
    assert path["outside"].loc[0.0] == 0.0
    # The encoder knows no place beyond 3: the picture of 6 comes back as that of 3.
    lost = (30.0 / 255.0) ** 2 / SIDE**2
    others = (40.0 / 255.0) ** 2 / SIDE**2
    assert path["reencoding_error"].loc[6.0] == pytest.approx(0.75 * lost + 0.25 * others)
    assert path["reencoding_error"].loc[0.0] == 0.0 and np.isnan(path["reencoding_ratio"]).all()
    lossy = moved(linear(10 * np.eye(4)), encode=lambda pictures: np.ones((len(pictures), 4)))
    ratio = lossy.paths.set_index(["direction", "t"])["reencoding_ratio"]
    off = whole_anchors()[spread_anchors(whole_anchors(), REENCODED)] - 1.0
    for t in (-2.0, 0.0, 2.0):
        expected = np.square(off + t * np.eye(LATENTS)[0]).sum() / np.square(off).sum()
        assert ratio.loc[("mu_000", t)] == pytest.approx(expected)


def test_background_and_identity_are_measured_against_two_persons():
    """The border is grey + 4 x mu_003 and the face looks along (mu_000, mu_001)."""

    def decode(z, anchor):
        pictures = painted(10 * z)
        border = np.round(GREY + 4 * z[:, 3]).astype(np.uint8)[:, None]
        pictures[:, [0, -1], :, 0] = pictures[:, :, 0, 0] = pictures[:, :, -1, 0] = 0
        edge = np.ones((SIDE, SIDE), bool)
        edge[1:-1, 1:-1] = False
        pictures[:, edge, 0] = border
        return pictures

    def embed(pictures):
        return pictures[:, 2, 2:4, 0].astype(float) - GREY

    anchors = np.zeros((20, LATENTS))
    anchors[:, 0] = 1.0
    anchors[10:, :2] = [0.0, 1.0]  # two faces at right angles: distance 1
    anchors[10:, 3] = 5.0  # borders 20 grey levels apart
    results = moved(decode, anchors=anchors, groups=np.arange(20), embed=embed)
    path = results.paths.set_index(["direction", "t"])
    apart = 20 * 100 / 190  # 100 of the 190 pairs are of two kinds
    assert path.loc[("mu_003", 1.0), "background_change"] == pytest.approx(4 / apart)
    assert path.loc[("mu_000", 2.0), "background_change"] == 0.0
    assert path.loc[("mu_003", 2.0), "identity_change"] == 0.0
    turned = (0.0 + (1 - np.cos(np.arctan2(2.0, 1.0)))) / 2  # t = 2: one grows, one turns
    assert path.loc[("mu_000", 2.0), "identity_change"] == pytest.approx(turned)
    same = moved(decode, anchors=anchors, groups=np.repeat([0, 1], 10), embed=embed).paths
    same = same.set_index(["direction", "t"])
    assert same.loc[("mu_003", 1.0), "background_change"] == pytest.approx(4 / 20)


def test_what_was_not_asked_for_is_null_and_says_why():
    results = moved(linear(10 * np.eye(4)))
    empty = ["reencoding_error", "reencoding_ratio", "background_change", "identity_change"]
    assert results.paths[empty].isna().all(axis=None)
    for why in ("no encoder", "border is the same", "no embedding"):
        assert results.paths["reason"].str.contains(why).all()
    lost = moved(linear(10 * np.eye(4)), embed=lambda pictures: np.full((len(pictures), 2), np.nan))
    assert lost.paths["identity_change"].isna().all()
    one = moved(linear(10 * np.eye(4)), groups=np.zeros(ANCHORS))
    assert one.paths["reason"].str.contains("all of one person").all()


def test_each_judge_has_its_own_rows_and_unit():
    judges = [Pixels(), Pixels(targets=("a",), gain=5.0, name="other", circular=True)]
    reference = {"pixels": real(), "other": real()[["a"]] * 4.0}
    results = moved(linear(10 * np.eye(4)), judges=judges, reference=reference)
    assert row_of(results, "mu_000", "a")["slope"] == pytest.approx(1.0)
    other = row_of(results, "mu_000", "a", "other")
    assert other["slope"] == pytest.approx(0.5) and other["circular"]
    alone = results.selectivity.query("judge == 'other'")
    assert alone["reason"].str.contains("no other target").all()


def test_tables_come_back_from_their_files(tmp_path):
    codes = cloud()
    values = pd.DataFrame({"a": codes[:, 0], "b": codes[:, 1]})
    probes = pd.DataFrame(columns=["target", "probe", "latent", "weight"])
    directions = all_directions(NAMES, ALL, codes, values, probes, random=2, seed=0)
    results = moved(linear(10 * np.eye(4)), directions)
    for name in ("interventions", "selectivity", "paths", "detections", "responses"):
        table = getattr(results, name)
        path = write_table(tmp_path / f"{name}.parquet", table)
        pd.testing.assert_frame_equal(read_table(path), table)
    keys = ["direction", "target", "judge"]
    assert not results.interventions.duplicated(keys).any()
    missing = results.interventions["slope"].isna()
    assert list(results.interventions["reason"].notna()) == list(missing)
