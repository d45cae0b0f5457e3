"""Posteriors other than a Gaussian: flows, two levels, discrete codes."""

import numpy as np
import pytest
import torch
from scipy.optimize import root
from torch.distributions import Normal, kl_divergence

from latentlab.models import build_model
from latentlab.models.posteriors import FlowHead, HierarchicalHead
from latentlab.randomness import torch_generator

FLOWS = ("planar", "inverse_autoregressive")


def flow_head(kind, latents=3, features=6, steps=3):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        head = FlowHead(features, latents, kind, steps, width=16)
        for weight in head.parameters():  # far from the identity, where mistakes show
            weight.data = weight.data + 0.3 * torch.randn_like(weight)
        return head


def features(count, width=6):
    return torch.randn(count, width, generator=torch_generator(0, "features"))


@pytest.mark.parametrize("kind", FLOWS)
def test_a_flow_knows_the_volume_of_its_map(kind):
    head = flow_head(kind)
    posterior = head(features(4))
    base = torch.randn(4, 3, generator=torch_generator(0, "base"))
    bent, volume = posterior.bend(base)
    for image in range(4):
        one = head(features(4)[image : image + 1])
        jacobian = torch.autograd.functional.jacobian(
            lambda point, one=one: one.bend(point[None])[0][0], base[image]
        )
        expected = jacobian.slogdet()
        assert expected.sign == 1
        torch.testing.assert_close(volume[image], expected.logabsdet, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(bent, base, atol=0.1)


@pytest.mark.parametrize("kind", FLOWS)
def test_a_flow_can_be_inverted(kind):
    posterior = flow_head(kind)(features(1))
    for seed in range(5):
        base = 2 * torch.randn(1, 3, generator=torch_generator(seed, "base"))
        wanted = posterior.bend(base)[0].detach().numpy()[0]

        def missed(point, wanted=wanted):
            return posterior.bend(torch.tensor(point[None]).float())[0].detach().numpy()[0] - wanted

        found = [root(missed, start, method="hybr", options={"eps": 1e-3}) for start in np.eye(3)]
        solutions = np.array([one.x for one in found if np.abs(missed(one.x)).max() < 1e-3])
        assert len(solutions), "no way back was found"
        np.testing.assert_allclose(solutions, base.numpy().repeat(len(solutions), 0), atol=0.02)


@pytest.mark.parametrize("kind", FLOWS)
def test_the_density_of_a_flow_is_the_one_its_draws_have(kind):
    """The mean of p(z) / q(z) over draws of q is 1 for every density p that q covers."""
    posterior = flow_head(kind)(features(1).expand(50_000, -1))
    draw = posterior.sample(torch_generator(0, "noise"))
    assert draw.log_q.shape == (50_000, 3)
    centre, spread = draw.z.mean(0).detach(), draw.z.std(0).detach()
    log_p = Normal(centre, 0.6 * spread).log_prob(draw.z).sum(1)
    ratio = (log_p - draw.log_q.sum(1)).exp().detach().double()
    error = ratio.std() / len(ratio) ** 0.5
    assert error < 0.2
    assert abs(ratio.mean() - 1) < 4 * error


@pytest.mark.parametrize("kind", FLOWS)
def test_a_flow_is_of_its_image_and_may_tie_latents_together(kind):
    head = flow_head(kind)
    base = torch.zeros(2, 3)
    bent, _ = head(features(2)).bend(base)
    assert not torch.allclose(bent[0], bent[1], atol=1e-3)
    draws = head(features(1).expand(4000, -1)).sample(torch_generator(0, "noise")).z
    correlation = torch.corrcoef(draws.detach().T)
    assert (correlation - torch.eye(3)).abs().max() > 0.05


def hierarchical():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return HierarchicalHead(6, lower=3, upper=2, width=8)


def test_two_levels_cost_what_their_definition_says():
    head, x = hierarchical(), features(5)
    posterior = head(x)
    draw = posterior.sample(torch_generator(0, "noise"))
    z2 = draw.z[:, 3:]
    mean, logvar = head.expected(z2).chunk(2, dim=1)
    lower, upper = (
        Normal(one.mu, (0.5 * one.logvar).exp()) for one in (posterior.lower, posterior.upper)
    )
    expected = Normal(mean, (0.5 * logvar).exp())
    prior = Normal(0.0, 1.0)
    kl = torch.cat([kl_divergence(lower, expected), kl_divergence(upper, prior)], dim=1)
    torch.testing.assert_close(posterior.kl(draw), kl, atol=1e-5, rtol=1e-4)
    # The ratio of the densities, in which the change from z1 to u cancels.
    z1 = head.unfold(draw.z, None)
    ratio = lower.log_prob(z1).sum(1) + upper.log_prob(z2).sum(1)
    ratio = ratio - expected.log_prob(z1).sum(1) - prior.log_prob(z2).sum(1)
    torch.testing.assert_close(draw.log_q.sum(1) - head.log_prior(draw.z), ratio)


def test_the_mean_of_two_levels_decodes_to_the_mean_of_the_lower():
    head, x = hierarchical(), features(5)
    posterior = head(x)
    torch.testing.assert_close(head.unfold(posterior.mu, None), posterior.lower.mu)


def test_moving_the_upper_level_moves_the_picture():
    model = build_model(
        "hierarchical_vae",
        {"latents": 4, "upper_latents": 2, "widths": (8,)},
        channels=1,
        side=28,
        seed=0,
    )
    assert model.latents == 6
    z = torch.zeros(2, 6)
    z[1, 5] = 3.0
    first, second = model.decode(z)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", ["vq_vae", "vq_vae_2"])
def test_pooled_embeddings_and_context_are_the_codes(name):
    settings = {"latents": 5, "codes": 12, "width": 8}
    model = build_model(name, settings, channels=1, side=28, seed=0)
    x = torch.rand(6, 1, 28, 28, generator=torch_generator(0, "images"))
    model.train()
    model.encode(x)  # the books begin with what the first batch says
    model.eval()
    posterior = model.encode(x)
    levels = [level.embeddings for level in posterior.levels]
    assert posterior.mu.shape == (6, model.latents)
    torch.testing.assert_close(
        posterior.mu, torch.cat([one.flatten(2).mean(2) for one in levels], dim=1)
    )
    inputs = model.head.unfold(posterior.mu, posterior.context)
    torch.testing.assert_close(inputs[:, -5:], levels[-1])
    shares = posterior.histogram()
    assert shares.shape == (6, 12 * len(levels))
    torch.testing.assert_close(shares.sum(1), torch.full((6,), float(len(levels))))
    by_hand = (posterior.levels[0].codes == 3).float().mean((1, 2))
    torch.testing.assert_close(shares[:, 3], by_hand)
    kl = posterior.kl(posterior.sample(torch_generator(0, "noise")))
    assert kl.shape == (6, model.latents)
    torch.testing.assert_close(
        kl.sum(1), model.head.price([level.codes for level in posterior.levels])
    )


@pytest.mark.parametrize("name", ["vq_vae", "vq_vae_2"])
def test_draws_from_the_prior_are_made_of_the_books_codes(name):
    settings = {"latents": 5, "codes": 12, "width": 8}
    model = build_model(name, settings, channels=1, side=28, seed=0)
    model.train()
    model.encode(torch.rand(6, 1, 28, 28, generator=torch_generator(0, "images")))
    model.eval()
    z, context = model.prior(3, torch_generator(0, "samples"))
    again, _ = model.prior(3, torch_generator(0, "samples"))
    assert torch.equal(z, again)
    fine = model.head.unfold(z, context)[:, -5:].permute(0, 2, 3, 1).reshape(-1, 5)
    last = len(model.head.counts) - 1
    book = model.head.embedded([torch.arange(12).reshape(1, 3, 4)] * (last + 1))[last]
    apart = (fine[:, None] - book.permute(0, 2, 3, 1).reshape(1, -1, 5)).abs().amax(dim=2)
    assert apart.min(dim=1).values.max() < 1e-5
