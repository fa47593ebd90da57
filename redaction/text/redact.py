"""Writes what may be kept of the words: kept words, and labels in place of the personal ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redaction.model import EntityType, RedactedUtterance, Span, TextFinding, Token, Utterance, Word
from redaction.policy import Policy
from redaction.text.lexicon import fold, is_ordinary, stem
from redaction.text.pseudonyms import Pseudonyms

__all__ = ["TokenMask", "TokenOfWords", "WordMasks", "joined_tokens", "redact_utterances", "tokens_of"]

TokenMask = tuple[EntityType, str]
"""What stands for a personal word: its kind and its pseudonym."""

_PARTS = re.compile(r"[^\W\d_]+|\d+")
SHORTEST_PART = 3


def redact_utterances(
    utterances: Sequence[Utterance], findings: Sequence[TextFinding], policy: Policy
) -> list[RedactedUtterance]:
    """Return every utterance with its personal words replaced.

    Personal words that touch become one token. Its text is `PERSON 1` with `transcript.names = "pseudonym"`, `PERSON`
    with `"label"`, and empty with `"drop"`; its span covers all its words. Endings and punctuation written
    together with a personal word go with it. A word that is kept by the findings but equals a name found elsewhere
    is replaced as well.
    """
    masks = WordMasks(policy.speech.roster).of(utterances, findings)
    return [
        RedactedUtterance(
            tokens=tuple(piece.token for piece in tokens_of(utterance.words, own, policy)),
            span=utterance.span,
            speaker=utterance.speaker,
            track=utterance.track,
            language=utterance.language,
        )
        for utterance, own in zip(utterances, masks, strict=True)
    ]


class WordMasks:
    """Says of each word whether it is masked, part by part, with the same labels throughout a call that goes on.

    A word that was personal once is masked wherever it is said afterwards.
    """

    def __init__(self, roster: Sequence[str] = ()) -> None:
        self._pseudonyms = Pseudonyms(roster)
        self._known: dict[str, dict[str, TokenMask]] = {}

    def know(self, names: Sequence[str]) -> None:
        """Take up names whose parts share a pseudonym."""
        self._pseudonyms.know(names)

    def of(
        self, utterances: Sequence[Utterance], findings: Sequence[TextFinding]
    ) -> list[list[TokenMask | None]]:
        """Return, for each utterance, what stands for each of its words; None for a word that may be kept."""
        labelled = self._pseudonyms.assign(utterances, findings)
        by_utterance: dict[int, list[TextFinding]] = {}
        for one in labelled:
            by_utterance.setdefault(one.utterance, []).append(one)
            _learn(utterances[one.utterance], one, self._known)
        return [
            _masks(utterance, by_utterance.get(index, ()), self._known)
            for index, utterance in enumerate(utterances)
        ]

    def forget(self, track: str) -> None:
        """Forget the words that were personal in one track."""
        self._known.pop(track, None)
        self._pseudonyms.forget(track)


@dataclass(frozen=True, slots=True)
class TokenOfWords:
    """One token and the words `[first, last)` that it stands for."""

    token: Token
    first: int
    last: int


def tokens_of(words: Sequence[Word], masks: Sequence[TokenMask | None], policy: Policy) -> list[TokenOfWords]:
    """Return what may be kept of an utterance's words: masked words that touch and share a mask become one token."""
    tokens: list[TokenOfWords] = []
    at = 0
    while at < len(masks):
        mask = masks[at]
        if mask is None:
            word = words[at]
            if word.text.strip():
                token = Token(word.text.strip(), word.span, located=word.located)
                tokens.append(TokenOfWords(token, at, at + 1))
            at += 1
            continue
        last = at + 1
        while last < len(masks) and masks[last] == mask:
            last += 1
        tokens.append(TokenOfWords(_token(words[at:last], mask, policy), at, last))
        at = last
    return tokens


def joined_tokens(tokens: Sequence[Token]) -> str:
    """Return what may be kept as one line, what stands for personal words in brackets: `I am [PERSON 1]`."""
    return " ".join(f"[{token.text}]" if token.entity_type else token.text for token in tokens if token.text)


def _masks(
    utterance: Utterance, findings: Sequence[TextFinding], known: Mapping[str, Mapping[str, TokenMask]]
) -> list[TokenMask | None]:
    masks = [_known(word, known) for word in utterance.words]
    for one in findings:
        for at in range(max(0, one.first), min(one.last, len(masks))):
            masks[at] = (one.entity_type, one.pseudonym)
    return masks


def _token(words: Sequence[Word], mask: TokenMask, policy: Policy) -> Token:
    kind, pseudonym = mask
    text = {"pseudonym": pseudonym or str(kind), "label": str(kind), "drop": ""}[policy.transcript.names]
    span = Span(min(word.span.start for word in words), max(word.span.end for word in words))
    return Token(text, span, entity_type=kind, located=all(word.located for word in words))


def _learn(utterance: Utterance, one: TextFinding, known: dict[str, dict[str, TokenMask]]) -> None:
    """Take up the telling words of a finding under its track, each with its label."""
    own = known.setdefault(utterance.track, {})
    for word in utterance.words[one.first : one.last]:
        for part in {stem(fold(word.text)), *_parts(word.text)}:
            if _telling(part):
                same = (others[part] for others in known.values() if part in others)
                own.setdefault(part, next(same, (one.entity_type, one.pseudonym)))


def _parts(text: str) -> list[str]:
    return [stem(part) for part in _PARTS.findall(fold(text))]


def _telling(part: str) -> bool:
    if part.isdigit():
        return len(part) >= 4
    return len(part) >= SHORTEST_PART and part.isalpha() and not is_ordinary(part)


def _known(word: Word, known: Mapping[str, Mapping[str, TokenMask]]) -> TokenMask | None:
    for part in (stem(fold(word.text)), *_parts(word.text)):
        for own in known.values():
            if part in own:
                return own[part]
    return None
