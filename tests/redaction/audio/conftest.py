"""Real speech, spoken by hibari, and the real recognisers, once per run."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np
import pytest
from scipy.signal import resample_poly

from redaction.audio.listening.align import PocketsphinxAligner
from redaction.audio.listening.segment import RATE
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.errors import ModelMissing
from redaction.model import Samples

Say = Callable[[str], Samples]


@pytest.fixture(scope="session")
def say(real_models: None) -> Say:
    """Return a function that speaks a text: float32 (n,), 16,000 Hz, half a second of silence on both
    sides."""
    voice = import_module("hibari").Hibari()

    def speak(text: str) -> Samples:
        spoken = resample_poly(voice(text, seed=7), 2, 3).astype(np.float32)
        silence = np.zeros(RATE // 2, np.float32)
        return np.concatenate([silence, spoken, silence])

    return speak


@pytest.fixture(scope="session")
def whisper(real_models: None) -> WhisperTranscriber:
    """The default speech model."""
    try:
        return WhisperTranscriber("speech.whisper_tiny_en", threads=2)
    except ModelMissing:
        pytest.skip("the model speech.whisper_tiny_en is not in the cache; run `offrecord models fetch`")


@pytest.fixture(scope="session")
def sphinx(real_models: None) -> PocketsphinxAligner:
    """The default aligner."""
    try:
        return PocketsphinxAligner()
    except ModelMissing:
        pytest.skip("the model align.pocketsphinx is not in the cache; run `offrecord models fetch`")
