"""Holds a bounded stretch of frames and says who is on each, once enough of what follows is known."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import islice

from redaction.model import Box, Cover, CoverReason, Event, EventKind, Examined, Span, VideoFrame
from redaction.video.cover import CoverMask, rounded_head
from redaction.video.faces.detect import FaceDetector
from redaction.video.faces.examine import Cadence, Examiner, FrameLook
from redaction.video.faces.follow import Pursuit
from redaction.video.faces.link import Linker
from redaction.video.faces.tracklet import Reach, Tracklet
from redaction.video.hints import HintedPlaces, PlaceVerdict
from redaction.video.labels import Labels
from redaction.video.people.adulthood import Ages, AgeVerdict
from redaction.video.people.silhouette_track import Moment, Outlines
from redaction.video.plan import Doubt, Draft, Removal
from redaction.video.screen.track import ScreenWatch

__all__ = ["Bounds", "LookAhead", "TrackletRecord", "Verdict"]

_HeadCover = tuple[Box, CoverMask | None]

_MARGIN = 0.75
"""Frames around a frame in which a face's places are covered on it too."""

_OUTLINED_PX = 120
"""Size of a head from which the outline of a body is a witness; it knows bodies in castles and starry skies."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much the look-ahead may hold.

    Attributes:
        seconds: a frame is decided when one this much later was looked at.
        bytes: frames held never exceed this; large frames shorten the look-ahead.
        least: a frame that cannot be held this long is covered whole.
    """

    seconds: float = 1.5
    bytes: int = 144 * 2**20
    least: float = 0.1


@dataclass(slots=True)
class TrackletRecord:
    """What may be told of one tracklet.

    Attributes:
        number: within the track, from 1.
        reason: MINOR when it was removed as one on any frame.
        in_doubt: whether it was, to the end, neither surely a minor nor surely an adult.
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
    in_doubt: bool = False

    @property
    def span(self) -> Span:
        """Time for which it is covered."""
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class _Held:
    index: int
    frame: VideoFrame
    look: FrameLook


@dataclass(frozen=True, slots=True)
class Verdict:
    """One face that is followed now.

    Attributes:
        number: of its tracklet.
        size_px: shorter side of its box in pixels.
        views: how often the judge of ages took a good look.
        age: what counts by now.
        removed: whether the policy removes such a person.
    """

    number: int
    size_px: float
    views: int
    age: AgeVerdict
    removed: bool


class LookAhead:
    """Looks at frames in order and drafts each one's covers, looking both ways.

    What is drafted depends on the frames alone, so the same input gives the same drafts, whether text is searched for
    in the caller's thread or, with `reader`, beside the next frame's faces; a draft shares nothing that changes later.
    """

    def __init__(
        self,
        *,
        quick: FaceDetector,
        thorough: FaceDetector,
        ages: Ages,
        remove_all: bool,
        track: str,
        bounds: Bounds | None = None,
        cadence: Cadence | None = None,
        screen: ScreenWatch | None = None,
        reader: Executor | None = None,
        labels: Labels | None = None,
        hints: HintedPlaces | None = None,
    ) -> None:
        self._screen = screen
        self._hints = hints
        self._labels = labels
        self._reader = reader
        self._reading: Future[None] | None = None
        self._bounds = bounds or Bounds()
        self._linker = Linker()
        self._examiner = Examiner(
            quick=quick,
            thorough=thorough,
            linker=self._linker,
            cadence=cadence,
            spared=(hints or HintedPlaces()).touches,
        )
        self._pursuit = Pursuit(self._linker)
        self._ages = ages
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
        self.failures = 0

    def feed(self, frame: VideoFrame) -> list[Draft]:
        """Look at the next frame; return those now decided, in order."""
        self._time(frame)
        room = max(1, self._bounds.bytes // max(1, frame.nbytes))
        key = min(self._examiner.cadence.key, room * self._interval / 3)
        look = self._examiner.examine(frame, key=key)
        hidden = self._examiner.covered(frame.time)
        if (
            self._hints is not None
        ):  # what is spared is not covered: text in it is searched for like elsewhere
            hints, time = self._hints, frame.time
            hidden = [box for box in hidden if not hints.touches(box, time)]
        if look.failed:
            self.failures += 1
        for item, face in look.links:
            if face.score > 0:
                self._ages.observe(item.number, frame, face)
        self._held.append(_Held(self._count, frame, look))
        self._pursuit.take(frame, look, earlier=[(item.frame, item.look) for item in self._held])
        self._count += 1
        self._bytes += frame.nbytes
        self._have_read()
        drafts = self._due(frame, least=1)
        self._read(frame, hidden)
        if len(self._held) == 1:
            drafts += self._due(frame, least=0)
        return drafts

    def _due(self, frame: VideoFrame, *, least: int) -> list[Draft]:
        """Draft the frames that need not, or cannot, be held any longer; so many of the latest stay."""
        drafts: list[Draft] = []
        while len(self._held) > least and frame.time - self._held[0].frame.time >= self._bounds.seconds:
            drafts.append(self._next())
        while len(self._held) > least and self._bytes > self._bounds.bytes:
            ahead = frame.time - self._held[0].frame.time
            drafts.append(self._next(short=ahead < self._bounds.least))
        return drafts

    def _read(self, frame: VideoFrame, hidden: Sequence[Box]) -> None:
        """Have text searched for on the latest frame."""
        if self._screen is None:
            return
        if self._reader is None:
            self._screen.see(frame, hidden=hidden)
        else:
            self._reading = self._reader.submit(self._screen.see, frame, hidden=hidden)

    def _have_read(self) -> None:
        """Wait until no frame is being searched for text; raise what ended the search."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.result()

    def pace(self, cadence: Cadence) -> None:
        """Look more or less often from the next frame on; faces stay covered for as long as two looks may lie apart."""
        self._examiner.cadence = cadence
        self._linker.reach = Reach().spanning(cadence.key)

    def declare(self, *, adult: bool | None) -> None:
        """Take up what the participant whose camera this is declared to be."""
        self._ages.adult = adult

    def verdicts(self) -> list[Verdict]:
        """Return the faces that were seen, or held because nothing changed, lately."""
        result: list[Verdict] = []
        for item in self._linker.active():
            x1, y1, x2, y2 = item.last.box
            size = min(x2 - x1, y2 - y1)
            number = item.number
            age = self._ages.verdict(number)
            views, removed = self._ages.views(number), self._ages.removes(age)
            result.append(Verdict(number, size, views, age, removed))
        return result

    def finish(self) -> list[Draft]:
        """Return the frames still held, decided with what there is."""
        self._have_read()
        drafts = []
        while self._held:
            drafts.append(self._next())
        for item in self._linker.tracklets:
            self._end(item)
        self._linker.tracklets = []
        if self._hints is not None and self._last_time is not None:
            self._hints.finish(self._last_time + self._interval)
            self.events += self._hints.events
            self._hints.events.clear()
        return drafts

    def _time(self, frame: VideoFrame) -> None:
        if self._last_time is not None:
            step = frame.time - self._last_time
            if step < 0:
                raise ValueError("frames do not come in order of time")
            if 0 < step < 0.5:
                self._interval += 0.2 * (step - self._interval)
        self._last_time = frame.time

    def _next(self, *, short: bool = False) -> Draft:
        held = self._held[0]
        whole = "memory" if short else ""
        if held.look.examined is Examined.COVERED:
            whole = "detector" if held.look.failed else "source"
        covers: list[Cover | Removal] = []
        people = minors = 0
        placed = [
            (item, place)
            for item in self._linker.tracklets
            if (place := self._place(item, held.frame)) is not None
        ]
        hinted = self._hinted(held.frame, placed)
        for item, place in placed:
            if item.number in hinted.spared:
                continue
            if item.number in hinted.adults:
                self._ages.believe(item.number)
            age = self._ages.decide(item.number)
            minor = self._ages.removes(age)
            people += 1
            minors += minor
            self._note(item, held.frame.time, minor=minor, in_doubt=age is AgeVerdict.IN_DOUBT)
            if not whole:
                covers.append(self._cover(item, held, place, minor=minor))
        self._have_read()
        if self._screen is not None:
            screen = self._screen.release()
            whole = whole or ("screen" if screen.failed else "")
            covers += [Cover(box, CoverReason.SCREEN) for box in (*screen.lines, *screen.unread) if not whole]
        self._held.popleft()
        self._bytes -= held.frame.nbytes
        until = self._held[0].frame.time if self._held else held.frame.time
        self._examiner.forget(until)
        over = self._linker.forget(until)
        for item in over:
            self._end(item)
        gone = tuple(item.number for item in over)
        return Draft(held.frame, held.look.examined, whole, tuple(covers), people, minors, gone, hinted.boxes)

    def _hinted(self, frame: VideoFrame, placed: Sequence[tuple[Tracklet, _HeadCover]]) -> PlaceVerdict:
        if self._hints is None:
            return PlaceVerdict()
        return self._hints.look(frame, {item.number: box for item, (box, _) in placed})

    def _cover(self, item: Tracklet, held: _Held, place: _HeadCover, *, minor: bool) -> Cover | Removal:
        box, mask = place
        time = held.frame.time
        score = next((seen.score for seen in item.observations if seen.time == time), 0.0)
        reason = CoverReason.MINOR if minor else CoverReason.FACE
        if not minor and not self._remove_all:
            return Cover(box, reason, item.number, score, mask, self._label(item, box, time))
        here, ahead = _moment(item, held, box), self._ahead(item, held, box)
        item.settled = item.firm
        return Removal(item.number, reason, score, here, ahead, doubt=_doubt(item, box))

    def _label(self, item: Tracklet, box: Box, time: float) -> str:
        if self._labels is None:
            return ""
        return self._labels.label(item.number, box, time=time, shot=item.shot)

    def _ahead(self, item: Tracklet, held: _Held, box: Box) -> Moment | None:
        """Return the next frame on which people are outlined, if this one is covered there."""
        for later in islice(self._held, Outlines.every + 1):
            if later.index % Outlines.every:
                continue
            if later is held:
                return _moment(item, held, box)
            place = self._place(item, later.frame)
            if place is None or later.frame.y.shape != held.frame.y.shape:
                return None
            if later.look.examined is not Examined.COVERED:
                return _moment(item, later, place[0])
        return None

    def _place(self, item: Tracklet, frame: VideoFrame) -> _HeadCover | None:
        margin = min(_MARGIN * self._interval, 0.15)
        rect = item.covers_at(frame.time, margin=margin, reach=self._linker.reach)
        if rect is None:
            return None
        box, mask = rounded_head(rect, width=frame.width, height=frame.height)
        return (box, mask) if box.area else None

    def _note(self, item: Tracklet, time: float, *, minor: bool, in_doubt: bool) -> None:
        record = self._records.get(item.number)
        if record is None:
            record = TrackletRecord(item.number, CoverReason.FACE, time, time)
            self._records[item.number] = record
        record.end = time
        record.frames += 1
        record.in_doubt = in_doubt
        if minor:
            record.reason = CoverReason.MINOR

    def _end(self, item: Tracklet) -> None:
        self._ages.forget(item.number)
        if self._labels is not None:
            self._labels.forget(item.number)
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
                    "in_doubt": int(record.in_doubt),
                },
            )
        )


def _doubt(item: Tracklet, box: Box) -> Doubt:
    if item.firm:
        return Doubt.NONE
    return Doubt.SOME if max(box.width, box.height) >= _OUTLINED_PX else Doubt.GREAT


def _moment(item: Tracklet, held: _Held, head: Box) -> Moment:
    seen = item.observations[0].time <= held.frame.time <= item.last.time
    return Moment(held.index, held.frame, held.look.thumbnail, head, seen)
