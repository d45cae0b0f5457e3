import numpy as np
import pytest
from scipy.stats import spearmanr

from latentlab.errors import DataError
from latentlab.metrics import MODEL_METRICS
from tests.latentlab.metrics.tables import frame

INFORMED = np.full(4, 1.0)


def models(count=3, images=500, mixed_up=()):
    """Models of one image set: the same four causes in another order, sign and scale each; those
    in `mixed_up` rotated."""
    rng = np.random.default_rng(0)
    causes = rng.standard_normal((images, 4))
    made = {}
    for number in range(count):
        turn = np.eye(4)[rng.permutation(4)] * rng.choice([-2, 0.5, 3], 4)
        if number in mixed_up:
            turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
        made[f"model {number}"] = frame(causes @ turn)
    return made


def informed(codes):
    return dict.fromkeys(codes, INFORMED)


@pytest.mark.parametrize("metric", MODEL_METRICS)
def test_models_that_find_the_same_latents_score_high_whatever_their_order(metric):
    codes = models()
    found = MODEL_METRICS[metric](codes, informed(codes)).models
    assert all(result.score > 0.7 for result in found.values())


@pytest.mark.parametrize("metric", MODEL_METRICS)
def test_a_rotated_model_scores_lower_than_the_others(metric):
    codes = models(5, mixed_up=(4,))
    found = MODEL_METRICS[metric](codes, informed(codes)).models
    scores = [result.score for result in found.values()]
    assert scores[4] < min(scores[:4]) - 0.1


def test_perfect_copies_and_the_penalty():
    """By rank correlation a copy is 1 but for chance correlations; the lasso shrinks by 0.1."""
    signs = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], float)
    z = np.tile(np.vstack([signs, -signs]), (10, 1))  # columns without any correlation
    codes = {"a": frame(z), "b": frame(-3 * z)}
    assert MODEL_METRICS["udr_spearman"](codes, informed(codes)).models["a"].score == (
        pytest.approx(1.0)
    )
    assert MODEL_METRICS["udr_lasso"](codes, informed(codes)).models["a"].score == (
        pytest.approx(0.9)
    )


def test_agrees_with_a_loop_over_pairs_of_latents():
    codes = models(3, mixed_up=(0, 1))
    found = MODEL_METRICS["udr_spearman"](codes, informed(codes))
    one, other = codes["model 0"], codes["model 1"]
    r = np.array([[abs(spearmanr(one[a], other[b])[0]) for b in other] for a in one])
    sides = [np.mean(r.max(axis) ** 2 / r.sum(axis)) for axis in (0, 1)]
    assert found.pairs.loc["model 0", "model 1"] == pytest.approx(np.mean(sides))
    expected = found.pairs["model 1"].dropna().median()
    assert found.models["model 1"].score == pytest.approx(expected)


@pytest.mark.parametrize("metric", MODEL_METRICS)
def test_latents_that_carry_nothing_do_not_count(metric):
    codes = models()
    plain = MODEL_METRICS[metric](codes, informed(codes)).models
    noise = np.random.default_rng(1).standard_normal(500)
    more = {name: table.assign(idle=noise) for name, table in codes.items()}
    kl = dict.fromkeys(codes, np.append(INFORMED, 0.001))
    for name, result in MODEL_METRICS[metric](more, kl).models.items():
        assert result.score == pytest.approx(plain[name].score)
        assert result.settings["informative"] == 4


def test_a_collapsed_model_has_a_reason_and_does_not_spoil_the_others():
    codes = models(3)
    kl = {**informed(codes), "model 2": np.zeros(4)}
    found = MODEL_METRICS["udr_lasso"](codes, kl).models
    assert found["model 2"].score is None and "KL" in found["model 2"].reason
    assert found["model 0"].settings["others"] == 1 and found["model 0"].score is not None
    found = MODEL_METRICS["udr_lasso"](codes, {**kl, "model 1": np.zeros(4)}).models
    assert "no other model" in found["model 0"].reason


def test_what_cannot_be_compared_is_refused():
    codes = models(2)
    with pytest.raises(DataError, match="at least two"):
        MODEL_METRICS["udr_lasso"]({"a": codes["model 0"]}, informed(codes))
    with pytest.raises(DataError, match="same images"):
        shorter = {**codes, "model 1": codes["model 1"][:9]}
        MODEL_METRICS["udr_lasso"](shorter, informed(codes))
    with pytest.raises(DataError, match="no KL"):
        MODEL_METRICS["udr_lasso"](codes, {"model 0": INFORMED})
