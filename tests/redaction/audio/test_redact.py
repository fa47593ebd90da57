"""The audio redactor: samples in, and nothing of a voice, a name or their lengths out."""

from __future__ import annotations

import numpy as np
import pytest

from redaction import AudioRedactor, Policy
from redaction.audio.redact import RedactedAudio
from redaction.audio.voice.mix import silence
from redaction.audio.voice.timing import MASKED_S
from redaction.model import AudioBlock, EntityType, EventKind, Samples
from tests.recorder.live.speech import Scripted, spoken, stages_of

RATE = 16_000


def sentence(seconds: float = 6.0, at: float = 1.0) -> Samples:
    """Return silence with a spoken sentence in it, float32 (n,) at 16,000 Hz."""
    samples = np.zeros(round(seconds * RATE), np.float32)
    said = spoken()[::3]
    samples[round(at * RATE) : round(at * RATE) + len(said)] = said
    return samples


def redacted(method: str, *lines: str, tracks: int = 1) -> tuple[RedactedAudio, AudioRedactor]:
    """Push a sentence on each track in blocks of half a second, in which these words are heard."""
    policy = Policy.model_validate({"voice": {"method": method}})
    redactor = AudioRedactor(policy, stages_of(Scripted(*lines), names=("rose",), policy=policy))
    for number in range(tracks):
        samples = sentence(at=1.0 + 0.3 * number)
        for at in range(0, len(samples), RATE // 2):
            redactor.push(AudioBlock(samples[at : at + RATE // 2], at, RATE), track=f"A{number + 1}")
    return redactor.finish(), redactor


def stored(audio: RedactedAudio) -> Samples:
    """Return all samples."""
    return np.concatenate([block.samples for block in audio.blocks])


@pytest.mark.parametrize("method", ["resynthesize", "disguise", "mute"])
def test_a_name_is_neither_heard_nor_written(method: str) -> None:
    """Whatever becomes of the voice, the whole length comes out, with a stand-in for the name and an event."""
    audio, _ = redacted(method, "good morning my name is rose today")
    samples = stored(audio)
    assert len(samples) == 6 * 24_000
    assert [block.start for block in audio.blocks] == list(range(0, 6 * 24_000, 24_000))
    (one,) = audio.words
    assert [token.text for token in one.tokens][-2:] == ["PERSON 1", "today"]
    assert (np.abs(samples).max() > 0.01) == (method != "mute")
    (found,) = [event for event in audio.events if event.kind is EventKind.FINDING]
    assert found.detail == {"entity_type": "PERSON"}
    masked = next(token for token in one.tokens if token.entity_type is EntityType.PERSON)
    assert found.span == masked.span
    if method == "disguise":
        hole = samples[round((masked.span.start + 0.02) * 24_000) : round((masked.span.end - 0.02) * 24_000)]
        assert np.abs(hole).max() == 0
    if method == "mute":
        assert masked.span.duration == pytest.approx(MASKED_S)


def test_a_name_told_on_one_track_is_masked_on_the_other() -> None:
    """Tracks are searched together, each with a speaker of its own."""
    audio, _ = redacted("mute", "please ask rose about it", "my name is rose", tracks=2)
    texts = {one.track: " ".join(token.text for token in one.tokens) for one in audio.words}
    assert texts == {"A1": "please ask PERSON 1 about it", "A2": "my name is PERSON 1"}
    assert {one.speaker for one in audio.words} == {"S1", "S2"}


@pytest.mark.parametrize("method", ["resynthesize", "disguise"])
def test_what_a_recogniser_fails_on_is_silent(method: str) -> None:
    """A recogniser that raises leaves no word and no sound."""
    audio, _ = redacted(method, "raise")
    assert not stored(audio).any()
    assert audio.words == ()


def test_nothing_is_held_afterwards() -> None:
    """A redactor that has finished holds no sample and no word, and can be used again."""
    audio, redactor = redacted("disguise", "good morning my name is rose today")
    assert audio.words
    assert redactor._held == {}
    assert redactor._utterances == []
    again = redactor.finish()
    assert again.blocks == ()
    assert again.words == ()


def test_silence_is_whole_from_any_sample_on() -> None:
    """Blocks of silence follow on from each other and end where they should."""
    blocks = list(silence(2500, 1000, start=300))
    assert [(block.start, len(block.samples)) for block in blocks] == [(300, 1000), (1300, 1000), (2300, 500)]
    assert list(silence(0, 1000)) == []
