"""A scripted call, and an engine that finds nothing and hears nothing, for tests of what is done around them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from recorder.call.source import CallObserver, Ended
from recorder.live.capture.status import CallStatus
from redaction.audio.listening.segment import SpeechSegment
from redaction.audio.listening.transcribe import Transcript
from redaction.model import TextFinding, Utterance, VideoFrame
from redaction.policy import Policy
from redaction.stages import AudioStages, Stages
from redaction.video.faces.second_detector import Sighting

__all__ = ["FakeSource", "FakeView", "Script", "deaf_and_blind", "settle"]

Script = Callable[["FakeSource", CallObserver], Awaitable[Ended]]


class FakeSource:
    """A call in which a script happens."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.received: list[tuple[str, bool]] = []
        self.said: list[tuple[str, str | None]] = []
        self.closed = False
        self.chat_works = True

    async def run(self, observer: CallObserver) -> Ended:
        return await self.script(self, observer)

    async def receive(self, participant: str, wanted: bool) -> None:
        self.received.append((participant, wanted))

    async def notify(self, text: str, *, to: str | None = None) -> bool:
        self.said.append((text, to))
        return self.chat_works

    async def close(self) -> None:
        self.closed = True


class FakeView:
    """Remembers what was shown."""

    def __init__(self) -> None:
        self.shown: list[CallStatus] = []
        self.events: list[tuple[str, dict[str, str | int | float]]] = []

    def show(self, status: CallStatus) -> None:
        self.shown.append(status)

    def event(self, name: str, **figures: str | int | float) -> None:
        self.events.append((name, figures))


async def settle() -> None:
    """Let what was asked for be done."""
    for _ in range(20):
        await asyncio.sleep(0.01)


class FakeBlindLook:
    """Finds no face."""

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Find nothing."""
        return []

    def close(self) -> None:
        """Do nothing."""


class FakeDeafTranscriber:
    """Hears no word."""

    def transcribe(self, piece: SpeechSegment) -> Transcript:
        """Hear nothing."""
        return Transcript((), "en")


class FakeCarelessFinder:
    """Finds nothing personal."""

    def find(self, utterances: Sequence[Utterance]) -> list[TextFinding]:
        """Find nothing."""
        return []

    def find_on(self, utterances: Sequence[Utterance], memories: object) -> list[TextFinding]:
        """Find nothing."""
        return []


def deaf_and_blind(policy: Policy | None = None) -> Stages:
    """Return an engine without models."""
    engine = Stages(policy or Policy())
    engine._second_look = FakeBlindLook()  # type: ignore[assignment]
    engine._audio = AudioStages(
        transcriber=FakeDeafTranscriber(),  # type: ignore[arg-type]
        aligner=None,  # type: ignore[arg-type]
        finder=FakeCarelessFinder(),  # type: ignore[arg-type]
        synthesizer=None,
    )
    return engine
