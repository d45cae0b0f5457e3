"""What will be needed soon, made by a thread meanwhile."""

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
POLL = 0.1  # seconds after which a thread that waits looks whether it is still wanted


class Ahead(Generic[T]):
    """The items of an iterator, made in a thread, a few before they are asked for.

    As a context manager it ends the thread; what the iterator raises is raised to who asks.
    """

    def __init__(self, items: Iterator[T], depth: int = 2):
        self._made: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(depth)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(items,), daemon=True)
        self._thread.start()

    def __enter__(self) -> "Ahead[T]":
        return self

    def __exit__(self, *error: object) -> None:
        self._closed.set()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        while (made := self._made.get()) is not None:
            if isinstance(made, BaseException):
                raise made
            yield made[0]

    def _work(self, items: Iterator[T]) -> None:
        try:
            for item in items:
                if not self._put((item,)):
                    return
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, made: tuple[T] | BaseException | None) -> bool:
        """Whether it is still wanted."""
        while not self._closed.is_set():
            try:
                self._made.put(made, timeout=POLL)
            except queue.Full:
                continue
            return True
        return False
