"""Whole jobs without media: what is planned, sampled, limited, expired, and what goes wrong before any work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recorder.batch import job as module
from recorder.batch.contract import JobSpec, Outcome, WorkItem
from recorder.batch.engines.local import PoolSize
from recorder.batch.job import Finished, Options, expire_bundles, run_job
from recorder.batch.ledger.ledger import BatchLedger, RecordState
from recorder.batch.stores.folder_destination import FolderDestination
from recorder.bundle.log import check_chain
from recorder.runtime.context import Cancellation
from redaction.errors import UnreadableInput, UsageError
from tests.recorder.batch.fakes import FakeEngine, FakeWatcher, outcome, write_bundle


@pytest.fixture(autouse=True)
def _no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model is looked at."""
    monkeypatch.setattr(module, "models_of", lambda _policy: {})


class Place:
    """A source of files that are only names, and a destination."""

    def __init__(self, folder: Path, count: int) -> None:
        self.source, self.out = folder / "in", folder / "out"
        self.source.mkdir()
        for number in range(count):
            (self.source / f"{number}.mp4").write_bytes(b"x")
        self.engine: FakeEngine | None = None
        self.spec: JobSpec | None = None

    def run(self, **chosen: Any) -> Finished:
        """Run a job whose workers publish empty bundles."""
        options = Options(source=str(self.source), destination=str(self.out), **chosen)

        def publish(item: WorkItem, _tries: int) -> Outcome:
            write_bundle(self.out, item.name, days=-1 if item.source.endswith("0.mp4") else 1)
            return outcome(item)

        def made(spec: JobSpec, _size: PoolSize) -> FakeEngine:
            self.spec, self.engine = spec, FakeEngine(publish)
            return self.engine

        return run_job(options, watcher=FakeWatcher(), cancellation=Cancellation(), engine=made)

    @property
    def done(self) -> int:
        """How many items the last run submitted."""
        return len(self.engine.submitted) if self.engine else 0


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Six recordings."""
    return Place(tmp_path, 6)


def test_run_and_run_again(place: Place) -> None:
    """A job does everything once; the next one finds nothing to do; a removed bundle is made again."""
    assert place.run().counts.of(RecordState.PUBLISHED) == 6
    assert place.done == 6
    finished = place.run()
    assert (place.done, finished.planned.kept) == (0, 6)
    assert finished.report.is_file()
    destination = FolderDestination(str(place.out))
    destination.delete(next(destination.names()))
    place.run()
    assert place.done == 1


@pytest.mark.parametrize("flag", ["limit", "sample"])
def test_a_few_first(flag: str, place: Place) -> None:
    """A limit or a sample does so many, says all is well, and the next run does the rest."""
    finished = place.run(**{flag: 2})
    assert place.done == 2
    assert finished.counts.left == 0
    place.run()
    assert place.done == 4


def test_sources_published_before_are_deleted_when_asked_later(place: Place) -> None:
    """`delete_source` in a later run takes the sources of what stands published and verified."""
    place.run()
    finished = place.run(delete_source=True)
    assert finished.sources_kept == 0
    assert list(place.source.iterdir()) == []


def test_store_that_was_lost(place: Place) -> None:
    """Without its store, but with its key, a destination's bundles are verified and taken over."""
    place.run()
    (place.out / ".offrecord-batch" / "batch.sqlite").unlink()
    assert place.run().adopted == 6
    assert place.done == 0


def test_bounds_reach_the_workers(place: Place) -> None:
    """Memory, patience and threads are what the operator chose."""
    place.run(memory_gib=2.0, patience_s=30.0, threads=1)
    assert place.spec is not None
    assert place.spec.limits.memory_bytes == 2 << 30
    assert place.spec.limits.stall_s == 30
    assert place.spec.threads == 1


def test_empty_source(place: Place) -> None:
    """A folder without recordings is an error, and the job leaves nothing claimed."""
    for path in place.source.iterdir():
        path.unlink()
    with pytest.raises(UnreadableInput):
        place.run()
    with BatchLedger(place.out / ".offrecord-batch", create=False) as store:
        store.begin("another policy may begin now")


def test_scratch_must_exist(place: Place, tmp_path: Path) -> None:
    """A scratch folder is never made on the side."""
    with pytest.raises(UsageError):
        place.run(scratch=tmp_path / "nowhere")


def test_expire(place: Place) -> None:
    """Bundles past their time go, logged; the others stay, and nothing is redacted again for it."""
    place.run()
    assert len(expire_bundles(str(place.out), dry_run=True)[0]) == 1
    assert len(list(place.out.glob("*.offrecord"))) == 6
    (gone,), unread = expire_bundles(str(place.out), dry_run=False)
    assert unread == []
    assert not (place.out / f"{gone}.offrecord").exists()
    assert len(list(place.out.glob("*.offrecord"))) == 5
    (log,) = (place.out / ".offrecord-batch" / "log").glob("*expire.jsonl")
    check_chain(log)
    (line,) = [json.loads(text) for text in log.read_text().splitlines()]
    assert (line["name"], line["reason"]) == (gone, "retention over")
    assert place.run().counts.of(RecordState.EXPIRED) == 1
    assert place.done == 0


def test_expire_where_no_batch_was(tmp_path: Path) -> None:
    """Bundles of `offrecord redact` expire too; one without a readable manifest is kept and named."""
    write_bundle(tmp_path, "recording-one", days=-1)
    (write_bundle(tmp_path, "recording-two") / "manifest.json").write_text("{}")
    over, unread = expire_bundles(str(tmp_path), dry_run=False)
    assert (over, unread) == (["recording-one"], ["recording-two"])
    assert (tmp_path / "recording-two.offrecord").is_dir()
