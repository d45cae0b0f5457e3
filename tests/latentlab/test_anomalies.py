"""The ranking by likelihood: order, ties and units against what is known."""

import numpy as np
import pandas as pd
import pytest

from latentlab.anomalies import rank_anomalies
from latentlab.artifacts import TABLES
from latentlab.errors import DataError


def latents(seed=0, images=50):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "image_id": [f"i{number:03d}" for number in range(images)],
            "split": "test",
            "log_likelihood": rng.normal(-900, 100, images).astype(np.float32),
        }
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_least_likely_image_comes_first_whatever_the_order_of_the_table(seed):
    table = latents(seed)
    ranked = rank_anomalies(table, pixels=784)
    assert tuple(ranked.columns) == TABLES["anomalies"]
    assert ranked["log_likelihood"].is_monotonic_increasing
    assert ranked["bits_per_dim"].is_monotonic_decreasing
    assert ranked["rank"].tolist() == list(range(1, 51))
    worst = table.loc[table["log_likelihood"].idxmin(), "image_id"]
    assert ranked["image_id"].iloc[0] == worst
    shuffled = table.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(ranked, rank_anomalies(shuffled, pixels=784))


def test_equal_likelihoods_share_a_rank():
    table = latents(images=4).assign(log_likelihood=[-5.0, -9.0, -9.0, -1.0])
    ranked = rank_anomalies(table, pixels=1)
    assert ranked["image_id"].tolist() == ["i001", "i002", "i000", "i003"]
    assert ranked["rank"].tolist() == [1, 1, 3, 4]


@pytest.mark.parametrize("pixels", [784, 3 * 64 * 64])
def test_pixels_that_are_equally_often_of_each_of_256_levels_cost_8_bits(pixels):
    table = latents(images=1).assign(log_likelihood=-pixels * np.log(256))
    assert rank_anomalies(table, pixels)["bits_per_dim"].item() == pytest.approx(8.0)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_an_image_without_a_finite_likelihood_is_named(broken):
    table = latents()
    table.loc[7, "log_likelihood"] = broken
    with pytest.raises(DataError, match=r"log_likelihood.*'i007'"):
        rank_anomalies(table, pixels=784)


def test_a_table_that_cannot_be_ranked_is_refused():
    with pytest.raises(DataError, match="no column log_likelihood"):
        rank_anomalies(latents().drop(columns="log_likelihood"), pixels=784)
    with pytest.raises(DataError, match="no row"):
        rank_anomalies(latents(images=0), pixels=784)
