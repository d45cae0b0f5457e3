"""The bound against the likelihood of probabilistic PCA, which is known."""

import pytest
import torch

from latentlab.data.batches import Batch
from latentlab.objectives import BetaVAE
from latentlab.objectives.iwae import IWAE
from latentlab.objectives.terms import Step
from latentlab.randomness import torch_generator
from tests.latentlab.objectives.linear_gaussian import Principal, mean_and_error

SAMPLES = (1, 5, 50)


def losses(objective, model, x, repeats):
    """Losses with noise of their own."""
    with torch.no_grad():
        generators = (torch_generator(seed, "noise") for seed in range(repeats))
        return torch.stack([objective(model, Batch(x), Step(one)).loss for one in generators])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("samples", SAMPLES)
def test_with_the_exact_posterior_it_is_the_likelihood_whatever_the_samples(samples, seed):
    model = Principal(seed=seed)
    x = model.images(20, seed)
    loss = losses(IWAE(samples), model, x, 1)[0]
    torch.testing.assert_close(-loss, model.log_likelihood(x).mean(), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_elbo_with_the_exact_posterior_is_the_likelihood(seed):
    model = Principal(seed=seed)
    x = model.images(20, seed)
    elbo, error = mean_and_error(-losses(BetaVAE(samples=10), model, x, 100))
    assert elbo == pytest.approx(float(model.log_likelihood(x).mean()), abs=3 * error)


@pytest.mark.parametrize("wrong", [-1.0, 0.7])
def test_with_a_wrong_posterior_the_elbo_lacks_its_divergence_from_the_exact_one(wrong):
    model = Principal(wrong=wrong)
    x = model.images(20)
    elbo, error = mean_and_error(-losses(BetaVAE(samples=10), model, x, 100))
    # Of two Gaussians with equal means whose variances are exp(wrong) to 1, in 3 latents.
    lacking = 3 * 0.5 * (torch.tensor(wrong).exp().item() - 1 - wrong)
    expected = float(model.log_likelihood(x).mean()) - lacking
    assert elbo == pytest.approx(expected, abs=3 * error)


@pytest.mark.parametrize("wrong", [-1.5, 1.5])
def test_more_samples_bring_the_bound_nearer_to_the_likelihood(wrong):
    model = Principal(wrong=wrong)
    x = model.images(20)
    bounds = [-losses(BetaVAE(), model, x, 200)]
    bounds += [-losses(IWAE(samples), model, x, 200) for samples in SAMPLES]
    bounds += [model.log_likelihood(x).mean().expand(200)]
    elbo, one, *rest = [mean_and_error(values) for values in bounds]
    assert one[0] == pytest.approx(elbo[0], abs=3 * (one[1] + elbo[1]))
    for (lower, below), (upper, above) in zip([elbo, *rest[:-1]], rest, strict=True):
        assert upper - lower > 3 * (below**2 + above**2) ** 0.5


def test_the_table_holds_the_terms_of_an_average_draw():
    model = Principal(wrong=0.7)
    x = model.images(20)
    iwae = IWAE(8)(model, Batch(x), Step(torch_generator(0, "noise")))
    plain = BetaVAE(samples=8)(model, Batch(x), Step(torch_generator(0, "noise")))
    torch.testing.assert_close(iwae.reconstruction, plain.reconstruction)
    torch.testing.assert_close(iwae.kl, plain.kl)
    assert iwae.loss < plain.loss
