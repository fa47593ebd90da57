"""Stages that run in threads of their own, joined by bounded queues."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

from recorder.runtime.context import Run

__all__ = ["both", "frames_ahead", "prefetched", "queue_levels"]

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
_POLL_S: Final = 0.1
_MOST_FRAMES: Final = 6
_MOST_BYTES: Final = 24 << 20


class _Stage(Generic[T]):
    """One producer thread; its end marker or its error always arrives."""

    def __init__(self, items: Iterable[T], *, depth: int, name: str, run: Run) -> None:
        self._items = items
        self.name = name
        self.depth = depth
        self._queue: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(depth)
        self._run = run
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._produce, name=name, daemon=True)
        _STAGES.add(self)
        self._thread.start()

    def _produce(self) -> None:
        end: BaseException | None = None
        try:
            for item in self._items:
                if not self._put((item,)):
                    break
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, which raises it
            end = error
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
        self._put(end)

    def _put(self, item: tuple[T] | BaseException | None) -> bool:
        while not self._abandoned.is_set():
            try:
                self._queue.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def __iter__(self) -> Iterator[T]:
        while True:
            self._run.check()
            try:
                item = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item[0]

    @property
    def waiting(self) -> int:
        """Items that wait for the consumer."""
        return self._queue.qsize()

    def abandon(self) -> None:
        """Let the producer end without delivering, and wait for it."""
        self._abandoned.set()
        _STAGES.discard(self)
        while not self._queue.empty():
            self._queue.get_nowait()
        self._thread.join(timeout=30)


_STAGES: Final[weakref.WeakSet[_Stage[Any]]] = weakref.WeakSet()


def queue_levels() -> list[tuple[str, int, int]]:
    """Return the name, the number of waiting items and the depth of every queue between two stages."""
    return [(stage.name, stage.waiting, stage.depth) for stage in list(_STAGES)]


@contextmanager
def prefetched(items: Iterable[T], *, depth: int, name: str, run: Run) -> Iterator[Iterator[T]]:
    """Run an iterable in a thread of its own, at most `depth` items ahead.

    An error of the producer is raised in the consumer, and leaving the block stops the producer.

    Raises:
        Interrupted: the run was cancelled.
    """
    stage = _Stage(items, depth=depth, name=name, run=run)
    try:
        yield iter(stage)
    finally:
        stage.abandon()


def frames_ahead(width: int, height: int) -> int:
    """Return how many frames of a size, in 4:2:0, one queue may hold: six, and fewer of those that weigh much."""
    return max(1, min(_MOST_FRAMES, _MOST_BYTES // max(1, width * height * 3 // 2)))


def both(first: Callable[[], A], second: Callable[[], B], *, run: Run, name: str) -> tuple[A, B]:
    """Do two jobs at the same time; the first that fails stops the other.

    Args:
        first: a job that heeds the run.
        second: another.
        run: of both.
        name: of their threads.

    Raises:
        Exception: what a job raised, of two that failed the first job's.
    """
    with ThreadPoolExecutor(2, thread_name_prefix=name) as pool:
        jobs = pool.submit(first), pool.submit(second)
        every: list[Future[Any]] = [*jobs]
        wait(every, return_when=FIRST_EXCEPTION)
        failed = [job for job in every if job.done() and job.exception() is not None]
        if failed:
            run.fail()
        for job in failed:
            job.result()
        return jobs[0].result(), jobs[1].result()
