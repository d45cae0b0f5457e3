"""Random numbers for a batch, the same whether one process draws them or several share them."""

from collections.abc import Sequence

import torch
from torch import Tensor


class SharedGenerator(torch.Generator):
    """A generator of a batch that several processes share: each has rows `start` on of `total`, and
    draws what belongs to them as if it had drawn for all."""

    start: int
    total: int

    @classmethod
    def of(cls, generator: torch.Generator, start: int, total: int) -> "SharedGenerator":
        made = cls()
        made.set_state(generator.get_state())
        made.start, made.total = start, total
        return made


def normal(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Standard normal numbers on the CPU; the first axis is that of the images."""
    whole = torch.randn(_whole(shape, generator), generator=generator)
    return _own(whole, shape, generator)


def uniform(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Numbers in [0, 1) on the CPU; the first axis is that of the images."""
    whole = torch.rand(_whole(shape, generator), generator=generator)
    return _own(whole, shape, generator)


def _whole(shape: Sequence[int], generator: torch.Generator) -> tuple[int, ...]:
    if isinstance(generator, SharedGenerator):
        return (generator.total, *shape[1:])
    return tuple(shape)


def _own(whole: Tensor, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    if isinstance(generator, SharedGenerator):
        return whole[generator.start : generator.start + shape[0]]
    return whole
