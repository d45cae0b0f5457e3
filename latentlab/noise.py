"""Random numbers for a batch, the same whoever draws them and whenever: one process, several that
share the batch, or a thread that draws for the steps to come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True)
class Request:
    """What was asked of a generator: numbers of one kind, in this shape."""

    kind: Literal["normal", "uniform"]
    shape: tuple[int, ...]

    def draw(self, generator: torch.Generator, out: Tensor | None = None) -> Tensor:
        """float32 on the CPU; into `out`, whole and contiguous, if that is given."""
        make = torch.randn if self.kind == "normal" else torch.rand
        return make(self.shape, generator=generator, out=out)


class RecordingGenerator(torch.Generator):
    """Draws like the generator it was made of, and remembers what it was asked for."""

    requests: list[Request]
    begin: Tensor  # the state it began with

    @classmethod
    def of(cls, generator: torch.Generator) -> "RecordingGenerator":
        made = cls()
        made.begin, made.requests = generator.get_state(), []
        made.set_state(made.begin)
        return made

    @property
    def complete(self) -> bool:
        """Whether the requests are all that was drawn: who calls torch with this generator, and
        not `normal` or `uniform`, leaves none."""
        again = torch.Generator()
        again.set_state(self.begin)
        for request in self.requests:
            request.draw(again)
        return torch.equal(again.get_state(), self.get_state())


class DrawnBefore:
    """In place of a generator: gives out numbers that were drawn before, in the order in which they
    are asked for. They may be on any device."""

    def __init__(self, drawn: Sequence[tuple[Request, Tensor]]):
        self._left: Iterator[tuple[Request, Tensor]] = iter(drawn)

    def give(self, request: Request) -> Tensor:
        """
        Raises:
            ValueError: These are not the numbers that were drawn.
        """
        drawn, numbers = next(self._left, (None, None))
        if numbers is None or drawn != request:
            raise ValueError(
                f"{request} was asked for, and {drawn} was drawn: what an objective draws must not"
                " change from step to step. Train with train.capture=false."
            )
        return numbers


def normal(shape: Sequence[int], generator: torch.Generator | DrawnBefore) -> Tensor:
    """Standard normal numbers on the CPU, unless they were drawn before; the first axis is that of
    the images."""
    return _drawn(Request("normal", tuple(shape)), generator)


def uniform(shape: Sequence[int], generator: torch.Generator | DrawnBefore) -> Tensor:
    """Numbers in [0, 1), as `normal`."""
    return _drawn(Request("uniform", tuple(shape)), generator)


def _drawn(request: Request, generator: torch.Generator | DrawnBefore) -> Tensor:
    if isinstance(generator, DrawnBefore):
        return generator.give(request)
    if isinstance(generator, SharedGenerator):
        whole = Request(request.kind, (generator.total, *request.shape[1:])).draw(generator)
        return whole[generator.start : generator.start + request.shape[0]]
    if isinstance(generator, RecordingGenerator):
        generator.requests.append(request)
    return request.draw(generator)


def sent(numbers: Tensor, device: torch.device) -> Tensor:
    """The numbers on a device, without waiting for what it has still to do."""
    if device.type != "cuda" or numbers.device == device:
        return numbers.to(device)
    return numbers.pin_memory().to(device, non_blocking=True)
