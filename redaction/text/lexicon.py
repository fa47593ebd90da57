"""Ordinary words, names that are ordinary words, and product words; and how words are compared.

Source: `words/ordinary.txt` holds the lower-case entries of the misaki lexicon (Apache-2.0) that are most frequent
in the CMU Sphinx US English language model (BSD), less the names among them, plus words of meetings written for
this project. `words/cities.txt` holds towns of the time zone database (public domain) and further large ones. The other
lists were written for this project.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files

__all__ = [
    "CLOSED",
    "FUNCTION_WORDS",
    "LONGEST_ENTRY",
    "fold",
    "is_city",
    "is_ordinary",
    "is_product",
    "namelike",
    "stem",
    "vocabulary",
]

_LETTERS = str.maketrans(
    {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "’": "'", "‘": "'",
     "ʼ": "'", "`": "'", "‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-"}
)  # fmt: skip
_EDGE = "\"'.,;:!?()[]{}<>*_~/\\|“”«»„…-¿¡"
_ENDINGS = ("'s", "s'", "'ll", "'ve", "'re", "'d", "'m", "n't", "'")
_INFLECTIONS = (("ies", "y"), ("ied", "y"), ("es", ""), ("s", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"),
                ("ly", ""), ("er", ""), ("ers", ""), ("er", "e"), ("ness", ""))  # fmt: skip
LONGEST_ENTRY = 64
_SHORT = frozenset({"i", "a", "o"})


def vocabulary(text: str) -> frozenset[str]:
    """Return the words of a table written as running text."""
    return frozenset(text.split())


# Names that are words no sentence can do without.
FUNCTION_WORDS = vocabulary(
    """
    will may can hope mark bill so my an in no any do has see be long young still even so do you he she less
    more art joy early see key guy page case day sky love rich grant may park march april june august chase
    drew pat frank bea ward christian summer dawn an and the or as at on to by up us we it is are was
    """
)


# Words that only join others.
CLOSED = vocabulary(
    """
    i'm i'll i've i'd you you're you'll you've he he's he'll he'd she she's she'll she'd it it's we we're we'll they
    they're they'll me him her us them my your his their our mine yours is are was were be been do does did has have had
    can can't could would should don't doesn't didn't isn't wasn't won't the a an and or but if so that this these those
    that's there's here's what what's who who's tell ask
    """
)


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
    for ending in _ENDINGS:
        if core.endswith(ending) and len(core) > len(ending) + 1:
            return core[: -len(ending)] + ("s" if ending == "s'" else "")
    return core


@cache
def _words(name: str) -> frozenset[str]:
    text = files("redaction.text").joinpath(f"words/{name}.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split())


def is_city(cores: Sequence[str]) -> bool:
    """Tell whether folded words are together the name of a well-known town."""
    return "_".join(core.replace("-", "_") for core in cores) in _words("cities")


@lru_cache(maxsize=1 << 16)
def is_ordinary(core: str) -> bool:
    """Tell whether a folded word, or what it is bent from, is an everyday English word."""
    words = _words("ordinary")
    base = stem(core)
    if core in words or base in words or core.partition("'")[0] in _SHORT or core.endswith("n't"):
        return True
    if "-" in base:
        return all(is_ordinary(part) for part in base.split("-") if part)
    for ending, instead in _INFLECTIONS:
        if base.endswith(ending) and len(base) - len(ending) >= 3:
            root = base[: -len(ending)] + instead
            if root in words and (ending == "s" or root not in _words("namelike")):
                return True
            if ending in ("ed", "ing", "er") and root[-1:] == root[-2:-1] and root[:-1] in words:
                return True
    return False


def namelike(core: str) -> bool:
    """Tell whether a folded word is an everyday word that people are also called."""
    return stem(core) in _words("namelike")


def is_product(core: str) -> bool:
    """Tell whether a folded word is a known product, method, tongue or day."""
    return core in _words("products") or stem(core) in _words("products")
