"""Chance as a function of (seed, purpose, step), so that a resumed run repeats an unbroken one."""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def stream(seed: int, purpose: str, step: int = 0) -> int:
    """A 63-bit number that is the same for the same three arguments and unrelated otherwise."""
    key = f"{seed}/{purpose}/{step}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") >> 1


def numpy_generator(seed: int, purpose: str, step: int = 0) -> np.random.Generator:
    return np.random.default_rng(stream(seed, purpose, step))


def torch_generator(seed: int, purpose: str, step: int = 0) -> "torch.Generator":
    """A generator on the CPU, so that the numbers do not depend on the device they go to."""
    import torch  # here, since analyses of tables draw too and should not wait for it

    return torch.Generator().manual_seed(stream(seed, purpose, step))
