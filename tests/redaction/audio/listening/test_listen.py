"""The listener: words with call time, and what becomes of a recogniser that breaks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from redaction.audio.listening.align import PocketsphinxAligner
from redaction.audio.listening.listen import Listener, uncovered_speech
from redaction.audio.listening.segment import RATE, SpeechSegment
from redaction.audio.listening.transcribe import Transcript, WhisperTranscriber
from redaction.model import AudioBlock, Samples, Span, Utterance, Word


class AllSpeech:
    """Takes everything for speech."""

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ones(len(frames), np.float32)

    def reset(self) -> None:
        return None


class Scripted:
    """Returns what a function makes of each piece, and keeps the arrays it was given."""

    def __init__(self, answer: Callable[[SpeechSegment], Transcript]) -> None:
        self.answer = answer
        self.seen: list[Samples] = []

    def transcribe(self, piece: SpeechSegment) -> Transcript:
        self.seen.append(piece.block.samples)
        return self.answer(piece)


class Mirror:
    """An aligner that believes the recogniser."""

    def align(self, piece: SpeechSegment, transcript: Transcript) -> tuple[tuple[Word, ...], ...]:
        return tuple(tuple(word_at(w.text, w.span) for w in segment) for segment in transcript.segments)


def word_at(text: str, span: Span, *, located: bool = True) -> Word:
    return Word(text, span, located=located)


def words(*spans: tuple[float, float], text: str = "word") -> Transcript:
    return Transcript((tuple(word_at(text, Span(a, b), located=False) for a, b in spans),))


def tone(seconds: float) -> Samples:
    return np.full(round(seconds * RATE), 0.25, np.float32)


def heard(listener: Listener, samples: Samples, *, start: int = 0) -> list[Utterance]:
    utterances: list[Utterance] = []
    for at in range(0, len(samples), 1600):
        utterances += listener.push(AudioBlock(samples[at : at + 1600], start + at, RATE))
    return utterances + listener.flush()


def scripted(answer: Callable[[SpeechSegment], Transcript], *, aligner: Mirror | None = None) -> Listener:
    return Listener(track="t1", speaker="S1", transcriber=Scripted(answer), aligner=aligner, vad=AllSpeech())


@pytest.mark.parametrize("error", [RuntimeError, ValueError, MemoryError, IndexError, OSError])
def test_a_piece_that_raises_is_a_failure(error: type[Exception]) -> None:
    """A transcriber that raises over one piece costs that piece alone: no words there, a failure span, words
    after."""

    def answer(piece: SpeechSegment) -> Transcript:
        if piece.span.start == 0.0:
            raise error("secret words")
        return words((piece.span.start, piece.span.start + 0.5))

    listener = scripted(answer)
    utterances = heard(listener, tone(70))
    (failure,) = listener.failures
    assert failure.start == 0.0
    assert failure.duration > 20
    assert utterances
    assert all(utterance.span.start >= failure.end for utterance in utterances)
    assert any(span.overlaps(failure) for span in listener.uncovered)


def test_an_aligner_that_raises_leaves_words_unlocated() -> None:
    """Words are kept with the recogniser's times, marked as not located, when the aligner breaks."""

    class Broken(Mirror):
        def align(self, piece: SpeechSegment, transcript: Transcript) -> tuple[tuple[Word, ...], ...]:
            raise RuntimeError("secret words")

    (utterance,) = heard(scripted(lambda _: words((0.5, 0.9), (1.0, 1.4)), aligner=Broken()), tone(5))
    assert [word.located for word in utterance.words] == [False, False]


def test_an_aligner_that_loses_words_is_not_believed() -> None:
    """An aligner that returns other words than it was given changes nothing."""

    class Losing(Mirror):
        def align(self, piece: SpeechSegment, transcript: Transcript) -> tuple[tuple[Word, ...], ...]:
            return (super().align(piece, transcript)[0][:1],)

    (utterance,) = heard(scripted(lambda _: words((0.5, 0.9), (1.0, 1.4)), aligner=Losing()), tone(5))
    assert len(utterance.words) == 2
    assert not any(word.located for word in utterance.words)


TIMES = st.one_of(
    st.floats(-1e6, 1e6), st.sampled_from([-math.inf, math.inf, -1.0, 0.0, 4.9, 5.0, 1e12]), st.floats(0, 6)
)


@settings(max_examples=100, deadline=None)
@given(times=st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=20))
def test_impossible_times_lose_no_word(times: list[tuple[float, float]]) -> None:
    """Negative, infinite, overlapping and late times: every word is kept, inside the sound, in text order."""
    spans = [(min(pair), max(pair)) for pair in times]

    def answer(piece: SpeechSegment) -> Transcript:
        texts = [f"w{number}" for number in range(len(spans))]
        return Transcript((tuple(word_at(t, Span(a, b)) for t, (a, b) in zip(texts, spans, strict=True)),))

    utterances = heard(scripted(answer, aligner=Mirror()), tone(5))
    kept = [word for utterance in utterances for word in utterance.words]
    assert [word.text for word in kept] == [f"w{number}" for number in range(len(spans))]
    for utterance in utterances:
        for word in utterance.words:
            assert utterance.span.start <= word.span.start <= word.span.end <= utterance.span.end
            assert word.span.start >= 0.0
            assert word.span.end <= 5.0
    latest = -1.0
    for word in kept:
        if word.located:
            assert word.span.start >= latest
            latest = word.span.start


def test_times_that_are_no_numbers_are_a_failure() -> None:
    """A recogniser whose times are NaN fails its piece, since a span cannot hold them."""
    listener = scripted(lambda _: words((math.nan, math.nan)))
    assert heard(listener, tone(5)) == []
    assert [span.duration for span in listener.failures] == [5.0]


def test_a_word_outside_its_piece_is_not_located() -> None:
    """A word said to lie beyond the sound may be anywhere in it."""
    (utterance,) = heard(scripted(lambda _: words((80.0, 81.0)), aligner=Mirror()), tone(5))
    assert utterance.words[0].span == Span(0.0, 5.0)
    assert not utterance.words[0].located


def test_pauses_end_utterances() -> None:
    """0.6 s of pause starts a new utterance, 0.5 s does not."""
    utterances = heard(scripted(lambda _: words((0.5, 1.0), (1.5, 2.0), (2.65, 3.0))), tone(5))
    assert [len(utterance.words) for utterance in utterances] == [2, 1]
    assert [utterance.speaker + utterance.track for utterance in utterances] == ["S1t1", "S1t1"]


def test_numbers_are_not_torn() -> None:
    """Pauses of up to 2 s between figures keep them in one utterance, and they end there."""
    said = words((0.5, 1.0), (2.0, 2.5), (3.9, 4.2), (7.0, 7.5), text="4")
    utterances = heard(scripted(lambda _: said), tone(9))
    assert [len(utterance.words) for utterance in utterances] == [3, 1]


def test_utterances_are_bounded() -> None:
    """Talk without a pause is cut within 30 s and 120 words."""
    spans = [(0.05 * i, 0.05 * i + 0.04) for i in range(500)]
    utterances = heard(scripted(lambda _: words(*spans)), tone(26))
    assert sum(len(utterance.words) for utterance in utterances) == 500
    assert max(len(utterance.words) for utterance in utterances) <= 120
    slow = [(2.0 * i, 2.0 * i + 1.9) for i in range(13)]
    for utterance in heard(scripted(lambda _: words(*slow)), tone(27)):
        assert utterance.span.duration <= 30.0


def test_an_utterance_goes_on_over_a_cut() -> None:
    """Words on both sides of a cut between pieces, without a pause, are one utterance."""

    def answer(piece: SpeechSegment) -> Transcript:
        if piece.span.start == 0.0:
            return words((piece.span.end - 0.5, piece.span.end - 0.1))
        return words((piece.span.start + 0.1, piece.span.start + 0.5))

    listener = scripted(answer)
    (utterance,) = heard(listener, tone(40))
    assert len(utterance.words) == 2
    assert listener.settled == 40.0


def test_settled_never_passes_what_is_still_to_come() -> None:
    """No utterance, uncovered speech or failure is reported before the time that was settled earlier."""
    listener = scripted(lambda piece: words((piece.span.start + 3.0, piece.span.end - 0.1)))
    settled = 0.0
    samples = tone(150)
    for at in range(0, len(samples), 16_000):
        before = len(listener.uncovered)
        for utterance in listener.push(AudioBlock(samples[at : at + 16_000], at, RATE)):
            assert utterance.span.start >= settled
        for span in listener.uncovered[before:]:
            assert span.start >= settled - 30.0
        settled = listener.settled
    assert settled > 60


def test_samples_are_wiped() -> None:
    """Every array a recogniser was given holds zeros afterwards, also where it raised; the caller's stay."""

    def answer(piece: SpeechSegment) -> Transcript:
        if piece.span.start > 0.0:
            raise RuntimeError
        return words((1.0, 2.0))

    transcriber = Scripted(answer)
    listener = Listener(track="t", speaker="S1", transcriber=transcriber, aligner=None, vad=AllSpeech())
    samples = tone(60)
    heard(listener, samples)
    assert len(transcriber.seen) >= 2
    assert not any(array.any() for array in transcriber.seen)
    assert samples.all()


def test_uncovered_speech_is_what_no_word_covers() -> None:
    """Speech before, between and after words is reported from 0.25 s on; silence and short rests are not."""
    speech = [Span(1.0, 4.0), Span(6.0, 6.2), Span(8.0, 9.0)]
    said = [word_at("a", Span(1.1, 1.5)), word_at("b", Span(2.0, 4.2)), word_at("c", Span(7.0, 8.6))]
    assert uncovered_speech(speech, said) == [Span(1.5, 2.0), Span(8.6, 9.0)]


def test_a_stretched_word_is_not_believed() -> None:
    """An aligned word far too long for its letters counts as unheard speech, since it may hide another."""
    listener = scripted(lambda _: words((0.0, 3.0), (3.0, 5.0), text="I"), aligner=Mirror())
    heard(listener, tone(5))
    assert listener.uncovered == [Span(0.0, 5.0)]
    plain = scripted(lambda _: words((0.0, 0.4), (0.4, 0.8), text="word"), aligner=Mirror())
    heard(plain, tone(0.8))
    assert plain.uncovered == []


@pytest.mark.parametrize("level", [0.0, 0.001, 0.05])
def test_silence_and_noise_have_no_words(
    level: float, whisper: WhisperTranscriber, sphinx: PocketsphinxAligner
) -> None:
    """Half a minute of silence or noise yields no word and no speech."""
    noise = np.random.default_rng(3).normal(0, level or 1e-9, 30 * RATE).astype(np.float32)
    listener = Listener(track="t", speaker="S1", transcriber=whisper, aligner=sphinx)
    assert heard(listener, noise) == []
    assert listener.speech == []
    assert listener.failures == []


def spoken(utterances: Sequence[Utterance]) -> str:
    text = " ".join(utterance.text for utterance in utterances).lower()
    return "".join(char if char.isalnum() else " " for char in text)


@pytest.mark.slow
def test_names_and_numbers_are_heard_where_they_are(
    say: Callable[[str], Samples], whisper: WhisperTranscriber, sphinx: PocketsphinxAligner
) -> None:
    """Spoken sentences come back with their names and figures, located within 0.15 s of the sound."""
    first = say("Good morning. My name is Daniel Miller.")
    second = say("Call zero two zero, seven nine four six, zero nine five eight.")
    samples = np.concatenate([first, second])
    listener = Listener(track="t", speaker="S1", transcriber=whisper, aligner=sphinx)
    utterances = heard(listener, samples, start=10 * RATE)
    text = spoken(utterances)
    assert "daniel miller" in text
    assert "02079460958" in text.replace(" ", "")
    assert all(word.located for utterance in utterances for word in utterance.words)
    loud = np.flatnonzero(np.abs(second) > 0.02) / RATE + len(first) / RATE + 10.0
    last = utterances[-1].words[-1]
    assert abs(last.span.end - loud[-1]) < 0.15
    name = next(word for utterance in utterances for word in utterance.words if "Miller" in word.text)
    before = np.flatnonzero(np.abs(first) > 0.02) / RATE + 10.0
    assert abs(name.span.end - before[-1]) < 0.15


@pytest.mark.slow
def test_unheard_words_are_uncovered(
    say: Callable[[str], Samples], whisper: WhisperTranscriber, sphinx: PocketsphinxAligner
) -> None:
    """When a recogniser drops a spoken name and number, their time is reported as uncovered."""
    samples = say("Please call me tomorrow. Doctor Okafor lives in Springfield. That is all for today.")

    class Deaf(WhisperTranscriber):
        def __init__(self) -> None:
            return None

        def transcribe(self, piece: SpeechSegment) -> Transcript:
            full = whisper.transcribe(piece)
            keep = tuple(
                tuple(word for word in segment if not _within(word, full)) for segment in full.segments
            )
            return Transcript(tuple(segment for segment in keep if segment))

    def _within(word: Word, transcript: Transcript) -> bool:
        flat = [w for segment in transcript.segments for w in segment]
        place = flat.index(word)
        texts = [w.text.strip(".,").lower() for w in flat]
        return texts.index("tomorrow") < place < texts.index("that")

    listener = Listener(track="t", speaker="S1", transcriber=Deaf(), aligner=sphinx)
    utterances = heard(listener, samples)
    assert "springfield" not in spoken(utterances)
    assert sum(span.duration for span in listener.uncovered) > 1.2
