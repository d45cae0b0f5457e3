"""What every metric promises, and the table over all of them."""

import json

import numpy as np
import pandas as pd
import pytest

from latentlab.artifacts import TABLES, Targets, mu_name
from latentlab.errors import ConfigError, DataError
from latentlab.metrics import METRICS, evaluate


def codes_and_factors(seed, images=600, latents=5):
    """Two factors, each in one latent with noise; the other latents are noise."""
    rng = np.random.default_rng(seed)
    factors = pd.DataFrame({"x": rng.integers(0, 4, images), "y": rng.integers(0, 6, images)})
    codes = rng.standard_normal((images, latents))
    codes[:, 0] += 3.0 * factors["x"]
    codes[:, 1] += 3.0 * factors["y"]
    names = [mu_name(index) for index in range(latents)]
    return pd.DataFrame(codes, columns=names), factors


def tables(seed=0, factors=True):
    codes, known = codes_and_factors(seed)
    ids = [f"{index:04d}" for index in range(len(codes))]
    latents = codes.assign(image_id=ids, split="train")
    values = known.astype(float) if factors else known[[]]
    values = values.assign(Smiling=(known["x"] > 1).astype("boolean"))
    values.index = pd.Index(ids)
    roles = {name: "factor" for name in values.columns if name != "Smiling"}
    return latents, Targets(values, {**roles, "Smiling": "attribute"})


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(3))
def test_order_and_scale_of_the_latents_do_not_matter(metric, seed):
    codes, factors = codes_and_factors(seed)
    score = METRICS[metric](codes, factors, seed=0).score
    moved = codes[codes.columns[::-1]] * np.geomspace(0.1, 10, codes.shape[1])
    assert METRICS[metric](moved, factors, seed=0).score == pytest.approx(score, abs=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_same_seed_same_result(metric):
    codes, factors = codes_and_factors(0)
    first, second = (METRICS[metric](codes, factors, seed=5) for _ in range(2))
    assert first == second
    json.dumps(first.settings, allow_nan=False)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("table", ["codes", "factors"])
def test_missing_values_are_refused_by_name(metric, table):
    codes, factors = codes_and_factors(0)
    broken, column = (codes, "mu_001") if table == "codes" else (factors, "y")
    broken[column] = broken[column].astype(float)
    broken.loc[3, column] = np.nan
    with pytest.raises(DataError, match=column):
        METRICS[metric](codes, factors, seed=0)


@pytest.mark.parametrize("metric", METRICS)
def test_collapsed_codes_and_constant_factors_have_a_stated_meaning(metric):
    codes, factors = codes_and_factors(0)
    collapsed = METRICS[metric](codes * 0.0, factors, seed=0)
    constant = METRICS[metric](codes, factors * 0, seed=0)
    for result in (collapsed, constant):
        assert (result.score is None) == (result.reason is not None)
        assert result.score is None or np.isfinite(result.score)


def test_evaluate_gives_one_row_a_metric():
    latents, targets = tables()
    table = evaluate(latents, targets, seed=0)
    assert list(table["metric"]) == list(METRICS)
    assert list(table.columns[: len(TABLES["metrics"])]) == list(TABLES["metrics"])
    assert table["value"].notna().all() and (table["value"] > table["baseline"] + 0.2).all()
    settings = json.loads(table["settings"][0])
    assert settings["factors"] == ["x", "y"] and settings["surrogates"] == []


def test_without_factors_the_reason_is_given():
    latents, targets = tables(factors=False)
    table = evaluate(latents, targets, seed=0)
    assert table["value"].isna().all() and (table["reason"] == "no known factors").all()


def test_attributes_stand_in_only_if_declared():
    latents, targets = tables(factors=False)
    table = evaluate(latents, targets, seed=0, surrogates=["Smiling"])
    assert table["value"].notna().all()
    assert json.loads(table["settings"][0])["surrogates"] == ["Smiling"]
    with pytest.raises(ConfigError, match="Frowning"):
        evaluate(latents, targets, seed=0, surrogates=["Frowning"])


def test_images_with_an_unknown_factor_are_counted():
    latents, targets = tables()
    targets.values.iloc[:10, 0] = np.nan
    table = evaluate(latents, targets, seed=0)
    assert (table["n"] == 590).all()
    assert json.loads(table["settings"][0])["left_out"] == 10
    targets.values["x"] = np.nan
    table = evaluate(latents, targets, seed=0)
    assert (table["reason"] == "no image has all factors known").all()
