"""A Gaussian that is bent by a normalizing flow, so that latents may depend on each other."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentlab.errors import ConfigError
from latentlab.models.posteriors.posterior import Draw, Head, gaussian_log_prob, noise_like

FlowKind = Literal["planar", "inverse_autoregressive"]

# Base points, (batch, latents), to latents and the log-determinant, (batch,).
Bend = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Flow:
    """Draws of N(base_mu, exp(base_logvar)) sent through `bend`.

    Attributes:
        base_mu, base_logvar: (batch, latents).
        bend: Of this batch.
    """

    base_mu: Tensor
    base_logvar: Tensor
    bend: Bend
    context: Tensor | None = None

    density: ClassVar[bool] = True
    logvar: ClassVar[None] = None  # the variances of a bent Gaussian have no closed form

    @cached_property
    def mu(self) -> Tensor:
        """Where the flow sends the base's mean: the median of the posterior in one dimension, near
        its mean where the flow bends little. The mean itself has no closed form."""
        return self.bend(self.base_mu)[0]

    def sample(self, generator: torch.Generator) -> Draw:
        base = self.base_mu + (0.5 * self.base_logvar).exp() * noise_like(self.base_mu, generator)
        z, log_determinant = self.bend(base)
        log_base = gaussian_log_prob(base, self.base_mu, self.base_logvar)
        # The volume belongs to all latents together: each takes an equal share.
        return Draw(z, log_base - log_determinant[:, None] / z.shape[1])

    def kl(self, draw: Draw) -> Tensor:
        """At this draw, nats per latent; a single one may be negative, the mean of many is not."""
        assert draw.log_q is not None
        return draw.log_q - gaussian_log_prob(draw.z)


class FlowHead(Head):
    """Means, log-variances and a flow that also depends on the image.

    `planar`: z + u tanh(w z + b), with u, w and b of each image and u held so that the map can be
    inverted. `inverse_autoregressive`: each latent is scaled and shifted by a masked network's word
    on the base's latents before it, in an order that is turned around from step to step.

    Source: planar, Rezende & Mohamed 2015, https://arxiv.org/abs/1505.05770; inverse
    autoregressive, Kingma et al. 2016, https://arxiv.org/abs/1606.04934
    """

    def __init__(self, features: int, latents: int, kind: FlowKind, steps: int, width: int):
        """
        Args:
            steps: Maps after one another.
            width: Units of the masked networks' two hidden layers; planar maps have none.
        """
        super().__init__()
        self.mu = nn.Linear(features, latents)
        self.logvar = nn.Linear(features, latents)
        self.bends: nn.Module
        if kind == "planar":
            self.bends = _Planar(features, latents, steps)
        else:
            self.bends = _InverseAutoregressive(features, latents, steps, width)

    def forward(self, features: Tensor) -> Flow:
        bend = self.bends(features)
        return Flow(self.mu(features).float(), self.logvar(features).float(), bend)


class _Planar(nn.Module):
    def __init__(self, features: int, latents: int, steps: int):
        super().__init__()
        self.latents, self.steps = latents, steps
        self.settings = nn.Linear(features, steps * (2 * latents + 1))
        nn.init.normal_(self.settings.weight, std=0.1 / features**0.5)  # near the identity
        nn.init.normal_(self.settings.bias, std=0.1)

    def forward(self, features: Tensor) -> Bend:
        settings = self.settings(features).float().unflatten(1, (self.steps, -1))

        def bend(z: Tensor) -> tuple[Tensor, Tensor]:
            volume = z.new_zeros(len(z))
            for u, w, b in (one.tensor_split((self.latents, -1), 1) for one in settings.unbind(1)):
                # w u > -1 keeps the map invertible: appendix A.1 of the paper.
                along = (w * u).sum(1, keepdim=True)
                wanted = functional.softplus(along) - 1
                u = u + (wanted - along) * w / w.square().sum(1, keepdim=True).clamp(min=1e-8)
                bent = ((w * z).sum(1, keepdim=True) + b).tanh()
                slope = (1 - bent.square()) * (w * u).sum(1, keepdim=True)
                z, volume = z + u * bent, volume + (1 + slope).clamp(min=1e-8).log()[:, 0]
            return z, volume

        return bend


class _InverseAutoregressive(nn.Module):
    CONTEXT = 32  # values through which the image speaks to the masked networks

    def __init__(self, features: int, latents: int, steps: int, width: int):
        super().__init__()
        try:
            from zuko.flows import MaskedAutoregressiveTransform
        except ImportError:
            raise ConfigError(
                "`model.flow`: `inverse_autoregressive` needs the extra flows. Install it with"
                " `pip install 'latentlab[flows]'`, or take model.flow=planar."
            ) from None
        self.context = nn.Linear(features, self.CONTEXT)
        with torch.device("cpu"):  # it computes its masks, which the meta device cannot
            forwards = torch.arange(latents)
            self.maps = nn.ModuleList(
                MaskedAutoregressiveTransform(
                    latents,
                    self.CONTEXT,
                    order=forwards if step % 2 == 0 else forwards.flip(0),
                    hidden_features=(width, width),
                )
                for step in range(steps)
            )

    def forward(self, features: Tensor) -> Bend:
        context = self.context(features).float()
        maps = [one(context) for one in self.maps]

        def bend(z: Tensor) -> tuple[Tensor, Tensor]:
            volume = z.new_zeros(len(z))
            for one in maps:
                z, more = one.call_and_ladj(z)
                volume = volume + more
            return z, volume

        return bend
