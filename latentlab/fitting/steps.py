"""One step of training, in two ways that give the same numbers.

`PlainSteps` takes each batch, draws its noise, and updates the weights. `TapedSteps` has all of
that made ready on the device by a thread, so that nothing waits for this process, and records
the whole of a step (forward, backward, optimisers, averages, sums) once as a CUDA graph to
replay it.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from latentlab.data.batches import Pictures
from latentlab.data.resident import Resident
from latentlab.fitting.ahead import Ahead
from latentlab.fitting.recipe import Recipe, arithmetic
from latentlab.fitting.sums import Sums
from latentlab.fitting.tape import Tape, WatchedStep
from latentlab.fitting.weights import Weights
from latentlab.noise import RecordingGenerator
from latentlab.objectives import Objective, Step
from latentlab.randomness import torch_generator
from latentlab.ranks import Ranks, Share

NOISE = "posterior"  # purpose of the random numbers of training
WARM_UP = 3  # steps before one is recorded, in which libraries settle how they work

# Work to something that does it again each time it is called.
Record = Callable[[Callable[[], None]], Callable[[], None]]


class Steps(Protocol):
    def epoch(self, batches: Iterator[np.ndarray], first: int) -> Generator[None]:
        """Train on batches of row numbers; a step is done whenever this yields.

        Args:
            first: Number of the first step.
        """
        ...


class PlainSteps:
    """Each step by itself, alone or on several ranks."""

    def __init__(
        self,
        weights: Weights,
        objective: Objective,
        given: Pictures | Resident,
        sums: Sums,
        *,
        seed: int,
        device: torch.device,
        ranks: Ranks,
    ):
        self.weights, self.given, self.sums = weights, given, sums
        self.seed, self.device, self.ranks = seed, device, ranks
        self.forward = ranks.forward(weights.model, objective)

    def epoch(self, batches: Iterator[np.ndarray], first: int) -> Generator[None]:
        for number, rows in enumerate(batches, first):
            share = self.ranks.share(rows)
            noise = self.ranks.generator(self.seed, NOISE, number, share)
            self.train(share, Step(noise, number, self.weights.critic))
            yield

    def train(self, share: Share, at: Step) -> None:
        """One step on a part of a batch."""
        with arithmetic(self.weights.recipe, self.device):
            terms = self.forward(self.given.batch(share.rows, self.device), at)
        self.weights.update(self.ranks.weighted(terms, share))
        self.weights.count()
        if share.count:
            self.sums.add(terms)


class TapedSteps:
    """Steps that find all they need on the device, and may be recorded.

    The first step is a plain one, in which it is written down what the objective asks for; so is
    the last batch of an epoch where it is smaller. An objective that asks for something else than
    noise and schedules is trained by plain steps throughout.

    Args:
        record: How work is recorded; None does it anew every time.
        tell: Called with a line if steps cannot be recorded.
    """

    def __init__(
        self,
        plain: PlainSteps,
        objective: Objective,
        recipe: Recipe,
        *,
        record: Record | None,
        tell: Callable[[str], None],
    ):
        self.plain, self.objective, self.recipe = plain, objective, recipe
        self.record, self.tell = record, tell
        self.weights, self.sums, self.device = plain.weights, plain.sums, plain.device
        self.tape: Tape | None = None
        self.plainly = False  # nothing can be made ready
        self.warm = 0
        self.replay: Callable[[], None] | None = None
        self.beta: float | Tensor = 0.0  # of a step
        self.scheduled: int | None = None  # the schedule that gives it, if one does

    def epoch(self, batches: Iterator[np.ndarray], first: int) -> Generator[None]:
        left = list(batches)
        done = 0
        if left and self.tape is None and not self.plainly:
            self._watched(left[0], first)
            done = 1
            yield
        whole = [rows for rows in left[done:] if len(rows) == self.recipe.batch_size]
        if self.tape is not None and whole:
            yield from self._taped(whole, first + done)
            done += len(whole)
        yield from self.plain.epoch(iter(left[done:]), first + done)

    def _watched(self, rows: np.ndarray, number: int) -> None:
        """A plain step that shows what the objective asks for."""
        generator = RecordingGenerator.of(self._generator(number))
        watched = WatchedStep(generator, number, self.weights.critic)
        self.plain.train(self.plain.ranks.share(rows), cast(Step, watched))
        if len(rows) < self.recipe.batch_size:
            return  # it says nothing about whole batches
        if watched.plan is None:
            self.plainly = True
            self.tell(
                "this objective draws or counts in its own way: its steps are not made ready"
                " ahead, nor recorded"
            )
            return
        self.tape = Tape(watched.plan, self.plain.given, len(rows), self._generator, self.device)

    def _generator(self, number: int) -> torch.Generator:
        return torch_generator(self.plain.seed, NOISE, number)

    def _taped(self, batches: Sequence[np.ndarray], first: int) -> Generator[None]:
        assert self.tape is not None
        with Ahead(self.tape.blocks(batches, first)) as blocks:
            for block in blocks:
                self.tape.load(block)
                for values in block.values:
                    self._advance()
                    beta = self.beta if self.scheduled is None else values[self.scheduled]
                    self.sums.count(self.recipe.batch_size, beta)
                    self.weights.count()
                    yield

    def _advance(self) -> None:
        if self.replay is not None:
            self.replay()
            return
        if self.warm < WARM_UP or self.record is None:
            self._work()
            self.warm += 1
            return
        try:
            self.replay = self.record(self._work)
        except RuntimeError as error:
            self.record = None
            reason = " ".join(str(error).split())
            self.tell(f"steps are not recorded, which makes them slower: {reason}")
        self._advance()

    def _work(self) -> None:
        """A step, with all that it is given in places that never change."""
        assert self.tape is not None
        at = self.tape.step(self.weights.critic)
        with arithmetic(self.recipe, self.device):
            terms = self.objective(self.weights.model, self.tape.batch(), cast(Step, at))
        self.weights.update(terms)
        self.sums.add_terms(terms)
        self.tape.move_on()
        self.beta, self.scheduled = terms.beta, at.schedule_of(terms.beta)


def cuda_graph(work: Callable[[], None]) -> Callable[[], None]:
    """Record what work does on the device, without doing it.

    Raises:
        RuntimeError: It does something that cannot be recorded, such as reading a number back.
    """
    graph = torch.cuda.CUDAGraph()
    # On the stream of the steps before, which autograd may remember. Other threads may go on
    # pinning memory for what they make ready.
    here = torch.cuda.current_stream()
    with torch.cuda.graph(graph, stream=here, capture_error_mode="thread_local"):
        work()
    return graph.replay
