"""Running sums of an epoch on the device: no step waits for a number to come back."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from latentlab.dimensions import MIN_KL
from latentlab.objectives import Terms
from latentlab.ranks import Ranks


class Sums:
    """What the steps of an epoch add up to. The tensors stay where they are: a recorded step adds
    to them when it is replayed.

    Attributes:
        reconstruction: Scalar.
        loss: Scalar, weighted by images.
        kl, mu, mu_squares: (latents,).
        extra: Scalars, weighted by images.
        images: How many.
        beta: Of the last step.
    """

    TENSORS = ("reconstruction", "loss", "kl", "mu", "mu_squares")

    def __init__(self, latents: int, device: torch.device):
        # Sums of 160,000 values near 1e4 nats need more digits than float32 has; MPS has no more.
        kind = torch.float32 if device.type == "mps" else torch.float64
        zeros = torch.zeros(2 + 3 * latents, dtype=kind, device=device)
        self.reconstruction, self.loss = zeros[0], zeros[1]
        self.kl, self.mu, self.mu_squares = zeros[2:].reshape(3, latents)
        self.extra: dict[str, Tensor] = {}
        self.images = 0
        self.beta: float | Tensor = 0.0

    def add(self, terms: Terms) -> None:
        self.add_terms(terms)
        self.count(len(terms.reconstruction), terms.beta)

    def add_terms(self, terms: Terms) -> None:
        """The part of `add` that the device does."""
        count = len(terms.reconstruction)
        self.reconstruction += terms.reconstruction.sum()
        self.loss += terms.loss.detach() * count
        self.kl += terms.kl.sum(dim=0)
        mu = terms.mu.to(self.mu.dtype)
        self.mu += mu.sum(dim=0)
        self.mu_squares += mu.square().sum(dim=0)
        for name, value in terms.extra.items():
            if name not in self.extra:
                self.extra[name] = torch.zeros_like(self.loss)
            self.extra[name] += value * count

    def count(self, images: int, beta: float | Tensor) -> None:
        """The part of `add` that this process does."""
        self.images += images
        self.beta = beta

    def clear(self) -> None:
        """Begin anew, in the same place."""
        for value in (*(getattr(self, name) for name in self.TENSORS), *self.extra.values()):
            value.zero_()
        self.images, self.beta = 0, 0.0

    def state(self) -> dict[str, Any]:
        """What `restore` takes; a copy, on the same device."""
        return {
            **{name: getattr(self, name).clone() for name in self.TENSORS},
            "extra": {name: value.clone() for name, value in self.extra.items()},
            "images": self.images,
            "beta": float(self.beta),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        for name in self.TENSORS:
            getattr(self, name).copy_(state[name])
        self.extra = {
            name: torch.zeros_like(self.loss).copy_(value) for name, value in state["extra"].items()
        }
        self.images, self.beta = state["images"], state["beta"]

    def means(self, prefix: str) -> dict[str, float]:
        """Nats per image: `*_reconstruction`, `*_kl`, `*_elbo`, `*_loss`, and the objective's own
        parts."""
        reconstruction = float(self.reconstruction) / self.images
        kl = float(self.kl.sum()) / self.images
        return {
            f"{prefix}_reconstruction": reconstruction,
            f"{prefix}_kl": kl,
            f"{prefix}_elbo": -reconstruction - kl,
            f"{prefix}_loss": float(self.loss) / self.images,
            **{f"{prefix}_{name}": float(sum_) / self.images for name, sum_ in self.extra.items()},
        }

    def active_units(self, floor: float) -> int:
        """Latents whose means vary by more than `floor` and, where there is a divergence at all,
        that have some."""
        variance = self.mu_squares / self.images - (self.mu / self.images).square()
        active = variance >= floor
        kl = self.kl / self.images
        return int((active & (kl >= MIN_KL)).sum() if bool(kl.any()) else active.sum())

    def over(self, ranks: Ranks) -> "Sums":
        """Added up over the processes that train together."""
        if ranks.size == 1:
            return self
        mine: dict[str, Any] = {name: getattr(self, name) for name in self.TENSORS}
        mine |= {f"extra {name}": value for name, value in self.extra.items()}
        found: dict[str, Any] = ranks.summed({**mine, "images": self.images})
        extra = {
            name.removeprefix("extra "): found.pop(name)
            for name in list(found)
            if name.startswith("extra ")
        }
        together = Sums(len(self.kl), self.kl.device)
        together.restore({**found, "extra": extra, "beta": self.beta})
        return together
