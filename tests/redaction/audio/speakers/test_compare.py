"""Comparing stored voices with those that spoke."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from redaction.audio.speakers import compare as voicecheck
from redaction.audio.speakers.compare import LONGEST_COMPARED_S, STRETCHES, VoiceCheck
from redaction.audio.speakers.embed import SAME_SPEAKER_COSINE, Embedder, Embedding, cosine
from redaction.model import AudioBlock, Gap, Samples, Span
from tests.redaction.audio.conftest import Say
from tests.redaction.audio.speakers.test_embed import FIRST, SECOND, embedder, lower

__all__ = ["embedder"]

RATE = 16_000


class Listener(Embedder):
    """Remembers what it was given to hear; its vector points where the first sample says."""

    def __init__(self) -> None:
        self.heard: list[Samples] = []
        self.given: list[Embedding] = []

    def embed(self, samples: Samples) -> Embedding:
        """Return a unit vector along the axis of ten times the first sample."""
        self.heard.append(samples.copy())
        vector = np.zeros(192, np.float32)
        vector[round(float(samples[0]) * 10)] = 1
        self.given.append(vector)
        return vector


def blocks(sound: Samples, *, size: int = 5000) -> list[AudioBlock | Gap]:
    """Return a sound in blocks from the beginning of the call."""
    return [AudioBlock(sound[at : at + size], at, RATE) for at in range(0, len(sound), size)]


def level(value: float, seconds: float) -> Samples:
    """Return a constant sound."""
    return np.full(round(seconds * RATE), value, np.float32)


def test_the_same_voice_is_recognised_and_another_is_not(embedder: Embedder, say: Say) -> None:
    """A voice that says other words lies above the threshold, a different one with the same words below."""
    original, again, other = say(FIRST), say(SECOND), lower(say(FIRST))
    check = VoiceCheck(embedder)
    spans = {"S1": [Span(0.5, 3.0)]}
    assert check.cosines(blocks(original), blocks(again), spans)["S1"] > SAME_SPEAKER_COSINE
    assert check.cosines(blocks(original), blocks(other), spans)["S1"] < SAME_SPEAKER_COSINE


def test_each_speaker_is_heard_at_its_own_times() -> None:
    """Every speaker's stretches are cut from both sounds at the same times, also across blocks and overlaps."""
    original = np.concatenate([level(0.1, 2), level(0.2, 2), level(0.3, 4)])
    stored = np.concatenate([level(0.1, 2), level(0.5, 6)])
    listener = Listener()
    spans = {"S1": [Span(0, 2)], "S2": [Span(2, 4), Span(4, 7)], "S3": [Span(4.5, 6)]}
    cosines = VoiceCheck(listener).cosines(blocks(original), blocks(stored, size=7777), spans)
    assert cosines == pytest.approx({"S1": 1, "S2": 0, "S3": 0})
    assert [(len(sound) / RATE, sound[0]) for sound in listener.heard[:4]] == [
        (2, pytest.approx(0.1)),
        (2, pytest.approx(0.2)),
        (3, pytest.approx(0.3)),
        (1.5, pytest.approx(0.3)),
    ]


@pytest.mark.parametrize("silent_side", ["original", "stored"])
def test_who_is_silent_on_one_side_is_left_out(silent_side: str) -> None:
    """A stretch that is silent before or after has no voice to compare."""
    sounds = {"original": level(0.1, 3), "stored": level(0.1, 3)}
    sounds[silent_side] = level(0, 3)
    check = VoiceCheck(Listener())
    assert check.cosines(blocks(sounds["original"]), blocks(sounds["stored"]), {"S1": [Span(0, 3)]}) == {}


def test_a_stored_sound_that_ends_early_is_no_error() -> None:
    """What is missing at the end counts as silence."""
    check = VoiceCheck(Listener())
    assert check.cosines(blocks(level(0.1, 5)), blocks(level(0.1, 1)), {"S1": [Span(3, 5)]}) == {}


def test_long_recordings_are_sampled() -> None:
    """However long someone speaks, only so many bounded stretches are heard, spread over the recording."""
    spans: Sequence[Span] = [Span(10.0 * at, 10.0 * at + 9.5) for at in range(30)]
    listener = Listener()
    VoiceCheck(listener).cosines(blocks(level(0.1, 300)), blocks(level(0.1, 300)), {"S1": spans})
    assert len(listener.heard) == 2 * STRETCHES
    assert all(len(sound) == LONGEST_COMPARED_S * RATE for sound in listener.heard)


def test_vectors_are_zeroed() -> None:
    """After the answer no vector is left."""
    listener = Listener()
    VoiceCheck(listener).cosines(blocks(level(0.1, 4)), blocks(level(0.2, 4)), {"S1": [Span(0, 4)]})
    assert len(listener.given) == 2
    assert not any(vector.any() for vector in listener.given)


def test_nothing_made_of_the_vectors_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the vectors were put together to is zeroed too, and the check holds nothing but its embedder."""
    compared: list[Embedding] = []

    def watched(first: Embedding, second: Embedding) -> float:
        compared.extend((first, second))
        assert first.any()
        assert second.any()
        return cosine(first, second)

    monkeypatch.setattr(voicecheck, "cosine", watched)
    listener = Listener()
    check = VoiceCheck(listener)
    sound = np.concatenate([level(0.1, 3), level(0.2, 3)])
    cosines = check.cosines(
        blocks(sound), blocks(sound), {"S1": [Span(0, 2), Span(3.5, 6)], "S2": [Span(3, 6)]}
    )
    assert cosines == pytest.approx({"S1": 1, "S2": 1})
    assert len(compared) == 4
    assert not any(vector.any() for vector in (*compared, *listener.given))
    assert vars(check) == {"_embedder": listener}


def test_vectors_are_zeroed_on_an_error() -> None:
    """A sound that breaks in the middle leaves no vector behind."""
    listener = Listener()

    def breaking() -> Iterator[AudioBlock | Gap]:
        yield from blocks(level(0.1, 4))
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        VoiceCheck(listener).cosines(
            blocks(level(0.1, 9)),
            breaking(),
            {"S1": [Span(0, 2), Span(6, 8)]},
        )
    assert len(listener.given) == 3
    assert not any(vector.any() for vector in listener.given)
