"""Cut utterances into the phrases that are spoken at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from redaction.model import RedactedUtterance, Span, Token

__all__ = ["MAX_PHRASE_TOKENS", "PHRASE_PAUSE_S", "Phrase", "split_phrases"]

PHRASE_PAUSE_S = 0.35
"""A pause at least this long ends a phrase, in seconds: shorter ones are the new voice's own affair."""

MAX_PHRASE_TOKENS = 24
"""Longest phrase, about 8 s of speech: what bounds memory and how far time may drift inside one."""

_CLAUSE_ENDS = (".", "?", "!", ";", ":", ",")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Tokens `[first, last)` of an utterance, to be spoken in one breath.

    Attributes:
        utterance: index of the utterance in the list that was split.
        start: when its first word was said, in seconds.
        end: when its last word ended.
    """

    utterance: int
    first: int
    last: int
    tokens: tuple[Token, ...]
    start: float
    end: float


def split_phrases(utterances: Sequence[RedactedUtterance], wanted: Sequence[int]) -> list[Phrase]:
    """Return the phrases of the wanted utterances (by index), in order of their start."""
    phrases = [phrase for at in wanted for phrase in _phrases_of(at, utterances[at])]
    return sorted(phrases, key=lambda phrase: (phrase.start, phrase.utterance, phrase.first))


def _phrases_of(at: int, utterance: RedactedUtterance) -> list[Phrase]:
    tokens = utterance.tokens
    spans = _spread(tokens)
    cuts = [
        0,
        *(i for i in range(1, len(tokens)) if spans[i].start - spans[i - 1].end >= PHRASE_PAUSE_S),
        len(tokens),
    ]
    phrases = []
    for first, last in pairwise(cuts):
        for a, b in _shortened(tokens, first, last):
            phrases.append(
                Phrase(at, a, b, tokens[a:b], spans[a].start, max(span.end for span in spans[a:b]))
            )
    return phrases


def _shortened(tokens: Sequence[Token], first: int, last: int) -> list[tuple[int, int]]:
    """Cut `[first, last)` at clause ends so that no part is longer than `MAX_PHRASE_TOKENS`."""
    parts = []
    while last - first > MAX_PHRASE_TOKENS:
        clause_ends = [
            i + 1
            for i in range(first + MAX_PHRASE_TOKENS // 3, first + MAX_PHRASE_TOKENS)
            if tokens[i].text.endswith(_CLAUSE_ENDS)
        ]
        cut = clause_ends[-1] if clause_ends else first + MAX_PHRASE_TOKENS
        parts.append((first, cut))
        first = cut
    if last > first:
        parts.append((first, last))
    return parts


def _spread(tokens: Sequence[Token]) -> list[Span]:
    """Return each token's span; tokens that share one unlocated span divide it by their length, in order."""
    spans = [token.span for token in tokens]
    first = 0
    while first < len(tokens):
        last = first + 1
        if not tokens[first].located:
            while last < len(tokens) and not tokens[last].located and spans[last] == spans[first]:
                last += 1
            whole = spans[first]
            sizes = [len(token.text) + 1 for token in tokens[first:last]]
            done = 0
            for at, size in enumerate(sizes, start=first):
                a, b = done / sum(sizes), (done + size) / sum(sizes)
                spans[at] = Span(whole.start + a * whole.duration, whole.start + b * whole.duration)
                done += size
        first = last
    return spans
