"""One picture track of a live call: any size in, redacted pieces out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import av
import av.error

from recorder.call.source import LiveKind, TimedVideo
from recorder.live.capture.age_state import ParticipantAge
from recorder.live.capture.load_shedding import CADENCES, Level, spares
from recorder.live.store.journal import Journal
from recorder.live.store.segments import TIME_BASE, VideoSegment
from recorder.media.orient import Geometry, Upright
from recorder.media.planes import Planes, black
from redaction.model import (
    Box,
    Cover,
    CoverReason,
    Event,
    EventKind,
    Examined,
    RedactedFrame,
    Span,
    VideoFrame,
)
from redaction.policy import Policy
from redaction.video.cover import covered_whole
from redaction.video.faces.examine import FAULTS
from redaction.video.lookahead import Bounds
from redaction.video.redact import VideoRedactor, VideoStages

__all__ = ["Canvas", "FrameSize", "TrackOwner", "VideoTrack", "bounded"]

FrameSize = tuple[int, int]

LOOK_AHEAD: Final = Bounds(seconds=1.5, bytes=96 * 2**20)
MOST_LINES: Final = 1080
MOST_COLUMNS: Final = 1920
CAMERA_GAP_S: Final = 1.0
"""A camera that shows nothing new for longer is covered meanwhile."""
VIDEO_SEGMENT_S: Final = 600.0
"""Longest piece: what the second look has to encode anew when it finds something."""
_SETTLED_S: Final = 1.0
_CHANGE_EVERY_S: Final = 2.0
_VERDICTS_EVERY_S: Final = 0.25
_SMALLEST: Final = 16
_MOST_FAILURES: Final = 3


class Canvas:
    """Chooses the size at which a track is redacted and stored, and brings pictures to it.

    A sender ramps its size up and down; the canvas follows a size that stays for a second, at most once in two. What
    comes in another size meanwhile is scaled to fit, on black. Nothing is larger than 1080p.
    """

    def __init__(self) -> None:
        self.size: FrameSize | None = None
        self._changed = float("-inf")
        self._wanted: tuple[FrameSize, float] | None = None
        self._upright: Upright | None = None

    def place(self, picture: av.VideoFrame, time: float) -> Planes:
        """Return a picture's planes, uint8, at the canvas' size, which may just have changed.

        Raises:
            ValueError: the picture has no size, or cannot be converted.
        """
        self._choose(bounded(picture.width, picture.height), time)
        if self._upright is None or self.size is None:
            raise ValueError("a picture came before any size")
        try:
            return self._upright.convert(picture)
        except av.error.FFmpegError:
            raise ValueError("a picture cannot be converted") from None

    def _choose(self, size: FrameSize, time: float) -> None:
        if size == self.size:
            self._wanted = None
            return
        if self.size is not None:
            if self._wanted is None or self._wanted[0] != size:
                self._wanted = (size, time)
            settled = time - self._wanted[1] >= _SETTLED_S
            if not settled or time - self._changed < _CHANGE_EVERY_S:
                return
        self.size, self._changed, self._wanted = size, time, None
        self._upright = Upright(Geometry(coded=size, flat=size, bt709=size[1] >= 720))


def bounded(width: int, height: int) -> FrameSize:
    """Return the size scaled down to at most 1080p, either way up, with even edges.

    Raises:
        ValueError: an edge is too short to show anything.
    """
    if min(width, height) < _SMALLEST:
        raise ValueError("a picture has no size")
    scale = min(1.0, MOST_COLUMNS / max(width, height), MOST_LINES / min(width, height))
    if scale == 1.0:
        return width, height
    return max(_SMALLEST, int(width * scale) & ~1), max(_SMALLEST, int(height * scale) & ~1)


@dataclass(frozen=True, slots=True)
class TrackOwner:
    """Whose track it is, and where it goes."""

    token: str
    kind: LiveKind
    journal: Journal
    age: ParticipantAge


class VideoTrack:
    """Redacts one track and writes its pieces; belongs to one thread, but for `forget`.

    Args:
        owner: whose it is.
        policy: what to cover.
        stages: the models of the thread; None covers every picture whole.
    """

    def __init__(self, owner: TrackOwner, *, policy: Policy, stages: VideoStages | None) -> None:
        self.owner = owner
        self._policy = policy
        self._stages = stages
        self._canvas = Canvas()
        self._redactor: VideoRedactor | None = None
        self._segment: VideoSegment | None = None
        self._level = Level.FULL
        self._taken = float("-inf")
        self._looked = float("-inf")
        self._failed_before = 0
        self._failures = 0
        self._forgotten = False
        self.covered_now = 0
        self.decided = 0.0

    def forget(self) -> None:
        """Write nothing more from now on; may be called from any thread."""
        self._forgotten = True

    @property
    def kept_until(self) -> float:
        """Call time up to which pictures stay stored should the thread never come back."""
        segment = self._segment
        return self.decided if segment is None else segment.proven

    def at_level(self, level: Level, *, time: float) -> None:
        """Spare more or less from now on, and say so in the participant's facts."""
        if level is self._level:
            return
        self._level = level
        if self._redactor is not None:
            self._redactor.pace(CADENCES[level])
        self._log(Event(EventKind.LOAD, span=Span(time, time), detail={"level": level.name.lower()}))

    def take(self, picture: TimedVideo) -> None:
        """Redact the next picture and store what is decided.

        Raises:
            StorageFailed: the disk refused.
            Exception: a stage failed; call `fail` next.
        """
        since = picture.time - self._taken
        if self._forgotten or since <= 0 or spares(self._level, since=since):
            return
        pause = CAMERA_GAP_S + (1.0 if self._level is Level.COVERED else 0.0)
        if self.owner.kind is LiveKind.CAMERA and self._taken >= 0 and since > pause:
            self.lost(self._taken, picture.time, "no pictures")
        self._taken = picture.time
        if self._level is Level.COVERED and self._canvas.size is not None:
            self._push(black(*self._canvas.size), picture.time, whole=True)
            return
        try:
            planes = self._canvas.place(picture.frame, picture.time)
        except ValueError:
            self._cover(picture.time)
            return
        self._push(planes, picture.time, whole=False)

    def lost(self, start: float, end: float, reason: str) -> None:
        """Cover a stretch in which nothing came, and log it as a gap."""
        self._log(Event(EventKind.GAP, span=Span(start, max(start, end)), detail={"reason": reason}))
        at = max(start, self._taken) + 0.05
        if self._taken >= 0 and at < end:
            self._taken = at
            self._cover(at)

    def fail(self, *, time: float) -> None:
        """Close the piece after a stage failed; after the third time every picture is covered whole."""
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            self._stages = None
        self._drop_redactor()
        self._log(
            Event(
                EventKind.GAP,
                span=Span(max(0.0, self.decided), max(self.decided, time)),
                detail={"reason": "a stage failed"},
            )
        )
        self._close_segment()

    def flush(self) -> bool:
        """Store what is held since nothing comes for now; return whether anything was held.

        Raises:
            StorageFailed: the disk refused.
        """
        if self._redactor is None or self._forgotten:
            return False
        self._store(self._redactor.flush())
        self._log_events()
        self._drop_redactor()
        self.owner.age.camera_paused(self)
        return True

    def finish(self) -> None:
        """Store what is held and close the piece.

        Raises:
            StorageFailed: the disk refused.
        """
        self.flush()
        self._drop_redactor()
        self._close_segment()

    def abandon(self) -> None:
        """Let go of everything at once."""
        self._forgotten = True
        self._drop_redactor()
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.abandon()

    def _cover(self, time: float) -> None:
        if self._canvas.size is not None:
            self._push(black(*self._canvas.size), time, whole=True)

    def _push(self, planes: Planes, time: float, *, whole: bool) -> None:
        frame = VideoFrame(*planes, round(time / TIME_BASE), TIME_BASE, whole_cover=whole)
        if self._stages is None:
            cover = Cover(Box(0, 0, frame.width, frame.height), CoverReason.WHOLE)
            self._store([RedactedFrame(covered_whole(frame), (cover,), Examined.COVERED)])
            return
        if self._redactor is None:
            self.owner.age.camera_resumed(self, time)
            self._redactor = VideoRedactor(
                width=frame.width,
                height=frame.height,
                policy=self._policy,
                stages=self._stages,
                track=str(self.owner.kind),
                bounds=LOOK_AHEAD,
                cadence=CADENCES[self._level],
                adult=self._declared_adult,
                threaded=False,
            )
            self._failed_before = 0
        done = self._redactor.push(frame)
        self._judge(time)
        self._store(done)
        self._log_events()

    @property
    def _declared_adult(self) -> bool | None:
        return self.owner.age.declared_adult if self.owner.kind is LiveKind.CAMERA else None

    def _judge(self, time: float) -> None:
        if self.owner.kind is not LiveKind.CAMERA or self._redactor is None:
            return
        if time - self._looked >= _VERDICTS_EVERY_S:
            self._looked = time
            self._redactor.declare(adult=self.owner.age.declared_adult)
            self.owner.age.saw(self, time, self._redactor.verdicts())

    def _store(self, frames: Sequence[RedactedFrame]) -> None:
        for redacted in frames:
            if self._forgotten or not self.owner.journal.holds(self.owner.token):
                return  # nothing is stored of whoever has no consent on record
            self._segment_for(redacted.frame).write(redacted)
            self.decided = redacted.frame.time
            self.covered_now = len(redacted.covers)
            if self.owner.kind is LiveKind.CAMERA:
                self.owner.age.stored(self, redacted)

    def _segment_for(self, frame: VideoFrame) -> VideoSegment:
        segment, time = self._segment, frame.time
        if segment is not None and (
            segment.size != (frame.width, frame.height) or time - segment.start >= VIDEO_SEGMENT_S
        ):
            self._close_segment()
            segment = None
        if segment is None:
            owner = self.owner
            segment = self._segment = VideoSegment(
                owner.journal.segment(owner.token, owner.kind.value),
                kind=owner.kind.value,
                start=time,
                width=frame.width,
                height=frame.height,
                output=self._policy.output,
            )
        return segment

    def _log_events(self) -> None:
        if self._redactor is None:
            return
        events = self._redactor.drain_events()
        failed = self._redactor.failed_detections
        if self._segment is not None:
            self._segment.add_events(events, failed=failed - self._failed_before)
        self._failed_before = failed
        for event in events:
            self._log(event)

    def _log(self, event: Event) -> None:
        if not self._forgotten:
            self.owner.journal.fact(self.owner.token, event, track=self.owner.kind.value)

    def _close_segment(self) -> None:
        segment, self._segment = self._segment, None
        if segment is None:
            return
        if self._forgotten:
            segment.abandon()
        else:
            segment.close()

    def _drop_redactor(self) -> None:
        redactor, self._redactor = self._redactor, None
        if redactor is not None:
            with suppress(*FAULTS):
                redactor.drop()
