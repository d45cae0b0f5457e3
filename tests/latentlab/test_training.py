"""One loop: it learns, and a run broken anywhere gives the same weights as an unbroken one."""

import copy
import io
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from latentlab.checkpoints import best_state, load_state, save_state
from latentlab.data.batches import Pictures
from latentlab.errors import DataError, StoppedError
from latentlab.integrity import with_trailer
from latentlab.models import build_model
from latentlab.objectives import BetaVAE
from latentlab.objectives.terms import FINAL_STEP
from latentlab.training import READ_EVERY, Recipe, choose_device, concerns, fit, kept_weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    shades = 255 * rng.integers(0, 2, size=(70, 1, 1, 3))
    return np.broadcast_to(shades, (70, 32, 32, 3)).astype(np.uint8)


def train(
    images, *, epochs=3, state=None, should_stop=lambda: False, rate=1e-3, objective=None,
    model="vae", network="conv", **recipe,
):  # fmt: skip
    settings = {"latents": 4, "network": network}
    if network != "mlp":
        settings["widths"] = (8, 8)
    model = build_model(model, settings, channels=3, side=32, seed=0)
    states = []
    try:
        history = fit(
            model,
            objective or BetaVAE(),
            Pictures(images),
            train=np.arange(50),
            valid=np.arange(50, 70),
            recipe=Recipe(epochs=epochs, batch_size=16, learning_rate=rate, **recipe),
            seed=0,
            device=CPU,
            state=state,
            on_epoch=lambda state, best, kept: states.append((state, best, copy.deepcopy(kept))),
            should_stop=should_stop,
        )
    except StoppedError:
        history = None
    return model, history, states


def test_training_lowers_the_loss(images):
    _, history, states = train(images, epochs=6, rate=3e-3)
    assert history[-1]["valid_loss"] < 0.95 * history[0]["valid_loss"]
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert states[-1][1]  # the last epoch was the best so far


def test_the_history_adds_up(images):
    _, history, _ = train(images, objective=BetaVAE(4.0))
    for row in history:
        kl = sum(row[f"kl_{index:03d}"] for index in range(4))
        assert kl == pytest.approx(row["train_kl"])
        assert row["train_elbo"] == pytest.approx(-row["train_reconstruction"] - row["train_kl"])
        loss = row["train_reconstruction"] + 4.0 * row["train_kl"]
        assert row["train_loss"] == pytest.approx(loss, rel=1e-6)
        assert row["beta"] == 4.0


@pytest.mark.parametrize("stop_after", [1, 4, 6, 8])  # in an epoch, at its end, in the next
@pytest.mark.parametrize(
    "recipe",
    [{}, {"average": 0.9, "clip": 1.0, "decoder_learning_rate": 5e-4}, {"network": "deep_conv"}],
)
def test_a_broken_run_resumes_bit_for_bit(images, tmp_path, stop_after, recipe):
    whole, history, _ = train(images, **recipe)
    steps = iter(range(1, 100))
    _, broken, states = train(images, should_stop=lambda: next(steps) >= stop_after, **recipe)
    assert broken is None
    save_state(tmp_path, states[-1][0]["step"], states[-1][0], best=False)
    resumed, history_again, _ = train(images, state=load_state(tmp_path), **recipe)
    for name, weights in whole.state_dict().items():
        assert torch.equal(weights, resumed.state_dict()[name]), name
    assert history == history_again


def test_beta_zero_leaves_the_kl_free_and_a_large_beta_closes_it(images):
    free = train(images, objective=BetaVAE(0.0), rate=3e-3)[1][-1]["train_kl"]
    closed = train(images, objective=BetaVAE(100.0), rate=3e-3)[1][-1]["train_kl"]
    assert closed < 0.1 < free


def test_two_learning_rates_move_only_their_half(images):
    before = build_model("vae", {"latents": 4, "widths": (8, 8)}, channels=3, side=32, seed=0)
    after, _, _ = train(images, epochs=1, decoder_learning_rate=1e-12)
    for name, weights in before.state_dict().items():
        moved = (after.state_dict()[name] - weights).abs().max()
        assert (moved > 1e-4) == (not name.startswith("decoder")), name


def test_clipping_bounds_the_step(images):
    # With plain Adam the size of the gradient cancels out, so it is the gradient that is looked at.
    model, _, _ = train(images, epochs=1, clip=1e-3)
    norm = torch.stack([w.grad.norm() for w in model.parameters()]).norm()
    assert 0 < norm <= 1e-3 * 1.001


def test_the_average_of_the_weights_is_what_is_kept(images):
    decay = 0.9
    _, _, states = train(images, epochs=2, average=decay, network="deep_conv")
    state, _, kept = states[-1]
    assert all(
        torch.equal(value, kept.state_dict()[key]) for key, value in kept_weights(state).items()
    )
    assert not torch.equal(kept.state_dict()["head.mu.weight"], state["model"]["head.mu.weight"])
    plain = train(images, epochs=2)[2][-1][0]
    assert kept_weights(plain) is not None
    assert torch.equal(kept_weights(plain)["head.mu.weight"], plain["model"]["head.mu.weight"])


def test_patience_ends_training_after_epochs_without_gain(images):
    _, history, states = train(images, epochs=40, patience=2, rate=0.03)
    losses = [row["valid_loss"] for row in history]
    assert len(history) < 40
    assert len(losses) - 1 - int(np.argmin(losses)) == 2
    # Asked again with the same settings it has nothing to do.
    _, again, later = train(images, epochs=40, patience=2, rate=0.03, state=states[-1][0])
    assert again == history
    assert later == []


def test_less_precision_gives_nearly_the_same_loss(images):
    exact, rough = (
        train(images, epochs=2, precision=precision)[1][-1] for precision in ("float32", "bfloat16")
    )
    assert rough["valid_loss"] == pytest.approx(exact["valid_loss"], rel=0.02)
    assert rough["valid_loss"] != exact["valid_loss"]


def test_an_autoencoder_counts_the_codes_that_vary(images):
    _, history, _ = train(images, model="autoencoder", rate=3e-3, epochs=4)
    assert history[-1]["train_kl"] == 0
    assert history[-1]["active_units"] > 0
    assert history[-1]["valid_loss"] == history[-1]["valid_reconstruction"]


def test_validation_takes_a_schedule_at_its_end(images):
    slow = BetaVAE(50.0, anneal="linear", anneal_steps=1_000_000)
    _, history, _ = train(images, objective=slow, epochs=1)
    assert history[0]["beta"] < 1e-3
    expected = history[0]["valid_reconstruction"] + 50 * history[0]["valid_kl"]
    assert history[0]["valid_loss"] == pytest.approx(expected)


def test_collapse_and_underfitting_are_told():
    good = {"active_units": 8, "valid_loss": 100.0}
    assert concerns([good, good], 10) == []
    assert "collapsed" in concerns([good, {**good, "active_units": 1}], 10)[0]
    assert "fell by 5.0%" in concerns([good, {**good, "valid_loss": 95.0}], 10)[0]


def test_training_that_diverges_says_what_to_lower(images):
    with pytest.raises(DataError, match=r"diverged.*train\.learning_rate"):
        train(images, rate=1e12)


@dataclass
class Breaking:
    """A BetaVAE whose loss is not a number from some step on."""

    first: int
    asked: int = 0

    def __call__(self, model, batch, at):
        terms = BetaVAE()(model, batch, at)
        if at.number == FINAL_STEP:
            return terms
        self.asked += 1
        bad = at.number >= self.first
        return replace(terms, loss=terms.loss * float("nan")) if bad else terms


@pytest.mark.parametrize("stopping", [False, True])
def test_training_that_diverges_stops_soon_and_hands_on_no_broken_state(images, stopping):
    objective, states = Breaking(first=63), []  # in the second epoch of 50 steps
    model = build_model("vae", {"latents": 4, "widths": (8, 8)}, channels=3, side=32, seed=0)
    with pytest.raises(DataError, match=r"epoch 2: training has diverged.*untouched"):
        fit(
            model,
            objective,
            Pictures(images),
            train=np.arange(50),
            valid=np.arange(50, 70),
            recipe=Recipe(epochs=9, batch_size=1, learning_rate=1e-3),
            seed=0,
            device=CPU,
            on_epoch=lambda state, best, kept: states.append(copy.deepcopy(state["model"])),
            should_stop=lambda: stopping and objective.asked > objective.first,
        )
    assert objective.asked - objective.first <= (1 if stopping else READ_EVERY)
    assert len(states) == 1
    assert all(bool(torch.isfinite(weights).all()) for weights in states[0].values())


def test_who_is_killed_between_the_best_state_and_the_newest_comes_by_it_again(
    tmp_path, monkeypatch
):
    save_state(tmp_path, 1, {"step": 1}, best=True)
    written = []

    def killed(path, content):
        if written:
            raise KeyboardInterrupt
        written.append(path.name)
        path.write_bytes(content)

    monkeypatch.setattr("latentlab.files.write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        save_state(tmp_path, 2, {"step": 2}, best=True)
    assert load_state(tmp_path)["step"] == 1  # from which the second is made, and saved, again
    assert best_state(tmp_path)["step"] == 2


def test_a_best_state_that_is_damaged_says_what_to_do(tmp_path):
    save_state(tmp_path / "checkpoints", 1, {"step": 1}, best=True)
    (tmp_path / "checkpoints" / "best.pt").write_bytes(b"torn")
    with pytest.raises(DataError, match=r"best\.pt cannot be read.*--fresh"):
        best_state(tmp_path / "checkpoints")


def test_a_damaged_newest_state_falls_back_to_the_one_before(tmp_path):
    for step in (1, 2, 3):
        save_state(tmp_path, step, {"step": step}, best=step == 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.pt",
        "state_000000002.pt",
        "state_000000003.pt",
    ]
    (tmp_path / "state_000000003.pt").write_bytes(b"torn")
    told = []
    assert load_state(tmp_path, told.append) == {"step": 2}
    assert "state_000000003.pt cannot be read" in str(told[0])


def test_a_state_that_would_run_code_is_not_read(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    written = io.BytesIO()
    torch.save({"step": Trap()}, written)
    (tmp_path / "state_000000001.pt").write_bytes(with_trailer(written.getvalue()))
    assert load_state(tmp_path) is None
    assert not (tmp_path / "sprung").exists()


def test_an_absent_device_is_refused():
    if torch.cuda.is_available():
        assert choose_device("cuda").type == "cuda"
    else:
        with pytest.raises(DataError, match="--device auto"):
            choose_device("cuda")
    assert choose_device("cpu") == CPU
