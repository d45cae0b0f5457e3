"""Mixtures of logistic distributions, each cut into the levels that pixels have."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from latentlab.models.likelihoods.likelihood import Likelihood
from latentlab.models.likelihoods.numerics import full_precision, soft_floor

# Of the scale's logarithm, where the levels span [-1, 1]: from a ninth of one of 256 levels, as in
# the paper, to a distribution that is as good as flat.
MIN_LOG_SCALE, MAX_LOG_SCALE = -7.0, 5.0
SHARP = 0.65  # scale in levels under which the expectation is summed edge by edge
WINDOW = 6  # edges on either side that a sharp component can feel


class _Components(NamedTuple):
    """The decoder's output, taken apart."""

    log_weights: Tensor  # (batch, components, side, side)
    mu: Tensor  # (batch, channels, components, side, side), before the other channels' part
    log_scale: Tensor  # the same shape
    mixing: Tensor  # (batch, 3 or 0, components, side, side): red on green, red and green on blue


class LogisticMixture(Likelihood):
    """Probability of each pixel, all channels together, as a sum over a few components.

    In a component every channel is a logistic distribution on the line, where the levels span
    [-1, 1]; a level has the mass within half a step of it, and the first and last level have all
    that lies beyond. The centre of green moves in proportion to the pixel's red, that of blue with
    its red and green. A pixel's value is rounded to its level.

    The decoder gives, a pixel: the components' log-weights, then for each channel their centres,
    then for each channel the logarithms of their scales, then for colour the three coefficients
    before a tanh.

    Source: Salimans et al. 2017 (PixelCNN++), https://arxiv.org/abs/1701.05517. The masses here are
    exact, where the paper's code takes a density for masses near 0.
    """

    def __init__(self, channels: int, side: int, components: int = 5, levels: int = 256):
        """
        Args:
            channels: 1 or 3.
            components: Of the mixture.
            levels: Values a channel can have, at least 2.
        """
        super().__init__()
        self.channels = channels
        self.components = components
        self.levels = levels
        self.outputs = components * (1 + 2 * channels + channels * (channels - 1) // 2)

    def mean(self, parameters: Tensor) -> Tensor:
        """The expected levels: exact for one channel to a thousandth of a level.

        In colour each component's red enters its green, and both its blue, by their expectations
        instead of by their distributions: exact but for what the first and last level cut off.
        """
        parts = self._take_apart(parameters)
        known: list[Tensor] = []  # expectation of each component, (batch, components, side, side)
        for channel in range(self.channels):
            mu = _centre(parts, channel, known)
            level = _expected_level(
                (mu + 1) / self._step, parts.log_scale[:, channel].exp() / self._step, self.levels
            )
            known.append(level * self._step - 1)
        expected = torch.stack(known, dim=1) * parts.log_weights.exp().unsqueeze(1)
        return self.from_line(expected.sum(dim=2)).clamp(0, 1)

    def negative_log(self, parameters: Tensor, x: Tensor) -> Tensor:
        """One value a pixel, (batch, 1, side, side); never negative."""
        parts = self._take_apart(parameters)
        x = self.to_line(x)
        known: list[Tensor] = []
        total = parts.log_weights
        for channel in range(self.channels):
            value = x[:, channel : channel + 1]
            mu = _centre(parts, channel, known)
            total = total + self._log_mass(value, mu, parts.log_scale[:, channel])
            known.append(value)
        return -total.logsumexp(dim=1, keepdim=True)

    def draw(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        return self.choose(parameters, self.noise(parameters, generator))

    def noise(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """The chance of a draw, (batch, 1 + channels, side, side), the same on every device."""
        batch, _, height, width = parameters.shape
        uniform = torch.rand(batch, 1 + self.channels, height, width, generator=generator)
        return uniform.to(parameters.device)

    def choose(self, parameters: Tensor, noise: Tensor) -> Tensor:
        """The draw that `noise` stands for: the first of its channels chooses the component."""
        parts = self._take_apart(parameters)
        below = parts.log_weights.exp().cumsum(dim=1) <= noise[:, :1]
        chosen = below.sum(dim=1, keepdim=True).clamp(max=self.components - 1)
        known: list[Tensor] = []
        for channel in range(self.channels):
            mu = _centre(parts, channel, known).gather(1, chosen)
            scale = parts.log_scale[:, channel].gather(1, chosen).exp()
            value = mu + scale * noise[:, 1 + channel : 2 + channel].logit(eps=1e-7)
            known.append(self.to_line(self.from_line(value)))
        return self.from_line(torch.cat(known, dim=1))

    def to_line(self, x: Tensor) -> Tensor:
        """[0, 1] to the nearest level in [-1, 1]."""
        return (full_precision(x).clamp(0, 1) * (self.levels - 1)).round() * self._step - 1

    def from_line(self, value: Tensor) -> Tensor:
        return (value + 1) / 2

    @property
    def _step(self) -> float:
        return 2 / (self.levels - 1)

    def _take_apart(self, parameters: Tensor) -> _Components:
        parameters = full_precision(parameters)
        many, channels = self.components, self.channels
        sizes = [many, many * channels, many * channels]
        sizes.append(self.outputs - sum(sizes))
        weights, mu, log_scale, mixing = parameters.split(sizes, dim=1)
        return _Components(
            weights.log_softmax(dim=1),
            mu.unflatten(1, (channels, many)),
            soft_floor(log_scale, MIN_LOG_SCALE)
            .clamp(max=MAX_LOG_SCALE)
            .unflatten(1, (channels, many)),
            mixing.tanh().unflatten(1, (sizes[3] // many, many)),
        )

    def _log_mass(self, value: Tensor, mu: Tensor, log_scale: Tensor) -> Tensor:
        """Logarithm of the logistic's mass on the level `value`.

        sigmoid(above) - sigmoid(below) is sigmoid(above) sigmoid(-below) (1 - exp(below - above)),
        which loses no digits in the tails.
        """
        inverse = (-log_scale).exp()
        half = self._step / 2
        above, below = (value - mu + half) * inverse, (value - mu - half) * inverse
        first, last = value < half - 1, value > 1 - half
        inside = torch.log(-torch.expm1(-self._step * inverse))
        return (
            functional.logsigmoid(above).masked_fill(last, 0.0)
            + functional.logsigmoid(-below).masked_fill(first, 0.0)
            + inside.masked_fill(first | last, 0.0)
        )


def _centre(parts: _Components, channel: int, known: list[Tensor]) -> Tensor:
    """Centres of a channel's components, given the channels before it in [-1, 1]."""
    mu = parts.mu[:, channel]
    first = channel * (channel - 1) // 2
    for index, value in enumerate(known):
        mu = mu + parts.mixing[:, first + index] * value
    return mu


def _expected_level(mu: Tensor, scale: Tensor, levels: int) -> Tensor:
    """Expectation of a logistic rounded to the levels 0, 1, .., clipped at both ends.

    It is the sum over the edges between levels of the mass beyond each. For a sharp component that
    is a count and a few sigmoids; for a wide one the integral with the Euler-Maclaurin term at its
    ends, wrong by less than a thousandth of a level.

    Args:
        mu, scale: In levels.
    """
    last = levels - 1
    wide = scale.clamp(min=SHARP)
    low, high = mu / wide, (mu - last) / wide
    integral = wide * (functional.softplus(low) - functional.softplus(high))
    ends = (_slope(high) - _slope(low)) / (24 * wide)
    nearest = mu.detach().clamp(-1, levels).floor()
    total = (nearest - WINDOW).clamp(0, last)
    for shift in range(-WINDOW, WINDOW + 1):
        edge = nearest + shift
        mass = torch.sigmoid((mu - edge - 0.5) / scale.clamp(max=SHARP))
        total = total + mass.masked_fill((edge < 0) | (edge >= last), 0.0)
    return torch.where(scale < SHARP, total, integral + ends)


def _slope(x: Tensor) -> Tensor:
    """Derivative of the sigmoid."""
    return torch.sigmoid(x) * torch.sigmoid(-x)
