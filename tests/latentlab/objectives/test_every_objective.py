"""What holds for every entry of OBJECTIVES; that of discrete codes has a module of its own."""

import dataclasses

import pytest
import torch

from latentlab.data.batches import Batch
from latentlab.errors import ConfigError
from latentlab.models import build_model
from latentlab.objectives import OBJECTIVES
from latentlab.objectives.terms import FINAL_STEP, Step
from latentlab.randomness import torch_generator

NEED_A_DENSITY = {"capacity", "iwae", "beta_tcvae", "dip_vae"}
CONTINUOUS = [name for name in OBJECTIVES if name != "vector_quantized"]
# Terms that compare the images of a batch with each other: their value depends on its size.
OF_THE_BATCH = {"beta_tcvae", "factor_vae", "dip_vae", "info_vae"}


def build(name):
    """The objective and its critic, if it has one."""
    small = {"width": 8, "depth": 2} if name == "factor_vae" else {}
    objective = OBJECTIVES[name](**small)
    torch.manual_seed(0)
    critic = objective.build_critic(5) if hasattr(objective, "build_critic") else None
    return objective, critic


def terms(name, x, *, model="vae", step=0, seed=0):
    settings = {"latents": 5, "network": "mlp", "widths": (16,)}
    network = build_model(model, settings, channels=1, side=8, seed=0)
    objective, critic = build(name)
    result = objective(network, Batch(x), Step(torch_generator(seed, "noise"), step, critic))
    return result, network, critic


def images(count):
    return torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", CONTINUOUS)
def test_terms_have_one_value_an_image_and_a_finite_loss(name):
    result, _, _ = terms(name, images(6))
    assert result.reconstruction.shape == (6,)
    assert result.kl.shape == result.mu.shape == (6, 5)
    assert result.loss.shape == ()
    assert result.loss.isfinite()
    assert result.loss.requires_grad
    apart = [result.reconstruction, result.kl, result.mu, *result.extra.values()]
    assert not any(value.requires_grad for value in apart)
    assert all(value.shape == () and value.isfinite() for value in result.extra.values())


@pytest.mark.parametrize("name", CONTINUOUS)
def test_every_weight_receives_a_gradient(name):
    result, model, critic = terms(name, images(6), step=1)
    result.loss.backward()
    for label, weight in model.named_parameters():
        assert weight.grad is not None, label
        assert weight.grad.isfinite().all(), label
        assert weight.grad.any(), label
    if critic is not None:
        critic.zero_grad()
        result.critic_loss.backward()
        assert all(weight.grad.any() for weight in critic.parameters())


@pytest.mark.parametrize("name", CONTINUOUS)
def test_what_the_critic_learns_leaves_the_model_alone(name):
    result, model, critic = terms(name, images(6))
    assert (result.critic_loss is None) == (critic is None)
    if critic is not None:
        result.critic_loss.backward()
        assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("name", CONTINUOUS)
def test_the_generator_decides_alone(name):
    first, again, other = (terms(name, images(6), seed=seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first.loss, again.loss)
    assert torch.equal(first.reconstruction, again.reconstruction)
    assert not torch.equal(first.loss, other.loss)
    if first.critic_loss is not None:
        assert torch.equal(first.critic_loss, again.critic_loss)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_small_last_batch_is_no_trouble(name, count):
    result, model, critic = terms(name, images(count), step=FINAL_STEP)
    assert result.reconstruction.shape == (count,)
    assert result.loss.isfinite()
    result.loss.backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())
    if critic is not None:
        assert (result.critic_loss is None) == (count == 1)


@pytest.mark.parametrize("name", sorted(set(CONTINUOUS) - OF_THE_BATCH))
def test_the_loss_is_a_mean_over_the_batch(name):
    few, _, _ = terms(name, images(1).expand(300, -1, -1, -1))
    many, _, _ = terms(name, images(1).expand(600, -1, -1, -1), seed=1)
    error = few.reconstruction.std() / 300**0.5
    assert (few.loss - many.loss).abs() < 6 * error


@pytest.mark.parametrize("name", CONTINUOUS)
def test_losses_are_float32_when_the_networks_are_not(name):
    with torch.autocast("cpu", torch.bfloat16):
        halved, _, _ = terms(name, images(6))
    whole, _, _ = terms(name, images(6))
    assert halved.loss.dtype == torch.float32
    torch.testing.assert_close(halved.loss, whole.loss, rtol=0.02, atol=0.05)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_codes_without_a_distribution_are_refused_where_a_density_is_needed(name):
    assert (getattr(OBJECTIVES[name], "needs", None) is not None) == (name in NEED_A_DENSITY)
    if name in NEED_A_DENSITY:
        with pytest.raises(ConfigError, match=rf"`{name}` needs a model.*model\.name=vae"):
            terms(name, images(6), model="autoencoder")
    else:
        result, _, _ = terms(name, images(6), model="autoencoder")
        assert result.loss.isfinite()
        assert not result.kl.any()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_settings_are_frozen_and_have_defaults(name):
    objective = OBJECTIVES[name]()
    assert dataclasses.fields(objective)
    with pytest.raises(dataclasses.FrozenInstanceError):
        objective.beta = 3.0
