"""The notice for ears: a few sentences spoken once, as a track that a bot can publish beside its tile."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.signal import resample_poly

from recorder.call.notice import NoticeTexts
from recorder.call.playing import PLAYING_RATE, LoopingSound
from redaction.audio.speak import RATE, Synthesizer
from redaction.model import Samples

__all__ = ["notice_sound", "speak_notice"]

_PAUSE_S: Final = 1.0


def speak_notice(texts: NoticeTexts, synthesizer: Synthesizer) -> Samples:
    """Speak the notice; float32 (n,) mono at 48,000 Hz, after a second of silence for connections to settle.

    Takes a second or two of computing: call it off the event loop.

    Raises:
        CannotSpeak: the voice model failed.
    """
    speech = synthesizer.speak(texts.spoken.split())
    spoken = resample_poly(speech.samples, PLAYING_RATE // RATE, 1).astype(np.float32)
    silence = np.zeros(round(_PAUSE_S * PLAYING_RATE), np.float32)
    return np.concatenate([silence, np.clip(spoken, -1, 1), silence])


def notice_sound(spoken: Samples) -> LoopingSound:
    """Return the spoken notice as a sound track: once, then silence. Made anew for each time it is said."""
    return LoopingSound(spoken, once=True)
