"""Tells which words may be the same name, misheard or misspelt."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache

from rapidfuzz.distance import OSA

from redaction.text.lexicon import is_ordinary

__all__ = ["NameIndex", "distance", "phonetic_key"]

# Consonants that recognisers take for one another, longest spelling first. The groups are our own: voiced and
# unvoiced stops apart (Ben and Penn are different people), sibilants together, h and final r silent.
_SOUNDS = (
    (r"^(?:kn|gn|pn)", "n"), (r"^wr", "r"), (r"^(?:ps|x)", "s"), (r"sch|tch|tsch|ch|sh|cz|sz|zh|zs", "j"),
    (r"ph|v|w(?=r)", "f"), (r"th", "t"), (r"dh", "d"), (r"gh|h", ""), (r"dge|g(?=[eiy])", "j"), (r"c(?=[eiy])", "s"),
    (r"qu?|ck|c|kh|x", "k"), (r"z", "s"), (r"d[iy]o(?=[aeiou]|n)", "jo"), (r"r+$|r(?=[bdfgkmnpst])", ""), (r"w", "u"),
    (r"m(?=[fp])", "m"),
)  # fmt: skip
_VOWELS = re.compile(r"[aeiouy]+")
SHORTEST_CODE = 3
SHORTEST_FUZZY = 5
MOST_ALIKE = 12


@lru_cache(maxsize=1 << 15)
def phonetic_key(name: str) -> str:
    """Return a code of how a folded word sounds: consonants in groups, and an A where it begins with a vowel.

    >>> sounds("eleanor") == sounds("alina")
    True
    """
    code = re.sub(r"[^a-z]", "", name)
    for pattern, instead in _SOUNDS:
        code = re.sub(pattern, instead, code)
    starts = "A" if _VOWELS.match(code) else ""
    code = starts + _VOWELS.sub(" ", code).replace(" ", "")
    return re.sub(r"(.)\1+", r"\1", code)


def distance(left: str, right: str) -> int:
    """Return how many letters have to be added, dropped, changed or swapped with a neighbour.

    Source: optimal string alignment, the restricted Damerau-Levenshtein distance, as rapidfuzz computes it.
    """
    return OSA.distance(left, right)


def _shortened(word: str) -> set[str]:
    """Return the word and the word with any one letter left out."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


class NameIndex:
    """Names to be found again, each under the number of its owner.

    Looking a word up costs its length, not the number of names. An everyday word only ever matches itself.
    """

    def __init__(self) -> None:
        self._exact: dict[str, int] = {}
        self._near: dict[str, list[str]] = defaultdict(list)
        self._sound: dict[str, list[str]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._exact)

    def add(self, name: str, owner: int, *, fuzzy: bool = True, phonetic: bool = False) -> None:
        """Take up a folded word."""
        letters = name.replace("'", "").replace("-", "").replace(" ", "")
        for form in (name, letters):
            self._exact.setdefault(form, owner)
        if fuzzy and len(letters) >= SHORTEST_FUZZY:
            for key in _shortened(letters):
                _add(self._near[key], letters)
        if phonetic and len(phonetic_key(letters)) >= SHORTEST_CODE:
            _add(self._sound[phonetic_key(letters)], letters)

    def owner(self, word: str, *, ordinary: bool | None = None) -> int | None:
        """Return the owner of a name that a folded word is, resembles or sounds like."""
        found = self._exact.get(word)
        if found is not None:
            return found
        letters = word.replace("'", "").replace("-", "").replace(" ", "")
        if letters in self._exact:
            return self._exact[letters]
        if is_ordinary(word) if ordinary is None else ordinary:
            return None
        best: tuple[int, str] | None = None
        if len(letters) >= SHORTEST_FUZZY - 1:
            for key in _shortened(letters):
                for name in self._near.get(key, ()):
                    apart = distance(letters, name)
                    if apart <= _allowed(letters, name) and (best is None or (apart, name) < best):
                        best = (apart, name)
        if best is None:
            heard = sorted(
                self._sound.get(phonetic_key(letters), ()), key=lambda name: (distance(letters, name), name)
            )
            best = next(((0, name) for name in heard if abs(len(name) - len(letters)) <= 3), None)
        return None if best is None else self._exact[best[1]]


def _add(names: list[str], name: str) -> None:
    """Take up a name among its likes; of so many that look alike, the first are enough to know the next."""
    if len(names) < MOST_ALIKE and name not in names:
        names.append(name)


def _allowed(word: str, name: str) -> int:
    longer = max(len(word), len(name))
    return 2 if longer >= 8 and word[:1] == name[:1] else 1
