"""Finds again, everywhere in the recording, what was found once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from redaction.model import EntityType
from redaction.text.fuzzy import NameIndex
from redaction.text.lexicon import FUNCTION_WORDS, is_ordinary, is_product, namelike
from redaction.text.normalize import Change, NormalizedToken
from redaction.text.passage import Hit, Item, Passage
from redaction.text.rules.appointments import WEEKDAYS
from redaction.text.rules.names import PARTICLES, TITLES

__all__ = ["KnownToken", "Memory"]

_NUMBERS = frozenset({EntityType.PHONE, EntityType.CARD, EntityType.ACCOUNT, EntityType.ID})
_PLACES = frozenset({EntityType.ORGANIZATION, EntityType.SCHOOL, EntityType.ADDRESS, EntityType.LOCATION})
SHORTEST_KNOWN_PART = 4  # digits; fewer are in too many other numbers
SHORTEST_WORD = 3
SURE = 0.5

KnownToken = tuple[Sequence[Item], EntityType, float, bool]


class Memory:
    """What was found in the recording, and how to know it again.

    Names match exactly, with letters wrong and by sound; everyday words, product words and what was found with little
    certainty only match exactly or not at all. Numbers match whole and by any four or more of their digits in a row.
    """

    def __init__(self) -> None:
        self._names = NameIndex()
        self._common: set[str] = set()
        self._places: set[str] = set()
        self._digits: set[str] = set()
        self._mails: set[str] = set()
        self._days: set[str] = set()

    def __len__(self) -> int:
        return (
            len(self._names) + len(self._common) + len(self._places) + len(self._digits) + len(self._mails)
        ) + len(self._days)

    def learn(self, seen: Iterable[KnownToken]) -> None:
        """Take up findings: the items of each, its kind, score, and whether no allow-list can take it back."""
        for items, kind, score, strong in seen:
            if kind is EntityType.PERSON:
                self._learn_name(items, sure=strong or score >= SURE)
            elif kind is EntityType.DATE:
                self._days |= {item.stem for item in items} & WEEKDAYS
            elif kind in _PLACES and len(items) <= 6:
                for item in items:
                    if len(item.stem) >= SHORTEST_WORD + 2 and item.strange and not is_product(item.stem):
                        self._places.add(item.stem)

    def learn_tokens(self, tokens: Iterable[tuple[NormalizedToken, EntityType]]) -> None:
        """Take up personal tokens of the written copy: numbers and e-mail addresses."""
        for token, kind in tokens:
            if token.change is Change.MAIL:
                local = token.text.partition("@")[0]
                self._mails.add(token.text)
                for part in local.replace("_", ".").replace("-", ".").replace("+", ".").split("."):
                    word = part.strip("0123456789")
                    if len(word) >= SHORTEST_KNOWN_PART and word.isalpha() and not is_ordinary(word):
                        self._names.add(word, 0, fuzzy=False)
            elif kind in _NUMBERS:
                self._learn_number("".join(filter(str.isdigit, token.text)))

    def _learn_name(self, items: Sequence[Item], *, sure: bool) -> None:
        for item in items:
            pieces = [item.stem, *(item.stem.split("-") if "-" in item.stem else ())]
            for word in pieces:
                if len(word) < SHORTEST_WORD or not word.replace("'", "").isalpha():
                    continue
                if word in PARTICLES or word in TITLES or is_product(word):
                    continue
                if not is_ordinary(word):
                    self._names.add(word, 0, fuzzy=sure, phonetic=sure and len(word) >= 5)
                elif sure and namelike(word) and word not in FUNCTION_WORDS:
                    self._common.add(word)

    def _learn_number(self, digits: str) -> None:
        for first in range(len(digits) - SHORTEST_KNOWN_PART + 1):
            for last in range(first + SHORTEST_KNOWN_PART, min(len(digits), first + 20) + 1):
                self._digits.add(digits[first:last])

    def find(self, passage: Passage) -> Iterator[Hit]:
        """Yield words that are known by now."""
        for at, item in enumerate(passage):
            if not item.core:
                continue
            if item.stem in self._places and (item.strange or item.upper):
                yield Hit(at, at + 1, EntityType.LOCATION, 0.7, "again-place")
            if self._is_name(item):
                yield Hit(at, at + 1, EntityType.PERSON, 0.8, "again-name")

    def find_days(self, passage: Passage) -> Iterator[Hit]:
        """Yield weekdays that are known by now; no allow-list takes them back."""
        for at, item in enumerate(passage):
            if item.stem in self._days:
                yield Hit(at, at + 1, EntityType.DATE, 0.6, "again-day")

    def _is_name(self, item: Item) -> bool:
        if item.stem in self._common:
            return item.upper or not item.cased
        if len(item.stem) < SHORTEST_WORD or not item.alphabetic or is_product(item.stem):
            return False
        ordinary = is_ordinary(item.stem)
        if self._names.owner(item.stem, ordinary=ordinary) is not None:
            return True
        if "-" in item.stem or "'" in item.stem:
            parts = item.stem.replace("'", "-").split("-")
            return any(len(part) > 3 and self._names.owner(part) is not None for part in parts)
        return False

    def find_tokens(self, tokens: Iterable[NormalizedToken]) -> Iterator[Hit]:
        """Yield tokens of the written copy that are known by now."""
        for token in tokens:
            if token.change is Change.MAIL:
                continue
            digits = "".join(filter(str.isdigit, token.text))
            if len(digits) >= SHORTEST_KNOWN_PART and digits in self._digits and not _year(digits):
                yield Hit(token.first, token.last, EntityType.ID, 0.8, "again-number")


def _year(digits: str) -> bool:
    return len(digits) == 4 and digits[:2] in ("19", "20")
