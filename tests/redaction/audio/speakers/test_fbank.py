"""Log-mel energies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redaction.audio.speakers.fbank import BANDS, FRAME_STEP, SAMPLE_RATE, WINDOW, mel_energies
from redaction.model import Samples

KALDI_FIRST = [1.1552, -0.3408, -3.7266, 1.8861, -0.7827, 0.3802, -0.0205, 0.0707]
KALDI_LAST = [-1.8454, 0.5226, 2.2333, 0.1906, -0.2832, -0.9679, 0.1358, -0.0737]


def noise(count: int, seed: int = 0) -> Samples:
    """Return quiet noise, float32 (count,)."""
    return (0.1 * np.random.default_rng(seed).normal(size=count)).astype(np.float32)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 5000))
def test_a_frame_begins_every_ten_milliseconds(count: int) -> None:
    """There is one row for each whole frame of 25 ms, and none for a shorter stretch."""
    rows = 0 if count < WINDOW else 1 + (count - WINDOW) // FRAME_STEP
    assert mel_energies(noise(count)).shape == (rows, BANDS)


def test_energies_are_kaldis() -> None:
    """The values are those of Kaldi's own code (kaldi-native-fbank 1.23, dither 0) for the same sound."""
    t = np.arange(1600) / SAMPLE_RATE
    tones = [0.01 * np.sin(2 * np.pi * 190 * k * t * (1 + t) + k * k) for k in range(1, 41)]
    sound = np.sum(tones, axis=0).astype(np.float32)
    energies = mel_energies(sound)
    assert energies.shape == (8, BANDS)
    assert energies[0, ::10] == pytest.approx(KALDI_FIRST, abs=2e-3)
    assert energies[7, ::10] == pytest.approx(KALDI_LAST, abs=2e-3)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.5, 5.0))
def test_loudness_does_not_matter(gain: float) -> None:
    """The same sound louder or somewhat softer has the same energies, since the mean of each band is taken off."""
    sound = noise(8000)
    assert mel_energies(np.float32(gain) * sound) == pytest.approx(mel_energies(sound), abs=1e-3)


def test_an_offset_does_not_matter() -> None:
    """A constant added to the samples changes nothing: microphones have offsets."""
    sound = noise(8000)
    assert mel_energies(sound + np.float32(0.2)) == pytest.approx(mel_energies(sound), abs=5e-3)


def test_each_band_has_mean_zero() -> None:
    """The mean over time of every band is zero."""
    assert mel_energies(noise(16_000)).mean(axis=0) == pytest.approx(np.zeros(BANDS), abs=1e-5)


def test_silence_is_finite() -> None:
    """Digital silence has finite energies."""
    assert np.isfinite(mel_energies(np.zeros(4000, np.float32))).all()


def test_long_sounds_are_the_same_in_parts() -> None:
    """Energies of a long stretch, worked out in parts, are those of its frames, less the mean."""
    sound = noise(FRAME_STEP * 1500 + WINDOW)
    whole = mel_energies(sound)
    part = mel_energies(sound[FRAME_STEP * 990 : FRAME_STEP * 1010 + WINDOW])
    cut = whole[990:1011]
    assert cut - cut.mean(axis=0) == pytest.approx(part, abs=1e-3)
