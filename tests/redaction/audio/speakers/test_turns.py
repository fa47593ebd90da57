"""Words to speakers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redaction.audio.speakers.turns import SpeakerTurn, assign_speakers
from redaction.model import Span, Utterance, Word

seconds = st.integers(0, 600).map(lambda tenths: tenths / 10)
spans = st.builds(lambda start, length: Span(start, start + length / 10), seconds, st.integers(1, 80))
turns_lists = st.lists(st.tuples(spans, st.sampled_from(["S1", "S2", "S3"])), max_size=12)


@st.composite
def utterances(draw: st.DrawFn) -> list[Utterance]:
    """Draw utterances in order, words in order within, some of them without a time of their own."""
    made: list[Utterance] = []
    now = 0.0
    for _ in range(draw(st.integers(0, 4))):
        start = now
        words: list[Word] = []
        for place in range(draw(st.integers(0, 8))):
            now += draw(st.integers(0, 10)) / 10
            end = now + draw(st.integers(1, 8)) / 10
            words.append(Word(f"w{len(made)}.{place}", Span(now, end)))
            now = end
        whole = Span(start, now)
        kept = tuple(
            word if draw(st.booleans()) else replace(word, span=whole, located=False) for word in words
        )
        made.append(Utterance(kept, whole, speaker="?", track="T1"))
        now += 0.5
    return made


def said(*words: tuple[str, float, float], located: bool = True) -> Utterance:
    """Return an utterance of words with start and end."""
    made = tuple(Word(text, Span(start, end), located=located) for text, start, end in words)
    return Utterance(made, Span(words[0][1], words[-1][2]), speaker="?", track="T1")


def heard(parts: list[Utterance]) -> list[tuple[str, str]]:
    """Return speaker and text of each part."""
    return [(part.speaker, part.text) for part in parts]


@given(utterances(), turns_lists)
def test_every_word_is_kept_once_and_in_order(talk: list[Utterance], turns: list[SpeakerTurn]) -> None:
    """Whatever the turns, the words are the same words in the same order."""
    parts = assign_speakers(talk, turns)
    assert [word for part in parts for word in part.words] == [word for one in talk for word in one.words]


@given(utterances(), turns_lists)
def test_parts_have_a_known_speaker_and_stay_inside(talk: list[Utterance], turns: list[SpeakerTurn]) -> None:
    """Every part has one of the turns' speakers, lies within its utterance and holds its located words."""
    parts = assign_speakers(talk, turns)
    known = {label for _, label in turns} or {"S1"}
    whole = {word.text: one.span for one in talk for word in one.words}
    for part in parts:
        assert part.speaker in known
        for word in part.words:
            assert whole[word.text].start <= part.span.start <= part.span.end <= whole[word.text].end
            if word.located:
                assert part.span.start <= word.span.start
                assert word.span.end <= part.span.end


@given(utterances(), turns_lists)
def test_neighbouring_parts_of_one_utterance_differ_in_speaker(
    talk: list[Utterance], turns: list[SpeakerTurn]
) -> None:
    """An utterance is cut only where the speaker changes."""
    for one in talk:
        labels = [part.speaker for part in assign_speakers([one], turns)]
        assert all(first != second for first, second in pairwise(labels))


@given(utterances())
def test_without_turns_there_is_one_speaker(talk: list[Utterance]) -> None:
    """Without turns nothing is cut and all is S1."""
    assert assign_speakers(talk, []) == [replace(one, speaker="S1") for one in talk]


TWO: list[SpeakerTurn] = [(Span(0, 2), "S1"), (Span(2.2, 4), "S2")]


def test_an_utterance_is_cut_where_the_turn_ends() -> None:
    """Two people in one utterance become two, each with its words' time."""
    parts = assign_speakers([said(("are", 0.5, 1), ("you", 1, 2.1), ("yes", 2.1, 2.9), ("I", 3, 4))], TWO)
    assert heard(parts) == [("S1", "are you"), ("S2", "yes I")]
    assert [part.span for part in parts] == [Span(0.5, 2.1), Span(2.1, 4)]


def test_a_word_between_turns_goes_to_the_nearest() -> None:
    """A word in no turn belongs to the nearest one, however far."""
    turns: list[SpeakerTurn] = [(Span(0, 1), "S1"), (Span(3, 4), "S2")]
    parts = assign_speakers([said(("near", 1.2, 1.5), ("far", 2.6, 2.8)), said(("late", 60, 61))], turns)
    assert heard(parts) == [("S1", "near"), ("S2", "far"), ("S2", "late")]


@pytest.mark.parametrize("first", ["S1", "S2"])
def test_where_two_speak_the_speaker_stays(first: str) -> None:
    """A word that both turns cover wholly goes with the speaker of the word before."""
    second = "S2" if first == "S1" else "S1"
    turns: list[SpeakerTurn] = [(Span(0, 3), first), (Span(1, 4), second)]
    parts = assign_speakers([said(("a", 0, 0.9), ("b", 1.5, 2.5), ("c", 3.1, 3.9), ("d", 1.6, 2.4))], turns)
    assert heard(parts) == [(first, "a b"), (second, "c d")]


def test_words_without_a_time_follow_their_neighbours() -> None:
    """A word that could not be located goes with the one before it, or the first located one."""
    whole = Span(0.5, 3.5)
    words = (
        Word("um", whole, located=False),
        Word("hello", Span(0.5, 1.5)),
        Word("er", whole, located=False),
        Word("hi", Span(3, 3.5)),
    )
    parts = assign_speakers([Utterance(words, whole, speaker="?", track="T1")], TWO)
    assert heard(parts) == [("S1", "um hello er"), ("S2", "hi")]


def test_an_utterance_without_any_time_goes_to_who_spoke_most() -> None:
    """Where no word is located the utterance stays whole."""
    parts = assign_speakers([said(("x", 1.5, 4.0), ("y", 1.5, 4.0), located=False)], TWO)
    assert heard(parts) == [("S2", "x y")]
