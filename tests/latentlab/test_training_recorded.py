"""Steps that are made ready ahead and replayed give the numbers of plain ones, bit for bit."""

import copy
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from latentlab import training
from latentlab.data import resident
from latentlab.data.batches import Pictures
from latentlab.errors import StoppedError
from latentlab.fitting import steps, tape, weights
from latentlab.models import build_model
from latentlab.objectives import OBJECTIVES, BetaVAE
from latentlab.training import READ_EVERY, Recipe, fit

sys.path.insert(0, str(Path(__file__).parent))
import contextlib

import recorded

CPU = torch.device("cpu")
SIZE = 8  # of a batch; 60 images make seven whole ones and a smaller


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (70, 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def told():
    return []


@pytest.fixture
def replayed(monkeypatch, told):
    """Training as on a CUDA device, but on the CPU; `replayed(False)` is plain training again."""
    monkeypatch.setattr(weights, "one_kernel", lambda device: True)
    monkeypatch.setattr(tape, "BLOCK", 3)
    monkeypatch.setattr(resident, "free_memory", lambda device: 1 << 40)
    plainly = training._steps
    counts = {"recorded": 0, "replayed": 0}

    def record(work):
        replay = recorded.record(work)
        counts["recorded"] += 1

        def counted():
            counts["replayed"] += 1
            replay()

        return counted

    def taped(trained, objective, given, sums, recipe, seed, device, ranks, tell):
        plain = plainly(trained, objective, given, sums, recipe, seed, device, ranks, tell)
        return steps.TapedSteps(plain, objective, recipe, record=record, tell=told.append)

    def switch(on):
        monkeypatch.setattr(training, "_steps", taped if on else plainly)
        return counts

    return switch


def train(
    images, objective, *, model="vae", settings=None, stop_after=10**9, state=None, epochs=2,
    on_step=lambda progress: None, masks=None, conditions=None, **recipe,
):  # fmt: skip
    settings = {"latents": 3, "widths": (4, 4), **(settings or {})}
    made = build_model(model, settings, channels=3, side=16, seed=0)
    counted, states, history = iter(range(1, 10**9)), [], None
    with contextlib.suppress(StoppedError):
        history = fit(
            made,
            objective,
            Pictures(images, masks, conditions),
            train=np.arange(60),
            valid=np.arange(60, 70),
            recipe=Recipe(epochs, SIZE, 1e-3, **recipe),
            seed=0,
            device=CPU,
            state=state,
            on_epoch=lambda state, best, kept: states.append(state),
            should_stop=lambda: next(counted) >= stop_after,
            on_step=on_step,
        )
    return made, history, copy.deepcopy(states[-1])


def same(found, expected):
    """Two states of training, to the last bit."""
    assert type(found) is type(expected)
    if isinstance(found, dict):
        assert found.keys() == expected.keys()
        for key in found:
            same(found[key], expected[key])
    elif isinstance(found, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif isinstance(found, torch.Tensor):
        assert torch.equal(found, expected)
    else:
        assert found == expected


CASES = {
    "beta_vae": (BetaVAE(4.0), {}),
    "annealed": (BetaVAE(4.0, anneal="linear", anneal_steps=11, samples=2), {"clip": 1.0}),
    "cyclic, free bits": (BetaVAE(2.0, anneal="cyclic", anneal_steps=9, free_bits=0.1), {}),
    "capacity": (OBJECTIVES["capacity"](gamma=10.0, capacity=5.0, steps=12), {}),
    "beta_tcvae": (OBJECTIVES["beta_tcvae"](images=60), {"average": 0.9}),
    "factor_vae": (OBJECTIVES["factor_vae"](width=8, depth=1), {"average": 0.9, "clip": 50.0}),
    "dip_vae": (OBJECTIVES["dip_vae"](), {}),
    "info_vae": (OBJECTIVES["info_vae"](), {}),
    "iwae": (OBJECTIVES["iwae"](samples=2), {"decoder_learning_rate": 1e-4}),
    "denoising": (OBJECTIVES["denoising"](masked=0.2), {}),
    "bfloat16": (BetaVAE(0.3), {"precision": "bfloat16"}),
    "batch normalisation": (
        BetaVAE(1.0), {"settings": {"network": "deep_conv", "widths": (4,)}, "average": 0.9},
    ),
    "hierarchical": (
        BetaVAE(1.0), {"model": "hierarchical_vae", "settings": {"upper_latents": 2, "width": 4}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_replayed_steps_are_plain_ones(images, replayed, told, case):
    objective, given = CASES[case]
    replayed(False)
    _, history, state = train(images, objective, **given)
    counts = replayed(True)
    _, again, found = train(images, objective, **given)
    same(again, history)
    same(found, state)
    # One plain step, three to warm up, seven whole batches an epoch.
    assert counts == {"recorded": 1, "replayed": 2 * 7 - 4}
    assert told == []


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("stop_after", [3, 6, 13])  # before a step is recorded, after, in the next
def test_training_goes_on_in_either_way_from_either(images, replayed, first, stop_after):
    objective, given = CASES["annealed"]
    given = {**given, "average": 0.9}
    replayed(False)
    _, history, state = train(images, objective, epochs=3, **given)
    replayed(first)
    _, none, broken = train(images, objective, epochs=3, stop_after=stop_after, **given)
    assert none is None
    replayed(not first)
    _, again, found = train(images, objective, epochs=3, state=broken, **given)
    same(again, history)
    same(found, state)


@pytest.mark.parametrize("there", [False, True])
def test_masks_and_conditions_come_with_their_images(images, replayed, monkeypatch, there):
    rng = np.random.default_rng(1)
    given = {
        "masks": rng.integers(0, 256, (70, 16, 16), dtype=np.uint8),
        "conditions": rng.choice([-1, 0, 1], (70, 2)).astype(np.float32),
        "model": "conditional_vae",
        "settings": {"conditions": ("a", "b"), "masked": True},
    }
    replayed(False)
    _, history, state = train(images, BetaVAE(1.0), **given)
    counts = replayed(True)
    if there:
        monkeypatch.setattr(training, "_given", resident.resident)
    _, again, found = train(images, BetaVAE(1.0), **given)
    same(again, history)
    same(found, state)
    assert counts["replayed"] == 10


def test_pictures_that_leave_no_room_stay_where_they_are(images, monkeypatch):
    monkeypatch.setattr(resident, "free_memory", lambda device: 2 * images.nbytes - 2)
    assert resident.resident(Pictures(images), CPU) is None
    monkeypatch.setattr(resident, "free_memory", lambda device: 2 * images.nbytes)
    monkeypatch.setattr(resident, "CHUNK", 5 * images[0].nbytes)
    there = resident.resident(Pictures(images), CPU)
    rows = np.array([69, 3, 3, 40])
    assert torch.equal(there.batch(rows, CPU).x, Pictures(images).batch(rows, CPU).x)


@dataclass(frozen=True)
class Own:
    """A BetaVAE that does what cannot be known ahead."""

    how: str

    def __call__(self, model, batch, at):
        terms = BetaVAE(4.0)(model, batch, at)
        if self.how == "draws beside":
            torch.rand(3, generator=at.generator)
        if self.how == "counts":
            assert at.number >= 0
        if self.how == "reads":
            assert float(terms.loss.detach()) > 0
        return terms


@pytest.mark.parametrize("how", ["draws beside", "counts", "reads"])
def test_what_cannot_be_recorded_is_trained_all_the_same_and_told(images, replayed, told, how):
    replayed(False)
    _, history, state = train(images, Own(how))
    counts = replayed(True)
    _, again, found = train(images, Own(how))
    same(again, history)
    same(found, state)
    assert counts["replayed"] == 0
    assert len(told) == 1
    assert ("recorded" in told[0]) and ("_local_scalar_dense" in told[0]) == (how == "reads")


def test_between_readings_no_number_is_read_back(images, replayed):
    replayed(True)
    reads = []
    with recorded.Counting() as counting:
        train(
            np.repeat(images, 1, axis=0), CASES["factor_vae"][0], epochs=4, average=0.9, clip=1.0,
            on_step=lambda progress: reads.append(counting.reads),
        )  # fmt: skip
    per_step = np.diff(reads)
    whole_epoch = 8  # steps; at its end the history is read
    quiet = [n for n in range(1, len(reads)) if n % whole_epoch and (n + 1) % READ_EVERY]
    assert per_step[[n - 1 for n in quiet]].sum() == 0
    assert per_step.sum() > 0
