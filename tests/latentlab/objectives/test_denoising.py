"""The damaged image is encoded, the clean one reconstructed."""

import pytest
import torch

from latentlab.data.batches import Batch
from latentlab.objectives import BetaVAE
from latentlab.objectives.denoising import Denoising
from latentlab.objectives.terms import FINAL_STEP, Step
from latentlab.randomness import torch_generator
from tests.latentlab.objectives.linear_gaussian import Principal


def terms(objective, model, x, step=0):
    return objective(model, Batch(x), Step(torch_generator(0, "noise"), step))


@pytest.mark.parametrize("step", [0, FINAL_STEP])
@pytest.mark.parametrize("beta", [0.0, 1.0, 3.0])
def test_its_terms_are_those_worked_out_by_hand(beta, step):
    model = Principal()
    x = model.images(20)
    result = terms(Denoising(noise=0.4, masked=0.3, beta=beta), model, x, step)
    generator = torch_generator(0, "noise")
    noisy = x + 0.4 * torch.randn(x.shape, generator=generator)
    damaged = torch.where(torch.rand(20, 1, 4, 4, generator=generator) < 0.3, 0.0, noisy)
    posterior = model.encode(damaged)
    reconstruction = model.reconstruction(posterior.sample(generator).z, Batch(x))
    kl = posterior.kl()
    torch.testing.assert_close(result.reconstruction, reconstruction.detach())
    torch.testing.assert_close(result.kl, kl.detach())
    torch.testing.assert_close(result.loss, (reconstruction + beta * kl.sum(dim=1)).mean())


def test_without_damage_it_is_the_beta_vae():
    model = Principal()
    x = model.images(20)
    clean = terms(Denoising(noise=0.0, masked=0.0, beta=2.0), model, x)
    torch.testing.assert_close(clean.loss, terms(BetaVAE(2.0), model, x).loss)


def test_the_damage_has_the_size_asked_for():
    x = torch.full((200, 3, 16, 16), 0.5)
    noisy = Denoising(noise=0.2).damaged(x, torch_generator(0, "noise")) - x
    assert noisy.std().item() == pytest.approx(0.2, rel=0.01)
    assert noisy.mean().item() == pytest.approx(0.0, abs=0.003)
    masked = Denoising(noise=0.0, masked=0.3).damaged(x, torch_generator(0, "noise"))
    lost = masked == 0
    assert lost.float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert torch.equal(lost.all(dim=1), lost.any(dim=1))  # a pixel goes with all its channels
    assert (x == 0.5).all()  # the images themselves stay


@pytest.mark.parametrize("masked", [0.0, 1.0])
def test_no_pixel_or_every_pixel(masked):
    x = torch.full((4, 1, 8, 8), 0.5)
    damaged = Denoising(noise=0.0, masked=masked).damaged(x, torch_generator(0, "noise"))
    assert torch.equal(damaged, (1 - masked) * x)
