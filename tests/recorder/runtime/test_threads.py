"""Stages in threads: order, bounds, errors and ends always arrive."""

import threading
import time
from collections.abc import Iterator

import pytest

from recorder.runtime.context import Cancellation, Run
from recorder.runtime.threads import both, frames_ahead, prefetched
from redaction.errors import InternalError, Interrupted


def test_items_arrive_in_order_and_end() -> None:
    """Everything the producer yields arrives once, in order."""
    with prefetched(iter(range(500)), depth=3, name="p", run=Run()) as items:
        assert list(items) == list(range(500))


def test_the_producer_is_never_more_than_the_depth_ahead() -> None:
    """A slow consumer bounds what is held."""
    made: list[int] = []

    def produce() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    with prefetched(produce(), depth=4, name="p", run=Run()) as items:
        for number in items:
            time.sleep(0.001)
            assert len(made) <= number + 4 + 3


def test_an_error_of_the_producer_reaches_the_consumer() -> None:
    """What the producer raises is raised where the items are used, after those before it."""

    def produce() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    seen = []
    with (
        pytest.raises(ValueError, match="broken"),
        prefetched(produce(), depth=4, name="p", run=Run()) as items,
    ):
        for item in items:
            seen.append(item)
    assert seen == [1]


def test_leaving_early_stops_the_producer_and_closes_it() -> None:
    """An abandoned producer ends, and its clean-up runs."""
    closed = threading.Event()

    def produce() -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            closed.set()

    before = threading.active_count()
    with prefetched(produce(), depth=2, name="p", run=Run()) as items:
        assert next(items) == 0
    assert closed.wait(5)
    assert threading.active_count() == before


def test_cancelling_ends_a_waiting_consumer() -> None:
    """A consumer that waits for a producer that hangs is let go when the run is cancelled."""
    cancellation = Cancellation()
    hang = threading.Event()

    def produce() -> Iterator[int]:
        hang.wait(5)
        yield 1

    threading.Timer(0.2, cancellation.cancel).start()
    threading.Timer(0.5, hang.set).start()
    with (
        pytest.raises(Interrupted),
        prefetched(produce(), depth=2, name="p", run=Run(cancellation=cancellation)) as items,
    ):
        next(items)


def test_a_failed_run_does_not_look_like_an_interruption() -> None:
    """Stages stopped because another failed say so, and the next run starts clean."""
    cancellation = Cancellation()
    cancellation.cancel_run()
    with pytest.raises(InternalError):
        cancellation.check()
    cancellation.renew()
    cancellation.check()


def test_both_jobs_run_at_once_and_give_their_results() -> None:
    """Each job waits for the other, which only threads of their own allow."""
    barrier = threading.Barrier(2, timeout=20)

    def job(value: int) -> int:
        barrier.wait()
        return value

    assert both(lambda: job(1), lambda: job(2), run=Run(), name="x") == (1, 2)


def test_the_first_failure_stops_the_other_job() -> None:
    """A job that heeds the run ends soon after the other failed, and the first failure is what is raised."""
    run = Run()
    ended = threading.Event()

    def works_on() -> None:
        try:
            while True:
                run.check()
                time.sleep(0.01)
        finally:
            ended.set()

    def fails() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        both(works_on, fails, run=run, name="x")
    assert ended.is_set()


def test_queues_of_large_frames_are_shorter() -> None:
    """Six frames of a usual size wait in a queue, of 4K two, of 8K one."""
    assert frames_ahead(1280, 720) == frames_ahead(1920, 1080) == 6
    assert frames_ahead(3840, 2160) == 2
    assert frames_ahead(7680, 4320) == 1
