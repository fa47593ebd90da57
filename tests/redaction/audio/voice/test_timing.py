"""Words that nobody speaks stand at times that are not the speaker's, and no replacement tells how long a name was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redaction.audio.voice.timing import MASKED_S, fixed_masks, spread_unspoken, unspoken
from redaction.model import EntityType, RedactedUtterance, Span, Token


def utterance(*parts: tuple[str, float], located: bool = True, gap: float = 0.1) -> RedactedUtterance:
    """Return an utterance of words and their lengths in seconds from 10 s on; words in capitals stand for a person."""
    at = 10.0
    tokens = []
    for text, length in parts:
        kind = EntityType.PERSON if text.isupper() else None
        tokens.append(Token(text, Span(at, at + length), kind, located=located))
        at += length + gap
    return RedactedUtterance(tuple(tokens), Span(10.0, at - gap), "S1", "A1")


def lengths(one: RedactedUtterance) -> list[float]:
    """Return how long each token lasts."""
    return [round(token.span.duration, 6) for token in one.tokens]


def test_kept_words_are_even_and_masked_ones_fixed() -> None:
    """The speaker's rhythm is gone: words that are kept last equally long, a name as long as any other."""
    one = unspoken(utterance(("my", 0.1), ("name", 0.4), ("is", 0.2), ("NAME", 1.7)))
    assert len(set(lengths(one)[:3])) == 1
    assert lengths(one)[3] == MASKED_S
    assert not any(token.located for token in one.tokens)
    assert one.span == Span(10.0, one.tokens[-1].span.end)


@given(
    kept=st.lists(st.floats(0.05, 0.8), max_size=6),
    names=st.lists(st.floats(0.1, 2.0), min_size=1, max_size=3),
    other=st.lists(st.floats(0.1, 2.0), min_size=3, max_size=3),
)
def test_a_name_of_another_length_changes_nothing(
    kept: list[float], names: list[float], other: list[float]
) -> None:
    """Two utterances that differ in how long their names are come out the same, their ends too."""
    words = [("word", length) for length in kept]
    first = unspoken(utterance(*words, *(("NAME", length) for length in names)))
    second = unspoken(utterance(*words, *(("NAME", length) for length in other[: len(names)])))
    assert lengths(first) == pytest.approx(lengths(second), abs=1e-5)
    assert first.span.end == pytest.approx(second.span.end, abs=1e-5)


def test_words_that_are_heard_stay_where_they_are() -> None:
    """Between words that a voice speaks, those that it does not are spread evenly, whatever their own times were."""
    said = utterance(("one", 0.3), ("two", 0.9), ("NAME", 0.1), ("four", 0.3), ("five", 0.3))
    tokens = list(said.tokens)
    for at in (1, 2, 4):
        tokens[at] = Token(tokens[at].text, tokens[at].span, tokens[at].entity_type, located=False)
    one = spread_unspoken(RedactedUtterance(tuple(tokens), said.span, "S1", "A1"))
    assert one.tokens[0] == tokens[0]
    assert one.tokens[3] == tokens[3]
    assert lengths(one)[1] == lengths(one)[2]
    assert one.tokens[1].span.start == tokens[0].span.end
    assert one.tokens[2].span.end == pytest.approx(tokens[3].span.start)
    assert one.tokens[4].span == Span(tokens[3].span.end, tokens[3].span.end + 0.3)
    assert spread_unspoken(said) == said


def test_a_replacement_in_a_disguised_voice_has_a_fixed_length() -> None:
    """Where the speaker's own words are heard their times stay; what replaces a name is as long as ever, or less."""
    one = fixed_masks(utterance(("NAME", 1.7), ("is", 0.2), ("NAME", 0.2), gap=0.4))
    assert lengths(one) == [MASKED_S, 0.2, MASKED_S]
    near = fixed_masks(utterance(("NAME", 0.2), ("is", 0.2)))
    assert near.tokens[0].span == Span(10.0, 10.3)


def test_an_utterance_without_words_has_no_times() -> None:
    """Nothing is made of nothing."""
    assert unspoken(RedactedUtterance((), Span(1, 2), "S1", "A1")).tokens == ()
