"""One loop: it learns, and a run broken anywhere gives the same weights as an unbroken one."""

import numpy as np
import pytest
import torch

from latentlab.checkpoints import load_state, save_state
from latentlab.errors import DataError, StoppedError
from latentlab.models import build_model
from latentlab.objectives import BetaVAE
from latentlab.training import choose_device, fit

CPU = torch.device("cpu")
CLOCK = {"seconds", "images_per_second"}  # what two equal runs may differ in


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    shades = 255 * rng.integers(0, 2, size=(70, 1, 1, 3))
    return np.broadcast_to(shades, (70, 32, 32, 3)).astype(np.uint8)


def train(images, *, epochs=3, state=None, should_stop=lambda: False, beta=1.0, rate=1e-3):
    model = build_model("vae", {"latents": 4, "widths": (8, 8)}, channels=3, side=32, seed=0)
    states = []
    try:
        history = fit(
            model,
            BetaVAE(beta),
            images,
            train=np.arange(50),
            valid=np.arange(50, 70),
            epochs=epochs,
            batch_size=16,
            learning_rate=rate,
            seed=0,
            device=CPU,
            state=state,
            on_epoch=lambda state, best: states.append((state, best)),
            should_stop=should_stop,
        )
    except StoppedError:
        history = None
    return model, history, states


def without_clock(history):
    return [{key: value for key, value in row.items() if key not in CLOCK} for row in history]


def test_training_lowers_the_loss(images):
    _, history, states = train(images, epochs=6, rate=3e-3)
    assert history[-1]["valid_loss"] < 0.95 * history[0]["valid_loss"]
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert states[-1][1]  # the last epoch was the best so far


def test_the_history_adds_up(images):
    _, history, _ = train(images, beta=4.0)
    for row in history:
        kl = sum(row[f"kl_{index:03d}"] for index in range(4))
        assert kl == pytest.approx(row["train_kl"])
        assert row["train_elbo"] == pytest.approx(-row["train_reconstruction"] - row["train_kl"])
        loss = row["train_reconstruction"] + 4.0 * row["train_kl"]
        assert row["train_loss"] == pytest.approx(loss, rel=1e-6)
        assert row["beta"] == 4.0


@pytest.mark.parametrize("stop_after", [1, 4, 6, 8])  # in an epoch, at its end, in the next
def test_a_broken_run_resumes_bit_for_bit(images, tmp_path, stop_after):
    whole, history, _ = train(images)
    steps = iter(range(1, 100))
    _, broken, states = train(images, should_stop=lambda: next(steps) >= stop_after)
    assert broken is None
    save_state(tmp_path, states[-1][0]["step"], states[-1][0], best=False)
    resumed, history_again, _ = train(images, state=load_state(tmp_path))
    for name, weights in whole.state_dict().items():
        assert torch.equal(weights, resumed.state_dict()[name]), name
    assert without_clock(history) == without_clock(history_again)


def test_beta_zero_leaves_the_kl_free_and_a_large_beta_closes_it(images):
    free = train(images, beta=0.0, rate=3e-3)[1][-1]["train_kl"]
    closed = train(images, beta=100.0, rate=3e-3)[1][-1]["train_kl"]
    assert closed < 0.1 < free


def test_training_that_diverges_says_what_to_lower(images):
    with pytest.raises(DataError, match=r"diverged.*train\.learning_rate"):
        train(images, rate=1e12)


def test_a_damaged_newest_state_falls_back_to_the_one_before(tmp_path):
    for step in (1, 2, 3):
        save_state(tmp_path, step, {"step": step}, best=step == 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.pt",
        "state_000000002.pt",
        "state_000000003.pt",
    ]
    (tmp_path / "state_000000003.pt").write_bytes(b"torn")
    assert load_state(tmp_path) == {"step": 2}


def test_a_state_that_would_run_code_is_not_read(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    torch.save({"step": Trap()}, tmp_path / "state_000000001.pt")
    assert load_state(tmp_path) is None
    assert not (tmp_path / "sprung").exists()


def test_an_absent_device_is_refused():
    if torch.cuda.is_available():
        assert choose_device("cuda").type == "cuda"
    else:
        with pytest.raises(DataError, match="--device auto"):
            choose_device("cuda")
    assert choose_device("cpu") == CPU
