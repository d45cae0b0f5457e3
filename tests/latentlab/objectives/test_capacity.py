"""The KL term is steered to C, which rises on a line."""

import pytest
import torch

from latentlab.data.batches import Batch
from latentlab.objectives import BetaVAE
from latentlab.objectives.capacity import Capacity
from latentlab.objectives.terms import FINAL_STEP, Step
from latentlab.randomness import torch_generator
from tests.latentlab.objectives.linear_gaussian import Principal


def terms(objective, step=0):
    model = Principal()
    return objective(model, Batch(model.images(50)), Step(torch_generator(0, "noise"), step))


@pytest.mark.parametrize(
    ("step", "target"), [(0, 0.0), (1, 0.5), (10, 5.0), (40, 20.0), (41, 20.0), (FINAL_STEP, 20.0)]
)
def test_the_loss_is_the_distance_from_c(step, target):
    result = terms(Capacity(gamma=30.0, capacity=20.0, steps=40), step)
    kl = result.kl.sum(dim=1).mean()
    expected = result.reconstruction.mean() + 30.0 * (kl - target).abs()
    torch.testing.assert_close(result.loss.detach(), expected)
    assert result.extra["capacity"].item() == pytest.approx(target)


def test_a_schedule_of_no_steps_starts_at_its_end():
    assert terms(Capacity(capacity=20.0, steps=0)).extra["capacity"].item() == 20.0


def test_without_capacity_it_is_the_beta_vae():
    without = terms(Capacity(gamma=3.0, capacity=0.0), step=7)
    torch.testing.assert_close(without.loss, terms(BetaVAE(3.0)).loss)


def test_with_gamma_0_it_is_the_reconstruction():
    torch.testing.assert_close(terms(Capacity(gamma=0.0)).loss, terms(BetaVAE(0.0)).loss)


@pytest.mark.parametrize(("capacity", "direction"), [(0.0, 1.0), (100.0, -1.0)])
def test_the_kl_is_pushed_towards_the_target(capacity, direction):
    model = Principal()

    def gradient(objective):
        loss = objective(model, Batch(model.images(50)), Step(torch_generator(0, "noise"))).loss
        return torch.autograd.grad(loss, model.head.logvar)[0]

    bare = gradient(BetaVAE(0.0))
    of_kl = gradient(BetaVAE(1.0)) - bare
    pushed = gradient(Capacity(gamma=2.0, capacity=capacity, steps=0)) - bare
    torch.testing.assert_close(pushed, direction * 2.0 * of_kl, rtol=1e-3, atol=1e-3)
