"""Adam, with the state of `torch.optim.Adam` and its arithmetic.

That class is not used itself because making one imports torch's compiler, which takes longer than
all else before the first step. The function below it does the work.

Source: Kingma & Ba 2015, https://arxiv.org/abs/1412.6980
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

EPSILON = 1e-8


@dataclass(frozen=True)
class Group:
    """Weights with one learning rate."""

    weights: tuple[nn.Parameter, ...]
    rate: float


class Adam:
    """Moments of the gradient for every weight that ever had one.

    On a CUDA device one kernel updates all weights (`fused`), and the number of the step is
    kept there too, so that a step can be recorded and replayed.
    """

    def __init__(
        self, groups: Sequence[Group], *, betas: tuple[float, float] = (0.9, 0.999), fused: bool
    ):
        self.groups, self.betas, self.fused = tuple(groups), betas, fused
        self.moments: dict[nn.Parameter, dict[str, Tensor]] = {}

    def clear_gradients(self) -> None:
        for group in self.groups:
            for weight in group.weights:
                weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Follow the gradients; weights without one stay."""
        for group in self.groups:
            followed = [weight for weight in group.weights if weight.grad is not None]
            if not followed:
                continue
            states = [self._state(weight) for weight in followed]
            adam(
                list(followed),
                [weight.grad for weight in followed if weight.grad is not None],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                [state["step"] for state in states],
                fused=self.fused or None,  # None leaves it to torch, by the device
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=group.rate,
                weight_decay=0.0,
                eps=EPSILON,
                maximize=False,
            )

    def _state(self, weight: nn.Parameter) -> dict[str, Tensor]:
        if weight not in self.moments:
            self.moments[weight] = {
                "step": torch.zeros((), device=self._home(weight)),
                "exp_avg": torch.zeros_like(weight, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(weight, memory_format=torch.preserve_format),
            }
        return self.moments[weight]

    def _home(self, weight: nn.Parameter) -> torch.device:
        """Where the number of the step is kept."""
        return weight.device if self.fused else torch.device("cpu")

    def state_dict(self) -> dict[str, Any]:
        """In the form of torch's own optimisers."""
        weights = [weight for group in self.groups for weight in group.weights]
        numbers = {weight: number for number, weight in enumerate(weights)}
        moments = {numbers[weight]: state for weight, state in self.moments.items()}
        groups = [
            {"lr": group.rate, "params": [numbers[weight] for weight in group.weights]}
            for group in self.groups
        ]
        return {"state": dict(sorted(moments.items())), "param_groups": groups}

    def load_state_dict(self, stored: dict[str, Any]) -> None:
        """The moments of `state_dict`, from any device, or those of `torch.optim.Adam`. Learning
        rates are not taken from there: they are settings."""
        weights = [weight for group in self.groups for weight in group.weights]
        self.moments = {}
        for number, state in stored["state"].items():
            weight = weights[number]
            mine = self._state(weight)
            for name, value in state.items():
                mine[name].copy_(value)
