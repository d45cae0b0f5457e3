"""What the benchmark of training counts, against counting by hand."""

import itertools

import pytest

from benchmarks.bounds import Rates, Work, bound, counted
from latentlab.models import build_model
from latentlab.objectives import BetaVAE


def products(settings, channels, side):
    """Multiplications of a pass forwards, by hand: (layers of `mlp` from end to end)."""
    ins = channels * side**2
    ends = [ins, *settings["widths"], settings["latents"]]
    encoder = sum(a * b for a, b in itertools.pairwise(ends))
    heads = settings["widths"][-1] * settings["latents"]  # the second of mu and logvar
    return 2 * encoder + heads


def test_operations_outputs_and_weights_of_dense_layers_are_those_on_paper():
    settings = {"latents": 3, "network": "mlp", "widths": (20, 10)}
    model = build_model("vae", settings, channels=2, side=8, seed=0)
    work = counted(model, BetaVAE(), 2, 8)
    forwards = products(settings, 2, 8)
    # Backwards every product is done twice, but for the first layer, whose input needs no gradient.
    assert work.operations == 2 * (3 * forwards - 128 * 20)
    assert work.outputs == 20 + 10 + 3 + 3 + 10 + 20 + 128
    assert work.image_bytes == 128
    assert work.weights == forwards + work.outputs  # each output has a bias


def test_a_step_is_bound_by_what_takes_longer_and_less_precision_moves_fewer_bytes():
    work = Work(operations=1e6, outputs=1000, image_bytes=300, weights=50)
    slow, fast = Rates(products=1e9, copy=1e12), Rates(products=1e15, copy=1e9)
    assert bound(work, slow, 10, "float32").seconds == pytest.approx(10 * 1e6 / 1e9)
    assert bound(work, slow, 10, "float32").binds == "arithmetic"
    found = bound(work, fast, 10, "float32")
    assert found.binds == "memory"
    assert found.seconds == pytest.approx((50 * 40 + 10 * (20 * 1000 + 900)) / 1e9)
    assert bound(work, fast, 10, "bfloat16").seconds == pytest.approx(
        (50 * 36 + 10 * (10 * 1000 + 900)) / 1e9
    )
