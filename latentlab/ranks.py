"""Training on several processes that torchrun started: who computes what, and how it is joined.

Every rank takes its part of each batch, and gradients are averaged by DistributedDataParallel,
weighted so that their mean is that of the whole batch. Noise is drawn as one process draws it
(`latentlab.noise`), and sums are added up, so that a training is the same on any number of ranks
but for rounding, and can be taken up again on another number.

Source: Li et al. 2020, PyTorch Distributed, https://arxiv.org/abs/2006.15704
"""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from latentlab.data.batches import Batch
from latentlab.errors import ConfigError, StoppedError
from latentlab.models.codebook import Codebook
from latentlab.models.vae import VAE
from latentlab.noise import SharedGenerator
from latentlab.objectives import Objective, Step, Terms
from latentlab.randomness import torch_generator


@dataclass(frozen=True)
class Share:
    """The part of a batch that a rank computes.

    Attributes:
        rows: Row numbers, rising; never empty: where a batch has fewer images than there are ranks,
            a rank without any computes one that does not count.
        count: Images of them that count.
        start, total: Place of the first in the batch, and images of the batch.
    """

    rows: np.ndarray
    count: int
    start: int
    total: int


@dataclass(frozen=True)
class Ranks:
    """One of several processes that train together; alone by default.

    Attributes:
        rank: Number of this process, from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def share(self, rows: np.ndarray) -> Share:
        """This rank's part of a batch of row numbers."""
        rows, total = np.sort(rows), len(rows)
        start, stop = (-(-total * rank // self.size) for rank in (self.rank, self.rank + 1))
        if stop > start:
            return Share(rows[start:stop], stop - start, start, total)
        return Share(rows[:1], 0, 0, total)

    def generator(self, seed: int, purpose: str, step: int, share: Share) -> torch.Generator:
        made = torch_generator(seed, purpose, step)
        return made if self.size == 1 else SharedGenerator.of(made, share.start, share.total)

    def check(self, model: VAE, objective: Objective) -> None:
        """
        Raises:
            ConfigError: The loss of a batch is not the mean of losses of images, so that it cannot
                be computed in parts.
        """
        if self.size == 1:
            return
        if not getattr(objective, "per_image", False):
            raise ConfigError(
                f"The loss of {type(objective).__name__} looks at the whole batch at once, which"
                " several processes do not have. Train it in one process."
            )
        if any(isinstance(module, _BatchNorm | Codebook) for module in model.modules()):
            raise ConfigError(
                "This model takes statistics over the batch (batch normalisation, or a codebook),"
                " which several processes do not have. Train it in one process, or take another"
                " model.network."
            )

    def forward(self, model: VAE, objective: Objective) -> Callable[[Batch, Step], Terms]:
        """The objective of this model, whose gradients become the mean over the ranks."""
        if self.size == 1:
            return partial(objective, model)
        # Not every weight need have a part in every loss.
        return DistributedDataParallel(
            _Loss(model, objective), broadcast_buffers=False, find_unused_parameters=True
        )

    def weighted(self, terms: Terms, share: Share) -> Terms:
        """With a loss whose mean over the ranks is the loss of the whole batch."""
        if self.size == 1:
            return terms
        return replace(terms, loss=terms.loss * (share.count * self.size / share.total))

    def summed(self, values: dict[str, Tensor | int]) -> dict[str, Tensor | int]:
        """Every value added up over the ranks, by name; a name that a rank lacks counts 0 there."""
        if self.size == 1:
            return values
        every: list[dict[str, tuple[int, ...]]] = [{} for _ in range(self.size)]
        shapes = {
            name: tuple(value.shape) if isinstance(value, Tensor) else ()
            for name, value in values.items()
        }
        distributed.all_gather_object(every, shapes)
        names = sorted({name for one in every for name in one})
        tensors = [value for value in values.values() if isinstance(value, Tensor)]
        device, kind = tensors[0].device, tensors[0].dtype
        found: dict[str, Tensor | int] = {}
        for name in names:
            shape = next(one[name] for one in every if name in one)
            value = values.get(name, torch.zeros(shape, dtype=kind, device=device))
            total = torch.as_tensor(value, dtype=kind, device=device).clone()
            distributed.all_reduce(total)
            found[name] = int(total) if isinstance(value, int) else total
        return found

    def any(self, flag: bool) -> bool:
        """Whether it is true on any rank."""
        if self.size == 1:
            return flag
        told = torch.tensor(int(flag))
        distributed.all_reduce(told, op=distributed.ReduceOp.MAX)
        return bool(told)

    def wait(self) -> None:
        """Until every rank has come here."""
        self.any(False)


ALONE = Ranks()


def several() -> bool:
    """Whether torchrun started this process as one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Join the other processes that torchrun started, for the length of the block.

    Raises:
        StoppedError: One of them is gone.
    """
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend)
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    except StoppedError:  # by all of them
        _leave()
        raise
    except RuntimeError as error:
        if isinstance(error, distributed.DistError) or "gloo" in str(error):
            raise StoppedError(
                "another process of this training is gone, or cannot be reached. Start torchrun"
                " again, on as many processes as there are; it goes on from the last state."
            ) from error
        raise
    _leave()


def _leave() -> None:
    distributed.destroy_process_group()
    # Gloo's threads end with the last that refers to the group, such as a traceback in a cycle. One
    # that lets go of a tensor while the interpreter ends aborts the process.
    gc.collect()


class _Loss(nn.Module):
    """The loss as a module, for DistributedDataParallel to follow."""

    def __init__(self, model: VAE, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, batch: Batch, at: Step) -> Terms:
        return self.objective(self.model, batch, at)
