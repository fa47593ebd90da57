"""The notice for ears: a few sentences spoken once, as a track that a bot can publish beside its tile."""

from __future__ import annotations

import io
import wave
from typing import Final

import numpy as np
from scipy.signal import resample_poly

from recorder.call.consent.notice import NoticeTexts
from recorder.call.rtc.playback import PLAYING_RATE
from redaction.audio.voice.speak import SPOKEN_HZ, Synthesizer
from redaction.model import Samples

__all__ = ["as_wav", "speak_notice"]

_PAUSE_S: Final = 1.0


def speak_notice(texts: NoticeTexts, synthesizer: Synthesizer) -> Samples:
    """Speak the notice; float32 (n,) mono at 48,000 Hz, after a second of silence for connections to settle.

    Takes a second or two of computing: call it off the event loop.

    Raises:
        CannotSpeak: the voice model failed.
    """
    speech = synthesizer.speak(texts.spoken.split())
    spoken = resample_poly(speech.samples, PLAYING_RATE // SPOKEN_HZ, 1).astype(np.float32)
    silence = np.zeros(round(_PAUSE_S * PLAYING_RATE), np.float32)
    return np.concatenate([silence, np.clip(spoken, -1, 1), silence])


def as_wav(spoken: Samples) -> bytes:
    """Return what was spoken as a WAV file, 16 bit at 48,000 Hz, for pages to play."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(PLAYING_RATE)
        file.writeframes((spoken * 32767).astype("<i2").tobytes())
    return held.getvalue()
