"""The discrepancy is 0 on average for draws from the prior, and as in plain loops."""

import math

import pytest
import torch

from latentlab.data.batches import Batch
from latentlab.errors import ConfigError
from latentlab.objectives import BetaVAE
from latentlab.objectives.info_vae import InfoVAE, maximum_mean_discrepancy
from latentlab.objectives.terms import Step
from latentlab.randomness import torch_generator
from tests.latentlab.objectives.linear_gaussian import Principal, mean_and_error

KERNELS = ("inverse_multiquadratic", "rbf")


def draws(count, latents, seed, purpose="a"):
    return torch.randn(count, latents, generator=torch_generator(seed, purpose))


def terms(objective, model):
    return objective(model, Batch(model.images(30)), Step(torch_generator(0, "noise")))


@pytest.mark.parametrize("bandwidth", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("kernel", KERNELS)
def test_it_is_as_in_plain_loops(kernel, bandwidth):
    a, b = draws(5, 3, 0), 0.5 + draws(5, 3, 0, "b")

    def value(first, second):
        scaled = float((first - second).square().sum()) / (2 * bandwidth * 3)
        return math.exp(-scaled) if kernel == "rbf" else 1 / (1 + scaled)

    expected = 0.0
    for i in range(5):
        for j in range(5):
            if i != j:
                expected += (value(a[i], a[j]) + value(b[i], b[j])) / 20
            expected -= 2 * value(a[i], b[j]) / 25
    found = maximum_mean_discrepancy(a, b, kernel, bandwidth).item()
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("count", [2, 20])
@pytest.mark.parametrize("kernel", KERNELS)
def test_it_is_0_on_average_for_the_prior_against_itself(kernel, count):
    found = [
        maximum_mean_discrepancy(draws(count, 4, seed), draws(count, 4, seed, "b"), kernel)
        for seed in range(1000)
    ]
    mean, error = mean_and_error(found)
    assert abs(mean) < 3 * error
    assert min(found) < 0 < max(found)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("shift", "scale"), [(0.7, 1.0), (0.0, 0.3), (0.0, 3.0)])
def test_it_is_positive_for_other_distributions(kernel, shift, scale):
    found = [
        maximum_mean_discrepancy(
            shift + scale * draws(50, 4, seed), draws(50, 4, seed, "b"), kernel
        )
        for seed in range(30)
    ]
    mean, error = mean_and_error(found)
    assert mean > 3 * error


def test_its_gradient_draws_far_codes_to_the_prior():
    z = (3.0 + draws(50, 4, 0)).requires_grad_()
    maximum_mean_discrepancy(z, draws(50, 4, 0, "b")).backward()
    assert (z.grad.sum(dim=0) > 0).all()


@pytest.mark.parametrize(("alpha", "lambda_mmd"), [(1.0, 50.0), (0.0, 1.0), (-0.5, 3.0)])
def test_the_loss_weighs_its_parts(alpha, lambda_mmd):
    result = terms(InfoVAE(alpha, lambda_mmd), Principal())
    expected = result.reconstruction.mean() + (1 - alpha) * result.kl.sum(dim=1).mean()
    expected = expected + (alpha + lambda_mmd - 1) * result.extra["mmd"]
    torch.testing.assert_close(result.loss.detach(), expected)


def test_its_special_cases():
    model = Principal()
    torch.testing.assert_close(
        terms(InfoVAE(0.0, 1.0), model).loss, terms(BetaVAE(), model).loss
    )  # the plain VAE
    wasserstein = terms(InfoVAE(1.0, 20.0), model)
    expected = terms(BetaVAE(0.0), model).loss + 20.0 * wasserstein.extra["mmd"]
    torch.testing.assert_close(wasserstein.loss, expected)  # no KL term


def test_weights_that_push_codes_away_from_the_prior_are_refused():
    with pytest.raises(ConfigError, match=r"objective\.lambda_mmd to 1\.5 or more"):
        InfoVAE(alpha=-0.5, lambda_mmd=1.0)
