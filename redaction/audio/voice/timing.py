"""Times of words that no synthetic voice speaks: they must not be those at which somebody spoke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from redaction.model import RedactedUtterance, Span, Token

__all__ = ["MASKED_S", "fixed_masks", "spread_unspoken", "unspoken"]

MASKED_S: Final = 0.5
"""How long what stands for personal words lasts, in seconds, whatever it stands for: about one spoken word."""

_SHORTEST_S: Final = 0.05
_BESIDE_S: Final = 0.3


def unspoken(utterance: RedactedUtterance) -> RedactedUtterance:
    """Return an utterance of which nothing is heard, its words at even times.

    It begins where it began. The words that are kept share the time that they took together, pauses included; what
    stands for personal words lasts as long as ever, so that neither a word nor the whole tells how long a name was.
    """
    return spread_unspoken(
        replace(utterance, tokens=tuple(replace(token, located=False) for token in utterance.tokens))
    )


def spread_unspoken(utterance: RedactedUtterance) -> RedactedUtterance:
    """Return an utterance with its words that are not heard at even times between those that are.

    Args:
        utterance: tokens that are `located` are heard where they are; the times of others are those of the speaker.
    """
    tokens = utterance.tokens
    if all(token.located for token in tokens):
        return utterance
    if not any(token.located for token in tokens):
        return _evenly(utterance)
    spread = list(tokens)
    first = 0
    while first < len(spread):
        last = first + 1
        if not spread[first].located:
            while last < len(spread) and not spread[last].located:
                last += 1
            before = spread[first - 1].span.end if first else None
            after = spread[last].span.start if last < len(spread) else None
            spread[first:last] = _between(spread[first:last], before, after)
        first = last
    return _respanned(utterance, spread)


def fixed_masks(utterance: RedactedUtterance) -> RedactedUtterance:
    """Return an utterance whose words are heard at the speaker's times, with a fixed length of what replaces others.

    A replacement ends early where the next word begins.
    """
    tokens = list(utterance.tokens)
    for at, token in enumerate(tokens):
        if token.entity_type is None:
            continue
        end = token.span.start + MASKED_S
        if at + 1 < len(tokens):
            end = max(token.span.start, min(end, tokens[at + 1].span.start))
        tokens[at] = replace(token, span=Span(token.span.start, end))
    return replace(utterance, tokens=tuple(tokens))


def _evenly(utterance: RedactedUtterance) -> RedactedUtterance:
    masked = [token for token in utterance.tokens if token.entity_type is not None]
    kept = len(utterance.tokens) - len(masked)
    left = utterance.span.duration - sum(token.span.duration for token in masked)
    length = max(_SHORTEST_S, left / kept) if kept else 0.0
    at = utterance.span.start
    tokens: list[Token] = []
    for token in utterance.tokens:
        end = at + (length if token.entity_type is None else MASKED_S)
        tokens.append(replace(token, span=Span(at, end)))
        at = end
    return _respanned(utterance, tokens)


def _between(tokens: Sequence[Token], before: float | None, after: float | None) -> list[Token]:
    """Spread words between what is heard before and after them; at an end of the utterance, next to it."""
    if before is None and after is not None:
        before = max(0.0, after - len(tokens) * _BESIDE_S)
    start = 0.0 if before is None else before
    end = start + len(tokens) * _BESIDE_S if after is None else max(start, after)
    step = (end - start) / len(tokens)
    return [
        replace(token, span=Span(start + at * step, start + (at + 1) * step))
        for at, token in enumerate(tokens)
    ]


def _respanned(utterance: RedactedUtterance, tokens: Sequence[Token]) -> RedactedUtterance:
    if not tokens:
        return replace(utterance, tokens=())
    span = Span(min(token.span.start for token in tokens), max(token.span.end for token in tokens))
    return replace(utterance, tokens=tuple(tokens), span=span)
