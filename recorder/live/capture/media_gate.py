"""Lets through the media of those who are received, and nothing of anybody else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from recorder.call.consent.state import ConsentBook
from recorder.call.source import LiveKind, QualitySample, TimedAudio, TimedVideo, TrackKey
from recorder.live.capture.consent_enforcer import RecordedMedia
from recorder.live.capture.monitor import CallMonitor, TrackStates
from recorder.live.capture.participants import Attendance, Participant

__all__ = ["MediaGate", "Recorder"]


class Recorder(RecordedMedia, TrackStates, Protocol):
    """What the session needs of the live engine; every method but `forget` returns at once."""

    def open(self, token: str, kind: LiveKind, *, time: float) -> int:
        """Begin a track; return its lane."""
        ...

    def video(self, lane: int, video: TimedVideo) -> None:
        """Take a picture."""
        ...

    def audio(self, lane: int, audio: TimedAudio) -> None:
        """Take a block of sound."""
        ...

    def lost(self, lane: int, start: float, end: float, reason: str) -> None:
        """Take note of a hole."""
        ...

    def declare_adult(self, token: str) -> None:
        """Believe that a participant is an adult, as far as the policy does; safe to repeat."""
        ...

    def chat(self, token: str, text: str, time: float) -> None:
        """Take what a participant wrote; nothing of it is stored before it is redacted."""
        ...

    def know_names(self, names: Iterable[str]) -> None:
        """Mask these names wherever they are said."""
        ...


class MediaGate:
    """The part of a call's observer through which media comes.

    Args:
        attendance: says who is received.
        book: says who declared to be an adult.
        recording: the live engine.
        monitor: keeps quality figures.
    """

    def __init__(
        self, attendance: Attendance, *, book: ConsentBook, recording: Recorder, monitor: CallMonitor
    ) -> None:
        self._attendance = attendance
        self._book = book
        self._recording = recording
        self._monitor = monitor

    def track_started(self, track: TrackKey, time: float) -> None:
        """Open a lane for a track of somebody who is received."""
        found = self._attendance.get(track.participant)
        if found is not None and found.receiving and track not in found.lanes:
            self._pass_declaration(found)
            found.lanes[track] = self._recording.open(found.token, track.kind, time=time)

    def video(self, track: TrackKey, video: TimedVideo) -> None:
        """Hand a picture on, or drop it."""
        lane = self._lane(track)
        if lane is not None:
            self._recording.video(lane, video)

    def audio(self, track: TrackKey, audio: TimedAudio) -> None:
        """Hand sound on, or drop it."""
        lane = self._lane(track)
        if lane is not None:
            self._recording.audio(lane, audio)

    def track_lost(self, track: TrackKey, start: float, end: float, reason: str) -> None:
        """Have a hole logged, covered and silent."""
        lane = self._lane(track)
        if lane is not None:
            self._recording.lost(lane, start, end, reason)

    def track_ended(self, track: TrackKey, time: float) -> None:
        """Close the lane."""
        found = self._attendance.get(track.participant)
        if found is not None and (lane := found.lanes.pop(track, None)) is not None:
            self._recording.end(lane, time)

    def quality(self, participant: str, sample: QualitySample) -> None:
        """Keep the figures of somebody who is recorded."""
        found = self._attendance.get(participant)
        if found is not None and found.receiving:
            self._monitor.add_quality(found, sample)

    def _lane(self, track: TrackKey) -> int | None:
        found = self._attendance.get(track.participant)
        return None if found is None else found.lane(track)

    def _pass_declaration(self, participant: Participant | None) -> None:
        if participant is None or not participant.token:
            return
        status = self._book.status(participant.id)
        if status is not None and status.declared_adult:
            self._recording.declare_adult(participant.token)
