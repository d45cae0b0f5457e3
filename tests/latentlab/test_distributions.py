"""Densities integrate to one and agree with scipy; shapes are told as scipy tells them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from latentlab.distributions import densities, spreads


def made(images=3000, seed=0):
    """A skewed dimension, one that equals the prior, one that never varies."""
    rng = np.random.default_rng(seed)
    table = {
        "mu_000": rng.gamma(2.0, 1.0, images) - 2.0,
        "mu_001": 0.8 * rng.standard_normal(images),
        "mu_002": np.full(images, 0.3),
    }
    table |= {
        "logvar_000": np.log(rng.uniform(0.05, 0.2, images)),
        "logvar_001": np.full(images, np.log(0.36)),
        "logvar_002": np.zeros(images),
    }
    return pd.DataFrame(table)


@pytest.mark.parametrize("seed", range(3))
def test_every_density_integrates_to_one(seed):
    table = densities(made(seed=seed), ["mu_000", "mu_001"])
    for _, rows in table.groupby("latent"):
        step = np.diff(rows["z"]).mean()
        for column in ("means", "aggregate", "prior"):
            assert rows[column].sum() * step == pytest.approx(1, abs=0.02)


def test_the_aggregate_posterior_of_a_dimension_that_equals_the_prior_is_the_prior():
    rows = densities(made(), ["mu_001"])
    assert np.abs(rows["aggregate"] - rows["prior"]).max() < 0.02


def test_codes_without_a_posterior_have_neither_aggregate_nor_prior():
    pooled = made().rename(columns={"mu_000": "pooled_000"})[["pooled_000"]]
    rows = densities(pooled, ["pooled_000"])
    assert rows["aggregate"].isna().all() and rows["prior"].isna().all()
    assert rows["means"].notna().all()
    assert densities(pooled, []).empty


def test_shapes_are_those_of_scipy():
    latents = made()
    table = spreads(latents, ["mu_000", "mu_002"]).set_index("latent")
    mu = latents["mu_000"]
    assert table.at["mu_000", "skew"] == pytest.approx(stats.skew(mu))
    assert table.at["mu_000", "deviation"] == pytest.approx(mu.std(ddof=0))
    assert table.at["mu_000", "outside"] == ((mu - mu.mean()).abs() > 3 * mu.std(ddof=0)).mean()
    assert np.isnan(table.at["mu_002", "skew"]) and np.isnan(table.at["mu_002", "outside"])
