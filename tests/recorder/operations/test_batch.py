"""A batch's log names recordings by their ids and says how each ended; no source, no sentence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recorder.batch.contract import Outcome, OutcomeState, Step
from recorder.batch.ledger.records import Counts, PlannedItem, Record, RecordState
from recorder.operations.batch import LoggedBatch, logged_batch
from recorder.operations.log import OperationalLog
from redaction.errors import StorageFailed
from tests.recorder.operations.lines import json_log, lines_of

ITEM = "0123456789abcdef"
NAME = "/home/ada/Ada Example.mp4"


@pytest.fixture(autouse=True)
def logged() -> Iterator[None]:
    """Log everything as JSON."""
    with json_log():
        yield


class Told:
    """Keeps what a watcher is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def planned(self, planned: PlannedItem, slots: int) -> None:
        """Note it."""
        self.told.append("planned")

    def step(self, step: Step) -> None:
        """Note it."""
        self.told.append("step")

    def ended(self, record: Record, outcome: Outcome) -> None:
        """Note it."""
        self.told.append("ended")

    def counted(self, counts: Counts) -> None:
        """Note it."""
        self.told.append("counted")

    def waiting(self, count: int) -> None:
        """Note it."""
        self.told.append("waiting")


def refused() -> Record:
    """Return a recording that was refused for a reason that names it."""
    return Record(
        id=ITEM, source=NAME, size=1, version="1", state=RecordState.REFUSED, tries=1, status=5, reason=NAME,
        seconds=2.0, media_seconds=0.0, bundle="", claimed=0.0, figures={}, attention=(NAME,), source_deleted=False,
    )  # fmt: skip


def test_a_batch_is_told_by_ids_and_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """Plan, outcomes and sums are logged, and the other watcher is told everything too."""
    log, other = OperationalLog(), Told()
    watcher = LoggedBatch(log, other)
    counts = Counts({RecordState.PUBLISHED: 1, RecordState.REFUSED: 1}, 60.0, 30.0, 1, 0)
    with logged_batch(log) as told:
        watcher.planned(PlannedItem(2, 1, 2, 0, 0, 0, 0, 2, 1), 4)
        watcher.step(Step(item=ITEM, worker="1", stage="opening"))
        outcome = Outcome(item=ITEM, state=OutcomeState.REFUSED, status=5, reason=NAME, seconds=2.0)
        watcher.ended(refused(), outcome)
        watcher.counted(counts)
        watcher.waiting(1)
        told(counts)
    shown = capsys.readouterr().err
    assert "ada" not in shown.lower()
    sums = {"published": 1, "refused": 1, "left": 0}
    assert lines_of(shown) == [
        {"event": "batch_started"},
        {"event": "batch_planned", "count": 2, "left": 2, "refused": 0, "published": 0, "workers": 4},
        {"event": "recording_ended", "recording": ITEM, "result": "refused", "state": "refused", "status": 5,
         "media_seconds": 0.0},
        {"event": "batch_counted", **sums},
        {"event": "batch_waiting", "count": 1},
        {"event": "batch_ended", **sums, "media_seconds": 60.0},
    ]  # fmt: skip
    assert other.told == ["planned", "step", "ended", "counted", "waiting"]


def test_a_batch_that_fails_says_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    """The status and the kind of the error, not its sentence."""
    with pytest.raises(StorageFailed), logged_batch(OperationalLog()):
        raise StorageFailed(NAME)
    assert lines_of(capsys.readouterr().err)[-1] == {"event": "failed", "status": 7, "error": "StorageFailed"}
