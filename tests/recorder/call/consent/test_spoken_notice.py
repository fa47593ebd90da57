"""The notice for ears."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Sequence

import numpy as np
import pytest

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.spoken_notice import as_wav, speak_notice
from recorder.call.rtc.playback import LoopingAudio
from redaction.audio.voice.speak import SPOKEN_HZ, HibariSynthesizer, Speech
from redaction.errors import OffrecordError
from redaction.policy import Policy

TEXTS = NoticeTexts.of(Policy())


class Voice:
    """A synthesizer that hums, and remembers what it was to say."""

    languages = frozenset({"en"})

    def __init__(self) -> None:
        self.said: list[str] = []

    def speak(self, words: Sequence[str], *, rate: float = 1.0) -> Speech:
        self.said.append(" ".join(words))
        hum = (0.5 * np.sin(2 * np.pi * 200 * np.arange(SPOKEN_HZ) / SPOKEN_HZ)).astype(np.float32)
        return Speech(hum, np.full(80, 200.0), tuple(None for _ in words))


def test_the_notice_is_spoken_once() -> None:
    """The whole spoken notice is said, after a second, once; silence follows for ever."""
    voice = Voice()
    spoken = speak_notice(TEXTS, voice)
    assert voice.said == [TEXTS.spoken]
    assert len(spoken) == 3 * 48_000
    assert not spoken[:47_000].any()
    assert abs(spoken[60_000:80_000]).max() > 0.4

    async def test() -> list[int]:
        track = LoopingAudio(spoken[:1920], once=True)
        track._samples = np.full(1920, 1000, np.int16)
        return [int(np.abs((await track.recv()).to_ndarray()).max()) for _ in range(4)]

    assert asyncio.run(test()) == [1000, 1000, 0, 0]


def test_the_notice_as_a_file() -> None:
    """A page gets what was spoken, sample for sample, as a WAV file."""
    spoken = speak_notice(TEXTS, Voice())
    with wave.open(io.BytesIO(as_wav(spoken))) as file:
        assert (file.getframerate(), file.getnchannels()) == (48_000, 1)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    assert np.abs(samples - spoken).max() < 1e-4


@pytest.mark.slow
def test_the_real_voice_says_it() -> None:
    """The synthesizer that is installed can speak the notice for every policy, in one phrase of under 30 s."""
    try:
        voice = HibariSynthesizer()
    except OffrecordError as error:
        pytest.skip(f"the voice is not in place: {error.sentence}")
    for method in ("resynthesize", "mute"):
        policy = Policy.model_validate({"voice": {"method": method}, "consent": {"default": "allow"}})
        assert 5 < len(speak_notice(NoticeTexts.of(policy), voice)) / 48_000 < 30
