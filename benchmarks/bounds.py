"""The least time that a training step can take on a machine: counted work over measured rates.

Arithmetic: the operations of all matrix products and convolutions, forwards and backwards, over the
rate of a large matrix product of the same precision. Memory: the bytes that must be moved even if
everything between two layers were one kernel, over the rate of a large copy:

- every weight is read forwards and backwards in the precision of the networks; its gradient is
  written; Adam reads weight, gradient and two moments, and writes weight and moments, in float32;
- what a layer with weights gives is written and read forwards, read again backwards, and its
  gradient is written and read: five times, in the precision of the networks;
- the bytes of an image are read by the encoder, by the loss, and backwards.

Whichever takes longer is the bound; no step can be faster, and none will reach it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from benchmarks.machine import operations
from latentlab.data.batches import Batch
from latentlab.models.vae import VAE
from latentlab.objectives import Objective, Step
from latentlab.randomness import torch_generator

Precision = Literal["float32", "tf32", "bfloat16"]
COUNTED = 8  # images on which operations are counted; they grow with the images


@dataclass(frozen=True)
class Rates:
    """What a machine does at most.

    Attributes:
        products: Operations a second of a large matrix product.
        copy: Bytes a second of a large copy, read and written together.
    """

    products: float
    copy: float


@dataclass(frozen=True)
class Work:
    """What a step needs.

    Attributes:
        operations: Additions and multiplications for an image, forwards and backwards.
        outputs: Numbers that the layers with weights give for an image.
        image_bytes: Of an image.
        weights: Of the model.
    """

    operations: float
    outputs: int
    image_bytes: int
    weights: int

    def bytes(self, batch: int, precision: Precision) -> float:
        size = 2 if precision == "bfloat16" else 4
        of_weights = self.weights * (2 * size + 4 + 16 + 12)
        return of_weights + batch * (5 * size * self.outputs + 3 * self.image_bytes)


@dataclass(frozen=True)
class Bound:
    """Seconds that a step takes at least, by what it waits for."""

    arithmetic: float
    memory: float

    @property
    def seconds(self) -> float:
        return max(self.arithmetic, self.memory)

    @property
    def binds(self) -> str:
        return "arithmetic" if self.arithmetic >= self.memory else "memory"


def bound(work: Work, rates: Rates, batch: int, precision: Precision) -> Bound:
    """Of one step on a batch."""
    return Bound(
        batch * work.operations / rates.products, work.bytes(batch, precision) / rates.copy
    )


def counted(model: VAE, objective: Objective, channels: int, side: int) -> Work:
    """What a step of this training needs, counted on the CPU."""
    outputs: list[int] = []

    def note(layer: nn.Module, given: object, found: Tensor) -> None:
        outputs.append(found[0].numel())

    layers = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    hooks = [
        layer.register_forward_hook(note) for layer in model.modules() if isinstance(layer, layers)
    ]
    batch = Batch(torch.rand(COUNTED, channels, side, side))

    def step() -> None:
        objective(model, batch, Step(torch_generator(0, "counted"))).loss.backward()

    found = operations(step)
    for hook in hooks:
        hook.remove()
    model.zero_grad()
    weights = sum(weight.numel() for weight in model.parameters())
    return Work(found / COUNTED, sum(outputs), channels * side**2, weights)


def rates(device: torch.device, precision: Precision, tries: int = 10) -> Rates:
    """Measured here, the best of several tries."""
    on_gpu = device.type == "cuda"
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    size, large = (8192, 2**30) if on_gpu else (1024, 2**27)
    a, b = torch.randn(2, size, size, device=device).to(kind)
    source = torch.zeros(large, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    try:
        product = _best(lambda: a @ b, device, tries)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    copy = _best(lambda: target.copy_(source), device, tries)
    return Rates(2 * size**3 / product, 2 * large / copy)


def _best(work: Callable[[], object], device: torch.device, tries: int) -> float:
    """Seconds of the fastest try, after one that does not count."""
    seconds = []
    for _ in range(tries + 1):
        _finished(device)
        began = time.perf_counter()
        work()
        _finished(device)
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])


def _finished(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
