"""The parts of the KL term, against closed forms and against every batch there could be."""

import math
from itertools import combinations

import pytest
import torch

from latentlab.data.batches import Batch
from latentlab.errors import ConfigError
from latentlab.models.posteriors import Gaussian, gaussian_log_prob
from latentlab.objectives import BetaVAE
from latentlab.objectives.beta_tcvae import BetaTCVAE, aggregate_log_weights, decomposition
from latentlab.objectives.requirements import check_posterior
from latentlab.objectives.terms import Step
from latentlab.randomness import torch_generator
from tests.latentlab.objectives.linear_gaussian import (
    Codes,
    Principal,
    batch_of_codes,
    mean_and_error,
    total_correlation,
)

VARIANCE = 0.3  # of the posteriors


def correlated(rho):
    return torch.tensor([[1.0, rho], [rho, 1.0]])


def extras(rho, seed, *, count=500, **settings):
    objective, model = BetaTCVAE(**settings), Codes(2, VARIANCE)
    batch = batch_of_codes(correlated(rho), count, seed)
    with torch.no_grad():
        result = objective(model, batch, Step(torch_generator(seed, "noise")))
    return {name: value.item() for name, value in result.extra.items()}, result


@pytest.mark.parametrize("images", [None, 1_000_000])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_the_parts_are_those_of_gaussian_codes(rho, images):
    aggregate = correlated(rho) + VARIANCE * torch.eye(2)
    variance = 1.0 + VARIANCE
    expected = {
        "mutual_information": 0.5 * float(aggregate.logdet()) - math.log(VARIANCE),
        "total_correlation": total_correlation(aggregate),
        "dimension_kl": 2 * 0.5 * (variance - 1 - math.log(variance)),
    }
    found = [extras(rho, seed, images=images)[0] for seed in range(20)]
    for name, value in expected.items():
        mean, error = mean_and_error([one[name] for one in found])
        # The logarithm of an estimated density is off by about its relative variance.
        assert mean == pytest.approx(value, abs=3 * error + 0.03), name


@pytest.mark.parametrize("sampling", ["stratified", "weighted"])
@pytest.mark.parametrize("images", [None, 10_000])
def test_the_parts_add_up_to_the_kl(sampling, images):
    differences = []
    for seed in range(20):
        parts, result = extras(0.6, seed, count=100, sampling=sampling, images=images)
        differences.append(sum(parts.values()) - result.kl.sum(dim=1).mean().item())
    mean, error = mean_and_error(differences)
    assert abs(mean) < 3 * error


def test_weights_of_1_make_the_plain_vae_on_average():
    model = Principal(wrong=0.5)
    batch, differences = Batch(model.images(30)), []
    for seed in range(100):
        parts = BetaTCVAE(1.0, 1.0, 1.0)(model, batch, Step(torch_generator(seed, "noise")))
        plain = BetaVAE()(model, batch, Step(torch_generator(seed, "noise")))
        differences.append((parts.loss - plain.loss).item())
    mean, error = mean_and_error(differences)
    assert abs(mean) < 3 * error


def test_the_loss_weighs_its_parts():
    parts, result = extras(0.6, 0, alpha=2.0, beta=5.0, gamma=0.5)
    expected = result.reconstruction.mean().item() + 2.0 * parts["mutual_information"]
    expected += 5.0 * parts["total_correlation"] + 0.5 * parts["dimension_kl"]
    assert result.loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_stratified_density_is_unbiased_over_all_batches(count):
    """A data set of 5 images, and every batch that has the code's own image in it."""
    generator = torch_generator(0, "posteriors")
    mu, logvar = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    z = mu[0] + 0.3
    densities = gaussian_log_prob(z, mu, logvar).sum(dim=1)  # (5,)
    weights = aggregate_log_weights(count, 5, "stratified").double()[0]
    estimates = [
        (weights + densities[[0, *others]]).logsumexp(dim=0).exp()
        for others in combinations(range(1, 5), count - 1)
    ]
    expected = densities.exp().mean()
    torch.testing.assert_close(torch.stack(estimates).mean(), expected, rtol=1e-6, atol=0.0)


def test_where_the_batch_is_all_there_is_the_density_is_exact():
    weights = aggregate_log_weights(7, None, "stratified")
    torch.testing.assert_close(weights.exp(), torch.full((7, 7), 1 / 7))


@pytest.mark.parametrize("images", [6, 50, None])
@pytest.mark.parametrize("sampling", ["stratified", "weighted"])
def test_the_parts_are_as_in_plain_loops(sampling, images):
    generator = torch_generator(1, "posteriors")
    mu, logvar, noise = torch.randn(3, 6, 2, generator=generator)
    posterior, z = Gaussian(mu, logvar), mu + (0.5 * logvar).exp() * noise
    parts = decomposition(posterior, z, gaussian_log_prob(z).sum(dim=1), sampling, images)
    total = images or 6

    def density(i, j, latent):
        normal = torch.distributions.Normal(mu[j, latent], (0.5 * logvar[j, latent]).exp())
        return float(normal.log_prob(z[i, latent]).exp())

    def weight(i, j):
        if sampling == "weighted":
            return 1 / (6 * total)
        return 1 / total if i == j else (1 - 1 / total) / 5

    for i in range(6):
        joint = sum(weight(i, j) * density(i, j, 0) * density(i, j, 1) for j in range(6))
        each = [sum(weight(i, j) * density(i, j, d) for j in range(6)) for d in range(2)]
        own = density(i, i, 0) * density(i, i, 1)
        prior = sum(float(gaussian_log_prob(z[i, d])) for d in range(2))
        product = math.log(each[0]) + math.log(each[1])
        expected = (math.log(own / joint), math.log(joint) - product, product - prior)
        for part, value in zip(parts, expected, strict=True):
            assert part[i].item() == pytest.approx(value, abs=1e-4)


def test_a_posterior_of_another_kind_is_refused():
    class Flow(Gaussian):
        pass

    class Other:
        mu = logvar = torch.zeros(1, 2)
        density = True

    check_posterior(Other(), "density", "iwae")
    check_posterior(Flow(torch.zeros(1, 2), torch.zeros(1, 2)), "density", "iwae")
    with pytest.raises(ConfigError, match=r"`beta_tcvae`.*diagonal Gaussian.*Other.*model\.name"):
        check_posterior(Other(), "gaussian", "beta_tcvae")
