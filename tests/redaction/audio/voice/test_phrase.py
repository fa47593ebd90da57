"""Cutting utterances into phrases."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from redaction.audio.voice.phrase import MAX_PHRASE_TOKENS, PHRASE_PAUSE_S, split_phrases
from redaction.model import RedactedUtterance, Span, Token

gaps = st.lists(st.tuples(st.floats(0, 1), st.floats(0.05, 0.6), st.booleans()), max_size=80)


def utterance(words: list[tuple[float, float, bool]]) -> RedactedUtterance:
    tokens, at = [], 0.0
    for gap, length, comma in words:
        at += gap
        tokens.append(Token("word," if comma else "word", Span(at, at + length)))
        at += length
    return RedactedUtterance(tuple(tokens), Span(0, at), "S1", "a1")


@given(words=gaps)
def test_every_token_once(words: list[tuple[float, float, bool]]) -> None:
    """Phrases hold every token exactly once, in order, none too long and no long pause inside."""
    one = utterance(words)
    phrases = split_phrases([one], [0])
    assert [i for phrase in phrases for i in range(phrase.first, phrase.last)] == list(range(len(one.tokens)))
    for phrase in phrases:
        assert 0 < len(phrase.tokens) <= MAX_PHRASE_TOKENS
        spans = [token.span for token in phrase.tokens]
        assert all(b.start - a.end < PHRASE_PAUSE_S for a, b in itertools.pairwise(spans))
        assert phrase.start == spans[0].start


def test_unlocated_words_share_their_segment() -> None:
    """Words that only have their segment's time are spread over it, so that long ones can be cut in time."""
    token = Token("word", Span(10, 40), located=False)
    phrases = split_phrases([RedactedUtterance((token,) * 60, Span(10, 40), "S1", "a1")], [0])
    assert len(phrases) == 3
    assert [round(phrase.start, 1) for phrase in phrases] == [10.0, 22.0, 34.0]


def test_only_wanted_utterances() -> None:
    """Utterances that are not wanted give no phrase; the others come by start."""
    early, late = utterance([(1, 0.2, False)]), utterance([(5, 0.2, False)])
    phrases = split_phrases([late, early, early], [0, 1])
    assert [phrase.utterance for phrase in phrases] == [1, 0]
