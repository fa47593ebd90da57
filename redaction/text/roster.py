"""Finds the names that the user gave, whole or in part, well heard or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from redaction.model import EntityType
from redaction.text.fuzzy import NameIndex
from redaction.text.lexicon import FUNCTION_WORDS, fold, is_ordinary
from redaction.text.numbers import NumberKind, code_runs
from redaction.text.passage import Hit, Passage
from redaction.text.rules.names import PARTICLES, TITLES

__all__ = ["Roster"]

LONGEST_JOIN = 3


class Roster:
    """Names that must never be left standing.

    A full name is found whole and by each of its parts: exactly, with letters wrong, by sound, spelled out, or heard
    as two or three words. A part that is an everyday word (`Grace`, `Will`) is found alone only where the text
    writes it with a capital inside a sentence, beside another part, or in text without capitals where it is no
    function word.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._index = NameIndex()
        self._owners = 0
        self._wholes: dict[str, list[tuple[str, ...]]] = {}  # by their first part
        self._names: set[tuple[str, ...]] = set()
        self.add(names)

    def __len__(self) -> int:
        return len(self._names)

    def add(self, names: Iterable[str]) -> None:
        """Take up more names; costs their length, not that of the roster."""
        for name in names:
            owner, self._owners = self._owners, self._owners + 1
            words = [word for word in fold(name).replace(",", " ").split() if word]
            parts = [fold(word) for word in words]
            whole = tuple(parts)
            if whole in self._names or not whole:
                continue
            self._names.add(whole)
            self._wholes.setdefault(whole[0], []).append(whole)
            pieces = [piece for part in parts for piece in (part, *part.split("-"))]
            for piece in dict.fromkeys(pieces):
                if len(piece) > 1 and piece not in PARTICLES and piece not in TITLES:
                    self._index.add(piece, owner, phonetic=True)
            if len(parts) > 1:
                self._index.add("".join(parts), owner)

    def find(self, passage: Passage) -> Iterator[Hit]:
        """Yield every place where a name of the roster may stand."""
        if not self._names:
            return
        owners = [self._owner(passage, at) for at in range(len(passage))]
        for at, owner in enumerate(owners):
            if owner is not None:
                yield Hit(at, at + 1, EntityType.PERSON, 1.0, "roster")
        yield from self._whole(passage)
        yield from self._joined(passage, owners)
        yield from self._spelled(passage)

    def _owner(self, passage: Passage, at: int) -> int | None:
        item = passage[at]
        if not item.core or item.stem in PARTICLES:
            return None
        ordinary = is_ordinary(item.stem)
        owner = self._index.owner(item.stem, ordinary=ordinary)
        if owner is None and "-" in item.stem:
            owner = next(
                (o for part in item.stem.split("-") if (o := self._index.owner(part)) is not None), None
            )
        if owner is None or not ordinary:
            return owner
        if item.stem in FUNCTION_WORDS:
            return owner if item.capital else None
        return owner if item.upper or not item.cased else None

    def _whole(self, passage: Passage) -> Iterator[Hit]:
        for at in range(len(passage)):
            for first in dict.fromkeys((passage[at].stem, passage[at].core)):
                for parts in self._wholes.get(first, ()):
                    words = passage[at : at + len(parts)]
                    if 1 < len(parts) == len(words) and all(
                        part in (word.stem, word.core) for part, word in zip(parts, words, strict=True)
                    ):
                        yield Hit(at, at + len(parts), EntityType.PERSON, 1.0, "roster")

    def _joined(self, passage: Passage, owners: Sequence[int | None]) -> Iterator[Hit]:
        """Find a name heard as several words: `min seo` for Minseo, `ada easy` for Adaeze."""
        for at in range(len(passage)):
            word = passage[at].stem
            for end in range(at + 2, min(at + LONGEST_JOIN, len(passage)) + 1):
                if passage[end - 2].pauses:
                    break
                word += passage[end - 1].stem
                if all(owners[k] is not None for k in range(at, end)) or len(word) < 5:
                    continue
                usual = all(is_ordinary(passage[k].core) for k in range(at, end))
                if self._index.owner(word, ordinary=usual) is not None:
                    yield Hit(at, end, EntityType.PERSON, 0.9, "roster-joined")

    def _spelled(self, passage: Passage) -> Iterator[Hit]:
        for run in code_runs(passage):
            letters = [element for element in run.elements if element.kind is NumberKind.LETTER]
            text = "".join(element.text for element in letters)
            if len(text) >= 2 and self._index.owner(text, ordinary=len(text) < 4) is not None:
                yield Hit(letters[0].first, letters[-1].last, EntityType.PERSON, 1.0, "roster-spelled")
