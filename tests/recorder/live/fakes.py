"""An engine that finds nothing and hears nothing, for tests of what is done around it."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.session import Engine
from recorder.sound import SoundStages
from redaction.audio.segment import Piece
from redaction.audio.transcribe import Transcript
from redaction.model import TextFinding, Utterance, VideoFrame
from redaction.policy import Policy
from redaction.video.secondlook import Sighting

__all__ = ["deaf_and_blind"]


class FakeBlindLook:
    """Finds no face."""

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Find nothing."""
        return []

    def close(self) -> None:
        """Do nothing."""


class FakeDeafTranscriber:
    """Hears no word."""

    def transcribe(self, piece: Piece) -> Transcript:
        """Hear nothing."""
        return Transcript((), "en")


class FakeCarelessFinder:
    """Finds nothing personal."""

    def find(self, utterances: Sequence[Utterance]) -> list[TextFinding]:
        """Find nothing."""
        return []


def deaf_and_blind(policy: Policy | None = None) -> Engine:
    """Return an engine without models."""
    engine = Engine(policy or Policy())
    engine._look = FakeBlindLook()  # type: ignore[assignment]
    engine._sound = SoundStages(
        transcriber=FakeDeafTranscriber(),  # type: ignore[arg-type]
        aligner=None,  # type: ignore[arg-type]
        finder=FakeCarelessFinder(),  # type: ignore[arg-type]
        synthesizer=None,
    )
    return engine
