"""Words that a reviewer masks: found again in what is written, and on the screen, as they stand or bent."""

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
from redaction.text.phrases import phrase_runs, phrases_broken
from redaction.video.screen.decide import Judge, SeenText, parted
from redaction.video.screen.ocr import Reading

__all__ = ["MaskedWords", "MaskedWordsJudge"]

_ENDINGS: Final = ("s", "es", "ed", "ing")
_LONG: Final = 6
_GAP: Final = ""
_PARTS: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


class MaskedWords:
    """The words that are masked, alone or several in a row, each with what stands for it; in memory only.

    Args:
        words: as they were picked, and of which kind they are.
    """

    def __init__(self, words: Iterable[tuple[str, EntityType]]) -> None:
        self._kinds: dict[str, EntityType] = {}
        self._phrases: dict[tuple[str, ...], EntityType] = {}
        for text, kind in words:
            cores = tuple(core for part in _PARTS.findall(text) if (core := _core_of(part)))
            if len(text.split()) > 1 and len(cores) > 1:
                self._phrases.setdefault(cores, kind)
            if whole := _core_of("".join(text.split())):  # a phrase may be written as one word, too
                self._kinds.setdefault(whole, kind)

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

    @property
    def phrases(self) -> tuple[tuple[str, ...], ...]:
        """Words that are masked only in a row, as they are compared with what is heard."""
        return tuple(self._phrases)

    def kind(self, text: str) -> EntityType | None:
        """Return what stands for a word; None when it may be kept."""
        whole = _core_of(text)
        for core in (whole, *map(_core_of, _PARTS.findall(text))):
            for masked, kind in self._kinds.items():
                if core and _same(core, masked):
                    return kind
        return None

    def on_screen(self, texts: Sequence[str]) -> list[bool]:
        """Tell which lines hold one of the words, a letter that was misread in a long one aside."""
        lines = [[_core_of(part) for part in _PARTS.findall(text)] for text in texts]
        found = [
            self._on_line(text) or any(True for _ in phrase_runs(line, self._phrases, same=_read_as))
            for text, line in zip(texts, lines, strict=True)
        ]
        for pair in phrases_broken(lines, self._phrases, same=_read_as):
            for at in pair:
                found[at] = True
        return found

    def _on_line(self, text: str) -> bool:
        for word in (*text.split(), *parted(text)):
            if self.kind(word) is not None:
                return True
            if any(_read_as(_core_of(word), masked) for masked in self._kinds):
                return True
        run = compact(text)
        return any(len(masked) >= _LONG and masked in run for masked in self._kinds)

    def masked(
        self, utterances: Sequence[RedactedUtterance], *, drop: bool
    ) -> tuple[tuple[RedactedUtterance, ...], tuple[Token, ...]]:
        """Return utterances without the words, and the tokens that were masked."""
        kinds = self._kinds_in(utterances)
        gone: list[Token] = []
        result: list[RedactedUtterance] = []
        for number, one in enumerate(utterances):
            tokens: list[Token] = []
            for at, token in enumerate(one.tokens):
                kind = kinds.get((number, at))
                if kind is None:
                    tokens.append(token)
                    continue
                gone.append(token)
                tokens.append(replace(token, text="" if drop else str(kind), entity_type=kind))
            result.append(replace(one, tokens=tuple(tokens)))
        return tuple(result), tuple(gone)

    def _kinds_in(self, utterances: Sequence[RedactedUtterance]) -> dict[tuple[int, int], EntityType]:
        """Return what stands for which token; a phrase may be broken between two utterances of one speaker."""
        kinds: dict[tuple[int, int], EntityType] = {}
        by_speaker: dict[str, list[tuple[int, int]]] = {}
        for number, one in enumerate(utterances):
            for at, token in enumerate(one.tokens):
                by_speaker.setdefault(one.speaker, []).append((number, at))
                if token.entity_type is None and (kind := self.kind(token.text)) is not None:
                    kinds[number, at] = kind
        for places in by_speaker.values() if self._phrases else ():
            tokens = [utterances[number].tokens[at] for number, at in places]
            texts = ["" if token.entity_type is not None else token.text for token in tokens]
            kinds |= {places[at]: kind for at, kind in self._in_a_row(texts).items() if texts[at]}
        return kinds

    def _in_a_row(self, texts: Sequence[str]) -> dict[int, EntityType]:
        """Return which of texts that follow each other belong to a phrase, and what stands for it."""
        parts = [
            (at, _core_of(part)) for at, text in enumerate(texts) for part in _PARTS.findall(text) or [_GAP]
        ]
        cores = [core for _, core in parts]
        return {
            at: kind
            for phrase, kind in self._phrases.items()
            for first, last in phrase_runs(cores, [phrase], same=_same)
            for at, core in parts[first:last]
            if core
        }

    def counts(self, tokens: Iterable[Token]) -> Mapping[str, int]:
        """Return how many of each kind there are among tokens that `masked` said to be gone."""
        counts: dict[str, int] = {}
        for token in tokens:
            cores = [_core_of(part) for part in _PARTS.findall(token.text)]
            rows = (
                kind
                for row, kind in self._phrases.items()
                if any(_same(core, part) for core in cores for part in row)
            )
            kind = str(self.kind(token.text) or next(rows, EntityType.OTHER))
            counts[kind] = counts.get(kind, 0) + 1
        return counts

    def message(self, message: StoredMessage) -> StoredMessage:
        """Return a chat message without the words."""
        words = message.text.split(" ")
        kinds = self._in_a_row(words) | {
            at: kind for at, word in enumerate(words) if (kind := self.kind(word)) is not None
        }
        masked = [f"[{kinds[at]}]" if at in kinds else word for at, word in enumerate(words)]
        return message.model_copy(update={"text": " ".join(masked)})


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
        return self._words.on_screen([line.reading.text for line in lines])

    def telling(self, readings: Sequence[Reading]) -> list[bool]:
        """Judge lines by their words."""
        own = self._words.on_screen([one.text for one in readings])
        if self._also is None:
            return own
        return [one or other for one, other in zip(own, self._also.telling(readings), strict=True)]


def _core_of(word: str) -> str:
    """Return a word as it is compared: no case, accent, mark or possessive."""
    return compact(stem(fold(word)))


def _same(core: str, masked: str) -> bool:
    """Tell whether a word is a masked one, with a plain ending too, as in the plural."""
    bent = len(masked) > 2 and not masked.isdigit() and any(core == masked + end for end in _ENDINGS)
    return core == masked or bent


def _read_as(core: str, masked: str) -> bool:
    """Tell whether a word on a screen is a masked one, a letter that was misread in a long one aside."""
    if _same(core, masked):
        return True
    return len(masked) >= _LONG and len(core) >= _LONG - 1 and distance(core, masked) <= 1
