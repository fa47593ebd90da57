"""Which track of a live call is whose, by the lane under which the session knows it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from recorder.call.source import LiveKind, TimedAudio
from recorder.live.capture.age_state import ParticipantAge
from recorder.live.capture.audio_track import Microphone, loudness
from recorder.live.capture.video_worker import Lane, VideoWorker
from redaction.model import Span

__all__ = ["MOST_TRACKS", "LiveTracks", "ParticipantTracks", "WorkedLane"]

MOST_TRACKS: Final = 32
"""Tracks of one participant of which something still waits to be stored; who has more changes them to no end."""
_SPEAKING_DB: Final = -45.0
_SPEAKING_HOLD_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class WorkedLane:
    """A camera or screen, and the thread that redacts it."""

    lane: Lane
    worker: VideoWorker

    @property
    def kind(self) -> LiveKind:
        """Whether it is a camera or a screen."""
        return self.lane.track.owner.kind


@dataclass(slots=True)
class ParticipantTracks:
    """The tracks of one participant.

    Attributes:
        spoke_until: call time until which they were last heard.
        spoken_s: for how many seconds they were heard since somebody asked.
        minor_reported: that they are a minor was told.
        refused_at: call time of the first track of each kind that was not taken, since there were too many.
        refused_told: what the log knows of that.
    """

    age: ParticipantAge
    videos: dict[int, WorkedLane] = field(default_factory=dict)
    microphones: dict[int, Microphone] = field(default_factory=dict)
    spoke_until: float = float("-inf")
    spoken_s: float = 0.0
    minor_reported: bool = False
    refused_at: dict[LiveKind, float] = field(default_factory=dict)
    refused_told: dict[LiveKind, float] = field(default_factory=dict)

    def hear(self, sound: TimedAudio) -> None:
        """Take note of whether they speak."""
        if not sound.concealed and loudness(sound.samples) > _SPEAKING_DB:
            self.spoke_until = sound.time
            self.spoken_s += len(sound.samples) / sound.sample_rate

    def speaks(self, now: float) -> bool:
        """Tell whether they are speaking at a call time."""
        return now - self.spoke_until < _SPEAKING_HOLD_S


class LiveTracks:
    """The tracks of everybody. Every method may be called from any thread.

    Attributes:
        lock: held while tracks are added, replaced or let go.
        refused: tracks that were not taken, of everybody.
    """

    def __init__(self) -> None:
        self._people: dict[str, ParticipantTracks] = {}
        self._owners: dict[int, str] = {}  # by lane
        self._numbers = count(1)
        self._forgotten: set[str] = set()
        self.lock = threading.RLock()
        self.refused = 0

    def new_lane(self) -> int:
        """Return a lane that nobody has."""
        return next(self._numbers)

    def add_owner(
        self, token: str, lane: int, age: ParticipantAge, *, kind: LiveKind, time: float
    ) -> ParticipantTracks | None:
        """Return whose lane it is from now on, with an age of theirs if they are new.

        None for who was forgotten, or has too many tracks, which is counted: nothing of this one is taken.
        """
        with self.lock:
            if token in self._forgotten:
                return None
            owner = self._people.setdefault(token, ParticipantTracks(age))
            if len(owner.videos) + len(owner.microphones) >= MOST_TRACKS:
                owner.refused_at.setdefault(kind, time)
                self.refused += 1
                return None
            self._owners[lane] = token
            return owner

    def all(self) -> list[tuple[str, ParticipantTracks]]:
        """Return every token with what it has."""
        return list(self._people.items())

    def find(self, token: str) -> ParticipantTracks | None:
        """Return what a token has."""
        return self._people.get(token)

    def may_store(self, token: str, time: float) -> bool:
        """Tell whether what somebody wrote at a call time may be stored, as what they said then."""
        person = self.find(token)
        if person is None:  # neither seen nor heard: what holds for who has no camera
            return True
        at = Span(time, time + 0.001)
        return person.age.may_release(at.end) >= time and not person.age.minors_only(at)

    def owner(self, lane: int) -> ParticipantTracks | None:
        """Return whose lane it is, None when nobody's."""
        token = self._owners.get(lane)
        return None if token is None else self._people.get(token)

    def video(self, lane: int) -> WorkedLane | None:
        """Return a camera or screen that goes on."""
        owner = self.owner(lane)
        found = None if owner is None else owner.videos.get(lane)
        gone = found is None or found.lane.forgotten or found.lane.ended is not None
        return None if gone else found

    def microphone(self, lane: int) -> Microphone | None:
        """Return a microphone."""
        owner = self.owner(lane)
        return None if owner is None else owner.microphones.get(lane)

    def forget(self, token: str) -> ParticipantTracks | None:
        """Let go of a participant for good; return what they had."""
        with self.lock:
            self._forgotten.add(token)
            for lane in [lane for lane, owner in self._owners.items() if owner == token]:
                del self._owners[lane]
            return self._people.pop(token, None)

    def sweep(self) -> None:
        """Let go of tracks that have ended."""
        with self.lock:
            for person in self._people.values():
                for lane, video in list(person.videos.items()):
                    if video.lane.done.is_set():
                        if video.kind is LiveKind.CAMERA:
                            person.age.camera_ended(video.lane.track)
                        del person.videos[lane]
                        self._owners.pop(lane, None)
                for lane, microphone in list(person.microphones.items()):
                    if microphone.over.is_set():
                        del person.microphones[lane]
                        self._owners.pop(lane, None)

    def of_worker(self, worker: VideoWorker) -> Iterator[tuple[str, ParticipantTracks, int, WorkedLane]]:
        """Yield the cameras and screens that a thread redacts; hold the lock."""
        for token, person in self._people.items():
            for lane, video in list(person.videos.items()):
                if video.worker is worker:
                    yield token, person, lane, video
