"""Likelihoods as distributions: they add up to one, agree with references, draw what they say."""

import itertools
import math

import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    MixtureSameFamily,
    Normal,
)

from latentlab.models.likelihoods import LIKELIHOODS
from latentlab.models.likelihoods.logistic_mixture import LogisticMixture
from latentlab.randomness import torch_generator

DISCRETE = ("logistic_mixture", "autoregressive")
# Smallest variance, and so the largest density of a value: docs/likelihoods.md.
HIGHEST_GAUSSIAN_DENSITY = 1 / math.sqrt(2 * math.pi * 1e-4)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tensors this small are only slowed down by more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def built(name, channels, side, seed=0, **settings):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LIKELIHOODS[name](channels, side, **settings)


def normal(*shape, seed=0, **kind):
    return torch.randn(*shape, generator=torch_generator(seed, "parameters"), **kind)


def pixels(*shape, seed=0, levels=256):
    uniform = torch.rand(*shape, generator=torch_generator(seed, "pixels"))
    return (uniform * levels).floor().clamp(max=levels - 1) / (levels - 1)


def every_image(levels, *shape):
    """All images of this shape, (levels ** values, *shape)."""
    values = torch.arange(levels) / (levels - 1)
    return torch.cartesian_prod(*[values] * math.prod(shape)).reshape(-1, *shape)


def total(likelihood, parameters, images):
    """Sum of the probabilities of these images under one map of parameters."""
    nats = likelihood.negative_log(parameters.expand(len(images), -1, -1, -1), images)
    return nats.double().sum((1, 2, 3)).neg().exp().sum().item()


# What holds for all of them.


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 33), (1, 256), (3, 256)])
def test_nats_add_up_over_any_shape(name, channels, side):
    likelihood = built(name, channels, side)
    x = torch.rand(1, channels, side, side, generator=torch_generator(0, "pixels"))
    nats = likelihood.negative_log(normal(1, likelihood.outputs, side, side), x)
    assert nats.shape in [(1, channels, side, side), (1, 1, side, side)]
    assert nats.isfinite().all()
    if name in DISCRETE:
        assert nats.min() >= 0  # of a probability


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("channels", [1, 3])
def test_means_and_draws_are_images_and_draws_follow_the_generator(name, channels):
    likelihood = built(name, channels, 7)
    parameters = 3 * normal(2, likelihood.outputs, 7, 7)
    before = torch.random.get_rng_state()
    drawn = likelihood.draw(parameters, torch_generator(0, "draws"))
    assert torch.equal(drawn, likelihood.draw(parameters, torch_generator(0, "draws")))
    assert torch.equal(before, torch.random.get_rng_state())
    assert not torch.equal(drawn, likelihood.draw(parameters, torch_generator(1, "draws")))
    for images in (drawn, likelihood.mean(parameters)):
        assert images.shape == (2, channels, 7, 7)
        assert images.min() >= 0
        assert images.max() <= 1
    if name in DISCRETE:
        torch.testing.assert_close(drawn * 255, (drawn * 255).round(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [0.0, 1e-3, 50.0])
def test_extreme_parameters_at_black_and_white_have_finite_gradients(name, channels, size):
    likelihood = built(name, channels, 4)
    signs = normal(8, likelihood.outputs, 4, 4).sign()
    for x in (torch.zeros(8, channels, 4, 4), torch.ones(8, channels, 4, 4)):
        parameters = (size * signs).requires_grad_()
        nats = likelihood.negative_log(parameters, x)
        assert nats.isfinite().all()
        nats.sum().backward()
        assert parameters.grad.isfinite().all()
        assert all(weight.grad.isfinite().all() for weight in likelihood.parameters())
        with torch.no_grad():
            assert likelihood.mean(parameters).isfinite().all()
            assert likelihood.draw(parameters, torch_generator(0, "draws")).isfinite().all()


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_weight_and_every_output_of_the_decoder_matters(name, channels):
    likelihood = built(name, channels, 8)
    parameters = normal(4, likelihood.outputs, 8, 8).requires_grad_()
    likelihood.negative_log(parameters, pixels(4, channels, 8, 8)).sum().backward()
    assert (parameters.grad.abs().sum((0, 2, 3)) > 0).all()
    for weight_name, weight in likelihood.named_parameters():
        assert weight.grad.abs().sum() > 0, weight_name


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_arithmetic_of_16_bits_is_the_networks_alone(name):
    likelihood = built(name, 3, 9)
    parameters, x = normal(2, likelihood.outputs, 9, 9), pixels(2, 3, 9, 9)
    exact = likelihood.negative_log(parameters, x).sum((1, 2, 3))
    with torch.autocast("cpu", torch.bfloat16):
        nats = likelihood.negative_log(parameters, x)
        means = likelihood.mean(parameters.bfloat16())
        likelihood.draw(parameters, torch_generator(0, "draws"))
    assert nats.dtype == torch.float32
    torch.testing.assert_close(nats.sum((1, 2, 3)), exact, rtol=0.02, atol=1.0)
    torch.testing.assert_close(means.float(), likelihood.mean(parameters), rtol=0, atol=0.02)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_weights_survive_being_stored(name):
    first, second = built(name, 3, 8, seed=0), built(name, 3, 8, seed=1)
    with torch.no_grad():
        for weight in first.parameters():
            weight += 0.1
    second.load_state_dict(first.state_dict())
    parameters, x = normal(2, first.outputs, 8, 8), pixels(2, 3, 8, 8)
    assert torch.equal(first.negative_log(parameters, x), second.negative_log(parameters, x))


@pytest.mark.parametrize("name", DISCRETE)
def test_values_between_levels_count_as_the_nearest(name):
    likelihood = built(name, 3, 6)
    parameters, x = normal(2, likelihood.outputs, 6, 6), pixels(2, 3, 6, 6)
    shifts = 0.45 / 255 * normal(*x.shape, seed=1).clamp(-1, 1)
    torch.testing.assert_close(
        likelihood.negative_log(parameters, x + shifts), likelihood.negative_log(parameters, x)
    )


# Densities.


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("continuous_bernoulli", (0, 1)),
        ("gaussian_scalar", (-80, 80)),
        ("gaussian_pixel", (-80, 80)),
    ],
)
def test_densities_integrate_to_one(name, ends):
    likelihood = LIKELIHOODS[name](1, 1)
    parameters = 3 * normal(20, likelihood.outputs, 1, 1, dtype=torch.float64)
    x = torch.linspace(*ends, 400_001, dtype=torch.float64).reshape(1, 1, 1, -1)
    nats = torch.cat([likelihood.negative_log(one[None], x) for one in parameters])
    areas = torch.trapezoid(nats.neg().exp(), x, dim=-1)
    torch.testing.assert_close(areas, torch.ones_like(areas), atol=1e-5, rtol=0)


def test_continuous_bernoulli_agrees_with_torch():
    likelihood = LIKELIHOODS["continuous_bernoulli"](1, 100)
    logits = torch.linspace(-12, 12, 1201, dtype=torch.float64).reshape(1, 1, 1, -1)
    x = torch.rand(logits.shape, generator=torch_generator(0, "x"), dtype=torch.float64)
    reference = ContinuousBernoulli(logits=logits)
    torch.testing.assert_close(
        likelihood.negative_log(logits, x), -reference.log_prob(x), atol=1e-6, rtol=1e-6
    )
    torch.testing.assert_close(likelihood.mean(logits), reference.mean, atol=1e-5, rtol=0)
    generator = torch_generator(0, "draws")
    uniform = torch.rand(logits.shape, generator=torch_generator(0, "draws"))
    torch.testing.assert_close(
        likelihood.draw(logits, generator), reference.icdf(uniform.double()), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_continuous_bernoulli_is_smooth_about_one_half(kind):
    """The mean is the slope of the normaliser, on both sides of where the series ends."""
    likelihood = LIKELIHOODS["continuous_bernoulli"](1, 1)
    logits = torch.linspace(-1, 1, 4001, dtype=kind).requires_grad_()
    nats = likelihood.negative_log(logits, torch.zeros_like(logits))
    (slope,) = torch.autograd.grad(nats.sum(), logits)
    digits = 1e-9 if kind == torch.float64 else 1e-6
    torch.testing.assert_close(slope, likelihood.mean(logits.detach()), atol=digits, rtol=0)
    assert (slope.diff() >= -digits).all()
    middle = likelihood.negative_log(torch.zeros(1), torch.rand(1))
    assert middle.item() == 0.0


def test_gaussians_agree_with_torch():
    x, centre, raw = pixels(4, 3, 8, 8), normal(4, 3, 8, 8), normal(4, 3, 8, 8, seed=1)
    scalar = LIKELIHOODS["gaussian_scalar"](3, 8)
    expected = -Normal(centre + 0.5, (0.1 + 1e-4) ** 0.5).log_prob(x)
    torch.testing.assert_close(scalar.negative_log(centre, x), expected, atol=1e-5, rtol=1e-5)
    pixel = LIKELIHOODS["gaussian_pixel"](3, 8)
    variance = 0.1 * raw.exp() + 1e-4  # a softplus of logarithms is the logarithm of a sum
    expected = -Normal(centre + 0.5, variance.sqrt()).log_prob(x)
    parameters = torch.cat([centre, raw], dim=1)
    torch.testing.assert_close(pixel.negative_log(parameters, x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["gaussian_scalar", "gaussian_pixel"])
def test_a_perfect_reconstruction_gains_no_more_than_the_floor_allows(name):
    """Without the floor the density of 8-bit pixels would grow for as long as one trains."""
    likelihood = LIKELIHOODS[name](1, 4)
    parameters = torch.zeros(1, likelihood.outputs, 4, 4)
    parameters[:, 1:] = -50.0
    for weight in likelihood.parameters():
        torch.nn.init.constant_(weight, -50.0)
    nats = likelihood.negative_log(parameters, torch.full((1, 1, 4, 4), 0.5))
    torch.testing.assert_close(nats.neg().exp(), torch.full_like(nats, HIGHEST_GAUSSIAN_DENSITY))


def test_the_one_variance_learns_the_spread_of_the_residuals():
    likelihood = LIKELIHOODS["gaussian_scalar"](1, 32)
    x = 0.5 + 0.03 * normal(8, 1, 32, 32)
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        likelihood.negative_log(torch.zeros_like(x), x).mean().backward()
        optimizer.step()
    drawn = likelihood.draw(torch.zeros_like(x), torch_generator(0, "draws"))
    assert drawn.std().item() == pytest.approx(0.03, rel=0.05)


# Levels.


@pytest.mark.parametrize("size", [1.0, 5.0, 50.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_mass_of_all_levels_is_one(size, seed):
    likelihood = LogisticMixture(1, 1, components=3)
    parameters = size * normal(1, likelihood.outputs, 1, 1, seed=seed)
    assert total(likelihood, parameters, every_image(256, 1, 1, 1)) == pytest.approx(1, abs=1e-5)
    single = LogisticMixture(1, 1, components=1)
    for component in range(3):
        one = parameters[:, [component, 3 + component, 6 + component]]
        assert total(single, one, every_image(256, 1, 1, 1)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("levels", "size"), [(2, 1.0), (7, 1.0), (16, 4.0)])
def test_the_mass_of_all_colours_is_one(levels, size):
    likelihood = LogisticMixture(3, 1, levels=levels)
    parameters = size * normal(1, likelihood.outputs, 1, 1)
    assert total(likelihood, parameters, every_image(levels, 3, 1, 1)) == pytest.approx(1, abs=1e-5)


def test_summed_over_blue_red_and_green_are_left():
    """At 256 levels: the sum over all blues does not depend on blue's parameters, and does depend
    on green's."""
    likelihood = LogisticMixture(3, 1, components=2)
    parameters = normal(1, likelihood.outputs, 1, 1)
    images = pixels(1, 3, 1, 1).repeat(256, 1, 1, 1)
    images[:, 2, 0, 0] = torch.arange(256) / 255
    marginal = total(likelihood, parameters, images)
    centres, scales, mixing = 2, 8, 14  # where these begin, two components of each
    blue = parameters.clone()
    for first in (centres + 4, scales + 4, mixing + 2, mixing + 4):
        blue[:, first : first + 2] += 1
    assert total(likelihood, blue, images) == pytest.approx(marginal, rel=1e-4)
    green = parameters.clone()
    green[:, centres + 2 : centres + 4] += 1
    assert total(likelihood, green, images) != pytest.approx(marginal, rel=1e-2)


def test_a_level_has_the_logistics_mass_about_it():
    """Against the distribution function written out, in double precision."""
    likelihood = LogisticMixture(1, 1, components=4)
    parameters = normal(1, 12, 1, 1, dtype=torch.float64)
    weights, mu, log_scale = (part.flatten() for part in parameters.chunk(3, dim=1))
    scale = log_scale.exp() + math.exp(-7)
    levels = torch.linspace(-1, 1, 256, dtype=torch.float64)[:, None]
    upper = torch.sigmoid((levels + 1 / 255 - mu) / scale)
    upper[-1] = 1
    masses = upper.diff(dim=0, prepend=torch.zeros_like(upper[:1]))
    expected = (masses * weights.softmax(0)).sum(1)
    images = every_image(256, 1, 1, 1).double()
    nats = likelihood.negative_log(parameters.expand(256, -1, -1, -1), images).flatten()
    torch.testing.assert_close(nats, -expected.log(), atol=1e-9, rtol=1e-9)
    mixture = MixtureSameFamily(Categorical(logits=weights), Categorical(probs=masses.T))
    torch.testing.assert_close(-mixture.log_prob(torch.arange(256)), nats)


@pytest.mark.parametrize("levels", [2, 3, 256])
@pytest.mark.parametrize("size", [1.0, 10.0])
def test_the_mean_of_grey_pixels_is_the_sum_over_levels(levels, size):
    likelihood = LogisticMixture(1, 8, components=3, levels=levels)
    parameters = size * normal(1, likelihood.outputs, 8, 8)
    expected = torch.zeros(1, 1, 8, 8)
    for level in range(levels):
        value = level / (levels - 1)
        nats = likelihood.negative_log(parameters, torch.full((1, 1, 8, 8), value))
        expected += value * nats.neg().exp()
    error = (likelihood.mean(parameters) - expected).abs().max().item()
    assert error < 1e-3 / (levels - 1) + 1e-5


@pytest.mark.parametrize("sharpness", [0.0, 4.0])
def test_draws_of_colours_have_about_the_stated_mean(sharpness):
    likelihood = LogisticMixture(3, 6)
    parameters = normal(1, likelihood.outputs, 6, 6)
    parameters[:, 20:35] -= sharpness
    drawn = likelihood.draw(parameters.expand(8000, -1, -1, -1), torch_generator(0, "draws"))
    assert (drawn.mean(0) - likelihood.mean(parameters)[0]).abs().mean() < 0.02


@pytest.mark.parametrize("channels", [1, 3])
def test_draws_come_as_often_as_their_probability(channels):
    likelihood = LogisticMixture(channels, 1, levels=3)
    parameters = normal(1, likelihood.outputs, 1, 1)
    images = every_image(3, channels, 1, 1)
    nats = likelihood.negative_log(parameters.expand(len(images), -1, -1, -1), images)
    many = parameters.expand(100_000, -1, -1, -1)
    drawn = (2 * likelihood.draw(many, torch_generator(0, "draws"))).round().long().flatten(1)
    places = (drawn * 3 ** torch.arange(channels).flip(0)).sum(1)
    shares = places.bincount(minlength=len(images)) / len(drawn)
    torch.testing.assert_close(shares, nats.flatten().neg().exp(), atol=0.006, rtol=0)


def test_two_levels_are_a_coin():
    likelihood = LogisticMixture(1, 5, components=1, levels=2)
    parameters, x = normal(3, 3, 5, 5), pixels(3, 1, 5, 5, levels=2)
    scale = parameters[:, 2:].exp() + math.exp(-7)
    expected = -Bernoulli(logits=parameters[:, 1:2] / scale).log_prob(x)
    torch.testing.assert_close(likelihood.negative_log(parameters, x), expected)


# Pixel by pixel.


@pytest.mark.parametrize("channels", [1, 3])
def test_a_pixel_changes_what_is_said_of_later_pixels_alone_and_of_all_in_reach(channels):
    """Gradients of what is said of every pixel in turn: the future has exactly none, and nothing
    in reach lies in a blind spot."""
    side, kernels = 9, (5, 3, 3)
    likelihood = built("autoregressive", channels, side, kernels=kernels).double()
    reach = sum(kernel // 2 for kernel in kernels)  # 4; the shift adds a row, or a pixel, to it
    likelihood.pixel.to_line = lambda x: 2 * x - 1  # without rounding, which has no gradient
    places = list(itertools.product(range(side), range(side)))
    many = len(places)
    x = pixels(1, channels, side, side).double().repeat(many, 1, 1, 1).requires_grad_()
    parameters = normal(1, likelihood.outputs, side, side).double().expand(many, -1, -1, -1)
    said = likelihood.conditionals(parameters, x).unflatten(0, (side, side))
    rows, columns = torch.tensor(places).T.reshape(2, side, side)
    each = said[rows, columns, :, rows, columns]  # of every pixel, from a pass of its own
    (each * normal(*each.shape).double()).sum().backward()
    slopes = x.grad.abs().amin(1)
    most = x.grad.abs().amax(1)
    for index, (row, column) in enumerate(places):
        for seen_row, seen_column in places:
            up, back = row - seen_row, column - seen_column
            above = 0 < up <= reach + 1 and abs(back) <= reach
            left = up == 0 and 0 < back <= reach + 1
            # Through the vertical stacks of the pixels to the left, which reach further left.
            beyond = 0 < up <= reach + 1 and back > reach
            if above or left:
                assert slopes[index, seen_row, seen_column] > 0
            elif not beyond:
                assert most[index, seen_row, seen_column] == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_a_changed_pixel_leaves_what_was_said_before_it(channels):
    likelihood = built("autoregressive", channels, 8)
    parameters, x = normal(1, likelihood.outputs, 8, 8), pixels(1, channels, 8, 8)
    changed = x.clone()
    changed[:, :, 3, 4] = 1 - changed[:, :, 3, 4].round()
    with torch.no_grad():
        before, after = (likelihood.conditionals(parameters, one) for one in (x, changed))
    same = (before == after).all(1).flatten()
    assert same[: 3 * 8 + 5].all()
    assert not same[3 * 8 + 5]


@pytest.mark.parametrize("channels", [1, 3])
def test_one_pass_says_what_going_pixel_by_pixel_says(channels):
    """A drawn image's own conditionals, met one by one, are those of the one pass."""
    likelihood = built("autoregressive", channels, 7)
    parameters = normal(2, likelihood.outputs, 7, 7)
    met = []

    def choose(given, noise):
        met.append(given)
        return LogisticMixture.choose(likelihood.pixel, given, noise)

    likelihood.pixel.choose = choose
    drawn = likelihood.draw(parameters, torch_generator(0, "draws"))
    one_by_one = torch.cat(met, dim=3).unflatten(3, (7, 7)).squeeze(2)
    with torch.no_grad():
        torch.testing.assert_close(
            one_by_one, likelihood.conditionals(parameters, drawn), atol=1e-5, rtol=1e-4
        )
        sequential = sum(
            likelihood.pixel.negative_log(
                given, drawn[:, :, place // 7, place % 7][..., None, None]
            )
            for place, given in enumerate(met)
        )
        together = likelihood.negative_log(parameters, drawn).sum((1, 2, 3))
    torch.testing.assert_close(sequential.flatten(), together, atol=1e-3, rtol=1e-5)


@pytest.mark.parametrize(
    ("levels", "channels", "height", "width"), [(3, 1, 2, 3), (2, 1, 3, 4), (2, 3, 2, 2)]
)
def test_the_probabilities_of_all_tiny_images_add_up_to_one(levels, channels, height, width):
    likelihood = built("autoregressive", channels, height, levels=levels, width=8)
    parameters = normal(1, likelihood.outputs, height, width)
    images = every_image(levels, channels, height, width)
    with torch.no_grad():
        assert total(likelihood, parameters, images) == pytest.approx(1, abs=1e-4)


def test_tiny_images_are_drawn_as_often_as_their_probability():
    likelihood = built("autoregressive", 1, 2, levels=2, width=8)
    with torch.no_grad():
        for weight in likelihood.parameters():
            weight *= 2  # so that pixels depend on each other
        parameters, images = normal(1, likelihood.outputs, 2, 2), every_image(2, 1, 2, 2)
        nats = likelihood.negative_log(parameters.expand(16, -1, -1, -1), images).sum((1, 2, 3))
    many = parameters.expand(40_000, -1, -1, -1)
    drawn = likelihood.draw(many, torch_generator(0, "draws")).round().long().flatten(1)
    shares = (drawn * torch.tensor([8, 4, 2, 1])).sum(1).bincount(minlength=16) / len(drawn)
    torch.testing.assert_close(shares, nats.neg().exp(), atol=0.01, rtol=0)


def test_the_mean_follows_its_own_expectations():
    likelihood = built("autoregressive", 1, 6)
    parameters = normal(1, likelihood.outputs, 6, 6)
    mean = likelihood.mean(parameters)
    with torch.no_grad():
        again = likelihood.pixel.mean(likelihood.conditionals(parameters, mean))
    assert (again - mean).abs().max() < 1 / 255  # one pass rounds what it sees to levels
    assert torch.equal(mean, likelihood.mean(parameters))


def test_neighbours_are_learned_and_drawn():
    """Stripes that no single pixel shows: the decoder says nothing, and yet they are found."""
    likelihood = built("autoregressive", 1, 8, features=2, width=16, kernels=(3, 3))
    start = torch.randint(2, (64, 1, 1, 1), generator=torch_generator(0, "stripes"))
    x = ((torch.arange(8) + start) % 2).float().expand(64, 1, 8, 8)
    silent = torch.zeros(64, 2, 8, 8)
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        loss = likelihood.negative_log(silent, x).sum((1, 2, 3)).mean()
        loss.backward()
        optimizer.step()
    drawn = likelihood.draw(silent, torch_generator(0, "draws"))
    assert ((drawn[..., 1:] > 0.5) != (drawn[..., :-1] > 0.5)).float().mean() > 0.95
