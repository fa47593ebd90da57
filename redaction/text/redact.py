"""Writes what may be kept of the words: kept words, and labels in place of the personal ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from redaction.model import EntityType, RedactedUtterance, Span, TextFinding, Token, Utterance, Word
from redaction.policy import Policy
from redaction.text.lexicon import fold, is_ordinary, stem
from redaction.text.pseudonyms import assign

__all__ = ["redact"]

_PARTS = re.compile(r"[^\W\d_]+|\d+")
SHORTEST_PART = 3


def redact(
    utterances: Sequence[Utterance], findings: Sequence[TextFinding], policy: Policy
) -> list[RedactedUtterance]:
    """Return every utterance with its personal words replaced.

    Personal words that touch become one token. Its text is `PERSON 1` with `transcript.names = "pseudonym"`, `PERSON`
    with `"label"`, and empty with `"drop"`; its span covers all its words. Endings and punctuation written
    together with a personal word go with it. A word that is kept by the findings but equals a name found elsewhere
    is replaced as well.
    """
    labelled = assign(utterances, findings, roster=policy.speech.roster)
    known = _names(utterances, labelled)
    by_utterance: dict[int, list[TextFinding]] = {}
    for one in labelled:
        by_utterance.setdefault(one.utterance, []).append(one)
    return [
        RedactedUtterance(
            tokens=tuple(_tokens(utterance, by_utterance.get(index, ()), known, policy)),
            span=utterance.span,
            speaker=utterance.speaker,
            track=utterance.track,
            language=utterance.language,
        )
        for index, utterance in enumerate(utterances)
    ]


def _tokens(
    utterance: Utterance,
    findings: Sequence[TextFinding],
    known: dict[str, tuple[EntityType, str]],
    policy: Policy,
) -> list[Token]:
    masks: list[tuple[EntityType, str] | None] = [_known(word, known) for word in utterance.words]
    for one in findings:
        for at in range(max(0, one.first), min(one.last, len(masks))):
            masks[at] = (one.entity_type, one.pseudonym)
    tokens: list[Token] = []
    at = 0
    while at < len(masks):
        mask = masks[at]
        if mask is None:
            word = utterance.words[at]
            if word.text.strip():
                tokens.append(Token(word.text.strip(), word.span, located=word.located))
            at += 1
            continue
        last = at + 1
        while last < len(masks) and masks[last] == mask:
            last += 1
        tokens.append(_token(utterance.words[at:last], mask, policy))
        at = last
    return tokens


def _token(words: Sequence[Word], mask: tuple[EntityType, str], policy: Policy) -> Token:
    kind, pseudonym = mask
    text = {"pseudonym": pseudonym or str(kind), "label": str(kind), "drop": ""}[policy.transcript.names]
    span = Span(min(word.span.start for word in words), max(word.span.end for word in words))
    return Token(text, span, entity_type=kind, located=all(word.located for word in words))


def _names(
    utterances: Sequence[Utterance], labelled: Iterable[TextFinding]
) -> dict[str, tuple[EntityType, str]]:
    """Return the telling words that were found, each with its label; none is kept past this call."""
    known: dict[str, tuple[EntityType, str]] = {}
    for one in labelled:
        for word in utterances[one.utterance].words[one.first : one.last]:
            for part in {stem(fold(word.text)), *_parts(word.text)}:
                if _telling(part):
                    known.setdefault(part, (one.entity_type, one.pseudonym))
    return known


def _parts(text: str) -> list[str]:
    return [stem(part) for part in _PARTS.findall(fold(text))]


def _telling(part: str) -> bool:
    if part.isdigit():
        return len(part) >= 4
    return len(part) >= SHORTEST_PART and part.isalpha() and not is_ordinary(part)


def _known(word: Word, known: dict[str, tuple[EntityType, str]]) -> tuple[EntityType, str] | None:
    for part in (stem(fold(word.text)), *_parts(word.text)):
        if part in known:
            return known[part]
    return None
