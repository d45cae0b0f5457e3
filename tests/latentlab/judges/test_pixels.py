"""What a network trained on pictures says, against the truth it has not seen."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import log_loss, roc_auc_score

from latentlab.data.faces import attributes, render, sample_factors
from latentlab.errors import DataError, MissingArtifactError
from latentlab.judges.pixel_network import PixelNetwork
from latentlab.judges.pixels import PixelJudge, masked_loss, train_pixel_judge

ROLES = {
    "Eyeglasses": "attribute",
    "Blond_Hair": "attribute",
    "skin_tone": "factor",
    "yaw": "factor",
}
TRAIN, VALID, TEST = np.arange(800), np.arange(800, 900), np.arange(900, 1100)
FEW = {"train_rows": np.arange(60), "valid_rows": np.arange(60, 80), "epochs": 1}


@pytest.fixture(scope="module")
def faces():
    """Pictures (1100, 32, 32, 3) and their values (1100, 4) as a judge is trained on them."""
    factors = sample_factors(1100, seed=3)
    table = factors.join(attributes(factors))
    return render(factors, 32), table[list(ROLES)].to_numpy(np.float64)


@pytest.fixture(scope="module")
def judge(faces):
    return train_pixel_judge(*faces, ROLES, TRAIN, VALID, seed=0, epochs=6, batch_size=32)


def few(faces, values=None, roles=ROLES, **settings):
    """A judge trained for a moment on 60 pictures."""
    images = faces[0][:80]
    values = faces[1][:80] if values is None else values
    return train_pixel_judge(images, values, roles, **{"seed": 0, **FEW, **settings})


def test_planted_targets_are_read_off_faces_it_has_not_seen(faces, judge):
    images, values = faces
    said = judge.measure(images[TEST])
    assert list(said) == list(ROLES)
    for at, (target, role) in enumerate(ROLES.items()):
        truth = values[TEST, at]
        if role == "attribute":
            assert roc_auc_score(truth, said[target]) > 0.9, target
        else:
            assert stats.pearsonr(truth, said[target]).statistic > 0.9, target


def test_numbers_come_in_their_own_unit(faces, judge):
    images, values = faces
    yaw = judge.measure(images[TEST])["yaw"]
    slope = np.polyfit(yaw, values[TEST, 3], 1)[0]
    assert 0.8 < slope < 1.25  # degrees a degree
    assert abs(yaw.mean() - values[TEST, 3].mean()) < 0.3 * values[TEST, 3].std()


@pytest.mark.parametrize("seed", range(3))
def test_the_unit_of_a_number_changes_nothing_else(faces, seed):
    images, values = faces[0][:80], faces[1][:80]
    plain = few(faces, seed=seed).measure(images)
    units = [1.0, 1.0, 1024.0, 0.25]  # powers of two, which floats multiply by exactly
    other = few(faces, values * units, seed=seed).measure(images)
    np.testing.assert_allclose(other, plain * units, rtol=1e-12)


def test_the_epoch_that_is_best_on_valid_is_kept(faces, judge):
    images, values = faces[0][VALID], faces[1][VALID]
    said = judge.measure(images)
    scale = {target: scale.deviation for target, scale in judge.scales.items()}
    nats = [
        log_loss(values[:, at], 1 / (1 + np.exp(-said[target])))
        if role == "attribute"
        else np.mean(((values[:, at] - said[target]) / scale[target]) ** 2) / 2
        for at, (target, role) in enumerate(ROLES.items())
    ]
    assert min(row["valid"] for row in judge.losses) == pytest.approx(np.mean(nats), rel=1e-4)


def test_training_stops_when_valid_no_longer_improves(faces):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(80, 1))  # nothing in the picture goes with it: only train improves
    judge = few(faces, noise, {"noise": "factor"}, epochs=30, patience=2, learning_rate=5e-3)
    losses = [row["valid"] for row in judge.losses]
    assert len(losses) < 30
    assert np.argmin(losses) == len(losses) - 3


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_that_of_the_known_values(seed):
    rng = np.random.default_rng(seed)
    given = torch.tensor(rng.normal(size=(40, 3)), requires_grad=True)
    answers = np.column_stack([rng.random((40, 1)) < 0.4, rng.normal(size=(40, 2))]).astype(float)
    known = rng.random((40, 3)) < 0.6
    hidden = np.where(known, answers, 0.0)
    attribute = torch.tensor([True, False, False])
    loss = masked_loss(given, torch.tensor(hidden), torch.tensor(known), attribute)
    loss.backward()
    z = given.detach().numpy()
    first = known[:, 0]
    nats = log_loss(answers[first, 0], 1 / (1 + np.exp(-z[first, 0])), normalize=False)
    rest = known.copy()
    rest[:, 0] = False
    nats += np.square(z - answers)[rest].sum() / 2
    assert loss.item() == pytest.approx(nats / known.sum())
    assert (given.grad.numpy()[~known] == 0).all()
    assert (given.grad.numpy()[known] != 0).all()


def test_nothing_known_costs_nothing():
    given = torch.ones(4, 2, requires_grad=True)
    none = torch.zeros(4, 2, dtype=torch.bool)
    loss = masked_loss(given, torch.zeros(4, 2), none, torch.tensor([True, False]))
    loss.backward()
    assert loss.item() == 0
    assert (given.grad == 0).all()


def test_images_without_any_label_are_as_if_they_were_not_there(faces):
    values = faces[1][:80].copy()
    values[40:60] = np.nan
    some = few(faces, values).measure(faces[0][:80])
    less = few(faces, values, train_rows=np.arange(40)).measure(faces[0][:80])
    np.testing.assert_array_equal(some, less)


def test_a_picture_is_measured_by_itself(faces, judge, monkeypatch):
    images = faces[0][TEST]
    whole = judge.measure(images)
    order = np.random.default_rng(0).permutation(len(images))
    monkeypatch.setattr("latentlab.judges.pixels.BATCH", 7)
    np.testing.assert_allclose(judge.measure(images[order]), whole.iloc[order], atol=1e-4)


def test_a_saved_judge_is_the_same_judge(faces, judge, tmp_path):
    judge.save(tmp_path / "judge")
    loaded = PixelJudge.load(tmp_path / "judge")
    images = faces[0][TEST]
    np.testing.assert_array_equal(loaded.measure(images), judge.measure(images))
    np.testing.assert_array_equal(loaded.embed(images), judge.embed(images))
    assert loaded.losses == judge.losses
    assert (loaded.name, loaded.circular) == ("pixels", False)
    assert not list((tmp_path / "judge").glob("*.pt"))


@pytest.mark.parametrize("file", ["model.safetensors", "judge.json"])
def test_a_damaged_judge_is_named(judge, tmp_path, file):
    judge.save(tmp_path / "judge")
    whole = (tmp_path / "judge" / file).read_bytes()
    (tmp_path / "judge" / file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"judge"):
        PixelJudge.load(tmp_path / "judge")


def test_no_judge_is_no_damaged_one(tmp_path):
    with pytest.raises(MissingArtifactError, match="holds no judge"):
        PixelJudge.load(tmp_path)


def test_chance_is_the_seed_alone(faces):
    state = torch.random.get_rng_state()
    images = faces[0][:80]
    first, again, other = (few(faces, seed=seed).measure(images) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_cannot_be_learned_is_missing_and_says_why(faces):
    values = np.column_stack([faces[1][:80], np.full((80, 2), np.nan), np.ones((80, 2))])
    values[:7, 4] = 1.0
    roles = {
        **ROLES,
        "Rare": "attribute",
        "unknown": "factor",
        "Always": "attribute",
        "constant": "statistic",
    }
    judge = few(faces, values, roles)
    assert set(judge.unlearned) == {"Rare", "unknown", "Always", "constant"}
    assert judge.unlearned["Rare"].startswith("only 7 images of train have a known value")
    assert judge.unlearned["Always"].startswith("60 of 60 images of train are positive")
    assert judge.unlearned["constant"] == "the value is 1 in every image of train"
    said = judge.measure(faces[0][:5])
    assert said[list(judge.unlearned)].isna().all(axis=None)
    assert said[list(ROLES)].notna().all(axis=None)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_to_learn_is_an_error(faces, value):
    with pytest.raises(DataError, match=r"nothing to learn: yaw: only 0|yaw is infinite"):
        few(faces, np.full((80, 1), value), {"yaw": "factor"})


def test_without_valid_the_last_epoch_is_kept(faces):
    judge = few(faces, valid_rows=np.arange(0), epochs=2)
    assert [row["valid"] for row in judge.losses] == [None, None]
    assert judge.measure(faces[0][:3]).notna().all(axis=None)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [28, 64, 100, 256])
def test_any_side_and_one_or_three_channels(side, channels):
    rng = np.random.default_rng(side)
    shade = rng.random(40)
    images = np.broadcast_to(
        (255 * shade).astype(np.uint8)[:, None, None, None], (40, side, side, channels)
    )
    judge = train_pixel_judge(
        images, shade[:, None], {"shade": "factor"}, np.arange(40), np.arange(0), seed=0, epochs=3
    )
    assert judge.network.side == min(side, 64)
    said = judge.measure(images)["shade"]
    assert stats.spearmanr(said, shade).statistic > 0.9
    other = judge.measure(images[:, ::2, ::2])["shade"]  # an even picture stays so at any side
    np.testing.assert_allclose(other, said, atol=1e-4)


def test_shrinking_averages_over_areas():
    network = PixelNetwork(1, 64, 1)
    fine = torch.zeros(1, 1, 256, 256)
    fine[..., ::2] = 1.0  # stripes finer than the network sees
    shrunk = network.resized(fine)
    assert shrunk.shape == (1, 1, 64, 64)
    np.testing.assert_allclose(shrunk[..., 4:-4, 4:-4], 0.5, atol=1e-3)


def test_other_channels_are_refused(judge):
    with pytest.raises(DataError, match=r"3 channels .* shape \(2, 32, 32, 1\)"):
        judge.measure(np.zeros((2, 32, 32, 1), np.uint8))


def test_like_faces_have_like_features(faces, judge):
    """The same face, a little darker, is closer than another face."""
    images = faces[0][TEST]
    features = judge.embed(images)
    assert features.shape[0] == len(images)

    def cosine(a, b):
        return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)

    darker = judge.embed((images * 0.95).astype(np.uint8))
    same, others = cosine(features, darker), cosine(features, np.roll(features, 1, axis=0))
    assert (same > others).mean() > 0.95
