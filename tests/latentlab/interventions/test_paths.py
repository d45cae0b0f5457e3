"""Where paths lead: steps, quantiles among the codes, and what the pictures do, by hand."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist, cosine

from latentlab.errors import ConfigError
from latentlab.interventions.paths import (
    Cloud,
    absolute_changes,
    aggregate_deviations,
    cosine_distances,
    frames,
    pairs_apart,
    positions,
    squared_errors,
)


def test_positions_are_even_and_hold_an_exact_zero():
    np.testing.assert_array_equal(positions(2.0, 5), [-2.0, -1.0, 0.0, 1.0, 2.0])
    for steps in (3, 7, 11, 101):
        t = positions(1.7, steps)
        assert t[steps // 2] == 0.0 and np.array_equal(t, -t[::-1])
        np.testing.assert_allclose(t, np.linspace(-1.7, 1.7, steps), atol=1e-12)


@pytest.mark.parametrize(("span", "steps"), [(2, 4), (2, 1), (0, 5), (-1, 5), (np.inf, 5)])
def test_positions_without_a_middle_or_a_length_are_refused(span, steps):
    with pytest.raises(ConfigError, match=r"span|steps"):
        positions(span, steps)


@pytest.mark.parametrize("seed", range(3))
def test_the_scale_is_the_deviation_along_the_direction(seed):
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4)) + 5.0
    vectors = rng.normal(size=(3, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    along = [np.std([code @ vector for code in codes]) for vector in vectors]
    np.testing.assert_allclose(aggregate_deviations(codes, vectors), along)
    variance = rng.random(4)
    sampled = codes + np.sqrt(variance) * rng.normal(size=(400, 300, 4))  # draws of the posterior
    found = aggregate_deviations(codes, vectors, variance)
    np.testing.assert_allclose(found, (sampled @ vectors.T).std(axis=(0, 1)), rtol=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_quantiles_agree_with_mahalanobis_distances_and_ignore_units(seed):
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3)) + 2.0
    places = rng.normal(size=(40, 3)) * 3.0
    active = np.ones(3, bool)
    inverse = np.linalg.inv(np.cov(codes.T, ddof=0))
    middle = codes.mean(axis=0, keepdims=True)
    own, other = (cdist(one, middle, "mahalanobis", VI=inverse).ravel() for one in (codes, places))
    found = Cloud.of(codes, active).quantiles(places)
    np.testing.assert_allclose(found, (own < other[:, None]).mean(axis=1))
    turn = rng.normal(size=(3, 3))
    again = Cloud.of(codes @ turn - 7.0, active).quantiles(places @ turn - 7.0)
    np.testing.assert_allclose(again, found, atol=0.006)  # a tie may fall to the other side
    ranks = np.sort(Cloud.of(codes, active).quantiles(codes))
    np.testing.assert_allclose(ranks, np.arange(200) / 200, atol=1e-12)


def test_inactive_latents_do_not_count_and_leaving_the_plane_of_the_codes_does():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(200, 3))
    cloud = Cloud.of(codes, np.array([True, True, False]))
    far = codes + np.array([0.0, 0.0, 100.0])
    np.testing.assert_array_equal(cloud.quantiles(far), cloud.quantiles(codes))
    codes[:, 2] = codes[:, 0]  # two latents that repeat each other
    cloud = Cloud.of(codes, np.ones(3, bool))
    assert cloud.quantiles(np.array([[0.5, 0.0, 0.5]]))[0] < 0.9
    assert cloud.quantiles(np.array([[0.5, 0.0, -0.5]]))[0] == 1.0


def test_the_frame_is_an_eighth_of_the_side():
    picture = np.zeros((1, 16, 16, 3), np.uint8)
    picture[:, 2:14, 2:14] = 255
    assert frames(picture).shape == (1, (16 * 16 - 12 * 12) * 3)
    assert not frames(picture).any()
    picture[:, 1, 5, 2] = 9
    assert frames(picture).sum() == 9
    assert frames(np.ones((2, 3, 3, 1), np.uint8)).shape == (2, 8)  # at least one pixel wide


@pytest.mark.parametrize("seed", range(3))
def test_differences_of_pictures_do_not_wrap_around(seed):
    left, right = np.random.default_rng(seed).integers(0, 256, (2, 300, 4, 4, 3), dtype=np.uint8)
    gap = (left.astype(float) - right.astype(float)) / 255.0
    np.testing.assert_allclose(squared_errors(left, right), (gap**2).mean(axis=(1, 2, 3)), 1e-5)
    found = absolute_changes(left.reshape(300, -1), right.reshape(300, -1))
    np.testing.assert_allclose(found, np.abs(gap).mean(axis=(1, 2, 3)))


@pytest.mark.parametrize("seed", range(3))
def test_cosine_distances_agree_with_scipy_and_know_what_is_unknown(seed):
    left, right = np.random.default_rng(seed).normal(size=(2, 20, 5))
    expected = [cosine(one, other) for one, other in zip(left, right, strict=True)]
    np.testing.assert_allclose(cosine_distances(left, right), expected)
    assert not cosine_distances(left, left).any()
    left[3], right[4] = 0.0, np.nan
    found = cosine_distances(left, right)
    assert np.isnan(found[[3, 4]]).all() and np.isfinite(np.delete(found, [3, 4])).all()


def test_pairs_are_of_two_persons():
    first, second = pairs_apart(np.array([7, 7, 2, 5]))
    assert list(zip(first, second, strict=True)) == [(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert len(pairs_apart(np.zeros(4))[0]) == 0
