"""A run tells its watcher of every stage, and stops when somebody asks or another stage failed."""

from __future__ import annotations

import pytest

from recorder.runtime.context import Run
from redaction.errors import InternalError, Interrupted


class FakeWatcher:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, float]] = []

    def begin(self, stage: str, total: float) -> None:
        """Keep it."""
        self.told.append(("begin", stage, total))

    def reach(self, stage: str, seconds: float) -> None:
        """Keep it."""
        self.told.append(("reach", stage, seconds))

    def end(self, stage: str) -> None:
        """Keep it."""
        self.told.append(("end", stage, 0.0))


def test_a_stage_begins_moves_and_ends() -> None:
    """A stage is announced with its length, reports how far it is, and is reported as done."""
    watcher = FakeWatcher()
    with Run(watcher).stage("words A1", 12.0) as reach:
        reach(3.0)
    assert watcher.told == [("begin", "words A1", 12.0), ("reach", "words A1", 3.0), ("end", "words A1", 0.0)]


def test_a_stage_that_raises_is_never_reported_as_done() -> None:
    """Whoever watches does not see a failed stage end."""
    watcher = FakeWatcher()
    with pytest.raises(InternalError), Run(watcher).stage("words A1", 12.0):
        raise InternalError("x")
    assert [what for what, _, _ in watcher.told] == ["begin"]


def test_a_wish_to_stop_outlasts_a_failure() -> None:
    """What somebody asked for stays when the next recording begins; a failed stage stops only its own recording."""
    run = Run()
    run.check()
    run.fail()
    with pytest.raises(InternalError):
        run.check()
    run.cancellation.renew()
    run.check()
    run.cancellation.cancel()
    run.cancellation.renew()
    with pytest.raises(Interrupted):
        run.check()


def test_two_runs_share_nothing() -> None:
    """Stopping one run does not stop another that was made by default."""
    one, other = Run(), Run()
    one.cancellation.cancel()
    other.check()
