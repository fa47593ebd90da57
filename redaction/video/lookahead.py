"""Holds a bounded stretch of frames and plans the covers of each once enough of what follows is known."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from redaction.model import Box, Cover, CoverReason, Event, EventKind, Examined, Span, VideoFrame
from redaction.video.cover import evened
from redaction.video.detect import FaceDetector
from redaction.video.link import Linker, Tracklet
from redaction.video.look import FAULTS, Cadence, Examiner, Look
from redaction.video.minors import Ages, Moment, Outlines

__all__ = ["Bounds", "LookAhead", "Planned", "TrackletRecord"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much the look-ahead may hold.

    Attributes:
        seconds: a frame is decided when one this much later was looked at.
        bytes: frames held never exceed this; large frames shorten the look-ahead.
        least: a frame that cannot be held this long is covered whole.
    """

    seconds: float = 1.5
    bytes: int = 256 * 2**20
    least: float = 0.1


@dataclass(frozen=True, slots=True)
class Planned:
    """One frame with all that is to be done to it.

    Attributes:
        whole: why it is covered whole: source, detector, silhouette, unsure or memory; empty when it is not.
        people: visible tracklets.
        minors: those of them that are removed as minors.
    """

    frame: VideoFrame
    covers: tuple[Cover, ...]
    examined: Examined
    whole: str = ""
    people: int = 0
    minors: int = 0


@dataclass(slots=True)
class TrackletRecord:
    """What may be told of one tracklet.

    Attributes:
        number: within the track, from 1.
        reason: MINOR when it was removed as one on any frame.
        start, end: from its first covered frame to the end of its last, seconds.
        frames: covered frames.
        seen: frames on which a detector saw it.
        lowest_score: the least of its detections' scores.
    """

    number: int
    reason: CoverReason
    start: float
    end: float
    frames: int = 0
    seen: int = 0
    lowest_score: float = 0.0

    @property
    def span(self) -> Span:
        """Time for which it is covered."""
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class _Held:
    index: int
    frame: VideoFrame
    look: Look


@dataclass(slots=True)
class _Verdict:
    covers: list[Cover] = field(default_factory=list)
    whole: str = ""
    people: int = 0
    minors: int = 0


class LookAhead:
    """Looks at frames in order and plans each one's covers, looking both ways.

    Everything happens in the caller's thread and depends on the frames alone, so the same input gives the same plans.
    """

    def __init__(
        self,
        *,
        quick: FaceDetector,
        thorough: FaceDetector,
        ages: Ages,
        outlines: Outlines | None,
        remove_all: bool,
        track: str,
        bounds: Bounds | None = None,
        cadence: Cadence | None = None,
    ) -> None:
        self._bounds = bounds or Bounds()
        self._linker = Linker()
        self._examiner = Examiner(quick=quick, thorough=thorough, linker=self._linker, cadence=cadence)
        self._ages = ages
        self._outlines = outlines
        self._remove_all = remove_all
        self._track = track
        self._held: deque[_Held] = deque()
        self._bytes = 0
        self._count = 0
        self._interval = 1 / 30
        self._last_time: float | None = None
        self._records: dict[int, TrackletRecord] = {}
        self.finished: list[TrackletRecord] = []
        self.events: deque[Event] = deque()
        self.failures = {"detector": 0, "silhouette": 0}

    def feed(self, frame: VideoFrame) -> list[Planned]:
        """Look at the next frame; return those now decided, in order."""
        self._time(frame)
        room = max(1, self._bounds.bytes // max(1, frame.nbytes))
        key = min(self._examiner.cadence.key, room * self._interval / 3)
        look = self._examiner.examine(frame, key=key)
        if look.failed:
            self.failures["detector"] += 1
        for item, face in look.links:
            if face.score > 0:
                self._ages.observe(item.number, frame, face)
        self._held.append(_Held(self._count, frame, look))
        self._count += 1
        self._bytes += frame.nbytes
        planned: list[Planned] = []
        while self._held and frame.time - self._held[0].frame.time >= self._bounds.seconds:
            planned.append(self._next())
        while self._held and self._bytes > self._bounds.bytes:
            ahead = frame.time - self._held[0].frame.time
            planned.append(self._next(short=ahead < self._bounds.least))
        return planned

    def finish(self) -> list[Planned]:
        """Return the frames still held, decided with what there is."""
        planned = []
        while self._held:
            planned.append(self._next())
        for item in self._linker.tracklets:
            self._end(item)
        self._linker.tracklets = []
        return planned

    def _time(self, frame: VideoFrame) -> None:
        if self._last_time is not None:
            step = frame.time - self._last_time
            if step < 0:
                raise ValueError("frames do not come in order of time")
            if 0 < step < 0.5:
                self._interval += 0.2 * (step - self._interval)
        self._last_time = frame.time

    def _next(self, *, short: bool = False) -> Planned:
        held = self._held[0]
        verdict = _Verdict()
        if held.look.examined is Examined.COVERED:
            verdict.whole = "detector" if held.look.failed else "source"
        elif short:
            verdict.whole = "memory"
        self._cover_people(held, verdict)
        self._held.popleft()
        self._bytes -= held.frame.nbytes
        until = self._held[0].frame.time if self._held else held.frame.time
        self._examiner.forget(until)
        for item in self._linker.forget(until):
            self._end(item)
        if not verdict.whole:
            covers, examined = tuple(verdict.covers), held.look.examined
        else:
            reason = CoverReason.MINOR if verdict.whole == "unsure" else CoverReason.WHOLE
            covers = (Cover(Box(0, 0, held.frame.width, held.frame.height), reason),)
            examined = Examined.COVERED
        return Planned(held.frame, covers, examined, verdict.whole, verdict.people, verdict.minors)

    def _cover_people(self, held: _Held, verdict: _Verdict) -> None:
        frame = held.frame
        time = frame.time
        for item in self._linker.tracklets:
            box = self._box(item, frame)
            if box is None:
                continue
            verdict.people += 1
            minor = not self._ages.is_adult(item.number)
            verdict.minors += minor
            self._note(item, time, minor=minor)
            if verdict.whole:
                continue
            score = next((seen.score for seen in item.observations if seen.time == time), 0.0)
            reason = CoverReason.MINOR if minor else CoverReason.FACE
            if not minor and not self._remove_all:
                verdict.covers.append(Cover(box, reason, item.number, score))
                continue
            mask, verdict.whole = self._outlined(item, held)
            if mask is not None:
                verdict.covers.append(_fitted(mask, reason=reason, number=item.number, score=score))

    def _outlined(
        self, item: Tracklet, held: _Held
    ) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None, str]:
        """Return the mask of a person who is removed, or None and why the whole frame must go."""
        if self._outlines is None:
            return None, "unsure"
        try:
            mask = self._outlines.mask(item.number, self._moments(item, held))
        except FAULTS:
            self.failures["silhouette"] += 1
            return None, "silhouette"
        return mask, "" if mask is not None else "unsure"

    def _moments(self, item: Tracklet, held: _Held) -> list[Moment]:
        moments: list[Moment] = []
        for later in self._near():
            box = self._box(item, later.frame)
            if box is None or later.frame.y.shape != held.frame.y.shape:
                break
            if later is not held and later.look.examined is Examined.COVERED:
                continue
            seen = item.observations[0].time <= later.frame.time <= item.last.time
            moments.append(Moment(later.index, later.frame, later.look.thumbnail, box, seen))
        return moments

    def _near(self) -> Sequence[_Held]:
        return [later for later, _ in zip(self._held, range(Outlines.every + 1), strict=False)]

    def _box(self, item: Tracklet, frame: VideoFrame) -> Box | None:
        margin = min(1.5 * self._interval, 0.15)
        box = item.covers_at(frame.time, margin=margin, reach=self._linker.reach)
        if box is None:
            return None
        fitted = evened(box, width=frame.width, height=frame.height)
        return fitted if fitted.area else None

    def _note(self, item: Tracklet, time: float, *, minor: bool) -> None:
        record = self._records.get(item.number)
        if record is None:
            record = TrackletRecord(item.number, CoverReason.FACE, time, time)
            self._records[item.number] = record
        record.end = time
        record.frames += 1
        if minor:
            record.reason = CoverReason.MINOR

    def _end(self, item: Tracklet) -> None:
        self._ages.forget(item.number)
        if self._outlines is not None:
            self._outlines.forget(item.number)
        record = self._records.pop(item.number, None)
        if record is None:
            return
        record.seen, record.lowest_score = item.seen, item.lowest
        record.end += self._interval
        self.finished.append(record)
        self.events.append(
            Event(
                EventKind.TRACKLET,
                self._track,
                record.span,
                {
                    "tracklet": record.number,
                    "reason": record.reason.value,
                    "frames": record.frames,
                    "lowest_score": round(record.lowest_score, 3),
                },
            )
        )


def _fitted(
    mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], *, reason: CoverReason, number: int, score: float
) -> Cover:
    """Return a cover whose box just holds the mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    box = evened(box, width=mask.shape[1], height=mask.shape[0])
    return Cover(box, reason, number, score, mask[box.y1 : box.y2, box.x1 : box.x2].copy())
