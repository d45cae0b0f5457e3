"""What the training loop is made of: optimiser, threads, readings, states on their way out."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from latentlab import checkpoints
from latentlab.background import Background
from latentlab.fitting import readings
from latentlab.fitting.adam import Adam, Group
from latentlab.fitting.ahead import Ahead
from latentlab.fitting.readings import READ_EVERY, Watch
from latentlab.fitting.recipe import Recipe, cuda_settings
from latentlab.fitting.sums import Sums
from latentlab.noise import DrawnBefore, RecordingGenerator, Request, normal, uniform
from latentlab.randomness import torch_generator

CPU = torch.device("cpu")


def steps_of(make, weights, gradients, state=None):
    """An optimiser after some steps, and the weights."""
    mine = [torch.nn.Parameter(value.clone()) for value in weights]
    optimizer = make(mine)
    if state is not None:
        optimizer.load_state_dict(state)
    for step in gradients:
        for weight, gradient in zip(mine, step, strict=True):
            weight.grad = None if gradient is None else gradient.clone()
        optimizer.step()
    return optimizer, mine


@pytest.mark.parametrize("fused", [False, True])
def test_adam_is_that_of_torch_and_takes_its_state(fused):
    chance = torch.Generator().manual_seed(0)
    weights = [torch.randn(shape, generator=chance) for shape in ((3, 4), (5,), (2, 2))]
    gradients = [
        [torch.randn(w.shape, generator=chance) if n else None for n, w in enumerate(weights)]
        for _ in range(6)
    ]

    def ours(mine):
        groups = [Group(tuple(mine[:2]), 1e-2), Group((mine[2],), 1e-3)]
        return Adam(groups, betas=(0.5, 0.9), fused=fused)

    def theirs(mine):
        groups = [{"params": mine[:2], "lr": 1e-2}, {"params": mine[2:], "lr": 1e-3}]
        return torch.optim.Adam(groups, betas=(0.5, 0.9), fused=fused)

    _, expected = steps_of(theirs, weights, gradients)
    _, found = steps_of(ours, weights, gradients)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    assert torch.equal(found[0], weights[0])  # it never had a gradient
    for first in (ours, theirs):  # and goes on from either's state
        before, halfway = steps_of(first, weights, gradients[:3])
        _, found = steps_of(ours, halfway, gradients[3:], before.state_dict())
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_a_generator_knows_whether_all_that_was_drawn_was_asked_for():
    recording = RecordingGenerator.of(torch_generator(0, "posterior", 3))
    drawn = [normal((4, 3), recording), uniform((2,), recording)]
    assert recording.requests == [Request("normal", (4, 3)), Request("uniform", (2,))]
    assert recording.complete
    again = torch_generator(0, "posterior", 3)
    assert torch.equal(drawn[0], normal((4, 3), again))
    given = DrawnBefore(list(zip(recording.requests, drawn, strict=True)))
    assert normal((4, 3), given) is drawn[0]
    with pytest.raises(ValueError, match=r"normal.*asked for.*uniform.*capture=false"):
        normal((2,), given)
    with pytest.raises(ValueError, match="None was drawn"):
        normal((2,), given)
    torch.rand(1, generator=recording)
    assert not recording.complete


def test_what_is_made_ahead_comes_in_order_and_no_further_than_asked_for():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    with Ahead(items(), depth=2) as ahead:
        taken = [item for item, _ in zip(ahead, range(5), strict=False)]
    assert taken == [0, 1, 2, 3, 4]
    assert len(made) < 12
    with Ahead(iter(range(7))) as ahead:
        assert list(ahead) == list(range(7))


def test_what_goes_wrong_ahead_is_told_to_who_asks():
    def items():
        yield 1
        raise ValueError("torn")

    with Ahead(items()) as ahead:
        asked = iter(ahead)
        assert next(asked) == 1
        with pytest.raises(ValueError, match="torn"):
            next(asked)


def test_work_in_the_background_is_done_in_order_before_the_end():
    done, gate = [], threading.Event()
    with Background(threaded=True) as background:
        background.do(gate.wait)
        background.do(lambda: done.append(1))
        assert done == []
        gate.set()
        background.do(lambda: done.append(2))
    assert done == [1, 2]


@pytest.mark.parametrize("threaded", [True, False])
def test_work_that_fails_is_told_and_nothing_comes_after_it(threaded):
    def fail():
        raise OSError("no space left")

    done = []
    with pytest.raises(OSError, match="no space"), Background(threaded=threaded) as background:
        background.do(fail)
        for _ in range(3):
            background.do(lambda: done.append(1))
        background.check()
    assert done == []


def test_a_failure_in_the_background_is_not_lost_when_the_block_ends_otherwise():
    def fail():
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"), Background(threaded=True) as background:
        background.do(fail)
        raise KeyboardInterrupt


def test_a_copied_state_no_longer_changes():
    weight = torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last)
    state = {"step": 3, "model": {"w": weight}, "optimizers": [{"state": {0: {"m": weight}}}]}
    kept, arrived = checkpoints.copied(state)
    weight.zero_()
    arrived()
    assert kept["step"] == 3
    for found in (kept["model"]["w"], kept["optimizers"][0]["state"][0]["m"]):
        assert found.min() == 1
        assert found.stride() == weight.stride()


@pytest.mark.parametrize("late", [0, 1, 7, 10**9])
def test_a_loss_that_is_no_number_is_noticed_in_time_however_late_readings_arrive(
    monkeypatch, late
):
    class Slow(readings.Reading):
        """A reading that takes some looks to arrive, unless it is waited for."""

        def __init__(self, sums, *, wait):
            super().__init__(sums, wait=wait)
            self.looks, self.total = 0, sums.loss.clone()

        @property
        def ready(self):
            self.looks += 1
            return self.looks > late

    monkeypatch.setattr(readings, "Reading", Slow)
    for bad in range(1, 45):
        sums, watch = Sums(3, CPU), Watch(CPU, wait=False)
        watch.every = READ_EVERY // 2  # as where they arrive late
        for step in range(1, 100):
            sums.loss += float("nan") if step >= bad else 1.0
            sums.images += 1
            found = watch.look(step, sums)
            if found is not None and not np.isfinite(found):
                break
            assert found is None or found == 1.0
        assert bad <= step < bad + READ_EVERY


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_tf32_is_for_those_who_ask_and_settings_are_put_back(precision):
    def current():
        cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
        return cudnn.benchmark, cudnn.allow_tf32, products.allow_tf32

    before, recipe = current(), Recipe(1, 1, 1e-3, precision=precision)
    with cuda_settings(recipe, torch.device("cuda")):
        assert current() == (True, precision == "tf32", precision == "tf32")
    assert current() == before
    with cuda_settings(recipe, CPU):
        assert current() == before


def test_the_first_step_does_not_wait_for_torchs_compiler():
    code = """
import sys, numpy as np, torch
from latentlab.data.batches import Pictures
from latentlab.models import build_model
from latentlab.objectives import OBJECTIVES
from latentlab.training import Recipe, fit

fit(
    build_model("vae", {"latents": 2, "widths": (4,)}, channels=1, side=16, seed=0),
    OBJECTIVES["factor_vae"](width=4, depth=1), Pictures(np.zeros((4, 16, 16, 1), np.uint8)),
    train=np.arange(2), valid=np.arange(2, 4), recipe=Recipe(1, 2, 1e-3, clip=1.0, average=0.9),
    seed=0, device=torch.device("cpu"), on_epoch=lambda state, best, model: None,
)
print(sorted({"torch._dynamo", "torch._inductor", "sympy"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_sums_go_on_from_a_state_of_when_they_had_a_clock():
    sums = Sums(3, CPU)
    sums.kl += 2.0
    sums.extra["tc"] = torch.ones((), dtype=torch.float64)
    sums.count(4, 0.5)
    again = Sums(3, CPU)
    again.restore({**sums.state(), "seconds": 12.0})
    assert again.state().keys() == sums.state().keys()
    assert again.means("train") == sums.means("train")
    again.clear()
    assert again.images == 0 and not again.kl.any() and not again.extra["tc"]
