"""The trace tells of stages, threads and queues when it is asked for, and is silent when not."""

from __future__ import annotations

import time

import pytest

from recorder.runtime.context import Run
from recorder.runtime.threads import prefetched, queue_levels
from recorder.runtime.trace import TRACE, traced


class Seen:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def begin(self, stage: str, total: float) -> None:
        """A stage starts."""
        self.told.append(("begin", stage))

    def reach(self, stage: str, seconds: float) -> None:
        """A stage has moved."""
        self.told.append(("reach", stage))

    def end(self, stage: str) -> None:
        """A stage is done."""
        self.told.append(("end", stage))


def worked(seen: Seen) -> None:
    """Let a quick thread feed a slow one for half a second."""
    with traced(seen) as progress:
        run = Run(progress)
        with (
            run.stage("picture V1", 1.0) as reach,
            prefetched(range(20), depth=4, name="decode", run=run) as items,
        ):
            for _ in items:
                time.sleep(0.03)
            reach(1.0)


def test_a_trace_shows_stages_threads_and_the_queue_that_is_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A queue whose taker is slow is told to be full, and progress goes on to who watches."""
    monkeypatch.setenv(TRACE, "1")
    seen = Seen()
    worked(seen)
    told = capsys.readouterr()
    assert told.out == ""
    rows = {line[:34].strip(): line[34:].split() for line in told.err.splitlines()}
    assert float(rows["picture V1"][0]) >= 0.5
    assert {"all", "MainThread"} <= rows.keys()
    depth, filled, full, _ = rows["decode"]
    assert depth == "4"
    assert float(filled) > 2
    assert int(full.rstrip("%")) > 40
    assert seen.told == [("begin", "picture V1"), ("reach", "picture V1"), ("end", "picture V1")]
    assert queue_levels() == []


def test_nothing_is_said_when_nobody_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the variable the one who watches is handed on as it is."""
    monkeypatch.delenv(TRACE, raising=False)
    seen = Seen()
    with traced(seen) as same:
        assert same is seen
    worked(seen)
    assert capsys.readouterr().err == ""
