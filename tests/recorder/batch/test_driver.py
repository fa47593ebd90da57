"""The driver: whatever tries come to, every recording ends in its place and the job goes on, or stops for a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.batch.contract import Outcome, OutcomeState, WorkItem
from recorder.batch.driver import Driver
from recorder.batch.ledger.ledger import BatchLedger, Counts, RecordState
from recorder.batch.stores.folder_destination import FolderDestination
from recorder.batch.stores.folder_source import FolderSources
from recorder.bundle.log import check_chain
from recorder.runtime.context import Cancellation
from redaction.errors import ExitCode, InternalError, ModelUnavailable, StorageFailed
from tests.recorder.batch.fakes import FakeEngine, FakeWatcher, outcome, write_bundle

GOOD, LOST, REFUSED = OutcomeState.PUBLISHED, OutcomeState.LOST, OutcomeState.REFUSED


class Bench:
    """A source of files that are only names, a destination, and a job on both."""

    def __init__(self, folder: Path, count: int, *, delete_source: bool = False) -> None:
        self.source = folder / "in"
        self.source.mkdir(exist_ok=True)
        for number in range(count):
            (self.source / f"Adaeze {number}.mp4").write_bytes(b"x" * (10 - number))
        self.destination = FolderDestination(str(folder / "out"))
        self.key = self.destination.key()
        self.store = BatchLedger(self.destination.state, create=True)
        self.watcher = FakeWatcher()
        self.cancellation = Cancellation()
        self.sources = FolderSources(str(self.source))
        self.begin()
        self.driver = Driver(
            self.store,
            sources=self.sources,
            destination=self.destination,
            watcher=self.watcher,
            cancellation=self.cancellation,
            delete_source=delete_source,
        )

    def begin(self) -> None:
        """Begin a job and plan it."""
        self.store.begin("d" * 64)
        self.store.plan(
            self.sources.list(), key=self.key, spec="in", present=self.destination.names(), retry=False
        )

    def run(
        self, answer: Callable[[WorkItem, int], Outcome], *, slots: int = 2, begins: bool = True
    ) -> Counts:
        """Run the job on a fake engine."""
        self.engine = FakeEngine(answer, slots=slots, begins=begins)
        return self.driver.run(self.engine)

    def publish(self, item: WorkItem, _tries: int) -> Outcome:
        """Publish a bundle without media for an item."""
        write_bundle(self.destination.workplace(), item.name)
        return outcome(item)

    @property
    def log(self) -> list[dict[str, object]]:
        """The job's log, its chain checked."""
        (path,) = (self.destination.state / "log").iterdir()
        check_chain(path)
        return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Five recordings."""
    return Bench(tmp_path, 5)


def test_one_failure_never_stops_the_others(bench: Bench) -> None:
    """Refused, lost once and lost twice stand beside published ones; each has its place in the store and the log."""

    def answer(item: WorkItem, tries: int) -> Outcome:
        what = Path(item.source).stem[-1]
        if what == "0":
            return outcome(item, REFUSED, status=5)
        if what == "1" or (what == "2" and tries == 1):
            return outcome(item, LOST)
        return outcome(item)

    counts = bench.run(answer)
    assert counts.states == {RecordState.PUBLISHED: 3, RecordState.REFUSED: 2}
    assert len(bench.engine.submitted) == 7
    assert bench.engine.closed
    reasons = sorted(record.reason for record in bench.store.records(RecordState.REFUSED))
    assert reasons == ["It was refused.", "Tried 2 times and set aside. It was lost."]
    text = json.dumps(bench.log)
    assert text.count('"ended"') == 7
    assert "Adaeze" not in text


def test_full_disk_stops_the_job_and_keeps_the_work(bench: Bench) -> None:
    """When nothing can be stored the job ends with the storage's status, and what was not tried is pending."""
    with pytest.raises(StorageFailed, match="It was refused"):
        bench.run(lambda item, _: outcome(item, REFUSED, status=int(ExitCode.STORAGE)))
    assert len(bench.engine.submitted) < 5
    assert bench.store.counts().left == 5
    assert bench.engine.closed


def test_missing_model_stops_the_job(bench: Bench) -> None:
    """A model that is not there is no recording's fault."""
    with pytest.raises(ModelUnavailable):
        bench.run(lambda item, _: outcome(item, REFUSED, status=int(ExitCode.MODEL)))
    assert len(bench.engine.submitted) <= 2


def test_workers_that_never_begin_stop_the_job(tmp_path: Path) -> None:
    """When worker after worker ends before its first step, none of the recordings is at fault."""
    bench = Bench(tmp_path, 9)
    with pytest.raises(InternalError, match="doctor"):
        bench.run(lambda item, _: outcome(item, LOST), begins=False)
    assert len(bench.engine.submitted) < 9
    assert bench.store.counts().left == 9


def test_stopped_by_the_operator(bench: Bench) -> None:
    """After a wish to stop nothing new begins, and what was not finished is pending."""

    def answer(item: WorkItem, _tries: int) -> Outcome:
        if len(bench.engine.submitted) == 3:
            bench.cancellation.cancel()
        return outcome(item)

    counts = bench.run(answer, slots=1)
    assert len(bench.engine.submitted) == 3
    assert counts.of(RecordState.PUBLISHED) == 3
    assert counts.of(RecordState.PENDING) == 2
    assert bench.log[-1]["state"] == "stopped"


def test_source_is_deleted_only_after_verified_publication(tmp_path: Path) -> None:
    """A source goes when its bundle is whole; not when it is missing or altered, nor when the source changed."""
    bench = Bench(tmp_path, 5, delete_source=True)

    def answer(item: WorkItem, tries: int) -> Outcome:
        what = Path(item.source).stem[-1]
        if what == "0":
            return outcome(item)  # claims to have published, and has not
        published = bench.publish(item, tries)
        if what == "1":
            (bench.destination.workplace() / published.bundle / "log.jsonl").write_text("{}\n")
        if what == "2":
            Path(item.source).write_bytes(b"another call")
        return outcome(item, REFUSED, status=3) if what == "3" else published

    bench.run(answer)
    left = sorted(path.stem[-1] for path in bench.source.iterdir())
    assert left == ["0", "1", "2", "3"]
    assert bench.driver.kept_sources == 3
    deleted = [line for line in bench.log if line["event"] == "deleted"]
    assert sorted(str(line["result"]) for line in deleted) == ["begun", "done", "kept", "kept", "kept"]
    assert sum(record.source_deleted for record in bench.store.records()) == 1


def test_changed_source_replaces_its_bundle(tmp_path: Path) -> None:
    """When a source changed, the bundle of what it was goes once that of what it is stands."""
    bench = Bench(tmp_path, 1)
    bench.run(bench.publish)
    (first,) = bench.destination.names()
    (bench.source / "Adaeze 0.mp4").write_bytes(b"longer than it was before")
    again = Bench(tmp_path, 0)
    again.run(again.publish)
    (second,) = again.destination.names()
    assert first != second
    assert {record.state for record in again.store.records()} == {
        RecordState.SUPERSEDED,
        RecordState.PUBLISHED,
    }


def test_lost_worker_leaves_no_partial_bundle(bench: Bench) -> None:
    """What a killed worker had half written is removed at once."""

    def answer(item: WorkItem, tries: int) -> Outcome:
        if tries == 1:
            (bench.destination.workplace() / f"{item.name}.offrecord.partial").mkdir()
            return outcome(item, LOST)
        assert not list(bench.destination.workplace().glob(f"{item.name}.offrecord.partial"))
        return outcome(item)

    counts = bench.run(answer, slots=1)
    assert counts.of(RecordState.PUBLISHED) == 5
    assert list(bench.destination.workplace().glob("*.partial")) == []


def test_driver_waits_for_another_job(bench: Bench) -> None:
    """What another job holds is neither taken nor forgotten: this job ends when it is done, too."""
    other = Bench.__new__(Bench)
    other.store = BatchLedger(bench.destination.state, create=True)
    other.store.begin("d" * 64)
    other.store.plan(bench.sources.list(), key=bench.key, spec="in", present=(), retry=False)
    item = other.store.claim()
    assert item is not None
    held: WorkItem = item

    class Waiting(FakeWatcher):
        def waiting(self, count: int) -> None:
            assert count == 1
            other.store.finish(outcome(held))
            super().waiting(count)

    watcher = Waiting()
    bench.driver._watcher = watcher
    counts = bench.run(lambda item, _: outcome(item))
    assert watcher.waited == 1
    assert counts.of(RecordState.PUBLISHED) == 5
    assert held.id not in {item.id for item in bench.engine.submitted}
