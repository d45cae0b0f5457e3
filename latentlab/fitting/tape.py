"""What the steps to come are given, in tables on the device that are filled for many steps at once.

A step reads the row of the tables that a counter on the device points at, and moves the counter on.
So the same work, recorded once, can be replayed without being told anything.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from latentlab.data.batches import Batch, Pictures
from latentlab.data.resident import Resident, placed_batch
from latentlab.noise import DrawnBefore, RecordingGenerator, Request

BLOCK = 64  # steps that are made ready at once, at most
BLOCK_BYTES = 1 << 26  # that their tables may take, unless a single step takes more

Schedule = Callable[[int], float]


class WatchedStep:
    """A `Step` that notes what an objective asks of it.

    Attributes:
        schedules: In the order in which they were asked.
        numbered: Whether the number itself was read, which a replayed step cannot give.
    """

    def __init__(self, generator: RecordingGenerator, number: int, critic: nn.Module | None):
        self.generator, self.critic, self._number = generator, critic, number
        self.schedules: list[Schedule] = []
        self.numbered = False

    @property
    def number(self) -> int:
        self.numbered = True
        return self._number

    def scheduled(self, schedule: Schedule) -> float:
        self.schedules.append(schedule)
        return schedule(self._number)

    @property
    def plan(self) -> "Plan | None":
        """What every step asks for; None if that cannot be told."""
        if self.numbered or not self.generator.complete:
            return None
        return Plan(tuple(self.generator.requests), tuple(self.schedules))


@dataclass(frozen=True)
class Plan:
    """What an objective asks for in every step, in this order."""

    requests: tuple[Request, ...]
    schedules: tuple[Schedule, ...]


@dataclass(frozen=True)
class Block:
    """Tables for some steps, in memory that the device can copy from while others compute.

    Attributes:
        tables: By name, (steps, ...).
        values: Of the schedules, one list a step.
    """

    tables: dict[str, Tensor]
    values: list[list[float]]


class Tape:
    """The tables that steps read.

    Args:
        given: Pictures; those that are not on the device are sent with every block.
        batch_size: Images of every step.
        generator: Of a step, by its number.
    """

    def __init__(
        self,
        plan: Plan,
        given: Pictures | Resident,
        batch_size: int,
        generator: Callable[[int], torch.Generator],
        device: torch.device,
    ):
        self.plan, self.given, self.generator, self.device = plan, given, generator, device
        shapes = self._shapes(batch_size)
        of_step = sum(int(np.prod(shape)) * kind.itemsize for shape, kind in shapes.values())
        self.length = max(1, min(BLOCK, BLOCK_BYTES // of_step))
        self._shaped = shapes
        self.tables = {
            name: torch.empty((self.length, *shape), dtype=kind, device=device)
            for name, (shape, kind) in shapes.items()
        }
        self.at = torch.zeros(1, dtype=torch.int64, device=device)

    def _shapes(self, batch: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        """What the tables hold for one step."""
        shapes: dict[str, tuple[tuple[int, ...], torch.dtype]] = {}
        if isinstance(self.given, Resident):
            shapes["rows"] = ((batch,), torch.int64)
        else:
            for name, array in self._arrays().items():
                kind = torch.float32 if name == "conditions" else torch.uint8
                shapes[name] = ((batch, *array.shape[1:]), kind)
        for number, request in enumerate(self.plan.requests):
            shapes[f"noise {number}"] = (request.shape, torch.float32)
        for number in range(len(self.plan.schedules)):
            shapes[f"schedule {number}"] = ((), torch.float32)
        return shapes

    def _arrays(self) -> dict[str, np.ndarray]:
        """Of pictures that are not on the device."""
        return {name: array for name, array in vars(self.given).items() if array is not None}

    def blocks(self, batches: Sequence[np.ndarray], first: int) -> Iterator[Block]:
        """The tables of batches of row numbers, the first being that of step `first`."""
        for start in range(0, len(batches), self.length):
            yield self._block(batches[start : start + self.length], first + start)

    def _block(self, batches: Sequence[np.ndarray], first: int) -> Block:
        tables = {
            name: torch.empty(
                (len(batches), *shape), dtype=kind, pin_memory=self.device.type == "cuda"
            )
            for name, (shape, kind) in self._shaped.items()
        }
        values = []
        for at, rows in enumerate(batches):
            rows = np.sort(rows)
            if "rows" in tables:
                tables["rows"][at] = torch.from_numpy(rows)
            else:
                for name, array in self._arrays().items():
                    tables[name][at] = torch.from_numpy(np.asarray(array[rows]))
            generator = self.generator(first + at)
            for number, request in enumerate(self.plan.requests):
                request.draw(generator, out=tables[f"noise {number}"][at])
            values.append([schedule(first + at) for schedule in self.plan.schedules])
            for number, value in enumerate(values[-1]):
                tables[f"schedule {number}"][at] = value
        return Block(tables, values)

    def load(self, block: Block) -> None:
        """Put a block in place, after what the device has still to do with the one before."""
        for name, table in block.tables.items():
            self.tables[name][: len(table)].copy_(table, non_blocking=True)
        self.at.zero_()

    def batch(self) -> Batch:
        """The images of the step that is due."""
        if isinstance(self.given, Resident):
            return self.given.gathered(self._due("rows"))
        found: Mapping[str, Tensor] = {name: self._due(name) for name in self._arrays()}
        return placed_batch(found["images"], found.get("masks"), found.get("conditions"))

    def step(self, critic: nn.Module | None) -> "TapedStep":
        """The step that is due, as an objective sees it."""
        drawn = [
            (request, self._due(f"noise {number}"))
            for number, request in enumerate(self.plan.requests)
        ]
        scalars = [self._due(f"schedule {number}") for number in range(len(self.plan.schedules))]
        return TapedStep(DrawnBefore(drawn), scalars, critic)

    def move_on(self) -> None:
        self.at += 1

    def _due(self, name: str) -> Tensor:
        return self.tables[name].index_select(0, self.at)[0]


class TapedStep:
    """A `Step` whose chance and schedules come from a tape; it does not know its number."""

    def __init__(self, drawn: DrawnBefore, scalars: Sequence[Tensor], critic: nn.Module | None):
        self.generator, self.scalars, self.critic = drawn, scalars, critic
        self._left = iter(scalars)

    def scheduled(self, schedule: Schedule) -> Tensor:
        return next(self._left)

    def schedule_of(self, value: float | Tensor) -> int | None:
        """Which schedule gave this value."""
        return next((n for n, scalar in enumerate(self.scalars) if scalar is value), None)
