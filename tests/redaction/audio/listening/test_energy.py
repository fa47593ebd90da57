"""Speech is told from hum, hiss and silence by its level alone, so that a deaf listener does not go unnoticed."""

from __future__ import annotations

import numpy as np
import pytest

from redaction.audio.listening.energy import SpeechEnergy
from redaction.model import AudioBlock, Samples
from tests.recorder.live.speech import RATE, spoken

TIME = np.arange(4 * RATE) / RATE


def energy_of(samples: Samples, *, block: int = 7001) -> SpeechEnergy:
    """Push samples in blocks of an odd size."""
    energy = SpeechEnergy()
    for at in range(0, len(samples), block):
        energy.push(AudioBlock(samples[at : at + block].astype(np.float32), at, RATE))
    return energy


@pytest.mark.parametrize("gain", [1.0, 0.1, -1.0])
def test_speech_is_like_speech(gain: float) -> None:
    """A sentence counts, loud or soft."""
    assert energy_of(spoken() * gain).like_speech


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(4 * RATE, np.float32),
        0.2 * np.sin(2 * np.pi * 220 * TIME),
        0.05 * np.random.default_rng(0).standard_normal(4 * RATE),
        spoken() * 0.001,
        spoken()[: RATE // 2],
    ],
    ids=["silence", "tone", "hiss", "too soft", "too short"],
)
def test_other_sound_is_not(samples: Samples) -> None:
    """Steady sound, silence and less than a second of anything do not count."""
    assert not energy_of(samples).like_speech


def test_samples_are_not_kept() -> None:
    """What a block held can be wiped by whoever gave it, and nothing of it is left but levels."""
    energy = energy_of(spoken())
    assert len(energy._held) < 0.05 * RATE
