"""Speech of a synthetic voice, and stages of the sound that hear in it what a script says."""

from __future__ import annotations

from collections import deque
from functools import cache
from typing import cast

import numpy as np
from scipy.signal import resample_poly

from redaction.audio.listening.align import PocketsphinxAligner
from redaction.audio.listening.segment import SpeechSegment
from redaction.audio.listening.transcribe import Transcript, WhisperTranscriber
from redaction.audio.speakers.models import SpeakerModels
from redaction.audio.voice.speak import HibariSynthesizer
from redaction.model import Samples, Word
from redaction.policy import Policy
from redaction.stages import AudioStages
from redaction.text.find import PersonalDataFinder
from tests.recorder.live.text.test_words import TellingReader

RATE = 48_000


@cache
def spoken(text: str = "good morning everybody and welcome to the meeting") -> Samples:
    """Return a synthetic voice's speech, float32 (n,) at 48,000 Hz."""
    speech = HibariSynthesizer().speak(text.split())
    return np.asarray(resample_poly(speech.samples, 2, 1), np.float32)


class Scripted:
    """Hears the next line of a script in each piece that has speech, its words spread over it."""

    def __init__(self, *lines: str) -> None:
        self.lines = deque(lines)
        self.pieces = 0

    def transcribe(self, piece: SpeechSegment) -> Transcript:
        """Return the next line; nothing when the script is over."""
        self.pieces += 1
        if not self.lines:
            return Transcript(())
        line = self.lines.popleft()
        if line == "raise":
            raise RuntimeError("fault injected")
        run = max(piece.speech, key=lambda span: span.duration)
        words = line.split()
        step = run.duration / len(words)
        return Transcript(
            (
                tuple(
                    Word(word, type(run)(run.start + step * at, run.start + step * (at + 0.9)), located=False)
                    for at, word in enumerate(words)
                ),
            )
        )


class Believing:
    """An aligner that believes the recogniser."""

    def align(self, piece: SpeechSegment, transcript: Transcript) -> tuple[tuple[Word, ...], ...]:
        """Return the same words, located."""
        return tuple(tuple(Word(w.text, w.span) for w in group) for group in transcript.segments)


def stages_of(
    transcriber: Scripted, *, names: tuple[str, ...] = (), policy: Policy | None = None
) -> AudioStages:
    """Return stages that hear a script; the voice is the real one."""
    speech = (policy or Policy()).speech
    return AudioStages(
        transcriber=cast(WhisperTranscriber, transcriber),
        aligner=cast(PocketsphinxAligner, Believing()),
        finder=PersonalDataFinder(speech, model=TellingReader(*names)),
        synthesizer=HibariSynthesizer(),
        speakers=SpeakerModels.load() if SpeakerModels.available() else None,
    )
