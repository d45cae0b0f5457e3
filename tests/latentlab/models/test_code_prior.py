"""The prior over codes is a distribution, looks back only, and draws what it says."""

import itertools
import math

import pytest
import torch
from scipy.stats import chi2

from latentlab.models.code_prior import CodePrior
from latentlab.randomness import torch_generator


def built(codes, *, sharpness=1.0, **settings):
    """A prior whose codes depend on each other, more so for a larger `sharpness`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        prior = CodePrior(codes, **{"width": 8, "kernels": (5, 3), **settings})
    with torch.no_grad():
        for weight in prior.stack.parameters():
            weight *= sharpness
    return prior


def random_codes(codes, *shape, seed=0):
    return torch.randint(codes, shape, generator=torch_generator(seed, "codes"))


def maps(*shape, seed=0):
    return torch.randn(*shape, generator=torch_generator(seed, "maps"))


def every_grid(codes, height, width):
    """All grids, (codes ** positions, height, width), in the order of `places`."""
    values = itertools.product(range(codes), repeat=height * width)
    return torch.tensor(list(values)).reshape(-1, height, width)


def places(grids, codes):
    """Where `every_grid` has these grids."""
    flat = grids.flatten(1)
    return (flat * codes ** torch.arange(flat.shape[1]).flip(0)).sum(1)


@pytest.mark.parametrize(("codes", "height", "width"), [(2, 2, 2), (3, 2, 2), (2, 3, 3), (2, 1, 5)])
@pytest.mark.parametrize("features", [0, 3])
def test_the_probabilities_of_all_grids_add_up_to_one(codes, height, width, features):
    prior = built(codes, features=features, sharpness=2.0)
    grids = every_grid(codes, height, width)
    given = maps(1, features, height, width).expand(len(grids), -1, -1, -1) if features else None
    with torch.no_grad():
        nats = prior.negative_log(grids, given)
    assert nats.shape == grids.shape
    assert nats.min() >= 0
    assert nats.double().sum((1, 2)).neg().exp().sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("place", range(25))
def test_a_changed_code_changes_what_is_said_of_later_ones_alone(place):
    prior, codes = built(5), random_codes(5, 1, 5, 5)
    changed = codes.clone()
    changed[0, place // 5, place % 5] = (changed[0, place // 5, place % 5] + 1) % 5
    with torch.no_grad():
        before, after = (prior.conditionals(one).flatten(2) for one in (codes, changed))
    same = (before == after).all(1)[0]
    assert same[: place + 1].all()
    assert place == 24 or not same[place + 1 :].all()


@pytest.mark.parametrize("features", [0, 2])
def test_grids_are_drawn_as_often_as_their_probability(features):
    """Pearson's chi-square over all grids, which would pass its bound once in a million."""
    prior, many = built(3, features=features, sharpness=1.8), 20_000
    grids, given = every_grid(3, 2, 2), maps(1, features, 2, 2) if features else None
    repeated = [None, None] if given is None else [given.expand(n, -1, -1, -1) for n in (81, many)]
    with torch.no_grad():
        shares = prior.negative_log(grids, repeated[0]).sum((1, 2)).neg().exp().double()
    drawn = prior.draw(many, 2, 2, torch_generator(0, "draws"), repeated[1])
    counts = places(drawn, 3).bincount(minlength=81)
    likely = shares * many >= 5
    assert likely.sum() > 20
    assert shares.max() > 3 / 81  # far from uniform
    distance = ((counts - shares * many).square() / (shares * many))[likely].sum().item()
    assert distance < chi2.isf(1e-6, int(likely.sum()))


def test_draws_are_codes_and_follow_the_generator():
    prior, before = built(7), torch.random.get_rng_state()
    first, again, other = (prior.draw(3, 4, 6, torch_generator(s, "draws")) for s in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (3, 4, 6)
    assert first.dtype == torch.int64
    assert first.min() >= 0
    assert first.max() < 7


def test_maps_change_what_is_said_where_they_stand():
    prior, codes, given = built(4, features=3), random_codes(4, 1, 6, 6), maps(1, 3, 6, 6)
    changed = given.clone()
    changed[:, :, 3, 2] += 1
    with torch.no_grad():
        before, after = (prior.conditionals(codes, one) for one in (given, changed))
    assert not torch.equal(before[..., 3, 2], after[..., 3, 2])


def test_every_weight_has_a_gradient():
    prior = built(4, features=3)
    prior.negative_log(random_codes(4, 6, 5, 5), maps(6, 3, 5, 5)).sum().backward()
    for name, weight in prior.named_parameters():
        assert weight.grad.abs().sum() > 0, name


def test_an_unconditional_prior_learns_a_pattern_and_draws_it():
    """A checkerboard that starts with either code costs one bit, whatever its size."""
    prior = built(2, width=16, kernels=(3, 3))
    start = random_codes(2, 32, 1, 1)
    rows = torch.arange(4)
    codes = (rows[:, None] + rows + start) % 2
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        nats = prior.negative_log(codes).sum((1, 2)).mean()
        nats.backward()
        optimizer.step()
    assert nats.item() == pytest.approx(math.log(2), abs=0.1)
    drawn = prior.draw(200, 4, 4, torch_generator(0, "draws"))
    right = (drawn[:, :, 1:] != drawn[:, :, :-1]).float().mean()
    assert right > 0.98
    assert 0.3 < drawn[:, 0, 0].float().mean() < 0.7


def test_a_prior_learns_from_its_maps():
    prior, codes = built(3, features=3, width=16), random_codes(3, 32, 4, 4)
    given = torch.nn.functional.one_hot(codes, 3).movedim(-1, 1).float()
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        prior.negative_log(codes, given).sum((1, 2)).mean().backward()
        optimizer.step()
    drawn = prior.draw(32, 4, 4, torch_generator(0, "draws"), given)
    assert (drawn == codes).float().mean() > 0.98


def test_arithmetic_of_16_bits_leaves_nats_in_32():
    prior, codes = built(5), random_codes(5, 4, 6, 6)
    exact = prior.negative_log(codes)
    with torch.autocast("cpu", torch.bfloat16):
        nats = prior.negative_log(codes)
        drawn = prior.draw(2, 6, 6, torch_generator(0, "draws"))
    assert nats.dtype == torch.float32
    assert drawn.max() < 5
    torch.testing.assert_close(nats, exact, atol=0.05, rtol=0.05)


def test_shapes_are_known_without_memory():
    with torch.device("meta"):
        prior = CodePrior(512, features=4)
        nats = prior.negative_log(torch.zeros(2, 8, 8, dtype=torch.int64), torch.empty(2, 4, 8, 8))
    assert nats.shape == (2, 8, 8)
