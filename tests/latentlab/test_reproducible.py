"""Weights that do not hang on the number of threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from latentlab.data.batches import Pictures
from latentlab.judges import train_pixel_judge
from latentlab.models import build_model
from latentlab.models.networks import NETWORKS
from latentlab.objectives import BetaVAE
from latentlab.reproducible import by_any_threads
from latentlab.training import Recipe, fit

CPU = torch.device("cpu")
SETTLED = {"MKL_CBWR", "OMP_WAIT_POLICY", "OMP_NUM_THREADS"}


@pytest.fixture
def by():
    """Work done by so many threads."""
    before = torch.get_num_threads()

    def done(threads, work):
        torch.set_num_threads(threads)
        return work()

    yield done
    torch.set_num_threads(before)


def images():
    return np.random.default_rng(0).integers(0, 256, size=(96, 64, 64, 3), dtype=np.uint8)


def trained(network):
    model = build_model("vae", {"network": network, "latents": 8}, channels=3, side=64, seed=0)
    history = fit(
        model,
        BetaVAE(1.0),
        Pictures(images()),
        train=np.arange(80),
        valid=np.arange(80, 96),
        recipe=Recipe(epochs=1, batch_size=20, learning_rate=1e-3, clip=50.0, average=0.9),
        seed=0,
        device=CPU,
        on_epoch=lambda state, best, kept: None,
    )
    return [*model.state_dict().values(), torch.tensor(history[-1]["valid_loss"])]


def judge():
    values = np.random.default_rng(1).integers(0, 2, size=(96, 2)).astype(float)
    made = train_pixel_judge(
        images(), values, {"Smiling": "attribute", "Bald": "attribute"}, np.arange(80),
        np.arange(80, 96), seed=0, epochs=1, device=CPU,
    )  # fmt: skip
    return list(made.network.state_dict().values())


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("network", NETWORKS)
def test_training_is_the_same_by_one_thread_and_two(network, by):
    with by_any_threads(True):
        assert same(by(1, lambda: trained(network)), by(2, lambda: trained(network)))


def test_a_judge_is_the_same_by_one_thread_and_two(by):
    with by_any_threads(True):
        assert same(by(1, judge), by(2, judge))


def test_nothing_changes_unless_it_is_wanted():
    with by_any_threads(False):
        assert torch.backends.mkldnn.enabled
    with by_any_threads(True):
        assert not torch.backends.mkldnn.enabled
    assert torch.backends.mkldnn.enabled


@pytest.mark.parametrize("order", ["torch, latentlab", "latentlab, torch"])
def test_products_are_the_same_by_one_thread_and_two(order):
    """Also where nobody has set what the libraries read, as on a node of a cluster."""
    code = f"""
import hashlib, sys
import {order}
torch.set_num_threads(int(sys.argv[1]))
drawn = torch.Generator().manual_seed(0)
found = hashlib.sha256()
for rows, inner, columns in ((512, 1024, 256), (64, 4096, 64), (100, 300, 7), (512, 32, 4096)):
    left = torch.randn(rows, inner, generator=drawn)
    right = torch.randn(inner, columns, generator=drawn)
    found.update((left @ right).numpy().tobytes())
print(found.hexdigest())
"""
    unset = {name: value for name, value in os.environ.items() if name not in SETTLED}

    def by(threads):
        words = [sys.executable, "-c", code, str(threads)]
        return subprocess.run(words, env=unset, capture_output=True, text=True, check=True).stdout

    assert by(1) == by(2) != ""
