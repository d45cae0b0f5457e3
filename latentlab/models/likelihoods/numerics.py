"""What several likelihoods need to stay finite."""

import torch
from torch import Tensor
from torch.nn import functional


def full_precision(x: Tensor) -> Tensor:
    """At least float32, whatever the network's arithmetic gave."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def soft_floor(x: Tensor, least: float) -> Tensor:
    """About `x` where it is well above `least`, never below it, with a gradient everywhere."""
    return least + functional.softplus(x - least)
