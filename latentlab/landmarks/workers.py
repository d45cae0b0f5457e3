"""Worker processes that measure pictures. One that dies costs the picture it died of, no more."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import pandas as pd

from latentlab import processes
from latentlab.errors import DataError

AHEAD = 2  # chunks in flight for each worker: enough to keep it busy, few enough for memory
DEATHS = 3  # pictures in a row that each kill their process: then it is not the pictures


@dataclass(frozen=True)
class Task:
    """What a worker process does. It is sent to a fresh interpreter, so it can be pickled.

    Attributes:
        open: Makes, once a process, what `measure` is given.
        measure: (what was opened, rows) -> a frame with a row for each.
    """

    open: Callable[[], Any]
    measure: Callable[[Any, range], pd.DataFrame]


def measured_apart(
    task: Task, chunks: Sequence[range], workers: int, lost: Callable[[int], pd.DataFrame]
) -> Iterator[pd.DataFrame]:
    """The frame of every chunk, in order, made by so many processes.

    A chunk whose process dies is measured again, one row at a time, by a process for that alone.

    Args:
        lost: The frame of a row that kills that one too.

    Raises:
        DataError: DEATHS rows one after the other did.
        Exception: what `task` raised in a process.
    """
    # Fresh interpreters: a forked copy of torch's or MediaPipe's threads can hang.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    pool = [_Worker(context, task) for _ in range(workers)]
    careful = _Worker(context, task)  # starts with the first row that it is given
    waiting: deque[tuple[range, _Worker, Future[pd.DataFrame]]] = deque()
    remaining = iter(chunks)
    try:
        for _ in chunks:
            while len(waiting) < AHEAD * workers and (ahead := next(remaining, None)):
                worker = min(pool, key=lambda one: one.busy)
                waiting.append((ahead, worker, worker.submit(ahead)))
            chunk, worker, future = waiting.popleft()
            try:
                frame = future.result()
            except BrokenProcessPool:
                frame = pd.concat(careful.one_by_one(chunk, lost), ignore_index=True)
            yield frame
    except BaseException:  # nobody waits for the chunks under way; they have written nothing
        processes.end(set(multiprocessing.active_children()) - others)
        raise
    finally:
        for one in (*pool, careful):
            one.close()


class _Worker:
    """One process, which is started again when it dies.

    A pool of several would lose the chunks of all of them, and could not tell which killed it.
    """

    def __init__(self, context: Any, task: Task):
        self.context, self.task = context, task
        self.futures: list[Future[pd.DataFrame]] = []
        self.deaths = 0  # rows lost since one was measured
        self._start()

    @property
    def busy(self) -> int:
        """Chunks that it has not finished."""
        self.futures = [future for future in self.futures if not future.done()]
        return len(self.futures)

    def submit(self, rows: range) -> "Future[pd.DataFrame]":
        with processes.interrupts_held():  # the first `submit` starts the process
            try:
                future = self.pool.submit(_measure, rows)
            except BrokenProcessPool:  # it has died meanwhile
                self._start()
                future = self.pool.submit(_measure, rows)
        self.futures.append(future)
        return future

    def one_by_one(
        self, chunk: range, lost: Callable[[int], pd.DataFrame]
    ) -> Iterator[pd.DataFrame]:
        """Nothing else may be waiting here, or a row would be taken for what another did."""
        for row in chunk:
            try:
                yield self.submit(range(row, row + 1)).result()
                self.deaths = 0
            except BrokenProcessPool:
                frame = lost(row)
                self.deaths += 1
                if self.deaths == DEATHS:
                    raise DataError(
                        f"face landmark processes were killed or crashed on {DEATHS} images one"
                        f" after the other, the last being number {row}"
                        f" ({frame['image_id'].iat[0]}). If memory ran out use fewer --workers;"
                        " `latentlab doctor` says whether MediaPipe works here."
                    ) from None
                yield frame

    def _start(self) -> None:
        self.pool = ProcessPoolExecutor(
            1,
            mp_context=self.context,
            initializer=_start_process,
            initargs=(self.task,),
        )

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)


_here: tuple[Task, Any] | None = None  # of this worker process


def _start_process(task: Task) -> None:
    global _here
    processes.end_with_parent()
    _here = (task, task.open())


def _measure(rows: range) -> pd.DataFrame:
    assert _here is not None
    task, opened = _here
    return task.measure(opened, rows)
