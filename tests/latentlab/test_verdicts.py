"""Verdicts on planted truth: the right one nearly always, and never a claim about what is not."""

from dataclasses import replace

import numpy as np
import pytest

from latentlab import config as configs
from latentlab.errors import ConfigError
from latentlab.verdicts import (
    CANNOT_MEASURE,
    COLUMNS,
    ENTANGLED,
    NOT_ENCODED,
    NOT_MOVED,
    SUPPORTED,
    VERDICTS,
    Rules,
    judge_targets,
)
from tests.latentlab import planted

SEEDS = range(200)
CLAIMS = (SUPPORTED, ENTANGLED, NOT_MOVED)


def share(made, holds):
    """Share of simulated data sets whose verdict on the label is as it must be."""
    return np.mean([holds(planted.verdicts(made(seed), seed).loc["label"]) for seed in SEEDS])


@pytest.mark.slow
def test_one_latent_that_drives_a_label_is_found():
    def right(row):
        return row["verdict"] == SUPPORTED and row["latents"] == row["direction"] == "mu_000"

    assert share(planted.alone, right) >= 0.95


@pytest.mark.slow
def test_what_is_spread_over_turned_codes_is_entangled():
    assert share(planted.rotated, lambda row: row["verdict"] == ENTANGLED) >= 0.95


@pytest.mark.slow
def test_nothing_is_claimed_of_a_label_that_the_codes_know_nothing_of():
    assert share(planted.independent, lambda row: row["verdict"] in CLAIMS) <= 0.05


@pytest.mark.slow
def test_a_latent_that_goes_with_a_label_and_does_nothing_when_moved_is_told_apart():
    assert share(planted.confounded, lambda row: row["verdict"] == NOT_MOVED) >= 0.95


@pytest.mark.parametrize("seed", range(5))
def test_too_few_positives_cannot_be_measured(seed):
    truth = planted.alone(seed)
    rare = np.zeros(planted.IMAGES, bool)
    rare[np.argsort(truth.real[:, 0])[-12:]] = True
    row = planted.verdicts(replace(truth, targets=truth.targets | {"label": rare}), seed)
    assert row.loc["label", "verdict"] == CANNOT_MEASURE
    assert "positive images" in row.loc["label", "rule"]
    assert (row["verdict"].drop("label") == SUPPORTED).all()


@pytest.mark.parametrize("seed", range(5))
def test_without_faces_nothing_that_is_encoded_can_be_measured(seed):
    found = planted.verdicts(planted.alone(seed), seed, blind=True)
    assert (found["verdict"] == CANNOT_MEASURE).all()
    assert found["rule"].str.contains("reader on originals").all()
    assert found["effect"].isna().all()


def test_a_judge_whose_pictures_show_no_faces_once_decoded_cannot_measure():
    truth = planted.alone(0)

    def faceless(images):
        return images[:, 0, 0, 0] == 0

    found = planted.verdicts(truth, 0, blind_where=faceless)
    assert (found["verdict"] == SUPPORTED).all()
    gone = replace(truth, shown=lambda z: np.full_like(z, -9.0))
    found = planted.verdicts(gone, 0, blind_where=faceless)
    assert (found["verdict"] == CANNOT_MEASURE).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_square_is_encoded_though_no_line_reads_it(seed):
    truth = planted.alone(seed)
    square = truth.codes[:, 0] ** 2
    truth = replace(truth, targets=truth.targets | {"label": square > 1.0})
    assert planted.verdicts(truth, seed).loc["label", "verdict"] == NOT_ENCODED
    found = planted.verdicts(truth, seed, nonlinear=True).loc["label"]
    assert found["verdict"] != NOT_ENCODED


def test_without_a_decoder_only_what_is_not_encoded_is_known():
    *_, results, needed = planted.probed(planted.alone(0), 0)
    found = judge_targets(results.probes, needed, None, None, None)
    assert set(found["verdict"]) == {CANNOT_MEASURE}
    assert found["rule"].str.contains("no decoder").all()
    assert list(found.columns) == list(COLUMNS)
    assert set(found["verdict"]) <= set(VERDICTS)


def test_rules_can_be_set():
    tables = planted.tables(planted.alone(0), 0)
    assert (judge_targets(*tables)["verdict"] == SUPPORTED).all()
    strict = judge_targets(*tables, rules=Rules(effect=5.0))
    assert (strict["verdict"] == NOT_MOVED).all()
    blind = judge_targets(*tables, rules=Rules(judge_auc=1.01, judge_r=1.01))
    assert (blind["verdict"] == CANNOT_MEASURE).all()
    config = configs.build({"verdicts": {"effect": 0.5}})
    assert config.verdicts == Rules(effect=0.5)
    with pytest.raises(ConfigError, match="effects"):
        configs.build({"verdicts": {"effects": 0.5}})
