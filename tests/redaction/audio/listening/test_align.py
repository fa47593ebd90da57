"""The aligner: exact times, honest doubts, bounded work."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from redaction.audio.listening.align import PocketsphinxAligner
from redaction.audio.listening.segment import RATE, SpeechSegment
from redaction.audio.listening.transcribe import Transcript
from redaction.errors import ModelMissing
from redaction.model import AudioBlock, Samples, Span, Word

START = 100.0


def piece_of(samples: Samples) -> SpeechSegment:
    """Return the samples as a piece at `START` whose middle is speech."""
    span = Span(START + 0.4, START + len(samples) / RATE - 0.4)
    return SpeechSegment(AudioBlock(samples, round(START * RATE), RATE), (span,))


def guessed(text: str, samples: Samples) -> Transcript:
    """Return the words of a text spread evenly over the sound, as a recogniser with poor times would."""
    texts = text.split()
    step = (len(samples) / RATE - 0.8) / len(texts)
    return Transcript(
        (
            tuple(
                Word(t, Span(START + 0.4 + i * step, START + 0.4 + (i + 1) * step), located=False)
                for i, t in enumerate(texts)
            ),
        )
    )


def join(*parts: Samples) -> tuple[Samples, list[Span]]:
    """Return parts one after another, and the call time of the audible stretch of each."""
    spans = []
    at = 0
    for part in parts:
        loud = np.flatnonzero(np.abs(part) > 0.01)
        spans.append(Span(START + (at + loud[0]) / RATE, START + (at + loud[-1]) / RATE))
        at += len(part)
    return np.concatenate(parts), spans


@pytest.mark.slow
def test_words_are_found_where_they_sound(say: Callable[[str], Samples], sphinx: PocketsphinxAligner) -> None:
    """Single words between silences are located within 0.12 s of their sound, figures and unknown names
    included."""
    samples, spans = join(say("Hello"), say("Okafor"), say("four one five"), say("Wednesday"))
    transcript = guessed("Hello, Okafor 415 Wednesday.", samples)
    (found,) = sphinx.align(piece_of(samples), transcript)
    assert [word.text for word in found] == ["Hello,", "Okafor", "415", "Wednesday."]
    for word, span in zip(found, spans, strict=True):
        assert word.span.start < span.start + 0.12
        assert word.span.end > span.end - 0.12
        assert word.span.duration < span.duration + 0.4


@pytest.mark.slow
def test_words_far_from_where_they_were_heard_are_not_located(
    say: Callable[[str], Samples], sphinx: PocketsphinxAligner
) -> None:
    """A word that the aligner puts over 0.6 s from the recogniser's time keeps both times and is not
    located."""
    pause = np.zeros(2 * RATE, np.float32)
    samples, spans = join(say("Hello"), say("Wednesday"), say("okay"))
    at = len(say("Hello"))
    samples = np.concatenate([samples[:at], pause, samples[at:]])
    heard_at = [spans[0], Span(spans[0].end, spans[0].end + 0.4), Span(spans[2].start + 2, spans[2].end + 2)]
    texts = ("Hello", "Wednesday", "okay")
    segment = tuple(Word(t, s, located=False) for t, s in zip(texts, heard_at, strict=True))
    ((hello, wednesday, okay),) = sphinx.align(piece_of(samples), Transcript((segment,)))
    assert hello.located
    assert okay.located
    assert not wednesday.located
    assert wednesday.span.start <= heard_at[1].start
    assert wednesday.span.end >= spans[1].end + 2.0 - 0.12


def test_words_that_do_not_fit_keep_their_times(sphinx: PocketsphinxAligner) -> None:
    """A hundred words in a second of sound cannot be aligned: they come back as they were."""
    samples = np.random.default_rng(1).normal(0, 0.1, 2 * RATE).astype(np.float32)
    transcript = guessed("supercalifragilistic " * 100, samples)
    assert sphinx.align(piece_of(samples), transcript) == transcript.segments


@pytest.mark.parametrize("text", ["♪ ♪", "... ?", "— —"])
def test_words_without_sound_keep_their_times(text: str, sphinx: PocketsphinxAligner) -> None:
    """Tokens that nobody can speak come back as they were."""
    samples = np.zeros(2 * RATE, np.float32)
    transcript = guessed(text, samples)
    assert sphinx.align(piece_of(samples), transcript) == transcript.segments


def test_other_languages_keep_their_times(sphinx: PocketsphinxAligner) -> None:
    """German words are not aligned with an English model."""
    samples = np.zeros(2 * RATE, np.float32)
    transcript = Transcript(guessed("guten morgen", samples).segments, "de")
    assert sphinx.align(piece_of(samples), transcript) == transcript.segments


@pytest.mark.parametrize("kind", ["noise", "silence", "loud", "empty"])
def test_work_is_bounded(kind: str, sphinx: PocketsphinxAligner) -> None:
    """Long nonsense over half a minute of any sound ends within seconds, with every word still there."""
    sounds = {
        "noise": np.random.default_rng(1).normal(0, 0.3, 30 * RATE),
        "silence": np.zeros(30 * RATE),
        "loud": np.ones(30 * RATE) * 5.0,
        "empty": np.zeros(RATE),
    }
    samples = sounds[kind].astype(np.float32)
    transcript = guessed("you 1,234,567 Krzysztof's K-I-N-G $5 " * 20, samples)
    begun = time.process_time()
    (found,) = sphinx.align(piece_of(samples), transcript)
    assert time.process_time() - begun < 10.0
    assert [word.text for word in found] == [word.text for word in transcript.segments[0]]


def test_no_words_are_no_segments(sphinx: PocketsphinxAligner) -> None:
    """An empty transcript stays empty."""
    assert sphinx.align(piece_of(np.zeros(RATE, np.float32)), Transcript(())) == ()


def test_new_words_do_not_pile_up(sphinx: PocketsphinxAligner, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many names the dictionary is loaded afresh, so that names do not stay in memory."""
    monkeypatch.setattr("redaction.audio.listening.align._NEW_WORDS", 0)
    samples = np.random.default_rng(1).normal(0, 0.1, 3 * RATE).astype(np.float32)
    sphinx.align(piece_of(samples), guessed("Quvenzhane Xylokwist", samples))
    assert sphinx._added == 2
    sphinx.align(piece_of(samples), guessed("hello", samples))
    assert sphinx._added == 0
    assert sphinx._decoder.lookup_word("quvenzhane") is None


def test_a_missing_model_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without the acoustic model there is no aligner."""
    monkeypatch.setenv("OFFRECORD_MODELS", str(tmp_path_factory.mktemp("empty")))
    with pytest.raises(ModelMissing):
        PocketsphinxAligner()
