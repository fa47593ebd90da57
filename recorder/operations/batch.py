"""An observer of a batch that writes the operational log: ids and figures; no source's name, no sentence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from recorder.batch.contract import Outcome, Step
from recorder.batch.driver import Watcher
from recorder.batch.ledger.ledger import Counts, PlannedItem, Record, RecordState
from recorder.operations.log import Id, LogEvent, OperationalLog, failure_logged

__all__ = ["LoggedBatch", "logged_batch"]


class LoggedBatch:
    """Writes what happens in a batch to the operational log, and tells another watcher everything too."""

    def __init__(self, log: OperationalLog, watcher: Watcher) -> None:
        self._log = log
        self._watcher = watcher

    def planned(self, planned: PlannedItem, slots: int) -> None:
        """Log how much is to be done, by how many workers."""
        self._log.log(
            LogEvent.BATCH_PLANNED,
            count=planned.listed,
            left=planned.to_do,
            refused=planned.refused,
            published=planned.kept,
            workers=slots,
        )
        self._watcher.planned(planned, slots)

    def step(self, step: Step) -> None:
        """Log nothing: workers say several times a second where they are."""
        self._watcher.step(step)

    def ended(self, record: Record, outcome: Outcome) -> None:
        """Log how a try ended, by the recording's id."""
        self._log.log(
            LogEvent.RECORDING_ENDED,
            recording=Id(record.id),
            result=outcome.state,
            state=record.state,
            status=outcome.status,
            seconds=outcome.seconds,
            media_seconds=outcome.media_seconds,
        )
        self._watcher.ended(record, outcome)

    def counted(self, counts: Counts) -> None:
        """Log where the job stands."""
        self._log.log(
            LogEvent.BATCH_COUNTED,
            published=counts.of(RecordState.PUBLISHED),
            refused=counts.of(RecordState.REFUSED),
            left=counts.left,
        )
        self._watcher.counted(counts)

    def waiting(self, count: int) -> None:
        """Log that only others' work is left."""
        self._log.log(LogEvent.BATCH_WAITING, count=count)
        self._watcher.waiting(count)


@contextmanager
def logged_batch(log: OperationalLog) -> Iterator[Callable[[Counts], None]]:
    """Log that a batch begins, and where it stands at the end or with which status it failed."""
    began = time.monotonic()
    log.log(LogEvent.BATCH_STARTED)

    def ended(counts: Counts) -> None:
        log.log(
            LogEvent.BATCH_ENDED,
            published=counts.of(RecordState.PUBLISHED),
            refused=counts.of(RecordState.REFUSED),
            left=counts.left,
            seconds=time.monotonic() - began,
            media_seconds=counts.media_seconds,
        )

    with failure_logged(log, began=began):
        yield ended
