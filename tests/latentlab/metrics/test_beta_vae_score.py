import numpy as np
import pytest

from latentlab.metrics.beta_vae_score import beta_vae_score, sampled_beta_vae_score
from latentlab.metrics.fixed_factors import Sampler
from tests.latentlab.metrics.tables import codes_and_factors, crossed, frame

SIZES = (4, 6, 3)


def draw(count, rng):
    return np.column_stack([rng.integers(size, size=count) for size in SIZES])


def sampled(encode, seed=0):
    source = Sampler(draw, encode, len(SIZES))
    return sampled_beta_vae_score(source, train=600, test=600, seed=seed).score


def test_each_factor_in_a_latent_is_told_always():
    assert sampled(lambda factors: factors @ np.diag([1.0, -2.0, 0.5])) == 1.0
    factors = crossed(4, 6, 3, repeats=3)
    assert beta_vae_score(frame(factors.to_numpy(float)), factors).score == 1.0


def test_rotated_factors_are_told_too():
    """Known weakness: which latents differ together is enough for a linear classifier."""
    mix = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    assert sampled(lambda factors: factors @ mix) > 0.9


def test_noise_is_at_chance():
    rng = np.random.default_rng(0)
    assert sampled(lambda factors: rng.standard_normal((len(factors), 4))) == (
        pytest.approx(1 / 3, abs=0.07)
    )


def test_a_table_scores_as_the_sampler_it_was_drawn_from():
    rng = np.random.default_rng(0)
    noise = np.array([0.5, 1.0, 4.0])

    def encode(factors):
        return factors[:, :2] @ np.ones((2, 3)) + noise * rng.standard_normal((len(factors), 3))

    factors = draw(3000, rng)
    table = beta_vae_score(frame(encode(factors)), codes_and_factors(0, 3000)[1].assign(
        x=factors[:, 0], y=factors[:, 1], z=factors[:, 2]
    ))  # fmt: skip
    assert table.score == pytest.approx(
        np.mean([sampled(encode, seed) for seed in range(4)]), abs=0.08
    )
