import numpy as np
import pandas as pd
import pytest

from latentlab.metrics.factor_vae_score import factor_vae_score, sampled_factor_vae_score
from latentlab.metrics.fixed_factors import Sampler
from tests.latentlab.metrics.tables import crossed, frame

SIZES = (4, 6, 3)


def draw(count, rng):
    return np.column_stack([rng.integers(size, size=count) for size in SIZES])


def sampled(encode, **settings):
    source = Sampler(draw, encode, len(SIZES))
    return sampled_factor_vae_score(source, train=600, test=600, **settings)


def test_each_factor_in_a_latent_is_told_always():
    assert sampled(lambda factors: factors @ np.diag([1.0, -2.0, 0.5])).score == 1.0
    factors = crossed(4, 6, 3, repeats=3)
    assert factor_vae_score(frame(factors.to_numpy(float)), factors).score == 1.0


def test_a_latent_for_two_factors_tells_but_one_of_them():
    """Two latents for three factors: the third is never voted for, a third of the votes is lost."""
    factors = crossed(4, 6, 3, repeats=3)
    codes = frame(factors[["factor_0", "factor_1"]].to_numpy(float))
    assert factor_vae_score(codes, factors).score == pytest.approx(2 / 3, abs=0.04)


def test_noise_is_near_chance():
    rng = np.random.default_rng(0)
    score = sampled(lambda factors: rng.standard_normal((len(factors), 4))).score
    assert score == pytest.approx(1 / 3, abs=0.1)


@pytest.mark.parametrize("dead", [0.0, 1.5])
def test_a_dead_latent_gets_no_vote_and_is_counted(dead):
    """Constant, it would vary least whatever is fixed, and every factor would look the same."""
    factors = crossed(4, 6, 3, repeats=3)
    codes = frame(factors.to_numpy(float))
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(codes))
    for more in (codes.assign(dead=dead), codes.assign(dead=dead + noise)):
        result = factor_vae_score(more, factors)
        assert result.score == 1.0 and result.settings["dead"] == 1


def test_all_dead_is_no_score():
    factors = crossed(4, 6, 3)
    result = factor_vae_score(frame(1e-3 * factors.to_numpy(float)), factors)
    assert result.score is None and "dead" in result.reason
    assert result.settings["dead"] == 3
    alive = sampled(lambda factors: 1e-3 * factors, least=0.0)
    assert alive.score == 1.0


def test_a_sampler_and_a_table_of_its_draws_agree():
    rng = np.random.default_rng(0)

    def encode(factors):
        return factors + 1.5 * rng.standard_normal(factors.shape)

    factors = draw(4000, rng)
    table = factor_vae_score(frame(encode(factors)), pd.DataFrame(factors, columns=list("abc")))
    runs = [sampled(encode, seed=seed).score for seed in range(4)]
    assert table.score == pytest.approx(np.mean(runs), abs=0.06)
