"""Ordinary words, names that are ordinary words, and product words; and how words are compared.

Source: `words/en/ordinary.txt` holds the lower-case entries of the misaki lexicon (Apache-2.0) that are most frequent
in the CMU Sphinx US English language model (BSD), less the names among them, plus words of meetings written for
this project. `words/en/uncommon.txt` holds the further lower-case entries of that lexicon, less all that Faker (MIT) or
the lexicon has as a name. `words/en/cities.txt` holds towns of the time zone database (public domain) and further large
ones. The other lists were written for this project.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache

from redaction.text.vocabulary import LISTS, word_sections, word_set, word_table

__all__ = [
    "CLOSED",
    "FUNCTION_WORDS",
    "LONGEST_ENTRY",
    "fold",
    "has_everyday_words",
    "is_city",
    "is_ordinary",
    "is_product",
    "is_uncommon",
    "namelike",
    "stem",
]

_LETTERS = str.maketrans(
    {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "’": "'", "‘": "'",
     "ʼ": "'", "`": "'", "‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-"}
)  # fmt: skip
_EDGE = "\"'.,;:!?()[]{}<>*_~/\\|“”«»„…-¿¡"
_ENDINGS = word_table("endings", "en")
LONGEST_ENTRY = 64
_SHORT = word_set("one_letter_words")
# Names that are words no sentence can do without.
FUNCTION_WORDS = word_set("function_words")
# Words that only join others.
CLOSED = word_set("closed_class")


@lru_cache(maxsize=1 << 16)
def fold(text: str) -> str:
    """Return a word in small letters without accents, invisible characters or punctuation at its ends."""
    plain = "".join(
        char
        for char in unicodedata.normalize("NFKD", text.casefold())
        if unicodedata.category(char) not in ("Mn", "Me", "Cf", "Cc")
    )
    return plain.translate(_LETTERS).strip().strip(_EDGE)


def stem(core: str) -> str:
    """Return a folded word without possessive or contracted ending."""
    for ending, instead in _ENDINGS.items():
        if core.endswith(ending) and len(core) > len(ending) + 1:
            return core[: -len(ending)] + instead
    return core


def is_city(cores: Sequence[str]) -> bool:
    """Tell whether folded words are together the name of a well-known town."""
    return "_".join(core.replace("-", "_") for core in cores) in word_set("cities")


def has_everyday_words(language: str) -> bool:
    """Tell whether a list says which words of a language are everyday words."""
    return bool(_everyday(language))


@cache
def _everyday(language: str) -> frozenset[str]:
    return word_set("ordinary", language) if LISTS.has("ordinary", language) else frozenset()


@cache
def _inflections(language: str) -> tuple[tuple[str, str], ...]:
    if not LISTS.has("inflections", language):
        return ()
    entries = word_sections("inflections", language)[""]
    return tuple((ending, instead) for ending, _, instead in (entry.partition(" ") for entry in entries))


@lru_cache(maxsize=1 << 16)
def is_ordinary(core: str, language: str = "en") -> bool:
    """Tell whether a folded word, or what it is bent from, is an everyday word of a language.

    Where no list tells the everyday words of the language, the English ones count.
    """
    spoken = language if has_everyday_words(language) else "en"
    everyday, base = _everyday(spoken), stem(core)
    if core in everyday or base in everyday or core.partition("'")[0] in _SHORT or core.endswith("n't"):
        return True
    if "-" in base:
        return all(is_ordinary(part, spoken) for part in base.split("-") if part)
    for ending, instead in _inflections(spoken):
        if base.endswith(ending) and len(base) - len(ending) >= 3:
            root = base[: -len(ending)] + instead
            if root in everyday and (ending in ("s", "ed") or root not in word_set("namelike")):
                return True
            if ending in ("ed", "ing", "er") and root[-1:] == root[-2:-1] and root[:-1] in everyday:
                return True
    return False


@lru_cache(maxsize=1 << 16)
def is_uncommon(core: str, language: str = "en") -> bool:
    """Tell whether a folded word, or what it is bent from, is in the dictionary and nobody's name."""
    if not LISTS.has("uncommon", language):
        return False
    words, base = word_set("uncommon", language), stem(core)
    if base in words:
        return True
    roots = {
        base[: -len(ending)] + instead for ending, instead in _inflections(language) if base.endswith(ending)
    }
    return any(len(root) > 2 and root in words for root in roots)


def namelike(core: str) -> bool:
    """Tell whether a folded word is an everyday word that people are also called."""
    return stem(core) in word_set("namelike")


def is_product(core: str) -> bool:
    """Tell whether a folded word is a known product, method, tongue or day."""
    return core in word_set("products") or stem(core) in word_set("products")
