"""The short, soft tone that stands where a personal word was."""

from __future__ import annotations

import numpy as np

from redaction.model import Samples

__all__ = ["make_tone"]

TONE_HZ = 440.0
TONE_LEVEL = 0.04  # amplitude, about 10 dB under the speech beside it: heard, but startles nobody
TONE_FADE_S = 0.02


def make_tone(duration: float, *, sample_rate: int) -> Samples:
    """Return a sine with raised-cosine ends, float32 (round(duration * sample_rate),), at most 0.04.

    Args:
        duration: seconds; zero gives no samples. It never comes from the word that the tone stands for.
        sample_rate: in hertz.
    """
    count = max(0, round(duration * sample_rate))
    samples = TONE_LEVEL * np.sin(2 * np.pi * TONE_HZ / sample_rate * np.arange(count))
    fade = min(round(TONE_FADE_S * sample_rate), count // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / max(fade, 1))
    samples[:fade] *= ramp
    samples[count - fade :] *= ramp[::-1]
    return np.asarray(samples, np.float32)
