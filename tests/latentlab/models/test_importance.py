"""The likelihood from weighed draws, where the exact one is known."""

import pytest
import torch

from latentlab.data.batches import Batch
from latentlab.models import build_model
from latentlab.models.importance import log_likelihood
from latentlab.randomness import torch_generator
from tests.latentlab.objectives.linear_gaussian import Principal, mean_and_error


@pytest.mark.parametrize("samples", [1, 7])
def test_with_the_exact_posterior_every_draw_gives_the_exact_likelihood(samples):
    model = Principal()
    x = model.images(50)
    found = log_likelihood(model, Batch(x), samples, torch_generator(0, "noise"))
    torch.testing.assert_close(found, model.log_likelihood(x), atol=1e-4, rtol=1e-5)


def test_with_a_wrong_posterior_it_comes_to_the_exact_likelihood_from_below():
    model = Principal(wrong=0.7)
    x = model.images(400)
    exact = model.log_likelihood(x)
    gaps = [
        mean_and_error(exact - log_likelihood(model, Batch(x), k, torch_generator(0, "noise")))
        for k in (1, 10, 300)
    ]
    (one, _), (ten, _), (many, error) = gaps
    assert one > ten > many
    assert many < 0.02 + 3 * error


def test_codes_without_a_density_have_no_likelihood():
    model = build_model("autoencoder", {"widths": (8,)}, channels=1, side=28, seed=0)
    with pytest.raises(ValueError, match="no likelihood"):
        log_likelihood(model, Batch(torch.rand(2, 1, 28, 28)), 3, torch_generator(0, "noise"))
