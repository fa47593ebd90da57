"""Queues that never block, and threads that redact the oldest picture first."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.bundle.manifest import MediaKind
from recorder.live.capture.load_shedding import Governor
from recorder.live.capture.video_worker import Inbox, Lane, VideoWorker
from recorder.live.store.journal import SegmentPaths
from redaction.errors import StorageFailed
from tests.recorder.live.capture.test_video_track import facts, moving, shown, track_of
from tests.recorder.live.scene import ADA, BOB, CID, journal_of, wait_until


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=200))
def test_a_queue_is_bounded_and_counts_what_it_drops(steps: list[tuple[int, bool]]) -> None:
    """Whatever comes and goes, bounds hold, order stays, and every item is taken, waiting or counted as dropped."""
    inbox: Inbox[int] = Inbox(most=5, most_bytes=1000)
    put, got, dropped = 0, [], 0
    for size, take in steps:
        if take:
            item, gone = inbox.take()
            dropped += gone.count if gone is not None else 0
            got += [] if item is None else [item]
        else:
            inbox.put(put, size=size, at=float(put))
            put += 1
        assert 0.0 <= inbox.fill <= 1.0
    while True:
        item, gone = inbox.take()
        dropped += gone.count if gone is not None else 0
        if item is None:
            break
        got.append(item)
    assert got == sorted(got)
    assert len(got) + dropped == put
    assert inbox.drops == dropped


def test_what_was_dropped_is_told_with_its_times() -> None:
    """The next take says how many items went and the call times of the first and last of them."""
    inbox: Inbox[str] = Inbox(most=2, most_bytes=1000)
    for number in range(5):
        inbox.put(str(number), size=1, at=number / 10)
    item, gone = inbox.take()
    assert item == "3"
    assert gone is not None
    assert (gone.count, gone.first, gone.last) == (3, 0.0, 0.2)
    assert inbox.take()[1] is None


def worker_of(errors: list[BaseException]) -> VideoWorker:
    """Return a worker that has started."""
    worker = VideoWorker("test", on_error=errors.append, governor=Governor(raise_lag_s=100))
    worker.start()
    return worker


def test_tracks_share_a_thread_and_all_are_stored(tmp_path: Path) -> None:
    """Three tracks of one thread are stored whole, and the thread ends when they have ended."""
    errors: list[BaseException] = []
    worker = worker_of(errors)
    for token in (ADA, BOB, CID):
        (tmp_path / token).mkdir()
    lanes = [Lane(track_of(tmp_path / token)) for token in (ADA, BOB, CID)]
    for lane in lanes:
        worker.add(lane)
    for one in moving(index / 30 for index in range(60)):
        for lane in lanes:
            lane.inbox.put(one, size=1, at=one.time)
        worker.wake()
    for lane in lanes:
        lane.ended = 2.0
    assert worker.stop(30)
    assert errors == []
    for token in (ADA, BOB, CID):
        (frames,) = shown(tmp_path / token)
        assert len(frames) == 60


def test_a_queue_that_overflows_is_a_logged_and_covered_gap(tmp_path: Path) -> None:
    """Pictures that were dropped are a gap in the participant's facts, and what is stored covers it."""
    errors: list[BaseException] = []
    lane = Lane(track_of(tmp_path), inbox=Inbox(most=20, most_bytes=10**9))
    for one in moving(index / 30 for index in range(90)):
        lane.inbox.put(one, size=1, at=one.time)
    worker = worker_of(errors)
    worker.add(lane)
    lane.ended = 3.0
    assert worker.stop(30)
    (gap,) = facts(tmp_path, "gap")
    assert gap["detail"] == {"reason": "overload"}
    assert lane.inbox.drops == 70
    (frames,) = shown(tmp_path)
    assert max(luma.max() for _, luma in frames) < 160


def test_a_track_that_pauses_is_stored_up_to_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the look-ahead holds is stored when nothing comes for a while, and the track goes on afterwards."""
    monkeypatch.setattr("recorder.live.capture.video_worker._FLUSH_AFTER_S", 0.2)
    errors: list[BaseException] = []
    worker = worker_of(errors)
    lane = Lane(track_of(tmp_path))
    worker.add(lane)
    first, then = moving(index / 30 for index in range(30)), moving(1 + index / 30 for index in range(30))
    for one in first:
        lane.inbox.put(one, size=1, at=one.time)
    worker.wake()
    wait_until(lambda: lane.track.decided > 0.95)
    for one in then:
        lane.inbox.put(one, size=1, at=one.time)
    lane.ended = 2.0
    assert worker.stop(30)
    assert errors == []
    (frames,) = shown(tmp_path)
    assert len(frames) == 60


def test_a_disk_that_is_full_ends_the_track_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A track whose disk refuses is let go of, with the error told; the thread and other tracks go on."""
    errors: list[BaseException] = []
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    worker = worker_of(errors)
    bad, good = Lane(track_of(tmp_path / "a")), Lane(track_of(tmp_path / "b"))

    def full(*_: object) -> None:
        raise StorageFailed("The disk is full.")

    monkeypatch.setattr(bad.track.owner.journal, "segment", full)
    for lane in (bad, good):
        worker.add(lane)
    for one in moving(index / 30 for index in range(60)):
        for lane in (bad, good):
            lane.inbox.put(one, size=1, at=one.time)
    worker.wake()
    assert bad.done.wait(20)
    good.ended = bad.ended = 2.0
    assert worker.stop(30)
    assert [type(error) for error in errors] == [StorageFailed]
    assert len(shown(tmp_path / "b")[0]) == 60


def test_a_file_that_an_erasure_took_away_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A withdrawal between choosing a piece's place and opening it does not count as a disk that fails."""
    errors: list[BaseException] = []
    worker = worker_of(errors)
    lane = Lane(track_of(tmp_path))
    journal, token = lane.track.owner.journal, lane.track.owner.token
    place = journal.segment

    def raced(of: str, kind: MediaKind) -> SegmentPaths:
        paths = place(of, kind)
        lane.forget()
        journal.erase(of)
        return paths

    monkeypatch.setattr(journal, "segment", raced)
    worker.add(lane)
    for one in moving(index / 30 for index in range(60)):
        lane.inbox.put(one, size=1, at=one.time)
    worker.wake()
    assert lane.done.wait(20)
    assert worker.stop(30)
    assert errors == []
    assert not journal.folder(token).exists()


def test_a_retired_thread_stops_without_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that hung and comes back after its tracks were given away writes nothing more."""
    errors: list[BaseException] = []
    worker = worker_of(errors)
    lane = Lane(track_of(tmp_path))
    let_go = threading.Event()
    real = lane.track.take

    def hanging(one: object) -> None:
        let_go.wait(20)
        real(one)  # type: ignore[arg-type] # the same picture

    monkeypatch.setattr(lane.track, "take", hanging)
    worker.add(lane)
    for one in moving(index / 30 for index in range(60)):
        lane.inbox.put(one, size=1, at=one.time)
    worker.wake()
    wait_until(lambda: worker.busy_since is not None)
    assert worker.retire() == [lane]
    lane.track.forget()
    let_go.set()
    assert worker.stop(20)
    time.sleep(0.05)
    assert shown(tmp_path) == []
    assert errors == []


def test_forgetting_a_lane_frees_what_waits(tmp_path: Path) -> None:
    """A forgotten track's queue is empty at once, its thread lets go of it, and no file is written after erasure."""
    errors: list[BaseException] = []
    worker = worker_of(errors)
    journal = journal_of(tmp_path)
    lane = Lane(track_of(tmp_path, journal=journal))
    worker.add(lane)
    for one in moving(index / 30 for index in range(80)):
        lane.inbox.put(one, size=1, at=one.time)
    worker.wake()
    lane.forget()
    journal.erase(ADA)
    assert lane.inbox.fill == 0.0
    assert lane.done.wait(20)
    assert worker.lanes == []
    assert worker.stop(20)
    assert list((tmp_path / "live").rglob("*")) == [tmp_path / "live/people"]
    assert errors == []
