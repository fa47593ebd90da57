"""Disguise: words stay, the voice changes, and what fails or is muted is silent."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import pyworld
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import fftconvolve, resample_poly

from redaction.audio.listening.segment import SpeechSegment
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.audio.voice import disguise as module
from redaction.audio.voice.disguise import LISTENING_RATE, OUTPUT_RATE, Disguiser
from redaction.audio.voice.speak import HibariSynthesizer
from redaction.model import AudioBlock, EventKind, Samples, Span

TEXT = "we can ship the new release on thursday because all the tests are green"


@pytest.fixture(scope="module")
def original() -> Samples:
    """Six seconds at 16,000 Hz with a sentence in 0.5 to about 4.5 s and a noise from 5 to 5.5 s."""
    spoken = resample_poly(HibariSynthesizer().speak(TEXT.split()).samples, 2, 3)
    samples = np.zeros(6 * LISTENING_RATE, np.float32)
    samples[8000 : 8000 + len(spoken)] = spoken
    samples[80_000:88_000] = np.random.default_rng(1).normal(0, 0.1, 8000)
    return samples


SPOKEN = [Span(0.4, 4.7)]


def blocks(samples: Samples, *, size: int = 16_000) -> Iterator[AudioBlock]:
    for at in range(0, len(samples), size):
        yield AudioBlock(samples[at : at + size].copy(), at, LISTENING_RATE)


def disguised(samples: Samples, spoken: Sequence[Span] = SPOKEN, *, muted: Sequence[Span] = ()) -> Samples:
    duration = len(samples) / LISTENING_RATE
    return join(Disguiser().render(blocks(samples), spoken, duration=duration, muted=muted))


def join(rendered: Iterator[AudioBlock]) -> Samples:
    return np.concatenate([np.zeros(0, np.float32), *(block.samples for block in rendered)])


def test_only_speech_comes_out(original: Samples) -> None:
    """What lies outside the recognised speech is exactly silent, and the length is exact."""
    sound = disguised(original)
    assert len(sound) == 6 * OUTPUT_RATE
    assert not sound[: round(0.4 * OUTPUT_RATE)].any()
    assert not sound[round(4.7 * OUTPUT_RATE) + 1 :].any()
    assert np.std(sound[OUTPUT_RATE : 4 * OUTPUT_RATE]) > 0.02


def test_no_original_sample(original: Samples) -> None:
    """The result correlates with the original at no shift, and two runs do not with each other."""
    up = resample_poly(original, 3, 2)
    first, second = disguised(original), disguised(original)
    for a, b in ((first, up), (second, up), (first, second)):
        likeness = np.abs(fftconvolve(a.astype(np.float64), b[::-1].astype(np.float64))).max()
        assert likeness < 0.5 * np.linalg.norm(a) * np.linalg.norm(b)


def test_muted_spans_are_zero_and_leave_no_trace(original: Samples) -> None:
    """Muted spans are exact zeros, and what was in them has no say in the sound beside them."""
    muted = [Span(1.0, 1.5), Span(2.0, 2.1)]
    other = original.copy()
    other[16_000:24_000] = np.random.default_rng(2).normal(0, 0.3, 8000)
    results = []
    for samples in (original, other):
        maker = Disguiser(rng=random.Random(4))
        results.append(join(maker.render(blocks(samples), SPOKEN, duration=6, muted=muted)))
        for span in muted:
            assert not results[-1][round(span.start * OUTPUT_RATE) : round(span.end * OUTPUT_RATE)].any()
        assert results[-1].any()
    np.testing.assert_allclose(results[0], results[1], atol=1e-6)


@pytest.mark.parametrize("stage", ["dio", "cheaptrick", "synthesize"])
def test_failure_is_silence(original: Samples, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    """A stage that raises makes its piece silent, with an event, and never lets the original through."""

    def broken(*_: object, **__: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(pyworld, stage, broken)
    maker = Disguiser(track="a1")
    assert not join(maker.render(blocks(original), SPOKEN, duration=6)).any()
    (event,) = maker.drain_events()
    assert (event.kind, event.track, event.span) == (EventKind.SILENCED, "a1", SPOKEN[0])
    assert event.detail == {"reason": "disguise-failed"}


def test_nonsense_is_silence(original: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    """A synthesis that gives no numbers makes silence."""
    monkeypatch.setattr(pyworld, "synthesize", lambda *_: np.full(6 * LISTENING_RATE, np.nan))
    assert not disguised(original).any()


def test_pieces_are_changed_anew(original: Samples) -> None:
    """The same speech in two pieces of one recording comes out differently."""
    double = np.concatenate([original, original])
    sound = disguised(double, [SPOKEN[0], Span(6.4, 10.7)]).astype(np.float64)
    a, b = sound[: 6 * OUTPUT_RATE], sound[6 * OUTPUT_RATE :]
    likeness = np.abs(fftconvolve(a, b[::-1])).max()
    assert 0 < likeness < 0.9 * np.linalg.norm(a) * np.linalg.norm(b)


def test_however_the_blocks_are_cut(original: Samples) -> None:
    """The result does not depend on how the original was parcelled."""
    results = [
        join(Disguiser(rng=random.Random(4)).render(blocks(original, size=size), SPOKEN, duration=6))
        for size in (1600, 16_000, 96_000)
    ]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@settings(max_examples=40, deadline=None)
@given(
    spans=st.lists(st.tuples(st.floats(0, 70), st.floats(0, 30)), max_size=5),
    duration=st.floats(0, 60),
    missing=st.booleans(),
)
def test_timing(spans: list[tuple[float, float]], duration: float, missing: bool) -> None:
    """Whatever the spans, the length is exact, blocks follow each other, and silence stays silence."""
    spoken = [Span(start, start + length) for start, length in spans]
    source = np.zeros(round(duration * LISTENING_RATE * (0.5 if missing else 1)), np.float32)
    rendered = list(Disguiser().render(blocks(source), spoken, duration=duration))
    sound = join(iter(rendered))
    assert len(sound) == round(duration * OUTPUT_RATE)
    assert not sound.any()
    at = 0
    for block in rendered:
        assert block.start == at
        at += len(block.samples)


def test_memory_does_not_grow() -> None:
    """While a long stretch of speech goes through, no more than one piece of it is held."""
    held = []

    def source() -> Iterator[AudioBlock]:
        for second in range(600):
            yield AudioBlock(np.zeros(LISTENING_RATE, np.float32), second * LISTENING_RATE, LISTENING_RATE)

    class Watched(module._Window):
        def push(self, block: AudioBlock) -> None:
            super().push(block)
            held.append(len(self._samples) / LISTENING_RATE)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_Window", Watched)
        join(Disguiser().render(source(), [Span(0, 600)], duration=600))
    assert max(held) <= module.LONGEST_PIECE_S + 1


def test_wrong_rate_is_refused() -> None:
    """Sound at another rate than the engine's is refused rather than played at the wrong pitch."""
    block = AudioBlock(np.zeros(10, np.float32), 0, 48_000)
    with pytest.raises(ValueError, match="16,000"):
        join(Disguiser().render([block], SPOKEN, duration=1))


def test_named_for_what_it_is() -> None:
    """The docstring and the constant that help and manifest quote say that it is not anonymous."""
    assert module.__doc__ is not None
    assert "not anonymity" in module.__doc__
    assert "1 to 18 %" in module.__doc__
    assert module.INFORMED_EQUAL_ERROR_RATE == "1-18 %"


def test_understood(original: Samples, whisper: WhisperTranscriber) -> None:
    """A recogniser still hears most of the words."""
    sound = resample_poly(disguised(original), 2, 3).astype(np.float32)
    block = AudioBlock(sound, 0, LISTENING_RATE)
    segments = whisper.transcribe(SpeechSegment(block, (block.span,))).segments
    heard = {word.text.lower().strip(".,?!") for segment in segments for word in segment}
    assert len(set(TEXT.split()) & heard) >= 0.6 * len(set(TEXT.split()))
