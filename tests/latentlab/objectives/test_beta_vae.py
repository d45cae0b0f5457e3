"""The loss convention: nats per image, summed over pixels and latents, averaged over the batch."""

import pytest
import torch

from latentlab.data.batches import Batch
from latentlab.models import build_model
from latentlab.objectives import BetaVAE
from latentlab.objectives.terms import Step
from latentlab.randomness import torch_generator


@pytest.fixture
def model():
    settings = {"latents": 5, "network": "mlp", "widths": (16,)}
    return build_model("vae", settings, channels=3, side=8, seed=0)


@pytest.fixture
def x():
    return torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def terms(objective, model, x, step=0):
    return objective(model, Batch(x), Step(torch_generator(0, "noise"), step))


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 4.0])
def test_the_loss_is_reconstruction_plus_beta_times_kl(model, x, beta):
    result = terms(BetaVAE(beta), model, x)
    expected = result.reconstruction.mean() + beta * result.kl.sum(dim=1).mean()
    torch.testing.assert_close(result.loss.detach(), expected)
    assert result.beta == beta


def test_doubling_the_batch_leaves_the_kl_as_it_is(model, x):
    once, twice = terms(BetaVAE(), model, x), terms(BetaVAE(), model, torch.cat([x, x]))
    torch.testing.assert_close(once.kl.sum(1).mean(), twice.kl.sum(1).mean())


def test_a_schedule_enters_the_loss(model, x):
    objective = BetaVAE(4.0, anneal="linear", anneal_steps=10)
    for step, beta in [(0, 0.0), (5, 2.0), (10, 4.0), (99, 4.0)]:
        result = terms(objective, model, x, step)
        assert result.beta == beta
        torch.testing.assert_close(result.loss, terms(BetaVAE(beta), model, x).loss)


@pytest.mark.parametrize("samples", [2, 7])
def test_several_samples_average_their_reconstructions(model, x, samples):
    result = terms(BetaVAE(samples=samples), model, x)
    generator = torch_generator(0, "noise")
    posterior = model.encode(x)
    each = [model.reconstruction(posterior.sample(generator).z, Batch(x)) for _ in range(samples)]
    torch.testing.assert_close(result.reconstruction, torch.stack(each).mean(dim=0).detach())
    torch.testing.assert_close(result.kl, posterior.kl().detach())


def test_more_samples_leave_less_noise(model, x):
    def spread(samples):
        generators = (torch_generator(seed, "noise") for seed in range(40))
        objective = BetaVAE(samples=samples)
        with torch.no_grad():
            losses = [objective(model, Batch(x), Step(one)).loss for one in generators]
        return torch.stack(losses).std().item()

    assert spread(25) == pytest.approx(spread(1) / 5, rel=0.5)


def test_a_latent_within_its_free_bits_gets_no_gradient_from_the_kl(model, x):
    with torch.no_grad():
        model.head.mu.bias[2] = 3.0  # some 4.5 nats, and 0.4 of the variance
        model.head.logvar.bias[2] = 1.0
    kl = terms(BetaVAE(), model, x).kl.mean(dim=0)
    assert kl[2] > 1.0 > kl[[0, 1, 3, 4]].max()

    def gradient(beta):
        loss = terms(BetaVAE(beta, free_bits=1.0), model, x).loss
        return torch.autograd.grad(loss, [model.head.mu.bias, model.head.logvar.bias])

    for with_kl, without in zip(gradient(1.0), gradient(0.0), strict=True):
        difference = (with_kl - without).abs()
        assert difference[2] > 0.01
        assert difference[[0, 1, 3, 4]].max() < 1e-6


def test_free_bits_charge_no_less_than_their_share(model, x):
    plain = terms(BetaVAE(), model, x)
    floor = plain.kl.mean(dim=0).max().item() + 1.0
    result = terms(BetaVAE(free_bits=floor), model, x)
    expected = result.reconstruction.mean() + 5 * floor
    torch.testing.assert_close(result.loss.detach(), expected)
    torch.testing.assert_close(result.kl, plain.kl)  # the table holds the true divergence
