"""Reads numbers and codes as they are spoken: digits, tens, hundreds, `double`, single letters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from redaction.text.passage import Item
from redaction.text.vocabulary import word_set, word_table

__all__ = ["NUMBERS", "REPEATS", "Element", "NumberKind", "NumberRun", "cardinal", "code_runs"]

NUMBERS = word_table("numbers", "en")
ONES = {word: value for word, value in NUMBERS.items() if len(value) == 1}
TEENS = {word: value for word, value in NUMBERS.items() if 10 <= int(value) < 20}
TENS = {word: value for word, value in NUMBERS.items() if int(value) >= 20}
OH = word_set("oh")
REPEATS = {word: int(times) for word, times in word_table("repeats").items()}
MAGNITUDES = {word: int(times) for word, times in word_table("magnitudes").items()}
# Words that sound like a digit and stand for one between digits that were read out singly.
HOMOPHONES = word_table("digit_homophones")
# What people say or breathe between the digits of a number.
FILLERS = word_set("number_fillers")
# Source: the ITU/NATO spelling alphabet, less the words that are too usual to mean a letter.
SPELLING = word_table("spelling_alphabet")

_NUMERAL = re.compile(r"\+?\d[\d()./-]*\d|\+?\d")
_AMOUNT = re.compile(
    r"[$£€]\d.*|\d+(?:[.,]\d+)*[%$£€]|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|\d{1,2}:\d{2}.*|\d{1,3}[kmx]|v\d.*"
)
_MIXED = re.compile(r"(?=.*\d)(?=.*[a-z])[a-z0-9]{2,}(?:[-/.][a-z0-9]+)*")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|s)|q[1-4]|h[12]|(?:am|pm)?\d{1,2}(?:am|pm)")
_SPELLED = re.compile(r"[a-z](?:[-.][a-z])+")


class NumberKind(Enum):
    """How a part of a number or code was said."""

    DIGIT = "digit"  # read out singly, `double five` too
    PAIR = "pair"  # 10 to 99 as a word
    HUNDRED = "hundred"
    NUMERAL = "numeral"  # written by the recogniser
    AMOUNT = "amount"  # thousands, money, percents, decimals, times
    LETTER = "letter"
    SIGN = "sign"  # the plus before a country's code
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Element:
    """Items `[first, last)` that stand for `text`, digits or letters."""

    first: int
    last: int
    text: str
    kind: NumberKind


@dataclass(frozen=True, slots=True)
class NumberRun:
    """Elements that follow one another; items between them are fillers."""

    elements: tuple[Element, ...]

    @property
    def first(self) -> int:
        """Index of the first item."""
        return self.elements[0].first

    @property
    def last(self) -> int:
        """One past the last item."""
        return self.elements[-1].last

    @property
    def text(self) -> str:
        """The writing it stands for."""
        return "".join(element.text for element in self.elements)

    @property
    def digits(self) -> str:
        """Its digits alone."""
        return "".join(char for char in self.text if char.isdigit())

    @property
    def letters(self) -> int:
        """How many letters it has."""
        return sum(char.isalpha() for char in self.text)

    @property
    def single(self) -> int:
        """How many digits were read out singly or written in groups of three and more."""
        return sum(
            len(element.text)
            for element in self.elements
            if element.kind is NumberKind.DIGIT
            or (element.kind in (NumberKind.NUMERAL, NumberKind.MIXED) and (len(element.text) != 2))
        )

    @property
    def even(self) -> bool:
        """True when its numbers are evenly apart: five, ten, fifteen."""
        values = [int(element.text) for element in self.elements if element.text.isdigit()]
        return len({later - earlier for earlier, later in pairwise(values)}) <= 1

    @property
    def repeating(self) -> bool:
        """True when somebody says one, two and three again and again, as one tries a microphone: one two one two."""
        digits = [element.text for element in self.elements]
        return not self.letters and len(digits) > 2 and {"1", "2"} <= set(digits) <= {"1", "2", "3"}

    @property
    def counting(self) -> bool:
        """True when somebody counts up: one two three."""
        digits = [element.text for element in self.elements]
        return len(digits) > 1 and all(
            later.isdigit() and earlier.isdigit() and int(later) - int(earlier) == 1
            for earlier, later in pairwise(digits)
        )


def cardinal(items: Sequence[Item], at: int) -> Element | None:
    """Read one number at an item: a digit, `twenty one`, `nine hundred`, `double five`, or a numeral."""
    word = items[at].core
    if word in REPEATS and at + 1 < len(items):
        digit = ONES.get(items[at + 1].core) or ("0" if items[at + 1].core in OH else None)
        if digit is None and len(items[at + 1].core) == 1 and items[at + 1].core.isdigit():
            digit = items[at + 1].core
        return None if digit is None else Element(at, at + 2, digit * REPEATS[word], NumberKind.DIGIT)
    if _AMOUNT.fullmatch(word):
        return Element(at, at + 1, "".join(filter(str.isdigit, word)), NumberKind.AMOUNT)
    if _NUMERAL.fullmatch(word) and word.isascii():
        digits = "".join(filter(str.isdigit, word))
        kind = NumberKind.DIGIT if len(digits) == 1 else NumberKind.NUMERAL
        return _scaled(items, Element(at, at + 1, digits, kind))
    small = _below_hundred(items, at)
    return None if small is None else _scaled(items, small)


def _below_hundred(items: Sequence[Item], at: int) -> Element | None:
    word = items[at].core
    if word in ONES:
        return Element(at, at + 1, ONES[word], NumberKind.DIGIT)
    if word in TEENS:
        return Element(at, at + 1, TEENS[word], NumberKind.PAIR)
    if word in TENS:
        following = items[at + 1].core if at + 1 < len(items) and not items[at].pauses else ""
        if following in ONES and ONES[following] != "0":
            return Element(at, at + 2, str(int(TENS[word]) + int(ONES[following])), NumberKind.PAIR)
        return Element(at, at + 1, TENS[word], NumberKind.PAIR)
    tens, hyphen, ones = word.partition("-")
    if hyphen and tens in TENS and ones in ONES:
        return Element(at, at + 1, str(int(TENS[tens]) + int(ONES[ones])), NumberKind.PAIR)
    return None


def _scaled(items: Sequence[Item], base: Element) -> Element:
    """Take up `hundred` and `thousand` after a number."""
    value, last, kind = int(base.text[:15] or "0"), base.last, base.kind
    word = items[last].core if last < len(items) else ""
    if word == "hundred" and value < 100:
        value, last, kind = value * 100, last + 1, NumberKind.HUNDRED
        joined = last < len(items) and items[last].core == "and"
        rest = _below_hundred(items, last + joined) if last + joined < len(items) else None
        if rest is not None and (joined or rest.kind is NumberKind.PAIR):
            value, last = value + int(rest.text), rest.last
        word = items[last].core if last < len(items) else ""
    if word in MAGNITUDES and not (word == "k" and kind is NumberKind.DIGIT):
        value, last = value * MAGNITUDES[word], last + 1
        return Element(base.first, last, str(value), NumberKind.AMOUNT)
    if kind is base.kind:
        return base
    return Element(base.first, last, str(value), kind)


def _spoken_letter(core: str) -> str | None:
    if len(core) == 1 and "a" <= core <= "z":
        return core
    if _SPELLED.fullmatch(core):
        return core.replace("-", "").replace(".", "")
    return SPELLING.get(core)


def _element(items: Sequence[Item], at: int, before: Sequence[Element]) -> Element | None:
    core = items[at].core
    inside = bool(before) and before[-1].last == at
    after_digits = inside and len(before) >= 1 and before[-1].text.isdigit()
    if core in OH:
        nearby = at + 1 < len(items) and _begins_code(items, at + 1)
        return (
            Element(at, at + 1, "0", NumberKind.DIGIT)
            if after_digits or (nearby and core == "oh")
            else _letter(items, at)
        )
    number = cardinal(items, at)
    if number is not None:
        return number
    if core == "plus" and not inside and at + 1 < len(items) and _begins_code(items, at + 1):
        return Element(at, at + 1, "+", NumberKind.SIGN)
    if core in HOMOPHONES:
        singly = len(before) >= 3 and inside and all(e.kind is NumberKind.DIGIT for e in before[-3:])
        goes_on = at + 1 < len(items) and items[at + 1].core in ONES
        return Element(at, at + 1, HOMOPHONES[core], NumberKind.DIGIT) if singly and goes_on else None
    if _MIXED.fullmatch(core) and not _ORDINAL.fullmatch(core):
        return Element(at, at + 1, "".join(filter(str.isalnum, core)), NumberKind.MIXED)
    return _letter(items, at, inside=inside)


def _begins_code(items: Sequence[Item], at: int) -> bool:
    return (
        items[at].core in ONES
        or items[at].core in REPEATS
        or items[at].core in TEENS
        or items[at].core in TENS
    )


def _letter(items: Sequence[Item], at: int, *, inside: bool = False) -> Element | None:
    letters = _spoken_letter(items[at].core)
    if letters is None:
        return None
    if items[at].core in ("a", "i") and not _among_codes(items, at, inside=inside):
        return None
    return Element(at, at + 1, letters, NumberKind.LETTER)


def _among_codes(items: Sequence[Item], at: int, *, inside: bool) -> bool:
    """Tell whether an `a` or `i` is read out as a letter: beside another letter, or inside a code up to its end."""
    sides = [items[side].core for side in (at - 1, at + 1) if 0 <= side < len(items)]
    if any(_spoken_letter(side) not in (None, "a", "i") for side in sides):
        return True
    follows = at + 1 >= len(items) or items[at].pauses or items[at + 1].core in ("a", "i")
    return inside and (follows or _begins_code(items, at + 1))


def code_runs(items: Sequence[Item]) -> list[NumberRun]:
    """Return every longest run of numbers and single letters, in order, without overlap.

    A run goes on over commas, full stops and fillers such as `dash` or `um`; it ends at a question or at a word that
    is neither.
    """
    runs: list[NumberRun] = []
    current: list[Element] = []
    at = 0
    while at < len(items):
        element = _element(items, at, current)
        if element is not None:
            if (
                current
                and element.first != current[-1].last
                and not _bridged(items, current[-1].last, element.first)
            ):
                runs.append(NumberRun(tuple(current)))
                current = []
            current.append(element)
            at = element.last
            continue
        if current and not (items[at].core in FILLERS and at - current[-1].last < 2):
            runs.append(NumberRun(tuple(current)))
            current = []
        at += 1
    if current:
        runs.append(NumberRun(tuple(current)))
    return runs


def _bridged(items: Sequence[Item], first: int, last: int) -> bool:
    return all(items[at].core in FILLERS for at in range(first, last))
