"""What every metric promises, and the table over all of them."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest

from latentlab import metrics
from latentlab.artifacts import TABLES, Targets
from latentlab.errors import ConfigError, DataError
from latentlab.metrics import (
    CODE_METRICS,
    FITTED_METRICS,
    IMAGE_METRICS,
    METRICS,
    MODEL_METRICS,
    ImagePairs,
    evaluate,
)
from latentlab.metrics.dci import dci
from latentlab.metrics.evaluation import COLUMNS
from latentlab.metrics.titles import TITLES, metric_title
from tests.latentlab.metrics.tables import codes_and_factors, crossed, frame, halves

FITTED = [name for names in FITTED_METRICS for name in names]
WITH_FACTORS = [*METRICS, *FITTED]
ALL = [*WITH_FACTORS, *CODE_METRICS]
# What weighs or penalises latents by their scale; see the docs.
SCALED = {
    "irs", "sap", "beta_vae_score", "wasserstein_total_correlation",
    "normalised_wasserstein_correlation",
}  # fmt: skip


def result_of(name, codes, factors, seed=0):
    """Of any metric; what is fitted, on the even rows, and scored on the odd ones."""
    if name in METRICS:
        return METRICS[name](codes, factors, seed=seed)
    if name in CODE_METRICS:
        return CODE_METRICS[name](codes, seed=seed)
    family = next(family for names, family in FITTED_METRICS.items() if name in names)
    if family is dci:
        family = partial(dci, estimator="fast_trees")
    return family(*halves(codes, factors), seed=seed)[name]


def tables(seed=0, factors=True):
    codes, known = codes_and_factors(seed)
    ids = [f"{index:04d}" for index in range(len(codes))]
    split = np.resize(["train", "train", "test", "valid"], len(codes))
    latents = codes.assign(image_id=ids, split=split)
    values = known.astype(float) if factors else known[[]]
    values = values.assign(Smiling=(known["x"] > 1).astype("boolean"))
    values.index = pd.Index(ids)
    roles = {name: "factor" for name in values.columns if name != "Smiling"}
    return latents, Targets(values, {**roles, "Smiling": "attribute"})


@pytest.fixture(scope="module")
def whole():
    return evaluate(*tables(), seed=0).set_index("metric")


@pytest.mark.parametrize("metric", ALL)
def test_order_of_the_latents_does_not_matter(metric):
    codes, factors = codes_and_factors(1)
    score = result_of(metric, codes, factors).score
    moved = result_of(metric, codes[codes.columns[::-1]], factors).score
    # Of equally good splits a tree takes the first latent's, which can tell test images apart.
    assert moved == pytest.approx(score, abs=0.01 if metric.startswith("dci") else 1e-6)


@pytest.mark.parametrize("metric", [name for name in ALL if name not in SCALED])
@pytest.mark.parametrize("seed", range(2))
def test_scale_of_the_latents_does_not_matter(metric, seed):
    codes, factors = codes_and_factors(seed)
    score = result_of(metric, codes, factors).score
    moved = codes * np.geomspace(0.25, 16, codes.shape[1])
    assert result_of(metric, moved, factors).score == pytest.approx(score, abs=1e-6)


# The beta-VAE score of these codes is 1 at any scale.
@pytest.mark.parametrize("metric", sorted(SCALED - {"beta_vae_score"}))
def test_what_is_said_to_depend_on_scale_does(metric):
    codes, factors = codes_and_factors(0)
    score = result_of(metric, codes, factors).score
    moved = codes * np.geomspace(0.1, 10, codes.shape[1])
    assert abs(result_of(metric, moved, factors).score - score) > 1e-5


@pytest.mark.parametrize("metric", ALL)
def test_same_seed_same_result(metric):
    codes, factors = codes_and_factors(0)
    first, second = (result_of(metric, codes, factors, seed=5) for _ in range(2))
    assert (first.score, first.settings) == (second.score, second.settings)
    json.dumps(first.settings, allow_nan=False)


@pytest.mark.parametrize("metric", ALL)
def test_missing_values_are_refused_by_name(metric):
    codes, factors = codes_and_factors(0)
    broken = {"mu_001": codes, "y": factors.astype(float)}
    for column, table in broken.items():
        if column == "y" and metric in CODE_METRICS:
            continue
        table = table.copy()
        table.loc[3, column] = np.nan
        given = (table, factors) if column == "mu_001" else (codes, table)
        with pytest.raises(DataError, match=column):
            result_of(metric, *given)


@pytest.mark.parametrize("metric", ALL)
def test_collapsed_codes_and_constant_factors_have_a_stated_meaning(metric):
    codes, factors = codes_and_factors(0)
    for result in (
        result_of(metric, codes * 0.0, factors),
        result_of(metric, codes, factors * 0),
        result_of(metric, codes[["mu_000"]], factors[["x"]]),
    ):
        assert (result.score is None) == (result.reason is not None)
        assert result.score is None or np.isfinite(result.score)


@pytest.mark.parametrize("metric", WITH_FACTORS)
def test_constant_factors_give_a_reason_and_one_of_several_is_left_out(metric):
    codes, factors = codes_and_factors(0)
    nothing = result_of(metric, codes, factors * 0)
    assert nothing.score is None and "constant" in nothing.reason
    beside = result_of(metric, codes, factors.assign(colour=1))
    assert beside.score == result_of(metric, codes, factors).score
    assert "constant" in beside.settings["reasons"]["colour"]


@pytest.mark.parametrize(
    ("metric", "top"), [(name, 0.5 if name == "sap" else 1.0) for name in WITH_FACTORS]
)
def test_codes_that_equal_balanced_independent_factors_score_highest(metric, top):
    """SAP cannot exceed 1 minus the accuracy of a latent that knows nothing."""
    factors = crossed(2, 2, 2, repeats=100)
    order = np.random.default_rng(0).permutation(len(factors))  # so that halves are balanced
    factors = factors.iloc[order].reset_index(drop=True)
    codes = frame(2.0 * factors.to_numpy() - 1)
    score = result_of(metric, codes, factors).score
    assert score == pytest.approx(top, abs=0.08 if metric == "sap" else 1e-2)


@pytest.mark.parametrize("metric", WITH_FACTORS)
def test_codes_that_know_nothing_score_as_shuffled_ones(metric):
    rng = np.random.default_rng(0)
    codes, factors = frame(rng.standard_normal((2000, 4))), codes_and_factors(0, images=2000)[1]
    score = result_of(metric, codes, factors).score
    shuffled = factors.iloc[rng.permutation(len(factors))].reset_index(drop=True)
    assert score == pytest.approx(result_of(metric, codes, shuffled).score, abs=0.12)


@pytest.mark.parametrize("metric", ALL)
def test_a_dead_dimension_changes_only_what_averages_over_latents(metric):
    codes, factors = codes_and_factors(0)
    score = result_of(metric, codes, factors).score
    more = result_of(metric, codes.assign(mu_005=0.3), factors).score
    kept = {"modularity": 5 / 6, "mig_sup": 5 / 6, "mutual_information_score": 5 * 4 / (6 * 5)}
    if metric == "dci_completeness":
        # The entropy is the same, its base one latent more.
        assert 1 - more == pytest.approx((1 - score) * np.log(5) / np.log(6), abs=1e-6)
    else:
        assert more == pytest.approx(score * kept.get(metric, 1.0), abs=1e-6)


def test_evaluate_gives_one_row_a_score(whole):
    assert list(whole.index) == [
        *METRICS, *FITTED, *CODE_METRICS, *MODEL_METRICS, *IMAGE_METRICS
    ]  # fmt: skip
    assert sorted(COLUMNS) == sorted(TABLES["metrics"]) == sorted(["metric", *whole.columns])
    assert (whole["value"].isna() == whole["reason"].notna()).all()
    known = whole.loc[WITH_FACTORS]
    assert (known["value"] > known["baseline"]).all()
    # SAP's machine has a penalty that hinders codes of unit scale, more than two classes most.
    below = known["value"] <= known["ceiling"] + 0.02
    assert below.drop("sap").all()
    settings = json.loads(known["settings"].iloc[0])
    assert settings["factors"] == ["x", "y"] and settings["surrogates"] == []
    assert not whole["surrogates"].any()


def test_what_is_fitted_is_scored_on_test(whole):
    assert (whole.loc[FITTED, "n"] == 150).all() and (whole.loc[list(METRICS), "n"] == 600).all()
    assert json.loads(whole.loc["sap", "settings"])["splits"] == "train, test"


def test_the_table_does_not_change_from_one_time_to_the_next(whole):
    pd.testing.assert_frame_equal(evaluate(*tables(), seed=0).set_index("metric"), whole)


def test_without_factors_the_reason_is_given_and_codes_are_scored():
    latents, targets = tables(factors=False)
    table = evaluate(latents, targets, seed=0).set_index("metric")
    assert (table.loc[WITH_FACTORS, "reason"] == "no known factors").all()
    assert table.loc[WITH_FACTORS, "value"].isna().all()
    assert table.loc[list(CODE_METRICS), "value"].notna().all()
    assert table.loc[list(MODEL_METRICS), "reason"].str.contains("several models").all()


@pytest.mark.parametrize("named", [["Smiling"], "all"])
def test_attributes_stand_in_only_if_declared_and_are_marked(named):
    latents, targets = tables()
    table = evaluate(latents, targets, seed=0, surrogates=named).set_index("metric")
    settings = json.loads(table.loc["sap", "settings"])
    assert settings["surrogates"] == ["Smiling"] and settings["factors"] == ["x", "y"]
    assert table.loc[WITH_FACTORS, "surrogates"].all()
    assert not table.loc[list(CODE_METRICS), "surrogates"].any()
    # Smiling is a function of x: even codes that equal the factors cannot tell the two apart.
    assert table.loc["mutual_information_gap", "ceiling"] < 0.75
    with pytest.raises(ConfigError, match="did you mean `Smiling`"):
        evaluate(latents, targets, seed=0, surrogates=["Smilling"])


def test_images_with_an_unknown_factor_are_counted():
    latents, targets = tables()
    targets.values.iloc[:10, 0] = np.nan
    table = evaluate(latents, targets, seed=0, test_rows=100).set_index("metric")
    assert table.loc["irs", "n"] == 590 and table.loc["sap", "n"] == 100
    assert json.loads(table.loc["irs", "settings"])["left_out"] == 10
    targets.values["x"] = np.nan
    table = evaluate(latents, targets, seed=0).set_index("metric")
    reasons = table.loc[WITH_FACTORS, "reason"]
    assert reasons.str.startswith("only 0 images of").all()


def test_without_a_test_split_only_what_is_fitted_is_missing():
    latents, targets = tables()
    table = evaluate(latents.assign(split="train"), targets, seed=0).set_index("metric")
    assert table.loc[FITTED, "reason"].str.startswith("only 0 images of test").all()
    assert table.loc[list(METRICS), "value"].notna().all()


def test_rows_are_drawn_where_there_are_more(monkeypatch):
    latents, targets = tables()
    seen = []

    def watched(codes, factors, *, seed):
        seen.append(len(codes))
        return METRICS["modularity"](codes, factors, seed=seed)

    monkeypatch.setattr(metrics, "METRICS", {"watched": watched})
    monkeypatch.setattr(metrics, "FITTED_METRICS", {})
    table = evaluate(latents, targets, seed=0, rows=200).set_index("metric")
    assert seen == [200, 200, 200] and table.loc["watched", "n"] == 200
    assert table.loc["gaussian_total_correlation", "n"] == 200


def test_pictures_are_scored_where_they_are_given(monkeypatch):
    monkeypatch.setattr(metrics, "METRICS", {})
    monkeypatch.setattr(metrics, "FITTED_METRICS", {})
    rng = np.random.default_rng(0)
    originals, others = rng.integers(0, 256, (2, 5, 32, 32, 3), dtype=np.uint8)
    pairs = ImagePairs(originals, others, what="noise")
    table = evaluate(*tables(), seed=0, images=pairs).set_index("metric")
    assert table.loc[["mean_squared_error", "psnr", "ssim", "ms_ssim"], "value"].notna().all()
    assert (table.loc[["lpips", "fid", "kid"], "reason"] == "skipped: no weights").all()
    assert (table.loc[list(IMAGE_METRICS), "n"] == 5).all()
    assert json.loads(table.loc["ssim", "settings"])["of"] == "noise"


def test_every_score_has_a_title_of_its_own():
    names = [*METRICS, *CODE_METRICS, *MODEL_METRICS, *IMAGE_METRICS]
    names += [name for family in FITTED_METRICS for name in family]
    assert len({metric_title(name) for name in names}) == len(names)
    assert set(TITLES) <= set(names)
    assert metric_title("mutual_information_score") == "Mutual information score"
