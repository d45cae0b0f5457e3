"""The loss convention: nats per image, summed over pixels and latents, averaged over the batch."""

import pytest
import torch

from latentlab.data.batches import Batch
from latentlab.models import build_model
from latentlab.objectives import BetaVAE
from latentlab.randomness import torch_generator


@pytest.fixture
def model():
    return build_model("vae", {"latents": 5}, channels=3, side=32, seed=0)


@pytest.fixture
def x():
    return torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def terms(objective, model, x):
    return objective(model, Batch(x), torch_generator(0, "noise"), 0)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 4.0])
def test_the_loss_is_reconstruction_plus_beta_times_kl(model, x, beta):
    result = terms(BetaVAE(beta), model, x)
    expected = result.reconstruction.mean() + beta * result.kl.sum(dim=1).mean()
    torch.testing.assert_close(result.loss.detach(), expected)
    assert result.beta == beta


def test_doubling_the_batch_leaves_the_kl_as_it_is(model, x):
    once, twice = terms(BetaVAE(), model, x), terms(BetaVAE(), model, torch.cat([x, x]))
    torch.testing.assert_close(once.kl.sum(1).mean(), twice.kl.sum(1).mean())
