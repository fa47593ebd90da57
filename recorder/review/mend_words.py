"""A word that a reviewer masks: found again in what is written, and on the screen, as it stands or bent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from recorder.bundle.chat import StoredMessage
from redaction.model import EntityType, RedactedUtterance, Token
from redaction.text.find import PersonalDataFinder
from redaction.text.fuzzy import distance
from redaction.text.lexicon import fold, stem
from redaction.text.person_names import compact
from redaction.video.screen.decide import Judge, SeenText, parted
from redaction.video.screen.ocr import Reading

__all__ = ["MaskedWords", "MaskedWordsJudge"]

_ENDINGS: Final = ("", "s", "es", "ed", "ing")
_LONG: Final = 6
_PARTS: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


class MaskedWords:
    """The words that are masked, each with what stands for it; in memory only.

    Args:
        words: the word as it was picked, and its kind.
    """

    def __init__(self, words: Iterable[tuple[str, EntityType]]) -> None:
        self._kinds: dict[str, EntityType] = {}
        for word, kind in words:
            core = _core_of(word)
            if core:
                self._kinds.setdefault(core, kind)

    def __bool__(self) -> bool:
        return bool(self._kinds)

    @property
    def cores(self) -> frozenset[str]:
        """The words as they are compared with what is heard."""
        return frozenset(self._kinds)

    @property
    def numbers(self) -> frozenset[str]:
        """Those that are numbers, as they are compared with what is heard."""
        return frozenset(core for core in self._kinds if core.isdigit() and len(core) > 1)

    def kind(self, text: str) -> EntityType | None:
        """Return what stands for a word; None when it may be kept."""
        whole = _core_of(text)
        for core in (whole, *map(_core_of, _PARTS.findall(text))):
            for masked, kind in self._kinds.items():
                if core and (core == masked or _bent(core, masked)):
                    return kind
        return None

    def on_screen(self, text: str) -> bool:
        """Tell whether a line holds one of the words, a letter that was misread in a long one aside."""
        for word in (*text.split(), *parted(text)):
            if self.kind(word) is not None:
                return True
            core = _core_of(word)
            if any(
                len(masked) >= _LONG and len(core) >= _LONG - 1 and distance(core, masked) <= 1
                for masked in self._kinds
            ):
                return True
        run = compact(text)
        return any(len(masked) >= _LONG and masked in run for masked in self._kinds)

    def masked(
        self, utterances: Sequence[RedactedUtterance], *, drop: bool
    ) -> tuple[tuple[RedactedUtterance, ...], tuple[Token, ...]]:
        """Return utterances without the words, and the tokens that were masked."""
        gone: list[Token] = []
        result: list[RedactedUtterance] = []
        for one in utterances:
            tokens: list[Token] = []
            for token in one.tokens:
                kind = None if token.entity_type is not None else self.kind(token.text)
                if kind is None:
                    tokens.append(token)
                    continue
                gone.append(token)
                tokens.append(replace(token, text="" if drop else str(kind), entity_type=kind))
            result.append(replace(one, tokens=tuple(tokens)))
        return tuple(result), tuple(gone)

    def message(self, message: StoredMessage) -> StoredMessage:
        """Return a chat message without the words."""
        words = [
            word if (kind := self.kind(word)) is None else f"[{kind}]" for word in message.text.split(" ")
        ]
        return message.model_copy(update={"text": " ".join(words)})

    def counts(self, tokens: Iterable[Token]) -> Mapping[str, int]:
        """Return how often each kind was masked."""
        counts: dict[str, int] = {}
        for token in tokens:
            kind = str(self.kind(token.text) or EntityType.OTHER)
            counts[kind] = counts.get(kind, 0) + 1
        return counts


class MaskedWordsJudge(Judge):
    """Tells which lines on a screen hold a masked word, and nothing else.

    Args:
        finder: is not asked; the base wants one.
        words: that are masked.
        also: another judge whose verdict on single lines counts too.
    """

    def __init__(self, finder: PersonalDataFinder, words: MaskedWords, *, also: Judge | None = None) -> None:
        super().__init__(finder, text="personal")
        self._words = words
        self._also = also

    def personal(self, lines: Sequence[SeenText]) -> list[bool]:
        """Judge the lines of one picture."""
        return [self._words.on_screen(line.reading.text) for line in lines]

    def telling(self, readings: Sequence[Reading]) -> list[bool]:
        """Judge lines by their words."""
        own = [self._words.on_screen(one.text) for one in readings]
        if self._also is None:
            return own
        return [one or other for one, other in zip(own, self._also.telling(readings), strict=True)]


def _core_of(word: str) -> str:
    """Return a word as it is compared: no case, accent, mark or possessive."""
    return compact(stem(fold(word)))


def _bent(core: str, masked: str) -> bool:
    """Tell whether a word is a masked one with a plain ending, as in the plural."""
    return len(masked) > 2 and not masked.isdigit() and any(core == masked + ending for ending in _ENDINGS)
