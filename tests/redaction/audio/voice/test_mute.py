"""What is muted: all of every personal word, and as little else as that allows."""

from __future__ import annotations

import json
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redaction.audio.listening.align import PocketsphinxAligner
from redaction.audio.listening.listen import Listener
from redaction.audio.listening.segment import RATE
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.audio.voice.mute import merged_spans, mute_spans
from redaction.model import AudioBlock, EntityType, Samples, Span, TextFinding, Utterance, Word
from tests.paths import SHARED_DATA


def utterance(*words: tuple[str, float, float], track: str = "t1", located: bool = True) -> Utterance:
    made = tuple(Word(text, Span(a, b), located=located) for text, a, b in words)
    return Utterance(made, Span(words[0][1], words[-1][2]), "S1", track)


def finding(number: int, first: int, last: int) -> TextFinding:
    return TextFinding(number, first, last, EntityType.PERSON, 1.0, "test")


CALL = [
    utterance(
        ("I", 1.0, 1.1), ("am", 1.1, 1.3), ("Daniel", 1.5, 2.0), ("Miller", 2.0, 2.5), ("and", 2.8, 3.0)
    ),
    utterance(("this", 6.0, 6.3), ("is", 6.3, 6.5), ("Anna", 6.6, 7.0)),
]


def test_personal_words_are_muted_up_to_their_neighbours() -> None:
    """The mute takes the words, 0.1 s around them, and the rest of the pauses beside them, no further."""
    (span,) = mute_spans(CALL, [finding(0, 2, 4)])
    assert (span.start, span.end) == pytest.approx((1.3, 2.8))


def test_long_pauses_are_filled_in_part() -> None:
    """A pause is muted for 0.8 s at most; at the end of speech as well."""
    (span,) = mute_spans(CALL, [finding(1, 2, 3)])
    assert (span.start, span.end) == pytest.approx((6.5, 7.8))
    (last,) = mute_spans(CALL, [finding(0, 4, 5)])
    assert (last.start, last.end) == pytest.approx((2.5, 3.8))


def test_the_neighbour_in_another_utterance_counts() -> None:
    """Gap fill stops at a word of the next utterance of the same track."""
    call = [utterance(("Anna", 1.0, 1.5)), utterance(("yes", 1.9, 2.2))]
    (span,) = mute_spans(call, [finding(0, 0, 1)])
    assert (span.start, span.end) == pytest.approx((0.2, 1.9))


def test_words_that_were_not_located_mute_their_utterance() -> None:
    """Without exact times everything that was said in one breath goes."""
    call = [utterance(("I", 1.0, 1.1), ("am", 1.1, 1.3), ("Anna", 1.5, 2.0), located=False), CALL[1]]
    (span,) = mute_spans(call, [finding(0, 2, 3)])
    assert span.start <= 0.9
    assert span.end >= 2.1
    assert span.end < 6.0


def test_a_neighbour_that_was_not_located_does_not_stop_the_fill() -> None:
    """The edge of a word with a doubtful time is no reason to leave sound beside a personal word."""
    words = (Word("I", Span(1.0, 1.4), located=False), Word("Anna", Span(1.5, 2.0)))
    (span,) = mute_spans([Utterance(words, Span(1.0, 2.0), "S1", "t1")], [finding(0, 1, 2)])
    assert span.start == pytest.approx(0.7)


@pytest.mark.parametrize("bounds", [(0, 0), (3, 2), (7, 9), (-1, 99)])
def test_a_finding_that_makes_no_sense_mutes_its_utterance(bounds: tuple[int, int]) -> None:
    """A finding whose words do not exist is taken for the whole utterance."""
    spans = mute_spans(CALL, [finding(0, *bounds)])
    assert len(spans) == 1
    assert spans[0].start <= 1.0
    assert spans[0].end >= 3.0


def test_other_tracks_are_left_alone() -> None:
    """Findings of one track mute nothing in another."""
    call = [CALL[0], utterance(("Anna", 1.0, 2.0), track="t2")]
    assert mute_spans(call, [finding(1, 0, 1)], track="t1") == []
    assert len(mute_spans(call, [finding(1, 0, 1)], track="t2")) == 1


def test_unheard_sound_is_muted() -> None:
    """Uncovered speech with a margin, and failures, are muted without any finding."""
    assert mute_spans(CALL, [], uncovered=[Span(4.0, 4.5)], failures=[Span(9.0, 10.0)], pad_s=0.0) == [
        Span(4.0, 4.5),
        Span(9.0, 10.0),
    ]
    (span,) = mute_spans([], [], uncovered=[Span(4.0, 4.5)])
    assert (span.start, span.end) == pytest.approx((3.9, 4.6))


SPANS = st.lists(
    st.tuples(st.floats(0, 50), st.floats(0, 5)).map(lambda t: Span(t[0], t[0] + t[1])), max_size=20
)


@given(SPANS)
def test_merged_spans_are_the_same_time(spans: list[Span]) -> None:
    """Merging keeps every moment, in order, and leaves no two that touch."""
    result = merged_spans(spans)
    for span in spans:
        assert span.duration == 0 or any(r.start <= span.start and span.end <= r.end for r in result)
    for one, two in pairwise(result):
        assert one.end < two.start
    assert sum(r.duration for r in result) <= sum(s.duration for s in spans) + 1e-9


DATA = SHARED_DATA


def load(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        return (np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768.0).astype(np.float32)


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "speech").is_dir(), reason="the shared speech data is not there")
@pytest.mark.parametrize("call", ["standup", "silence_heavy"])
def test_no_personal_word_is_audible(
    call: str, whisper: WhisperTranscriber, sphinx: PocketsphinxAligner
) -> None:
    """With the right words found, every labelled personal word of a call is down by 50 dB or more."""
    samples = load(DATA / "speech" / f"{call}.wav")
    labelled = [w for w in json.loads((DATA / "speech" / f"{call}.json").read_text())["words"] if w["label"]]
    listener = Listener(track="t", speaker="S1", transcriber=whisper, aligner=sphinx)
    utterances = listener.push(AudioBlock(samples, 0, RATE)) + listener.flush()
    # A finder's place is taken by what overlaps a labelled word by a third of either.
    findings = [
        finding(number, place, place + 1)
        for number, said in enumerate(utterances)
        for place, word in enumerate(said.words)
        for w in labelled
        if min(word.span.end, w["end"]) - max(word.span.start, w["start"])
        > min(word.span.duration, w["end"] - w["start"]) / 3
    ]
    muted = samples.copy()
    spans = mute_spans(utterances, findings, uncovered=listener.uncovered, failures=listener.failures)
    for span in spans:
        muted[round(span.start * RATE) : round(span.end * RATE)] = 0.0
    for w in labelled:
        a, b = round(w["start"] * RATE), round(w["end"] * RATE)
        assert np.sum(muted[a:b] ** 2) <= 1e-5 * np.sum(samples[a:b] ** 2)
    assert sum(span.duration for span in spans) < 0.5 * len(samples) / RATE
