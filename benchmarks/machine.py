"""What this machine can do at most: arithmetic and traffic that no program here will exceed."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Machine:
    """Measured on all threads of torch, the best of several tries.

    Attributes:
        gemm: 1e9 operations a second of float32 matrix products.
        convolution: The same of the reference network's second layer, on 64 images.
        copy: 1e9 bytes a second, read and written together, of arrays that no cache holds.
        sha256: 1e9 bytes a second, on one core.
    """

    gemm: float
    convolution: float
    copy: float
    sha256: float


def measured(tries: int = 5, size: int = 1024, megabytes: int = 128) -> Machine:
    a, b = torch.randn(2, size, size)
    x = torch.randn(64, 32, 32, 32).to(memory_format=torch.channels_last)
    weight = torch.randn(64, 32, 4, 4).to(memory_format=torch.channels_last)
    large = torch.zeros(megabytes * 2**20 // 4)
    target, content = torch.empty_like(large), np.zeros(2**24, np.uint8).tobytes()

    def convolved() -> object:
        return functional.conv2d(x, weight, stride=2, padding=1)

    with torch.inference_mode():
        return Machine(
            gemm=2 * size**3 / _best(lambda: a @ b, tries) / 1e9,
            convolution=operations(convolved) / _best(convolved, tries) / 1e9,
            copy=2 * large.nbytes / _best(lambda: target.copy_(large), tries) / 1e9,
            sha256=len(content) / _best(lambda: hashlib.sha256(content).digest(), tries) / 1e9,
        )


def operations(work: Callable[[], object]) -> int:
    """Additions and multiplications of what torch computes in `work`; products alone are counted,
    which is nearly all of them in a network."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def plain(machine: Machine) -> dict[str, float]:
    return asdict(machine)


def _best(work: Callable[[], object], tries: int) -> float:
    """Seconds of the fastest of some tries, after one that does not count."""
    work()
    seconds = []
    for _ in range(tries):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
