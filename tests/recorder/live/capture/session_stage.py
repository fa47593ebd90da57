"""The session of a call that a script plays, with fakes around it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.state import ConsentBook
from recorder.call.source import Answer, CallObserver, Ended, LiveKind, TimedAudio, TimedVideo, TrackKey
from recorder.live.capture.engine import LaneState
from recorder.live.capture.monitor import CallLimits
from recorder.live.capture.session import CallSession
from recorder.live.store.journal import Journal
from redaction.errors import StorageFailed
from redaction.policy import ConsentSection, Policy
from tests.recorder.live.fakes import FakeSource, FakeView, Script, settle

__all__ = ["FakeRecording", "Stage", "agreed", "camera", "failing", "picture", "sound", "stage"]


@dataclass
class FakeRecording:
    """Remembers what it was given."""

    journal: Journal
    lanes: dict[int, str] = field(default_factory=dict)
    given: list[tuple[str, str]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    chats: list[tuple[str, str, float]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    adults: set[str] = field(default_factory=set)
    failing: StorageFailed | None = None

    def declare_adult(self, token: str) -> None:
        self.adults.add(token)

    def open(self, token: str, kind: LiveKind, *, time: float) -> int:
        self.lanes[len(self.lanes)] = token
        return len(self.lanes) - 1

    def video(self, lane: int, video: TimedVideo) -> None:
        self.given.append((self.lanes[lane], "picture"))

    def audio(self, lane: int, audio: TimedAudio) -> None:
        self.given.append((self.lanes[lane], "sound"))

    def lost(self, lane: int, start: float, end: float, reason: str) -> None:
        self.given.append((self.lanes[lane], "lost"))

    def end(self, lane: int, time: float) -> None:
        self.ended.append(lane)

    def forget(self, token: str) -> None:
        if self.failing is not None:
            raise self.failing
        self.forgotten.append(token)
        self.journal.erase(token)

    def chat(self, token: str, text: str, time: float) -> None:
        self.chats.append((token, text, time))

    def know_names(self, names: Iterable[str]) -> None:
        self.names += names

    def spoken_s(self, token: str) -> float:
        return 0.25

    refused_tracks = 0

    def state(self, lane: int) -> LaneState:
        return LaneState(speaking=True)


@dataclass
class Stage:
    """A session with everything around it."""

    session: CallSession
    source: FakeSource
    recording: FakeRecording
    journal: Journal
    view: FakeView

    def play(self, *, most_s: float = 20, close: bool = True) -> Ended | None:
        async def within() -> Ended | None:
            async with asyncio.timeout(most_s):
                return await self.session.run()

        try:
            return asyncio.run(within())
        finally:
            if close:
                self.journal.close()


def stage(
    folder: Path, script: Script, *, consent: ConsentSection | None = None, limits: CallLimits | None = None
) -> Stage:
    journal = Journal(folder)
    source, recording, view = FakeSource(script), FakeRecording(journal), FakeView()
    book = ConsentBook(consent or ConsentSection(), NoticeTexts.of(Policy()))
    session = CallSession(
        source,
        recording=recording,
        journal=journal,
        book=book,
        limits=limits or CallLimits(alone_s=60, at_most_s=60),
        view=view,
    )
    return Stage(session, source, recording, journal, view)


def camera(participant: str) -> TrackKey:
    return TrackKey(participant, LiveKind.CAMERA)


def picture(time: float) -> TimedVideo:
    return TimedVideo(av.VideoFrame(16, 16, "yuv420p"), time)


def sound(time: float) -> TimedAudio:
    return TimedAudio(np.zeros(960, np.float32), 48_000, time)


async def agreed(to: CallObserver, *, name: str = "Rosa") -> None:
    """Let the first participant join, be asked, and agree."""
    to.can_ask(True, 0)
    to.joined("a", name, 0.1)
    to.answered("a", Answer.YES, 0.2)
    await settle()


def failing(folder: Path, script: Script) -> Stage:
    """Return a session that cannot erase what it stored."""
    played = stage(folder, script)
    played.recording.failing = StorageFailed("The output could not be stored.")
    return played
