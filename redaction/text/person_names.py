"""Names as display names, file names and addresses hold them, made ready for a roster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from redaction.errors import UnreadableInput
from redaction.text.lexicon import fold, is_ordinary
from redaction.text.vocabulary import word_set

__all__ = ["EVERYBODY", "compact", "from_file_name", "roster_of"]

EVERYBODY: Final = word_set("everybody")

_MOST_NAMES: Final = 2_000
_LONGEST_NAME: Final = 120
_LONGEST_WORD: Final = 40
_NOBODY: Final = EVERYBODY | word_set("nobody")
_DEVICES: Final = word_set("devices")
_BREAKS: Final = re.compile(r"[()\[\]{}<>|/;•·–—\"]+|\s-\s")
_CAMEL: Final = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*")


def compact(name: str) -> str:
    """Return a name without case, marks and spaces, as one compares names of different files."""
    return "".join(letter for letter in fold(name) if letter.isalnum())


def from_file_name(part: str) -> str:
    """Return a name whose spaces a file name lost, with spaces: `JohnSmith` is John Smith."""
    return " ".join(_CAMEL.sub(" ", part.replace("_", " ")).split())


def roster_of(untrusted: Iterable[str]) -> tuple[str, ...]:
    """Return the names to be masked that display names and mail addresses hold, the fullest first.

    What is in brackets or behind a bar is taken on its own; words for everybody and for devices are no names. A name
    that is a part of a fuller one is left out, since the parts of a name are found anyway.

    Raises:
        UnreadableInput: there are over 2,000.
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in untrusted:
        for words in _pieces(text[:_LONGEST_NAME]):
            key = compact("".join(words))
            found[key] = max(found.get(key, ()), words, key=len)
            if len(found) > _MOST_NAMES:
                raise UnreadableInput("The files beside a recording name over 2,000 people; shorten them.")
    kept: list[tuple[str, ...]] = []
    covered: set[str] = set()
    for words in sorted(found.values(), key=len, reverse=True):
        if len(words) == 1 and compact(words[0]) in covered:
            continue
        kept.append(words)
        covered.update(map(compact, words))
    return tuple(" ".join(words) for words in kept)


def _pieces(text: str) -> Iterator[tuple[str, ...]]:
    if "@" in text:
        text = re.sub(r"[._+-]+", " ", text.partition("@")[0])
    for number, piece in enumerate(part for part in _BREAKS.split(text) if part.strip()):
        plain = " ".join(piece.split()).casefold()
        if plain in _NOBODY or re.fullmatch(r"speaker \d+", plain):
            continue
        words = [word for word in _WORD.findall(piece.replace("'s ", " ").replace("’s ", " "))]
        words = [word[:_LONGEST_WORD] for word in words if word.casefold() not in _DEVICES]
        if number and all(is_ordinary(fold(word)) for word in words):
            continue
        if sum(map(len, words)) > 1:
            yield tuple(words)
