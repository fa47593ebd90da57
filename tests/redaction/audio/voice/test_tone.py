"""The tone that stands for personal words."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from redaction.audio.voice.tone import TONE_LEVEL, make_tone


@given(duration=st.floats(0, 2), rate=st.sampled_from([16_000, 24_000]))
def test_length_and_level(duration: float, rate: int) -> None:
    """A tone has the length asked for, starts from silence and never gets loud."""
    samples = make_tone(duration, sample_rate=rate)
    assert len(samples) == round(duration * rate)
    assert np.abs(samples).max(initial=0) <= TONE_LEVEL
    assert np.abs(samples[:1]).max(initial=0) == 0


def test_is_heard() -> None:
    """A tone of 0.3 s holds most of its energy at one frequency."""
    spectrum = np.abs(np.fft.rfft(make_tone(0.3, sample_rate=24_000))) ** 2
    peak = int(np.argmax(spectrum))
    assert spectrum[peak - 3 : peak + 4].sum() > 0.95 * spectrum.sum() > 0
