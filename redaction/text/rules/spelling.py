"""Names that are spelled with words: `B as in Bravo, R for Romeo, double A`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from redaction.model import EntityType
from redaction.text.lexicon import CLOSED
from redaction.text.numbers import cardinal
from redaction.text.passage import Hit, Passage
from redaction.text.rules.phrases import Phrases
from redaction.text.vocabulary import word_set, word_table

__all__ = ["find_spelling_alphabet"]

JOINS = Phrases.of_sections("letter_joins")
MARKS = Phrases.of_sections("letter_marks")
HEARD = word_table("letter_names")
ALPHABET = word_set("alphabet_words")
_FILLERS = word_set("letter_fillers")
ARTICLES = frozenset({"a", "an", "the"})
MOST_FILLERS = 3
FEWEST_WORDS = 3  # of a spelling alphabet, with no letter beside them: two are also a golf hotel


@dataclass(frozen=True, slots=True)
class _Unit:
    """Items `[first, last)` that stand for one letter or number.

    Attributes:
        told: a word tells the letter.
        sure: nothing else can be meant, so that one alone is enough.
        word: only the word is said.
        plain: a letter or number alone: it goes with a run and makes none.
        article: it is an `a` that no comma follows: `it's a V as in Victor`.
    """

    first: int
    last: int
    told: bool = False
    sure: bool = False
    word: bool = False
    plain: bool = False
    article: bool = False


def find_spelling_alphabet(passage: Passage) -> Iterator[Hit]:
    """Yield letters with the words that tell them, and what is spelled beside them, digits included."""
    run: list[_Unit] = []
    at = 0
    while at < len(passage):
        unit = _unit(passage, at)
        if unit is not None:
            run.append(unit)
            at = unit.last
            continue
        if run and (passage[at].core not in _FILLERS or at - run[-1].last >= MOST_FILLERS):
            yield from _found(run)
            run = []
        at += 1
    yield from _found(run)


def _found(run: list[_Unit]) -> Iterator[Hit]:
    sure = any(unit.sure for unit in run)
    told = sum(unit.told for unit in run)
    words = sum(unit.word for unit in run)
    if len(run) > 1 and run[0].article:
        run = run[1:]
    if sure or told >= 2 or (told and len(run) >= 3) or words >= FEWEST_WORDS:
        yield Hit(run[0].first, run[-1].last, EntityType.PERSON, 0.9, "spelled-words")


def _unit(passage: Passage, at: int) -> _Unit | None:
    core = passage[at].core
    marked = MARKS.at(passage, at)
    begin = marked[0] if marked is not None else at
    letter = _letter(passage[begin].core) if begin < len(passage) else None
    if letter is not None:
        told = _told(passage, at, begin + 1, letter)
        if told is not None:
            return told
        if marked is not None:
            return _Unit(at, begin + 1, told=True)
        return _Unit(at, at + 1, plain=True, article=core == "a" and not passage[at].pauses)
    heard = HEARD.get(core)
    told = _told(passage, at, at + 1, heard) if heard is not None else None
    if told is not None and (told.sure or core not in CLOSED):
        return told
    joint = JOINS.at(passage, at)
    bare = joint is not None and joint[1] == "sure" and joint[0] - at == 2
    if joint is not None and bare and joint[0] < len(passage) and passage[joint[0]].core in ALPHABET:
        return _Unit(at, joint[0] + 1, told=True)
    if core in ALPHABET:
        return _Unit(at, at + 1, word=True)
    number = cardinal(passage, at)
    return None if number is None else _Unit(at, number.last, plain=True)


def _letter(core: str) -> str | None:
    return core if len(core) == 1 and "a" <= core <= "z" else None


def _told(passage: Passage, first: int, at: int, letter: str) -> _Unit | None:
    """Read `as in bravo` after a letter."""
    joint = JOINS.at(passage, at) if at < len(passage) else None
    if joint is None:
        return None
    end, how = joint
    if end + 1 < len(passage) and passage[end].core in ARTICLES and passage[end + 1].core.startswith(letter):
        end += 1
    if end >= len(passage) or not passage[end].core[:1].isalpha():
        return None
    word = passage[end].core
    fits = word.startswith(letter)
    alphabetic = word in ALPHABET
    talk = letter in ("a", "i") and at - first == 1 and passage[at].core != "for"  # `I like India`
    if not fits and word in CLOSED:
        return None
    if how == "sure" and (end - at > 1 or fits):
        return _Unit(first, end + 1, told=True, sure=fits or alphabetic or end - at > 1)
    if fits:
        return _Unit(first, end + 1, told=not talk, sure=alphabetic and not talk, plain=talk)
    return None
