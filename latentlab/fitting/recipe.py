"""How weights are found, and the arithmetic that is done for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch


@dataclass(frozen=True)
class Recipe:
    """How the weights are found.

    Attributes:
        learning_rate: Of Adam.
        decoder_learning_rate: Of the decoder's weights, if it has another.
        critic_learning_rate: Of an objective's own network.
        clip: Largest norm of a step's gradient; None leaves it as it is.
        precision: Of the networks' arithmetic; losses and weights stay float32. `tf32` rounds the
            factors of products to 10 bits on a CUDA device, and is float32 elsewhere.
        average: Decay of the exponential moving average of the weights, which then are the ones
            that are evaluated and kept; 0 keeps the weights of the last step.
        patience: Stop after so many epochs without a better validation loss; 0 never does.
        compile: Translate encoder and decoder with torch.compile, which takes a minute at first.
        capture: On a CUDA device, record a step once and replay it.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    decoder_learning_rate: float | None = None
    critic_learning_rate: float = 1e-4
    clip: float | None = None
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    average: float = 0.0
    patience: int = 0
    compile: bool = False
    capture: bool = True


def arithmetic(recipe: Recipe, device: torch.device) -> torch.autocast:
    """The precision of what is computed in the block."""
    return torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16")


@contextmanager
def cuda_settings(recipe: Recipe, device: torch.device) -> Iterator[None]:
    """PyTorch's settings for the whole process, as this training wants them, and put back.

    cuDNN tries its ways to convolve and takes the fastest, so that two trainings on a GPU differ by
    rounding. TF32 is left to those who ask for it: PyTorch allows it for convolutions by default.
    """
    if device.type != "cuda":
        yield
        return
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (cudnn.benchmark, cudnn.allow_tf32, products.allow_tf32)
    tf32 = recipe.precision == "tf32"
    cudnn.benchmark, cudnn.allow_tf32, products.allow_tf32 = True, tf32, tf32
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.allow_tf32, products.allow_tf32 = before
