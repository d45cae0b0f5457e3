"""The reference network, its posterior and its likelihoods, against independent references."""

import pytest
import torch
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Normal, kl_divergence

from latentlab.errors import ConfigError
from latentlab.models import MODELS, build_model
from latentlab.models.likelihoods import LIKELIHOODS
from latentlab.models.posteriors import Gaussian, gaussian_kl
from latentlab.randomness import torch_generator


def reference(**settings):
    return build_model("vae", settings, channels=3, side=64, seed=0)


def test_the_reference_network_is_as_published():
    model = reference()
    shapes = {name: tuple(value.shape) for name, value in model.named_parameters()}
    convolutions = [
        shape for name, shape in shapes.items() if "features" in name and len(shape) > 1
    ]
    assert convolutions == [(32, 3, 4, 4), (64, 32, 4, 4), (128, 64, 4, 4)]
    assert shapes["encoder.mu.weight"] == shapes["encoder.logvar.weight"] == (32, 8192)
    assert shapes["decoder.expand.weight"] == (8192, 32)
    mirrored = [shape for name, shape in shapes.items() if "pixels" in name and len(shape) > 1]
    assert mirrored == [(128, 64, 4, 4), (64, 32, 4, 4), (32, 3, 4, 4)]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("channels", "side"), [(1, 32), (3, 64), (3, 128)])
def test_pictures_come_back_in_their_shape_and_range(name, channels, side):
    model = build_model(name, {}, channels=channels, side=side, seed=0)
    x = torch.rand(2, channels, side, side)
    again = model(x)
    assert again.shape == x.shape
    assert again.min() >= 0
    assert again.max() <= 1
    assert model.encode(x).mu.shape == (2, model.latents)
    assert model.sample(3, torch_generator(0, "samples")).shape == (3, channels, side, side)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_parameter_receives_a_gradient(name, likelihood):
    model = build_model(name, {"likelihood": likelihood}, channels=3, side=32, seed=0)
    x = torch.rand(4, 3, 32, 32)
    posterior = model.encode(x)
    z = posterior.sample(torch_generator(0, "noise"))
    (model.reconstruction(z, x).sum() + posterior.kl().sum()).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


def test_initial_weights_depend_on_the_seed_and_leave_the_global_generator_alone():
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    first, second = reference().state_dict(), reference().state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = build_model("vae", {}, channels=3, side=64, seed=1).state_dict()
    assert not torch.equal(first["encoder.mu.weight"], other["encoder.mu.weight"])


@pytest.mark.parametrize("seed", range(3))
def test_gaussian_kl_against_torch_distributions_and_monte_carlo(seed):
    generator = torch.Generator().manual_seed(seed)
    mu, logvar = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)
    posterior, prior = Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)
    torch.testing.assert_close(gaussian_kl(mu, logvar), kl_divergence(posterior, prior))
    wide = Gaussian(mu.expand(200_000, 4, 3), logvar.expand(200_000, 4, 3))
    z = wide.sample(generator)
    estimate = (posterior.log_prob(z) - prior.log_prob(z)).mean(0)
    torch.testing.assert_close(estimate, gaussian_kl(mu, logvar), atol=0.05, rtol=0.05)


def test_a_posterior_equal_to_the_prior_costs_nothing():
    assert torch.equal(gaussian_kl(torch.zeros(2, 3), torch.zeros(2, 3)), torch.zeros(2, 3))


def test_likelihoods_agree_with_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 3, 8, 8, generator=generator)
    x = torch.rand(5, 3, 8, 8, generator=generator)
    bits = (x > 0.5).float()
    expected = -TorchBernoulli(logits=logits).log_prob(bits).sum((1, 2, 3))
    torch.testing.assert_close(LIKELIHOODS["bernoulli"]().negative_log(logits, bits), expected)
    expected = -Normal(logits.sigmoid(), 0.5**0.5).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(LIKELIHOODS["gaussian"]().negative_log(logits, x), expected)


def test_a_side_that_cannot_be_halved_is_refused_with_one_that_can():
    with pytest.raises(ConfigError, match=r"side of 30 .* data\.side=32"):
        build_model("vae", {}, channels=3, side=30, seed=0)
