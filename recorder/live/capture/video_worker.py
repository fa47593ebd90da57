"""Bounded queues between the event loop and the threads that redact, and those threads: one per core."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from recorder.call.source import TimedVideo
from recorder.live.capture.load_shedding import Governor, Level, Load
from recorder.live.capture.video_track import VideoTrack
from redaction.errors import StorageFailed
from redaction.video.redact import VideoStages

__all__ = ["Dropped", "Inbox", "Lane", "Lost", "VideoWorker"]

Queued = TypeVar("Queued")

MOST_PICTURES: Final = 150
MOST_VIDEO_BYTES: Final = 96 * 2**20
"""What may wait of one track: five seconds of 360p, two of 720p at 30 pictures a second."""
_POLL_S: Final = 0.25
_FLUSH_AFTER_S: Final = 2.0
"""A track of which nothing comes for so long has what is held stored, and its reckoning closed for now."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing came between two call times."""

    start: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """How much of a track could not be taken, and the call times of the first and last of it."""

    count: int
    first: float
    last: float


@dataclass(slots=True)
class _Waiting(Generic[Queued]):
    item: Queued
    size: int
    at: float
    arrived: float


class Inbox(Generic[Queued]):
    """A queue of bounded length and bytes that never blocks: when it is full the oldest goes, and is counted.

    Args:
        most: items.
        most_bytes: bytes of all items together; one larger item alone is taken.
        clock: seconds; for tests.
    """

    def __init__(self, *, most: int, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._items: deque[_Waiting[Queued]] = deque()
        self._most = most
        self._most_bytes = most_bytes
        self._clock = clock
        self._bytes = 0
        self._dropped: Dropped | None = None
        self._lock = threading.Lock()
        self.drops = 0

    def put(self, item: Queued, *, size: int, at: float) -> None:
        """Take an item of a call time; drop the oldest when there is no room."""
        with self._lock:
            self._items.append(_Waiting(item, size, at, self._clock()))
            self._bytes += size
            while len(self._items) > 1 and (len(self._items) > self._most or self._bytes > self._most_bytes):
                gone = self._items.popleft()
                self._bytes -= gone.size
                self.drops += 1
                before = self._dropped
                self._dropped = Dropped(
                    1 if before is None else before.count + 1,
                    gone.at if before is None else before.first,
                    gone.at,
                )

    def take(self) -> tuple[Queued | None, Dropped | None]:
        """Return the oldest item, and what was dropped before it since the last call."""
        with self._lock:
            dropped, self._dropped = self._dropped, None
            if not self._items:
                return None, dropped
            oldest = self._items.popleft()
            self._bytes -= oldest.size
            return oldest.item, dropped

    def clear(self) -> None:
        """Let go of all that waits."""
        with self._lock:
            self._items.clear()
            self._bytes = 0
            self._dropped = None

    @property
    def oldest(self) -> float | None:
        """When the oldest waiting item arrived, on this inbox's clock."""
        with self._lock:
            return self._items[0].arrived if self._items else None

    @property
    def fill(self) -> float:
        """Share of the bounds that is used, 0 to 1."""
        with self._lock:
            return max(len(self._items) / self._most, min(1.0, self._bytes / self._most_bytes))


def video_inbox() -> Inbox[TimedVideo | Lost]:
    """Return an inbox for the pictures of one track."""
    return Inbox(most=MOST_PICTURES, most_bytes=MOST_VIDEO_BYTES)


@dataclass(slots=True)
class Lane:
    """One picture track and what waits for it.

    Attributes:
        ended: call time at which it ended; None while it lasts.
        done: its last piece is closed; nothing more is written.
        gaps: stretches that were lost.
    """

    track: VideoTrack
    inbox: Inbox[TimedVideo | Lost] = field(default_factory=video_inbox)
    ended: float | None = None
    done: threading.Event = field(default_factory=threading.Event)
    latest: float = 0.0
    gaps: int = 0
    forgotten: bool = False
    worked: float = field(default_factory=time.monotonic)

    def forget(self) -> None:
        """Let go of all that waits, and have nothing more written; what its thread holds goes within moments."""
        self.forgotten = True
        self.track.forget()
        self.inbox.clear()


class VideoWorker:
    """One thread that redacts some tracks, the oldest picture first.

    Args:
        name: of the thread.
        on_error: told what a stage or the disk raised; the track goes on covered, or ends.
        governor: says what is spared.
        stages: models for its tracks alone; None covers them whole.
    """

    def __init__(
        self,
        name: str,
        *,
        on_error: Callable[[BaseException], None],
        governor: Governor | None = None,
        stages: VideoStages | None = None,
    ) -> None:
        self.governor = governor or Governor()
        self.stages = stages
        self.lanes: list[Lane] = []
        self.busy_since: float | None = None
        self.retired = False
        self._on_error = on_error
        self._wake = threading.Condition()
        self._stopping = False
        self._in_order = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def add(self, lane: Lane) -> None:
        """Take up a track."""
        with self._wake:
            self.lanes.append(lane)
            self._wake.notify()

    def wake(self) -> None:
        """Say that something waits."""
        with self._wake:
            self._wake.notify()

    def retire(self) -> list[Lane]:
        """Give up the tracks: the thread hangs, and ends without writing should it ever return."""
        with self._wake:
            self.retired = True
            lanes, self.lanes = self.lanes, []
            return lanes

    def stop(self, timeout: float) -> bool:
        """End once every track has ended; return whether the thread did in time."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def ended(self) -> bool:
        """Whether the thread is over."""
        return not self._thread.is_alive()

    @property
    def died(self) -> bool:
        """Whether the thread is over although its tracks are not."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._in_order

    @property
    def lag_s(self) -> float:
        """Age of the oldest picture that waits, in seconds."""
        waiting = [oldest for lane in list(self.lanes) if (oldest := lane.inbox.oldest) is not None]
        return max(0.0, time.monotonic() - min(waiting)) if waiting else 0.0

    def _run(self) -> None:
        while not self.retired:
            lane = self._next()
            if lane is None:
                with self._wake:
                    if self._stopping and not self.lanes:
                        break
                    self._wake.wait(_POLL_S)
                continue
            self.busy_since = time.monotonic()
            try:
                self._work(lane)
            finally:
                self.busy_since = None
        self._in_order = True

    def _next(self) -> Lane | None:
        """Choose the track whose picture has waited longest, or one that has ended."""
        best: Lane | None = None
        longest = float("inf")
        for lane in list(self.lanes):
            oldest = lane.inbox.oldest
            if lane.forgotten or (oldest is None and lane.ended is not None):
                return lane
            if oldest is None and time.monotonic() - lane.worked > _FLUSH_AFTER_S:
                return lane
            if oldest is not None and oldest < longest:
                best, longest = lane, oldest
        return best

    def _work(self, lane: Lane) -> None:
        if lane.forgotten:
            lane.track.abandon()
            self._release(lane)
            return
        fill = max((one.inbox.fill for one in list(self.lanes)), default=0.0)
        level = self.governor.observe(Load(self.lag_s, fill), now=time.monotonic())
        item, dropped = lane.inbox.take()
        lane.worked = time.monotonic()
        try:
            lane.track.at_level(level, time=lane.latest)
            if dropped is not None:
                lane.gaps += 1
                lane.track.lost(dropped.first, dropped.last, "overload")
            if isinstance(item, Lost):
                lane.gaps += 1
                lane.track.lost(item.start, item.end, item.reason)
            elif item is not None:
                lane.track.take(item)
                lane.latest = item.time
            elif lane.ended is not None:
                lane.track.finish()
                self._release(lane)
            else:
                lane.track.flush()
                lane.worked = float("inf")
        except Exception as error:  # noqa: BLE001 - whatever a stage raises: this track is covered, the call goes on
            self._failed(lane, error)

    def _failed(self, lane: Lane, error: Exception) -> None:
        if self.retired:
            return
        try:
            if lane.forgotten or isinstance(error, StorageFailed):
                raise StorageFailed("")
            lane.track.fail(time=lane.latest)
        except Exception:  # noqa: BLE001 - a track whose failure fails is let go; the thread has others
            lane.track.abandon()
            self._release(lane)
        if not lane.forgotten:  # a file that an erasure took away is no error
            self._on_error(error)

    def _release(self, lane: Lane) -> None:
        with self._wake:
            if lane in self.lanes:
                self.lanes.remove(lane)
        lane.done.set()

    def level(self) -> Level:
        """Return what is spared now."""
        return self.governor.level
