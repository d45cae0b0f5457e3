"""What the decoder's output says about the pixels: one class and one line in LIKELIHOODS each."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.nn import functional


class Likelihood(Protocol):
    def mean(self, logits: Tensor) -> Tensor:
        """The expected image in [0, 1], shaped like the logits."""
        ...

    def negative_log(self, logits: Tensor, x: Tensor) -> Tensor:
        """Nats per image, summed over channels and pixels, (batch,)."""
        ...


@dataclass(frozen=True)
class Bernoulli:
    """Each pixel value in [0, 1] is taken as the probability of a coin, as in the first VAEs."""

    def mean(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def negative_log(self, logits: Tensor, x: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(
            (1, 2, 3)
        )


@dataclass(frozen=True)
class FixedGaussian:
    """A Gaussian of one fixed variance about the sigmoid of the logits.

    At variance 1/2 the loss is the summed squared error, but for a constant: "MSE" as the field
    says. The constant is kept, so that values are nats of a density and comparable.
    """

    variance: float = 0.5

    def mean(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def negative_log(self, logits: Tensor, x: Tensor) -> Tensor:
        squares = (x - logits.sigmoid()).square().sum((1, 2, 3))
        constant = 0.5 * math.log(2 * math.pi * self.variance) * x[0].numel()
        return squares / (2 * self.variance) + constant


LIKELIHOODS: dict[str, Callable[[], Likelihood]] = {
    "bernoulli": Bernoulli,
    "gaussian": FixedGaussian,
}
