"""Voices that carry nobody."""

import random
import secrets
from itertools import combinations

import numpy as np
import pytest

from redaction.audio.voice.pseudovoice import PseudoVoice, draw_voices
from redaction.audio.voice.speak import SPOKEN_HZ, HibariSynthesizer, Speech


@pytest.fixture(scope="module")
def speech() -> Speech:
    return HibariSynthesizer().speak(
        ["the", "tests", "still", "fail", "on", "the", "staging", "server", "and", "nobody", "knows", "why"]
    )


def test_voices_differ_within_a_recording() -> None:
    """Two voices of one recording are always further apart than a step that listeners hear."""
    for seed in range(50):
        voices = draw_voices(4, rng=random.Random(seed))
        assert min(a.distance(b) for a, b in combinations(voices, 2)) > 1


def test_voices_differ_between_recordings() -> None:
    """Two recordings get different voices, from the operating system's own source of chance."""
    assert draw_voices(3) != draw_voices(3)


def test_chance_comes_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a source given, every number is asked of `secrets.SystemRandom`."""
    asked = []

    class Counted(secrets.SystemRandom):
        def uniform(self, a: float, b: float) -> float:
            asked.append((a, b))
            return super().uniform(a, b)

    monkeypatch.setattr(secrets, "SystemRandom", Counted)
    draw_voices(2)
    assert len(asked) > 40


def test_place_in_order_tells_nothing() -> None:
    """First and second voice have the same pitch on average: the order carries no meaning."""
    chance = random.Random(5)
    pairs = np.array([[one.pitch_hz for one in draw_voices(2, rng=chance)] for _ in range(400)])
    assert np.ptp(np.log(pairs).mean(axis=0)) < 0.08


def test_parameters_are_not_shown() -> None:
    """Neither `repr` nor `str` of a voice holds a number."""
    voice = draw_voices(1)[0]
    assert not any(char.isdigit() for char in repr(voice) + str(voice) + f"{[voice]}")


def test_same_words_other_sound(speech: Speech) -> None:
    """Two voices say one phrase with little in common, at one loudness, and neither is the base voice."""
    a, b = (voice.apply(speech).astype(np.float64) for voice in draw_voices(2))
    n = min(len(a), len(b), len(speech.samples))
    base = speech.samples[:n].astype(np.float64)
    for x, y in ((a[:n], b[:n]), (a[:n], base), (b[:n], base)):
        spectrum = np.fft.rfft(x, 2 * n) * np.conj(np.fft.rfft(y, 2 * n))
        peak = np.abs(np.fft.irfft(spectrum)).max() / (np.linalg.norm(x) * np.linalg.norm(y))
        assert peak < 0.5
    assert 0.5 < np.std(a) / np.std(b) < 2
    assert max(np.abs(a).max(), np.abs(b).max()) <= 0.7 + 1e-6


def test_pitch_is_the_voice_s_own(speech: Speech) -> None:
    """The median F0 of what comes out is the one drawn, whatever went in."""
    import pyworld

    for voice in draw_voices(3, rng=random.Random(3)):
        f0, _ = pyworld.harvest(voice.apply(speech).astype(np.float64), SPOKEN_HZ)
        assert np.median(f0[f0 > 0]) == pytest.approx(voice.pitch_hz, rel=0.12)


def test_speed_is_exact(speech: Speech) -> None:
    """A phrase spoken 1.25 times as fast takes exactly that much less time."""
    voice = draw_voices(1)[0]
    assert len(voice.apply(speech, speed=1.25)) == pytest.approx(len(speech.samples) / 1.25, abs=400)


def test_voiceless_phrase() -> None:
    """A phrase without any voiced sound, or of silence, comes out finite."""
    noise = np.random.default_rng(1).normal(0, 0.05, 6000).astype(np.float32)
    voice: PseudoVoice = draw_voices(1)[0]
    assert np.isfinite(voice.apply(Speech(noise, np.zeros(20), ()))).all()
    assert np.isfinite(voice.apply(Speech(np.zeros(6000, np.float32), np.zeros(20), ()))).all()
