"""Days on which somebody will be met."""

from __future__ import annotations

import re
from collections.abc import Iterator

from redaction.model import EntityType
from redaction.text.numbers import cardinal
from redaction.text.passage import Hit, Passage
from redaction.text.rules.dates import MONTHS, is_ordinal
from redaction.text.vocabulary import word_set

__all__ = ["WEEKDAYS", "find_appointments", "find_days"]

WEEKDAYS = word_set("weekdays")
# What people do with each other, go to, or are at. A past form is no plan: `I spoke with Henry on Tuesday`.
MEETINGS = word_set("meetings")
# What takes up an offered day: `Thursday works`.
OFFERS = word_set("offers")
REPEATED = word_set("repeated")
HALVES = word_set("day_parts")
HOUR_LEADING = word_set("hour_leading")
CLOCK_WORDS = word_set("clock_words")
HALF_DAYS = word_set("clock_marks")
_CLOCK = re.compile(r"\d{1,2}[:.]\d\d(?:am|pm)?|\d{1,2}(?:am|pm)")
_NUMERIC = re.compile(r"\d{1,2}([/.-])\d{1,2}\1\d{2,4}|\d{4}-\d\d-\d\d")
_BEFORE, _BEHIND = 8, 5  # words of the sentence that are searched on each side of a day


def find_appointments(passage: Passage) -> Iterator[Hit]:
    """Yield days on which somebody will be met: `talk again on Thursday`, `Friday at three`, `how about Monday`.

    Who knows the day knows when a person is where. A day on which nobody is met (`the release on Friday`, `Tuesdays
    are busy`) is not personal.
    """
    for first, last in _days(passage):
        if first and passage[first - 1].core in REPEATED:
            continue
        if _timed(passage, first, last):
            yield Hit(first, last, EntityType.DATE, 0.7, "day-timed")
        elif _offered(passage, first, last) or _met(passage, first, last):
            yield Hit(first, last, EntityType.DATE, 0.7, "day-appointment")


def find_days(passage: Passage) -> Iterator[Hit]:
    """Yield every weekday and every date, whatever happens on it."""
    for first, last in _days(passage, plural=True):
        yield Hit(first, last, EntityType.DATE, 0.7, "day")


def _days(passage: Passage, *, plural: bool = False) -> Iterator[tuple[int, int]]:
    """Yield where a weekday, a day of a month, or a weekday with its date begins and ends."""
    at = 0
    while at < len(passage):
        weekday = passage[at].stem in WEEKDAYS or (plural and passage[at].core.removesuffix("s") in WEEKDAYS)
        date = at + weekday
        date += weekday and date < len(passage) and passage[date].core == "the"
        end = _date_end(passage, date) or at + weekday
        if end > at:
            yield at, end
        at = max(end, at + 1)


def _date_end(passage: Passage, first: int) -> int | None:
    """Return where a day of a month ends that begins at an item: `May the fifth`, `5th of May`, `05/06/24`."""
    if first >= len(passage):
        return None
    if _NUMERIC.fullmatch(passage[first].core):
        return first + 1
    if passage[first].core in MONTHS:
        at = first + 1 + (first + 1 < len(passage) and passage[first + 1].core == "the")
        last = _number_end(passage, at)
        verb = passage[first].core == "may" and not passage[first].upper
        return None if verb and last is not None and not is_ordinal(passage[last - 1].core) else last
    end = _number_end(passage, first)
    following = [item.core for item in passage[end : end + 2]] if end is not None else []
    if end is not None and following[:1] == ["of"] and following[1:] and following[1] in MONTHS:
        return end + 2
    return end + 1 if end is not None and following and following[0] in MONTHS - {"may"} else None


def _number_end(passage: Passage, at: int) -> int | None:
    """Return where the number of a day ends: `5`, `fifth`, `twenty fifth`, `twenty five`."""
    if at >= len(passage):
        return None
    number = cardinal(passage, at)
    if number is None:
        return at + 1 if is_ordinal(passage[at].core) else None
    if not 1 <= int(number.text) <= 31:
        return None
    return number.last + (number.last < len(passage) and is_ordinal(passage[number.last].core))


def _timed(passage: Passage, first: int, last: int) -> bool:
    """Tell whether a time of day stands beside: `Thursday at three`, `Thursday 3 pm`, `three on Thursday`."""
    at = last + (last < len(passage) and passage[last].core in HALVES)
    joined = at < len(passage) and passage[at].core in HOUR_LEADING
    if _is_hour(passage, at + joined, sure=not joined):
        return True
    at = first - 1
    if at >= 0 and passage[at].core in ("next", "this"):
        at -= 1
    if at < 1 or passage[at].core != "on":
        return False
    return _is_hour(passage, at - 1) or (cardinal(passage, at - 1) is not None and _is_hour(passage, at - 2))


def _is_hour(passage: Passage, at: int, *, sure: bool = False) -> bool:
    """Tell whether a word says a time of day; a bare number does so unless it must be sure."""
    if not 0 <= at < len(passage):
        return False
    core = passage[at].core
    if core in CLOCK_WORDS or core in HALF_DAYS or _CLOCK.fullmatch(core):
        return True
    number = cardinal(passage, at)
    if number is None or int(number.text) > 24:
        return False
    return not sure or (number.last < len(passage) and passage[number.last].core in HALF_DAYS)


def _offered(passage: Passage, first: int, last: int) -> bool:
    """Tell whether a day is offered or taken: `how about Thursday`, `does Friday work`, `Thursday is fine`."""
    if [item.core for item in passage[max(0, first - 2) : first]] in (["how", "about"], ["what", "about"]):
        return True
    at = last
    while at < len(passage) and at - last < 2 and passage[at].core in (*HALVES, "is", "would", "still"):
        at += 1
    return at < len(passage) and not passage[last - 1].closes and passage[at].core in OFFERS


def _met(passage: Passage, first: int, last: int) -> bool:
    """Tell whether the sentence of a day speaks of meeting somebody near it."""
    begin, end = first, last
    while begin > 0 and first - begin < _BEFORE and not passage[begin - 1].closes:
        begin -= 1
    while end < len(passage) and end - last < _BEHIND and not passage[end - 1].closes:
        end += 1
    return any(item.core in MEETINGS or item.stem in MEETINGS for item in passage[begin:end])
