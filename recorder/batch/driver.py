"""The driver of a job: hands recordings to an engine and writes down how each ended; one never stops the others."""

from __future__ import annotations

import os
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from recorder.batch.contract import (
    BatchEngine,
    DestinationStore,
    Outcome,
    OutcomeState,
    SourceStore,
    Step,
    WorkItem,
)
from recorder.batch.ledger.ledger import BatchLedger, Counts, PlannedItem, Record, RecordState
from recorder.bundle.log import ChainedLog
from recorder.runtime.context import Cancellation
from recorder.runtime.storage import storage_errors
from redaction.errors import ExitCode, InternalError, ModelUnavailable, OffrecordError, StorageFailed
from redaction.model import Event, EventKind

__all__ = ["Driver", "Watcher", "open_log"]

_POLL_S: Final = 0.5
_BEAT_EVERY_S: Final = 30.0
_WAIT_S: Final = 1.0
_COUNT_EVERY_S: Final = 1.0
_LAST_WORDS_S: Final = 1.0
_MOST_STILLBORN: Final = 4
"""So many workers in a row, beyond one for each slot, that end before they begin: the installation is at fault."""
_MOST_STORAGE_FAILURES: Final = 3
"""So many tries in a row that could not be stored end the job: the place is at fault, not the recordings."""


class Watcher(Protocol):
    """Is told what happens; watching never changes it. Records hold source names: they must not be shown."""

    def planned(self, planned: PlannedItem, slots: int) -> None:
        """The work is known."""

    def step(self, step: Step) -> None:
        """A worker moved on."""

    def ended(self, record: Record, outcome: Outcome) -> None:
        """A try ended; `record` is where its recording stands now."""

    def counted(self, counts: Counts) -> None:
        """Where the job stands: before the first try, then about every second, and after the last."""

    def waiting(self, count: int) -> None:
        """Nothing is left but what another job is doing."""


class _Stop(Exception):
    """Ends the job early with an error that is no recording's fault."""

    def __init__(self, error: OffrecordError) -> None:
        super().__init__()
        self.error = error


def open_log(state: Path, what: str) -> ChainedLog:
    """Open a new hash-chained log in the folder of logs; its name says when and what.

    Raises:
        StorageFailed: it cannot be made.
    """
    folder = state / "log"
    with storage_errors():
        folder.mkdir(mode=0o700, exist_ok=True)
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    return ChainedLog(folder / f"{now}-{os.getpid()}-{what}.jsonl")


class Driver:
    """Runs what the store has planned for this job, to the end or until it is stopped.

    Args:
        store: with this job begun and planned.
        sources: where recordings come from.
        destination: where bundles go.
        watcher: is told.
        cancellation: asks to stop.
        delete_source: delete each source once its bundle is published and was verified once more.
    """

    def __init__(
        self,
        store: BatchLedger,
        *,
        sources: SourceStore,
        destination: DestinationStore,
        watcher: Watcher,
        cancellation: Cancellation,
        delete_source: bool = False,
    ) -> None:
        self._store = store
        self._sources = sources
        self._destination = destination
        self._watcher = watcher
        self._cancellation = cancellation
        self._delete_source = delete_source
        self._under_way: dict[str, WorkItem] = {}
        self._log: ChainedLog | None = None
        self._storage_failures = 0
        self._stillborn = 0
        self._begun: set[str] = set()
        self._last_beat = time.monotonic()
        self._counted = 0.0
        self._kept: set[str] = set()

    def run(self, engine: BatchEngine) -> Counts:
        """Do the work. The engine is closed in any case, and what is unfinished is pending again.

        Returns:
            Where this job stands.

        Raises:
            StorageFailed: the destination or the store cannot be written.
            ModelUnavailable: a worker has no models.
            InternalError: workers end before they begin.
        """
        with closing(open_log(self._destination.state, "batch")) as log:
            self._log = log
            self._log_event(Event(EventKind.STARTED, detail={"engine": type(engine).__name__}))
            try:
                self._count(at_once=True)
                self._loop(engine)
                self._count(at_once=True)
                if self._delete_source and not self._cancellation.cancelled:
                    for record in list(self._store.records(RecordState.PUBLISHED, mine=True)):
                        self._delete(record)  # what an earlier run published without deleting it
            except _Stop as stop:
                raise stop.error from None
            finally:
                self._finish(engine)
            counts = self._store.counts(mine=True)
            self._log_event(
                Event(EventKind.STATE, detail={"state": "done" if not counts.left else "stopped"})
            )
            return counts

    def _loop(self, engine: BatchEngine) -> None:
        while not self._cancellation.cancelled:
            while len(self._under_way) < engine.slots and (item := self._store.claim()) is not None:
                self._under_way[item.id] = item
                engine.submit(item)
            if not self._under_way:
                left = self._store.counts(mine=True).left
                if not left:
                    return
                self._watcher.waiting(left)
                time.sleep(_WAIT_S)
            for event in engine.poll(_POLL_S) if self._under_way else ():
                self._take(event, engine.slots)
            if time.monotonic() - self._last_beat > _BEAT_EVERY_S or not self._under_way:
                self._last_beat = time.monotonic()
                self._store.beat()

    def _take(self, event: Step | Outcome, slots: int) -> None:
        if isinstance(event, Step):
            self._begun.add(event.item)
            self._watcher.step(event)
            return
        if self._under_way.pop(event.item, None) is None:
            return
        record = self._store.finish(event)
        self._log_event(
            Event(
                EventKind.ENDED,
                detail={
                    "recording": record.id,
                    "result": str(event.state),
                    "state": str(record.state),
                    "status": event.status,
                    "seconds": event.seconds,
                },
            )
        )
        if event.state is OutcomeState.LOST:
            self._destination.sweep(busy=self._store.busy())
        if record.state is RecordState.PUBLISHED:
            self._after_publishing(record)
        self._watcher.ended(record, event)
        self._count()
        self._judge(event, slots)

    def _count(self, *, at_once: bool = False) -> None:
        """Tell the watcher where the job stands, not more often than anybody can read."""
        now = time.monotonic()
        if at_once or now - self._counted >= _COUNT_EVERY_S:
            self._watcher.counted(self._store.counts(mine=True))
            self._counted = now

    def _judge(self, outcome: Outcome, slots: int) -> None:
        """Stop the job when it is not the recordings that fail."""
        stillborn = outcome.state is OutcomeState.LOST and outcome.item not in self._begun
        self._begun.discard(outcome.item)
        self._stillborn = self._stillborn + 1 if stillborn else 0
        if self._stillborn >= slots + _MOST_STILLBORN:
            raise _Stop(
                InternalError(f"Workers end before they begin. {outcome.reason} Run `offrecord doctor`.")
            )
        if outcome.status == ExitCode.MODEL:
            raise _Stop(ModelUnavailable(outcome.reason))
        self._storage_failures = self._storage_failures + 1 if outcome.status == ExitCode.STORAGE else 0
        if self._storage_failures >= _MOST_STORAGE_FAILURES:
            raise _Stop(StorageFailed(outcome.reason))

    def _after_publishing(self, record: Record) -> None:
        for earlier in self._store.earlier(record):
            self._destination.delete(earlier.item.name)
            self._store.mark(earlier.id, state=RecordState.SUPERSEDED)
            self._log_event(
                Event(
                    EventKind.DELETED,
                    detail={"kind": "bundle", "recording": earlier.id, "reason": "superseded"},
                )
            )
        if self._delete_source:
            self._delete(record)

    def _delete(self, record: Record) -> None:
        """Delete a source; its bundle is read back in full first, since this cannot be undone."""
        if record.source_deleted or record.id in self._kept:
            return
        try:
            self._destination.verify(record.item.name)
            self._sources.check_unchanged(record.item)
            self._log_event(_deletion(record.id, "begun"))  # nothing goes that the log does not tell of
            self._sources.delete(record.item)
        except OffrecordError:
            self._kept.add(record.id)
            self._log_event(_deletion(record.id, "kept"))
            return
        self._store.mark(record.id, source_deleted=True)
        self._log_event(_deletion(record.id, "done"))

    @property
    def kept_sources(self) -> int:
        """How many sources should have been deleted and were not."""
        return len(self._kept)

    def _finish(self, engine: BatchEngine) -> None:
        """Close the engine, hear what its workers still had to say, and let go of the rest."""
        engine.close(now=True)
        until = time.monotonic() + _LAST_WORDS_S
        try:
            while self._under_way and time.monotonic() < until:
                for event in engine.poll(0.1):
                    if isinstance(event, Outcome) and event.item in self._under_way:
                        del self._under_way[event.item]
                        self._store.finish(event)
        finally:
            self._under_way.clear()
            self._store.end()

    def _log_event(self, event: Event) -> None:
        if self._log is not None:
            self._log.append(event)


def _deletion(id_: str, result: str) -> Event:
    return Event(EventKind.DELETED, detail={"kind": "source", "recording": id_, "result": result})
