"""The store keeps what is done, gives each recording to one job at a time, and outlives whoever dies."""

from __future__ import annotations

import multiprocessing
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder.batch.contract import Found, OutcomeState
from recorder.batch.ledger.ledger import MOST_TRIES, BatchLedger, PlannedItem, RecordState, item_id
from redaction.errors import ExitCode, StorageFailed, UsageError
from tests.recorder.batch.fakes import outcome

KEY = b"k" * 32
DIGEST = "d" * 64


def found(count: int, *, version: str = "1") -> Iterator[Found]:
    """List that many recordings, the later the larger."""
    for number in range(count):
        yield Found(source=f"/calls/Adaeze {number}.mp4", size=100 + number, version=version)


def planned(
    store: BatchLedger,
    count: int,
    *,
    present: tuple[str, ...] = (),
    retry: bool = False,
    version: str = "1",
    spec: str = "/calls",
) -> PlannedItem:
    """Plan that many recordings."""
    return store.plan(found(count, version=version), key=KEY, spec=spec, present=present, retry=retry)


def opened(folder: Path, digest: str = DIGEST) -> BatchLedger:
    """Open the store and begin a job."""
    store = BatchLedger(folder, create=True)
    store.begin(digest)
    return store


def publish_all(store: BatchLedger) -> tuple[str, ...]:
    """Claim and publish whatever is pending; returns the names of the bundles."""
    names = []
    while (item := store.claim()) is not None:
        store.finish(outcome(item))
        names.append(item.name)
    return tuple(names)


def test_ids_are_stable_and_keyed() -> None:
    """The same recording has the same id; another version, size, place or key gives another."""
    one = Found(source="/a.mp4", size=1, version="1")
    ids = {
        item_id(item, key)
        for item, key in [
            (one, KEY),
            (one.model_copy(update={"source": "/b.mp4"}), KEY),
            (one.model_copy(update={"size": 2}), KEY),
            (one.model_copy(update={"version": "2"}), KEY),
            (one, b"j" * 32),
        ]
    }
    assert len(ids) == 5
    assert item_id(one, KEY) == item_id(Found(source="/a.mp4", size=1, version="1"), KEY)


def test_file_is_for_the_operator_alone(tmp_path: Path) -> None:
    """Source names are in the store, so nobody else may read it, and no record's repr tells them."""
    with opened(tmp_path) as store:
        planned(store, 1)
        (record,) = store.records()
        assert "Adaeze" in record.source
        assert "Adaeze" not in repr(record)
    assert stat.S_IMODE((tmp_path / "batch.sqlite").stat().st_mode) == 0o600


def test_what_is_published_is_skipped(tmp_path: Path) -> None:
    """A second run has nothing to do; a bundle that went, another digest or another version is redone."""
    with opened(tmp_path) as store:
        assert planned(store, 3).to_do == 3
        names = publish_all(store)
        store.end()
    with opened(tmp_path) as store:
        plan = planned(store, 3, present=names)
        assert (plan.listed, plan.kept, plan.to_do, plan.new, plan.changed) == (3, 3, 0, 0, 0)
        assert store.claim() is None
        store.end()
    with opened(tmp_path) as store:
        plan = planned(store, 3, present=names[:2])
        assert (plan.kept, plan.to_do, plan.changed) == (2, 1, 1)
        publish_all(store)
        store.end()
    with opened(tmp_path, "e" * 64) as store:
        plan = planned(store, 3, present=names)
        assert (plan.kept, plan.to_do, plan.changed) == (0, 3, 3)
        publish_all(store)
        plan = planned(store, 3, present=names, version="2")
        assert (plan.new, plan.to_do) == (3, 3)


def test_changed_source_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    """Of a source that changed, the earlier bundle is known, unless its own source was deleted on purpose."""
    with opened(tmp_path) as store:
        planned(store, 2)
        publish_all(store)
        first, second = sorted(store.records(), key=lambda record: record.source)
        store.mark(second.id, source_deleted=True)
        planned(store, 2, version="2")
        publish_all(store)
        for record in store.records():
            earlier = [other.id for other in store.earlier(record)]
            if record.id not in (first.id, second.id):
                assert earlier == ([first.id] if record.source == first.source else [])


def test_refused_stays_refused_until_asked(tmp_path: Path) -> None:
    """What a recording was refused for is not tried again, unless it was the machine's fault or the operator asks."""
    with opened(tmp_path) as store:
        planned(store, 2)
        for status in (ExitCode.UNREADABLE, ExitCode.MODEL):
            item = store.claim()
            assert item is not None
            store.finish(outcome(item, OutcomeState.REFUSED, status=int(status)))
        store.end()
    with opened(tmp_path) as store:
        plan = planned(store, 2)
        assert (plan.refused, plan.to_do) == (1, 1)
        publish_all(store)
        assert planned(store, 2, retry=True).to_do >= 1


@pytest.mark.parametrize(("state", "status"), [(OutcomeState.LOST, 1), (OutcomeState.REFUSED, 7)])
def test_tried_twice_and_no_more(state: OutcomeState, status: int, tmp_path: Path) -> None:
    """What ends its worker, or cannot be stored, is tried twice in a run, after all others, and then refused."""
    with opened(tmp_path) as store:
        planned(store, 2)
        order = []
        while (item := store.claim()) is not None:
            order.append(item.id)
            last = store.finish(outcome(item, state, status=status))
        assert MOST_TRIES == 2
        assert order[:2] == order[2:]
        assert len(order) == 4
        assert last.state is RecordState.REFUSED
        assert last.reason


def test_stopped_is_pending_and_costs_no_try(tmp_path: Path) -> None:
    """An operator may stop a job any number of times without any recording being set aside."""
    for _ in range(4):
        with opened(tmp_path) as store:
            assert planned(store, 1).to_do == 1
            item = store.claim()
            assert item is not None
            store.finish(outcome(item, OutcomeState.STOPPED))
            store.end()
    with opened(tmp_path) as store:
        assert planned(store, 1).to_do == 1


def test_refused_beside_an_earlier_bundle(tmp_path: Path) -> None:
    """When a recording is refused under new digests while its earlier bundle stands, the table says both."""
    with opened(tmp_path) as store:
        planned(store, 2)
        names = publish_all(store)
        store.end()
    with opened(tmp_path, "e" * 64) as store:
        assert planned(store, 2, present=names[:1]).to_do == 2
        reasons = {}
        while (item := store.claim()) is not None:
            record = store.finish(outcome(item, OutcomeState.REFUSED, status=3))
            reasons[item.name] = (record.bundle, "still stands" in record.reason)
    assert reasons == {names[0]: (f"{names[0]}.offrecord", True), names[1]: ("", False)}


def test_largest_first(tmp_path: Path) -> None:
    """The longest recordings begin first, so that none is left alone at the end."""
    with opened(tmp_path) as store:
        planned(store, 5)
        sizes = []
        while (item := store.claim()) is not None:
            sizes.append(item.size)
        assert sizes == [104, 103, 102, 101, 100]


def _claim_all(folder: str, queue: multiprocessing.Queue[list[str]]) -> None:
    store = opened(Path(folder))
    planned(store, 200)
    ids = []
    while (item := store.claim()) is not None:
        ids.append(item.id)
    queue.put(ids)
    queue.put(ids)  # stay alive until both have been read: a dead job's claims are given back
    queue.close()
    queue.join_thread()
    os._exit(0)


@pytest.mark.slow
def test_two_jobs_never_claim_the_same(tmp_path: Path) -> None:
    """Two processes on one destination at once share the work without overlap or remainder."""
    context = multiprocessing.get_context("spawn")
    queues = [context.Queue(1) for _ in range(2)]
    processes = [context.Process(target=_claim_all, args=(str(tmp_path), queue)) for queue in queues]
    for process in processes:
        process.start()
    taken = [queue.get(timeout=60) for queue in queues]
    for queue in queues:
        queue.get(timeout=60)
    for process in processes:
        process.join(60)
    assert len(taken[0] + taken[1]) == len({*taken[0], *taken[1]}) == 200


def test_claims_of_a_dead_job_come_back(tmp_path: Path) -> None:
    """What a killed job was doing is pending for the next one at once; a living job's claims are let be."""
    child = os.fork()
    if not child:
        store = opened(tmp_path)
        planned(store, 2)
        store.claim()
        os._exit(0)
    os.waitpid(child, 0)
    with opened(tmp_path) as store:
        assert planned(store, 2).to_do == 2
        assert store.claim() is not None
        with opened(tmp_path) as other:
            plan = planned(other, 2)
            assert (plan.to_do, plan.elsewhere) == (1, 1)
            assert len(other.busy()) == 1
            store.end()
            assert other.counts(mine=True).of(RecordState.RUNNING) == 0


def test_two_policies_at_once_are_refused(tmp_path: Path) -> None:
    """A job with another policy waits for the first to end; afterwards it may begin."""
    with opened(tmp_path) as store, BatchLedger(tmp_path, create=True) as other:
        with pytest.raises(UsageError, match="another policy"):
            other.begin("e" * 64)
        store.end()
        other.begin("e" * 64)


@pytest.mark.parametrize("at_random", [True, False])
def test_choose(at_random: bool, tmp_path: Path) -> None:
    """A job may be bound to a few recordings; the others are left as they are."""
    with opened(tmp_path) as store:
        planned(store, 20)
        assert store.choose(3, at_random=at_random) == 3
        assert len(publish_all(store)) == 3
        assert store.counts(mine=True).left == 0
        assert store.counts().left == 17


def test_what_left_the_source_leaves_the_plan(tmp_path: Path) -> None:
    """A pending recording that its source no longer holds is forgotten, another source's is not."""
    with opened(tmp_path) as store:
        planned(store, 3)
        store.end()
    with opened(tmp_path) as store:
        planned(store, 1)
        assert store.counts().left == 1
        store.end()
    with opened(tmp_path) as store:
        planned(store, 0, spec="/others")
        assert store.counts().left == 1


def test_expired_stays_expired(tmp_path: Path) -> None:
    """A recording whose bundle was deleted when its time had come is not redacted again for being there."""
    with opened(tmp_path) as store:
        planned(store, 1)
        publish_all(store)
        (record,) = store.records()
        store.mark(record.id, state=RecordState.EXPIRED)
        assert planned(store, 1).to_do == 0


def test_rehearsal_changes_nothing(tmp_path: Path) -> None:
    """A dry run plans on a copy in memory."""
    with opened(tmp_path) as store:
        planned(store, 1)
    before = (tmp_path / "batch.sqlite").read_bytes()
    with BatchLedger.in_memory(tmp_path) as rehearsal:
        rehearsal.begin("e" * 64)
        assert planned(rehearsal, 5).new == 4
    assert (tmp_path / "batch.sqlite").read_bytes() == before
    empty = tmp_path / "empty"
    empty.mkdir()
    with BatchLedger.in_memory(empty) as rehearsal:
        rehearsal.begin(DIGEST)
        assert planned(rehearsal, 5).new == 5
    assert list(empty.iterdir()) == []


def test_damaged_or_missing_store(tmp_path: Path) -> None:
    """A file that is no store, of another version, or not there is a documented error without a path."""
    with pytest.raises(UsageError):
        BatchLedger(tmp_path, create=False)
    (tmp_path / "batch.sqlite").write_bytes(b"Adaeze Okonkwo" * 500)
    with pytest.raises(StorageFailed) as error:
        BatchLedger(tmp_path, create=True)
    assert "Adaeze" not in error.value.sentence
    assert str(tmp_path) not in error.value.sentence
    with pytest.raises(StorageFailed):
        BatchLedger(tmp_path / "nowhere", create=True)


def test_ten_thousand(tmp_path: Path) -> None:
    """Planning 10,000 entries and finding them again takes seconds."""
    with opened(tmp_path) as store:
        assert planned(store, 10_000).new == 10_000
        assert planned(store, 10_000).new == 0
        assert store.claim() is not None
