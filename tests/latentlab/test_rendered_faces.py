"""The renderer as the decoder: MediaPipe must see what the renderer was told to move."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from latentlab.artifacts import Targets, mu_name
from latentlab.data.faces import FACTORS, Faces, render
from latentlab.examination import examine
from latentlab.judges.landmarks import LandmarksJudge
from latentlab.probes.analysis import probe_targets
from latentlab.rankings import dimensions_needed
from latentlab.verdicts import ENTANGLED, SUPPORTED, judge_targets

MOVED = ("smile", "mouth_opening", "eye_opening", "yaw", "roll")
FACES, SIDE = 400, 64


def of_factors(factors):
    """Each uniform factor as a standard normal latent, (images, factors)."""
    shares = [
        (factors[name] - FACTORS[name].low) / (FACTORS[name].high - FACTORS[name].low)
        for name in MOVED
    ]
    return norm.ppf(np.clip(np.column_stack(shares), 1e-3, 1.0 - 1e-3))


def to_factors(latents, rest):
    """Back, with the factors that are not moved as they were."""
    made = rest.reset_index(drop=True)
    for index, name in enumerate(MOVED):
        low, high = FACTORS[name].low, FACTORS[name].high
        made[name] = low + (high - low) * norm.cdf(latents[:, index])
    return made


@pytest.fixture(scope="module")
def examined(face_model):
    """Verdicts and tables of a code that is the factors themselves, and of the same code turned."""
    samples = Faces(FACES, seed=5).listing.samples
    factors = samples[list(FACTORS)]
    images = render(factors, SIDE)
    targets = Targets(samples.set_index("image_id")[list(MOVED)], dict.fromkeys(MOVED, "factor"))
    judge = LandmarksJudge(face_model, targets=MOVED)
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((len(MOVED), len(MOVED))))[0]
    found = {}
    for name, turned in (("straight", np.eye(len(MOVED))), ("turned", turn)):
        codes = of_factors(factors) @ turned
        latents = pd.DataFrame(codes, columns=[mu_name(k) for k in range(len(MOVED))])
        latents = pd.concat([samples[["image_id", "split"]], latents], axis=1)
        probes = probe_targets(latents, targets, resamples=200, seed=0)
        tables = examine(
            latents,
            targets,
            probes.directions,
            images,
            lambda z, rows, turned=turned: render(
                to_factors(z @ turned.T, factors.iloc[rows]), SIDE
            ),
            [judge],
            anchors=12,
            random=0,
            span=1.0,
            steps=3,
            resamples=200,
            seed=0,
        )
        needed = dimensions_needed(latents, targets, probes, seed=0)
        verdicts = judge_targets(
            probes.probes, needed, tables.interventions, tables.selectivity, tables.judges
        )
        found[name] = verdicts.set_index("target"), tables
    return found


@pytest.mark.parametrize("target", MOVED)
def test_moving_a_factor_moves_what_the_landmarks_measure_the_same_way(examined, target):
    for verdicts, tables in examined.values():
        moved = tables.interventions.query("target == @target and of == @target")
        assert set(moved["kind"]) == {"probe", "mean_difference", "projected"}
        assert (moved["low"] > 0).all()
        assert verdicts.loc[target, "score"] > 0.8
    straight = examined["straight"][1].interventions
    own = straight.query("target == @target and direction == @mu_name(@MOVED.index(@target))")
    assert own["low"].item() > 0.3


@pytest.mark.parametrize("target", MOVED)
def test_a_code_of_factors_is_supported_and_the_same_code_turned_is_not(examined, target):
    straight, turned = (verdicts.loc[target] for verdicts, _ in examined.values())
    assert straight["verdict"] == SUPPORTED
    assert straight["latents"].split(", ")[0] == mu_name(MOVED.index(target))
    assert turned["verdict"] == ENTANGLED


def test_the_step_of_zero_moves_nothing(examined):
    for _, tables in examined.values():
        still = tables.interventions.query("kind == 'zero'")["slope"].dropna()
        assert len(still) and (still == 0).all()
