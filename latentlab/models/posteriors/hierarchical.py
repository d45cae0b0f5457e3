"""Two levels of latents: the upper ones say where the lower ones are to be expected."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

from latentlab.models.posteriors.gaussian import Gaussian
from latentlab.models.posteriors.posterior import Draw, Head, gaussian_kl


@dataclass(frozen=True)
class Hierarchical:
    """Both levels given the image, diagonal Gaussians each.

    The latents are (u, z2), where u = (z1 - m(z2)) / s(z2) is the lower level as seen from what
    the upper level expects, p(z1 | z2) = N(m, s^2). So all latents have the prior N(0, 1), moving
    z2 carries z1 along, and divergences are those of z1, since the map from z1 to u only shifts and
    scales.

    Attributes:
        lower, upper: Of z1 and z2.
        expected: p(z1 | z2) by its means and log-variances.
    """

    lower: Gaussian
    upper: Gaussian
    expected: nn.Module
    context: Tensor | None = None

    density: ClassVar[bool] = True

    @cached_property
    def mu(self) -> Tensor:
        """Means of z2, and of u where z2 is at its mean."""
        return torch.cat([self._lower_at(self.upper.mu).mu, self.upper.mu], dim=1)

    @cached_property
    def logvar(self) -> Tensor:
        """Of z2, and of u where z2 is at its mean."""
        return torch.cat([self._lower_at(self.upper.mu).logvar, self.upper.logvar], dim=1)

    def sample(self, generator: torch.Generator) -> Draw:
        above = self.upper.sample(generator)
        below = self._lower_at(above.z).sample(generator)
        assert above.log_q is not None and below.log_q is not None
        return Draw(
            torch.cat([below.z, above.z], dim=1), torch.cat([below.log_q, above.log_q], dim=1)
        )

    def kl(self, draw: Draw) -> Tensor:
        """In closed form given the draw of z2, nats per latent."""
        lower = self._lower_at(draw.z[:, self.lower.mu.shape[1] :])
        return torch.cat([gaussian_kl(lower.mu, lower.logvar), self.upper.kl()], dim=1)

    def _lower_at(self, z2: Tensor) -> Gaussian:
        """The posterior of u given z2."""
        mean, logvar = self.expected(z2).chunk(2, dim=1)
        mu = (self.lower.mu - mean) * (-0.5 * logvar).exp()
        return Gaussian(mu, self.lower.logvar - logvar)


class HierarchicalHead(Head):
    """q(z1 | x) and q(z2 | x) side by side, and a small network for p(z1 | z2).

    The decoder reads z1 alone.

    Source: the generative model of Rezende et al. 2014, https://arxiv.org/abs/1401.4082, with
    both posteriors from the image
    """

    def __init__(self, features: int, lower: int, upper: int, width: int):
        """
        Args:
            lower, upper: Latents of z1 and z2.
            width: Hidden units of p(z1 | z2).
        """
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.mu = nn.Linear(features, lower + upper)
        self.logvar = nn.Linear(features, lower + upper)
        last = nn.Linear(width, 2 * lower)
        nn.init.zeros_(last.bias)
        self.expected = nn.Sequential(nn.Linear(upper, width), nn.ReLU(), last)

    def forward(self, features: Tensor) -> Hierarchical:
        parts = [
            level.float().split((self.lower, self.upper), dim=1)
            for level in (self.mu(features), self.logvar(features))
        ]
        (mu1, mu2), (logvar1, logvar2) = parts
        return Hierarchical(Gaussian(mu1, logvar1), Gaussian(mu2, logvar2), self.expected)

    def unfold(self, z: Tensor, context: Tensor | None) -> Tensor:
        """z1, (batch, lower)."""
        u, z2 = z.split((self.lower, self.upper), dim=1)
        mean, logvar = self.expected(z2).chunk(2, dim=1)
        return mean + (0.5 * logvar).exp() * u
