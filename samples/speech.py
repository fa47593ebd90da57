"""The sound of the sample call: two voices that belong to nobody, speaking of people who do not exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyworld
from hibari import Hibari  # type: ignore[import-untyped]
from numpy.typing import NDArray

from redaction.audio.voice.speak import HibariSynthesizer
from redaction.model import Span

__all__ = ["SAMPLE_HZ", "SCRIPT", "CallSpeech", "ScriptLine", "SpokenWord", "speak_call"]

SAMPLE_HZ: Final = 24_000
_LEAD_S: Final = 0.8
_PAUSE_S: Final = 0.35
_TAIL_S: Final = 1.0
_SILENCE_DB: Final = -45.0


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One sentence.

    Attributes:
        speaker: 0 is the person in the picture, 1 the one who shares a screen.
        text: what is said; personal words stand in braces.
    """

    speaker: int
    text: str

    @property
    def words(self) -> list[tuple[str, bool]]:
        """Each word with whether it is personal."""
        pieces = self.text.replace("{", " { ").replace("}", " } ").split()
        inside = False
        found: list[tuple[str, bool]] = []
        for piece in pieces:
            if piece in "{}":
                inside = piece == "{"
            elif not any(map(str.isalnum, piece)) and found:
                found[-1] = (found[-1][0] + piece, found[-1][1])  # punctuation after a brace
            else:
                found.append((piece, inside))
        return found


# Invented: the names are of nobody, 555 0142 is a number for fiction (NANPA), example.com cannot be had (RFC 2606).
SCRIPT: Final = (
    ScriptLine(0, "Hello, my name is {Laura Bennett}, and I work on the export team."),
    ScriptLine(1, "Hi {Laura}, this is {Daniel Carter}."),
    ScriptLine(1, "I press the export button, and then nothing happens."),
    ScriptLine(0, "Thank you, {Daniel}."),
    ScriptLine(0, "What is the best number to call you back?"),
    ScriptLine(1, "It is {four one five, five five five, zero one four two}."),
    ScriptLine(1, "Or write to {daniel dot carter at example dot com}."),
    ScriptLine(0, "Great. The chart looks right, so the file is still open."),
    ScriptLine(0, "Please close it and try again."),
    ScriptLine(1, "That works now. Thank you very much for your help."),
)


@dataclass(frozen=True, slots=True)
class _Voice:
    """How a speaker's voice differs from the synthetic one: F0 and vocal tract as factors, F0 swing as an exponent."""

    pitch: float
    formants: float
    swing: float
    pace: float


# Far from the pseudo-voices, which are drawn from the same synthesizer: of 24 none comes nearer than a CAM++ cosine
# of 0.39, where 0.42 is taken for the same speaker. Nearer ones would make the voice check refuse the sample by chance.
_VOICES: Final = (_Voice(1.3, 1.34, 1.1, 1.0), _Voice(0.5, 0.64, 0.9, 0.97))


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word with its exact time on the call clock."""

    text: str
    span: Span
    speaker: int
    personal: bool


@dataclass(frozen=True, slots=True)
class CallSpeech:
    """The sound, float32 (n,) at 24,000 Hz, and every word in it."""

    samples: NDArray[np.float32]
    words: tuple[SpokenWord, ...]


def speak_call(script: Sequence[ScriptLine] = SCRIPT) -> CallSpeech:
    """Speak the script, one line after the other; the same script gives the same samples."""
    voice, timer = Hibari(), HibariSynthesizer()
    parts = [np.zeros(round(_LEAD_S * SAMPLE_HZ), np.float32)]
    words: list[SpokenWord] = []
    at = len(parts[0])
    for number, line in enumerate(script):
        texts = [text for text, _ in line.words]
        pace = _VOICES[line.speaker].pace
        spans = timer.speak(texts, rate=pace).spans
        sound = _as(_VOICES[line.speaker], _trimmed(voice(" ".join(texts), speed=pace, seed=number)))
        for (text, personal), span in zip(line.words, spans, strict=True):
            if span is not None:
                start = at / SAMPLE_HZ
                words.append(
                    SpokenWord(text, Span(start + span.start, start + span.end), line.speaker, personal)
                )
        pause = np.zeros(round((_PAUSE_S if number + 1 < len(script) else _TAIL_S) * SAMPLE_HZ), np.float32)
        parts += [sound, pause]
        at += len(sound) + len(pause)
    samples = np.concatenate(parts)
    room = np.random.default_rng(3).normal(0, 3e-4, len(samples))
    return CallSpeech((samples + room).astype(np.float32), tuple(words))


def _trimmed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut what is below the silence level at both ends, in frames of 12.5 ms, as the timer does."""
    hop = SAMPLE_HZ // 80
    power = np.square(samples[: len(samples) // hop * hop].reshape(-1, hop)).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (_SILENCE_DB / 10))
    return samples[max(0, int(loud[0]) - 1) * hop : (int(loud[-1]) + 2) * hop]


def _as(voice: _Voice, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sound with another pitch and vocal tract, as long as before. Source: WORLD (Morise et al. 2016)."""
    sound = samples.astype(np.float64)
    rough, times = pyworld.dio(sound, SAMPLE_HZ, f0_floor=70.0, f0_ceil=420.0)
    pitch = pyworld.stonemask(sound, rough, times, SAMPLE_HZ)
    envelope = pyworld.cheaptrick(sound, pitch, times, SAMPLE_HZ)
    noise = pyworld.d4c(sound, pitch, times, SAMPLE_HZ)
    voiced = pitch > 0
    middle = np.median(pitch[voiced]) if voiced.any() else 1.0
    pitch[voiced] = middle * voice.pitch * (pitch[voiced] / middle) ** voice.swing
    bins = envelope.shape[1]
    place = np.clip(np.arange(bins) / voice.formants, 0, bins - 1)
    moved = np.exp([np.interp(place, np.arange(bins), row) for row in np.log(envelope)])
    breath = np.array([np.interp(place, np.arange(bins), row) for row in noise])
    out = pyworld.synthesize(pitch, np.ascontiguousarray(moved), np.ascontiguousarray(breath), SAMPLE_HZ)
    out = (
        np.resize(out, len(samples))
        if len(out) >= len(samples)
        else np.pad(out, (0, len(samples) - len(out)))
    )
    return (out * 0.08 / max(float(np.sqrt(np.square(out).mean())), 1e-6)).clip(-0.9, 0.9).astype(np.float32)
