"""The discriminator's total correlation, and what it learns from."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal

from latentlab.data.batches import Batch
from latentlab.objectives import BetaVAE
from latentlab.objectives.factor_vae import FactorVAE, permuted
from latentlab.objectives.terms import Step
from latentlab.randomness import torch_generator
from tests.latentlab.objectives.linear_gaussian import (
    Codes,
    Principal,
    batch_of_codes,
    mean_and_error,
    total_correlation,
)

VARIANCE = 0.1
COVARIANCE = torch.tensor([[1.0, 0.8], [0.8, 1.0]])
AGGREGATE = COVARIANCE + VARIANCE * torch.eye(2)


class BestCritic(nn.Module):
    """The ratio of the densities itself."""

    def forward(self, z):
        zero = torch.zeros(2)
        joint = MultivariateNormal(zero, AGGREGATE)
        product = MultivariateNormal(zero, AGGREGATE.diagonal().diag())
        return joint.log_prob(z) - product.log_prob(z)


def terms(critic, seed, *, count=512, gamma=10.0):
    batch = batch_of_codes(COVARIANCE, count, seed)
    model, noise = Codes(2, VARIANCE), torch_generator(seed, "noise")
    return FactorVAE(gamma)(model, batch, Step(noise, critic=critic))


def test_the_best_critic_tells_the_total_correlation():
    with torch.no_grad():
        found = [terms(BestCritic(), seed).extra["total_correlation"] for seed in range(50)]
    mean, error = mean_and_error(found)
    assert mean == pytest.approx(total_correlation(AGGREGATE), abs=3 * error)


def test_a_critic_learns_the_total_correlation():
    torch.manual_seed(0)
    critic = FactorVAE(width=32, depth=2).build_critic(2)
    optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3)
    first = terms(critic, 0).critic_loss.item()
    for step in range(300):
        loss = terms(critic, step).critic_loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        known = [terms(critic, seed) for seed in range(1000, 1030)]
        best = [terms(BestCritic(), seed).critic_loss for seed in range(1000, 1030)]
    total = mean_and_error([one.extra["total_correlation"] for one in known])[0]
    assert total == pytest.approx(total_correlation(AGGREGATE), abs=0.1)
    last = mean_and_error([one.critic_loss for one in known])[0]
    assert first == pytest.approx(math.log(2), abs=0.05)
    assert last == pytest.approx(mean_and_error(best)[0], abs=0.01)


def test_the_loss_is_the_plain_one_and_gamma_times_the_total_correlation():
    model = Principal()
    batch, critic = Batch(model.images(20)), FactorVAE(width=8, depth=1).build_critic(3)
    plain = BetaVAE()(model, batch, Step(torch_generator(0, "noise")))
    for gamma in (0.0, 7.0):
        result = FactorVAE(gamma)(model, batch, Step(torch_generator(0, "noise"), critic=critic))
        expected = plain.loss + gamma * result.extra["total_correlation"]
        torch.testing.assert_close(result.loss, expected)
        torch.testing.assert_close(result.reconstruction, plain.reconstruction)


@pytest.mark.parametrize("count", [4, 5, 8])
def test_the_halves_are_apart(count):
    """The first half tells the total correlation, the second what is exchanged."""
    seen = []

    class Watching(nn.Module):
        def forward(self, z):
            seen.append(z.detach())
            return z.sum(dim=1)

    result = terms(Watching(), 0, count=count)
    posterior = Codes(2, VARIANCE).encode(batch_of_codes(COVARIANCE, count, 0).x)
    z = posterior.sample(torch_generator(0, "noise")).z.detach()
    half = math.ceil(count / 2)
    assert torch.equal(seen[0], z[:half])
    assert torch.equal(seen[1], z[:half])
    assert torch.equal(seen[2].sort(dim=0).values, z[half:].sort(dim=0).values)
    assert result.extra["total_correlation"].item() == pytest.approx(
        z[:half].sum(dim=1).mean().item()
    )


def test_the_exchange_keeps_each_latent_and_breaks_their_company():
    x = torch.randn(20_000, generator=torch_generator(0, "codes"))
    z = torch.stack([x, x, -x], dim=1)
    moved = permuted(z, torch_generator(0, "order"))
    assert torch.equal(moved.sort(dim=0).values, z.sort(dim=0).values)
    correlations = torch.corrcoef(moved.T) - torch.eye(3)
    assert correlations.abs().max() < 4 / 20_000**0.5
    assert torch.equal(moved, permuted(z, torch_generator(0, "order")))


def test_the_papers_discriminator():
    layers = list(FactorVAE().build_critic(10))
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in linear] == [1000] * 6 + [1]
    assert sum(isinstance(layer, nn.LeakyReLU) for layer in layers) == 6


def test_a_critic_without_hidden_layers_is_a_line():
    critic = FactorVAE(depth=0).build_critic(4)
    assert critic(torch.zeros(3, 4)).shape == (3,)


def test_its_network_must_be_handed_over():
    with pytest.raises(ValueError, match="build_critic"):
        terms(None, 0)
