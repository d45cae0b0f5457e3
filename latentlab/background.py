"""Work that the caller need not wait for."""

import queue
import threading
from collections.abc import Callable

Work = Callable[[], None]


class Background:
    """Does work in a thread, one after the other in the order given.

    As a context manager it waits at the end of the block until all is done. What a work raises is
    raised at the next call, or at the end of the block, and nothing is done after it.

    Args:
        threaded: False does everything at once, in the caller's own time.
    """

    def __init__(self, *, threaded: bool):
        # One work may wait while another is done: who gives more waits too, so that memory stays
        # bounded.
        self._waiting: queue.Queue[Work | None] = queue.Queue(1)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True) if threaded else None

    def __enter__(self) -> "Background":
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._thread is None:
            return
        self._waiting.put(None)
        self._thread.join()
        if self._error is not None and self._error is not error:
            raise self._error

    def check(self) -> None:
        """Raise what a work has raised."""
        if self._error is not None:
            raise self._error

    def do(self, work: Work) -> None:
        self.check()
        if self._thread is None:
            work()
        else:
            self._waiting.put(work)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            if self._error is None:
                try:
                    work()
                except BaseException as error:
                    self._error = error
