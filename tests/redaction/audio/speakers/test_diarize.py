"""Who speaks when, on generated speech of two voices."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from redaction.audio.speakers import diarize
from redaction.audio.speakers.diarize import SpeakerModels, SpeakerSplitter
from redaction.audio.speakers.turns import SpeakerTurn
from redaction.errors import InternalError
from redaction.model import AudioBlock, Samples, Span
from tests.redaction.audio.conftest import Say
from tests.redaction.audio.speakers.test_embed import lower

RATE = 16_000
HIGH = (
    "Good morning everyone, let us start the weekly meeting now.",
    "Nice work, is there any news from the customer in the north?",
    "Very well, then we are done for today, thank you all.",
)
LOW = (
    "The migration is finished and all the tests were green last night.",
    "They asked for one more week, and I told them that this is fine.",
)


@pytest.fixture(scope="module")
def models(real_models: None) -> SpeakerModels:
    """The real models."""
    if not SpeakerModels.available():
        pytest.skip("the speaker models are not in the cache; run `offrecord models fetch speakers`")
    return SpeakerModels.load()


@pytest.fixture
def splitter(models: SpeakerModels) -> Iterator[SpeakerSplitter]:
    """A splitter with the real models."""
    with SpeakerSplitter(models) as made:
        yield made


@pytest.fixture(scope="module")
def call(models: SpeakerModels, say: Say) -> tuple[Samples, list[SpeakerTurn]]:
    """Two voices in turn, and who spoke when."""
    spoken = [sound for pair in zip(HIGH, LOW, strict=False) for sound in (say(pair[0]), lower(say(pair[1])))]
    spoken.append(say(HIGH[2]))
    truth: list[SpeakerTurn] = []
    now = 0.0
    for place, sound in enumerate(spoken):
        edge = 0.5 if place % 2 == 0 else 0.67
        end = now + len(sound) / RATE
        truth.append((Span(now + edge, end - edge), f"S{place % 2 + 1}"))
        now = end
    return np.concatenate(spoken), truth


def pushed(splitter: SpeakerSplitter, sound: Samples, *, start: int = 0, size: int = 3200) -> None:
    """Push a sound in blocks."""
    for first in range(0, len(sound), size):
        splitter.push(AudioBlock(sound[first : first + size], start + first, RATE))


def speaker_at(turns: list[SpeakerTurn], time: float) -> set[str]:
    """Return who speaks at a time."""
    return {label for span, label in turns if span.start <= time < span.end}


def test_two_voices_are_kept_apart(
    splitter: SpeakerSplitter, call: tuple[Samples, list[SpeakerTurn]]
) -> None:
    """Each turn of two alternating voices has the right speaker, numbered by who spoke first."""
    sound, truth = call
    pushed(splitter, sound)
    turns = splitter.finish()
    assert {label for _, label in turns} == {"S1", "S2"}
    for span, label in truth:
        times = np.arange(span.start + 0.3, span.end - 0.3, 0.1)
        right = sum(speaker_at(turns, time) == {label} for time in times)
        assert right >= 0.9 * len(times), span
    assert turns == sorted(turns)


def test_turns_do_not_depend_on_block_sizes_and_follow_the_clock(
    models: SpeakerModels, splitter: SpeakerSplitter, call: tuple[Samples, list[SpeakerTurn]]
) -> None:
    """The same sound in other blocks, an hour later on the clock, gives the same turns an hour later."""
    sound, _ = call
    pushed(splitter, sound)
    turns = splitter.finish()
    with SpeakerSplitter(models) as other:
        pushed(other, sound, start=3600 * RATE, size=47_001)
        later = other.finish()
    assert [label for _, label in later] == [label for _, label in turns]
    assert [span.start - 3600 for span, _ in later] == pytest.approx([span.start for span, _ in turns])
    assert [span.end - 3600 for span, _ in later] == pytest.approx([span.end for span, _ in turns])


@pytest.mark.parametrize("missing_s", [4, 40])
def test_missing_time_is_silence(
    splitter: SpeakerSplitter, call: tuple[Samples, list[SpeakerTurn]], missing_s: int
) -> None:
    """After a gap in the samples, turns are still at their call time, and none lies in the gap."""
    sound, truth = call
    cut = int(truth[0][0].end * RATE) + RATE // 2
    pushed(splitter, sound[:cut])
    pushed(splitter, sound[cut:], start=cut + missing_s * RATE)
    turns = splitter.finish()
    gap = Span(cut / RATE + 0.2, cut / RATE + missing_s - 0.2)
    assert not any(span.overlaps(gap) for span, _ in turns)
    for span, label in truth[1:]:
        assert speaker_at(turns, (span.start + span.end) / 2 + missing_s) == {label}


@pytest.mark.parametrize("count", [0, 1, 900, 5 * RATE, 23 * RATE])
def test_silence_has_no_turns(splitter: SpeakerSplitter, count: int) -> None:
    """A silent track, however short, has no speaker."""
    pushed(splitter, np.zeros(count, np.float32))
    assert splitter.finish() == []


def test_memory_does_not_grow_with_samples(splitter: SpeakerSplitter, say: Say) -> None:
    """However long the track, samples are held in one buffer of ten seconds; of the rest only vectors stay."""
    pushed(splitter, np.tile(say(HIGH[0]), 12))
    held = [value for value in vars(splitter).values() if isinstance(value, np.ndarray)]
    assert sum(value.size for value in held) == 10 * RATE
    assert len(splitter._voices) < 40


def vectors_of(splitter: SpeakerSplitter) -> list[np.ndarray]:
    """Return the very arrays that hold the voices."""
    return [voice.vector for voice in splitter._voices]


def test_vectors_and_samples_are_zeroed_at_the_end(
    splitter: SpeakerSplitter, call: tuple[Samples, list[SpeakerTurn]]
) -> None:
    """After the turns are given, no speaker vector and no sample is left."""
    pushed(splitter, call[0])
    vectors, held = vectors_of(splitter), splitter._held
    assert vectors
    assert all(vector.any() for vector in vectors)
    splitter.finish()
    assert not any(vector.any() for vector in vectors)
    assert not held.any()
    gc.collect()
    assert not splitter._voices


@pytest.mark.parametrize("failing", ["mel_energies", "group"])
def test_vectors_and_samples_are_zeroed_on_an_error(
    splitter: SpeakerSplitter,
    call: tuple[Samples, list[SpeakerTurn]],
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    """A failure while taking samples or while grouping leaves no vector and no sample behind."""
    sound, _ = call
    pushed(splitter, sound[: 12 * RATE])
    vectors, held = vectors_of(splitter), splitter._held
    assert vectors

    def fail(*_: object) -> None:
        raise ArithmeticError

    monkeypatch.setattr(diarize, failing, fail)
    with pytest.raises(ArithmeticError):
        pushed(splitter, sound[12 * RATE : 18 * RATE], start=12 * RATE)
        splitter.finish()
    assert not any(vector.any() for vector in vectors)
    assert not held.any()


def test_another_rate_or_order_is_refused(splitter: SpeakerSplitter) -> None:
    """Samples at another rate, or from before the last ones, are refused."""
    splitter.push(AudioBlock(np.zeros(100, np.float32), 50, RATE))
    with pytest.raises(InternalError):
        splitter.push(AudioBlock(np.zeros(100, np.float32), 100, RATE))
    with pytest.raises(InternalError):
        splitter.push(AudioBlock(np.zeros(100, np.float32), 150, 48_000))


def test_without_the_models_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the optional group was not fetched, `available` is False."""
    monkeypatch.setenv("OFFRECORD_MODELS", str(tmp_path))
    assert SpeakerModels.available() is False
