"""The reference network, its posterior and its likelihoods, against independent references."""

import pytest
import torch
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Normal, kl_divergence

from latentlab.data.batches import Batch
from latentlab.errors import ConfigError
from latentlab.models import MODELS, build_model
from latentlab.models.likelihoods import LIKELIHOODS
from latentlab.models.networks import NETWORKS
from latentlab.models.posteriors import Gaussian, gaussian_kl
from latentlab.randomness import torch_generator

# Settings without which a model cannot be built.
NEEDED = {"conditional_vae": {"conditions": ("Smiling", "Male")}}


def told(model, count):
    """Conditions for a model that wants them."""
    if not model.conditions:
        return None
    return torch.tensor([[1.0, -1.0], [-1.0, 0.0]]).repeat(count, 1)[:count]


def reference(**settings):
    return build_model("vae", settings, channels=3, side=64, seed=0)


def test_the_reference_network_is_as_published():
    model = reference()
    shapes = {name: tuple(value.shape) for name, value in model.named_parameters()}
    convolutions = [shape for name, shape in shapes.items() if "encoder" in name and len(shape) > 1]
    assert convolutions == [(32, 3, 4, 4), (64, 32, 4, 4), (128, 64, 4, 4)]
    assert shapes["head.mu.weight"] == shapes["head.logvar.weight"] == (32, 8192)
    assert shapes["decoder.expand.weight"] == (8192, 32)
    mirrored = [shape for name, shape in shapes.items() if "pixels" in name and len(shape) > 1]
    assert mirrored == [(128, 64, 4, 4), (64, 32, 4, 4), (32, 3, 4, 4)]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("channels", "side"), [(1, 32), (3, 64), (3, 128)])
def test_pictures_come_back_in_their_shape_and_range(name, channels, side):
    model = build_model(name, NEEDED.get(name, {}), channels=channels, side=side, seed=0).eval()
    x = torch.rand(2, channels, side, side)
    again = model(x, told(model, 2))
    assert again.shape == x.shape
    assert again.min() >= 0
    assert again.max() <= 1
    posterior = model.encode(x, told(model, 2))
    assert posterior.mu.shape == (2, model.latents)
    made = model.decode(*model.prior(3, torch_generator(0, "samples"), told(model, 3)))
    assert made.shape == (3, channels, side, side)
    drawn = model.draw(posterior.mu, torch_generator(0, "pixels"), posterior.context)
    assert drawn.shape == x.shape


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_parameter_receives_a_gradient(name, likelihood):
    settings = {"likelihood": likelihood, **NEEDED.get(name, {})}
    if not name.startswith("vq"):
        settings["masked"] = True
    model = build_model(name, settings, channels=3, side=32, seed=0)
    batch = Batch(torch.rand(4, 3, 32, 32), torch.rand(4, 1, 32, 32).round(), told(model, 4))
    posterior = model.encode(batch.x, batch.condition)
    draw = posterior.sample(torch_generator(0, "noise"))
    reconstruction = model.reconstruction(draw.z, batch, posterior.context)
    (reconstruction.sum() + posterior.kl(draw).sum()).backward()
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
    assert not torch.equal(first["head.mu.weight"], other["head.mu.weight"])


@pytest.mark.parametrize("seed", range(3))
def test_gaussian_kl_against_torch_distributions_and_monte_carlo(seed):
    generator = torch.Generator().manual_seed(seed)
    mu, logvar = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)
    posterior, prior = Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)
    torch.testing.assert_close(gaussian_kl(mu, logvar), kl_divergence(posterior, prior))
    wide = Gaussian(mu.expand(200_000, 4, 3), logvar.expand(200_000, 4, 3))
    draw = wide.sample(generator)
    estimate = (posterior.log_prob(draw.z) - prior.log_prob(draw.z)).mean(0)
    torch.testing.assert_close(draw.log_q, posterior.log_prob(draw.z))
    torch.testing.assert_close(estimate, gaussian_kl(mu, logvar), atol=0.05, rtol=0.05)


def test_a_posterior_equal_to_the_prior_costs_nothing():
    assert torch.equal(gaussian_kl(torch.zeros(2, 3), torch.zeros(2, 3)), torch.zeros(2, 3))


def test_likelihoods_agree_with_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 3, 8, 8, generator=generator)
    x = torch.rand(5, 3, 8, 8, generator=generator)
    bits = (x > 0.5).float()
    expected = -TorchBernoulli(logits=logits).log_prob(bits).sum((1, 2, 3))
    torch.testing.assert_close(
        LIKELIHOODS["bernoulli"](3, 8).negative_log(logits, bits).sum((1, 2, 3)), expected
    )
    expected = -Normal(0.5 + logits, 0.5**0.5).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(
        LIKELIHOODS["gaussian"](3, 8).negative_log(logits, x).sum((1, 2, 3)), expected
    )


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 33), (1, 100), (3, 256)])
def test_every_network_takes_every_side(network, channels, side):
    settings = {"network": network, "latents": 3}
    if network not in ("burgess", "residual"):
        settings["widths"] = (8, 16)
    model = build_model("vae", settings, channels=channels, side=side, seed=0)
    x = torch.rand(2, channels, side, side)
    assert model(x).shape == x.shape


def test_the_dense_network_of_the_first_vaes():
    settings = {"network": "mlp", "latents": 20, "widths": (512, 256)}
    model = build_model("vae", settings, channels=1, side=28, seed=0)
    shapes = [tuple(w.shape) for w in model.parameters() if w.ndim > 1]
    assert shapes == [
        (512, 784), (256, 512), (20, 256), (20, 256), (256, 20), (512, 256), (784, 512)
    ]  # fmt: skip


def test_the_network_of_burgess_at_side_64():
    model = build_model("vae", {"network": "burgess", "latents": 10}, channels=1, side=64, seed=0)
    shapes = [tuple(w.shape) for w in model.encoder.parameters() if w.ndim > 1]
    assert shapes == [(32, 1, 4, 4), *[(32, 32, 4, 4)] * 3, (256, 512), (256, 256)]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"widths": (8,) * 6}, r"side of 32 cannot be halved 6 times.*at most 5"),
        ({"network": "burgess", "widths": (8,)}, r"network=conv"),
        ({"network": "dense"}, r"`model\.network`: unknown name `dense`"),
        ({"likelihood": "bernouli"}, r"did you mean `bernoulli`"),
    ],
)
def test_what_cannot_be_built_is_told(settings, match):
    with pytest.raises(ConfigError, match=match):
        build_model("vae", settings, channels=3, side=32, seed=0)


def test_an_autoencoder_has_one_code_and_nothing_to_pay_for_it():
    model = build_model("autoencoder", {"latents": 4}, channels=3, side=32, seed=0)
    x = torch.rand(5, 3, 32, 32)
    posterior = model.encode(x)
    draw = posterior.sample(torch_generator(0, "noise"))
    assert torch.equal(draw.z, posterior.mu)
    assert draw.log_q is None
    assert posterior.logvar is None
    assert torch.equal(posterior.kl(draw), torch.zeros(5, 4))


def test_drawn_pixels_have_the_likelihoods_mean():
    for name in LIKELIHOODS:
        pixels = LIKELIHOODS[name](3, 8)
        parameters = torch.randn(1, pixels.outputs, 8, 8, generator=torch_generator(0, "logits"))
        if name.startswith("gaussian"):
            parameters = 0.2 * parameters  # means within [0, 1], to which draws are clamped
        many = parameters.expand(1000, -1, -1, -1)
        drawn = pixels.draw(many, torch_generator(0, "draws"))
        assert drawn.min() >= 0
        assert drawn.max() <= 1
        assert (drawn.mean(0) - pixels.mean(parameters)[0]).abs().mean() < 0.1, name
