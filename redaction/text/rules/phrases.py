"""Looks up fixed phrases in a passage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from redaction.model import EntityType
from redaction.text.passage import Item
from redaction.text.vocabulary import word_sections

__all__ = ["Phrases"]

TableValue = TypeVar("TableValue")


class Phrases(Generic[TableValue]):
    """A table of phrases of folded words, each with a value; the longest that fits is taken.

    Args:
        groups: values, each with its phrases.
    """

    def __init__(self, groups: Iterable[tuple[TableValue, Iterable[str]]]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], TableValue]]] = defaultdict(list)
        for value, phrases in groups:
            for phrase in phrases:
                words = tuple(phrase.split())
                self._by_first[words[0]].append((words, value))
        for entries in self._by_first.values():
            entries.sort(key=lambda entry: -len(entry[0]))

    def at(self, items: Sequence[Item], at: int) -> tuple[int, TableValue] | None:
        """Return where the longest phrase that begins at an item ends, and its value."""
        for words, value in self._by_first.get(items[at].core, ()):
            end = at + len(words)
            if end <= len(items) and all(items[at + k].core == word for k, word in enumerate(words)):
                return end, value
        return None

    def find(self, items: Sequence[Item]) -> Iterator[tuple[int, int, TableValue]]:
        """Yield every phrase as first item, one past its last item, and value."""
        for at in range(len(items)):
            found = self.at(items, at)
            if found is not None:
                yield at, *found

    @staticmethod
    def of_kinds(name: str) -> Phrases[EntityType]:
        """Read a word list whose sections are kinds of personal data."""
        return Phrases((EntityType(kind), entries) for kind, entries in word_sections(name).items())

    @staticmethod
    def of_sections(name: str) -> Phrases[str]:
        """Read a word list; the value of a phrase is the name of its section."""
        return Phrases(word_sections(name).items())
