"""Ages and dates of birth."""

from __future__ import annotations

import re
from collections.abc import Iterator

from redaction.model import EntityType
from redaction.text.numbers import Element, NumberKind, cardinal
from redaction.text.passage import Hit, Passage
from redaction.text.rules.names import RELATIONS
from redaction.text.rules.phrases import Phrases
from redaction.text.vocabulary import word_set

__all__ = ["MONTHS", "find_ages", "find_birth_dates", "is_ordinal"]

AGE, BIRTH_DATE = EntityType.AGE, EntityType.BIRTH_DATE
OLDEST = 115
SMALL_UNITS, SMALL_NOT = word_set("age_small_units"), word_set("age_small_not")
SMALL_CHILDREN = word_set("small_children")
CHILD_BEFORE = 6  # items before an age in which a word for a child makes it one
MONTHS = word_set("months")
REACHED = MONTHS | word_set("weekdays")
ORDINALS = word_set("ordinals")
_WRITTEN_ORDINAL = re.compile(r"\d{1,3}(?:st|nd|rd|th)")
_DATE = re.compile(r"\d{1,4}([/.-])\d{1,2}\1\d{1,4}|\d{1,2}/\d{1,4}|(?:19|20)\d\d|'?\d\ds?")
# What is so many years old without being anybody.
THINGS = word_set("things_with_ages")
AGE_CALLED, AGE_ENDS, AGE_JOINS = word_set("age_called"), word_set("age_ends"), word_set("age_joins")
NO_SUBJECTS = tuple(word_set("no_subjects"))
YEARS_OLD = word_set("age_units")
BIRTH = Phrases.of_sections("birth_cues")
BETWEEN = word_set("birth_between")
# After these a bare number is a person's age.
SUBJECTS = word_set("age_subjects")
PRONOUNS = word_set("age_pronouns")
BE = word_set("age_verbs")
ADVERBS = word_set("age_adverbs")
# What may stand right after a bare age; anything else makes it a quantity.
AFTER = word_set("age_after")
TIMES = word_set("age_not_before")
KIDS = word_set("children")


def find_ages(passage: Passage) -> Iterator[Hit]:
    """Yield ages: `nine years old`, `my six year old`, `he's nine`, `two boys, nine and fourteen`."""
    at, found = 0, -1
    while at < len(passage):
        number = cardinal(passage, at)
        if number is not None:
            hits = list(_age(passage, number)) if _plausible(number) else []
            if not hits and _plausible(number) and _joined(passage, found, number):
                hits = [Hit(number.first, number.last, AGE, 0.6, "age-joined")]
            if hits:
                found = hits[-1].last
            yield from hits
            at = number.last
            continue
        if is_ordinal(passage[at].core) and at + 1 < len(passage) and passage[at + 1].stem == "birthday":
            yield Hit(at, at + 1, AGE, 0.85, "age-birthday")
        half = [item.core for item in passage[at : at + 5]] == ["a", "year", "and", "a", "half"]
        if half and any(
            item.core in SMALL_CHILDREN or item.core in SUBJECTS for item in passage[max(0, at - 4) : at]
        ):
            yield Hit(at, at + 5, AGE, 0.7, "age-small")
        hyphened = re.match(r"([a-z]+(?:-[a-z]+)?|\d{1,3})-(?:year|month|week)s?-old", passage[at].core)
        if hyphened:
            yield Hit(at, at + 1, AGE, 0.95, "age-old")
        at += 1


def _joined(passage: Passage, found: int, number: Element) -> bool:
    """Tell whether a number goes on from an age: `five or six`."""
    if found < 0 or not 1 <= number.first - found <= 3:
        return False
    between = [passage[at].core for at in range(found, number.first)]
    return all(word in AGE_JOINS for word in between) and _ends(passage, number.last)


def _plausible(number: Element) -> bool:
    return number.kind is not NumberKind.AMOUNT and len(number.text) <= 3 and int(number.text) <= OLDEST


def _age(passage: Passage, number: Element) -> Iterator[Hit]:
    first, last = number.first, number.last
    following = [passage[at].core for at in range(last, min(last + 3, len(passage)))]
    before = [passage[at].core for at in range(max(0, first - 3), first)]
    if following[:1] and following[0] in YEARS_OLD and ("old" in following[1:2] or "olds" in following[1:2] or
                                                        following[1:3] == ["of", "age"]):  # fmt: skip
        end = last + (3 if following[1:2] == ["of"] else 2)
        if not _of_thing(passage, first, end):
            yield Hit(first, end, AGE, 0.95, "age-old")
    elif following[:1] and following[0] in AGE_ENDS:
        if not _of_thing(passage, first, last + 1):
            yield Hit(first, last + 1, AGE, 0.95, "age-old")
    elif before and before[-1] in AGE_CALLED and not _timed(following):
        yield Hit(first, _small_end(passage, last), AGE, 0.8, "age-called")
    elif before[-2:] in (["age", "of"], ["age", "is"]):
        yield Hit(first, last, AGE, 0.85, "age-called")
    elif (end := _small(passage, number)) > last:
        yield Hit(first, end, AGE, 0.75, "age-small")
    elif _bare(passage, number):
        yield Hit(first, _spoken_of(passage, last), AGE, 0.75, "age-bare")
    elif _of_kids(passage, number):
        yield Hit(first, last, AGE, 0.7, "age-kids")


def _small_end(passage: Passage, last: int) -> int:
    """Take in a unit of small children's ages, and `old`, after a number."""
    halves = [item.core for item in passage[last : last + 3]] == ["and", "a", "half"]
    end = last + 3 if halves else last
    end += end < len(passage) and passage[end].core in SMALL_UNITS
    return end + (end > last and end < len(passage) and passage[end].core == "old")


def _small(passage: Passage, number: Element) -> int:
    """Return where a small child's age ends: `the baby is fourteen months`, `she's two and a half`."""
    first, last = number.first, number.last
    end = _small_end(passage, last)
    goes_on = end < len(passage) and not passage[end - 1].pauses and passage[end].core in SMALL_NOT | TIMES
    if end == last or (goes_on and not _day_follows(passage, end)):
        return last
    around = passage[max(0, first - CHILD_BEFORE) : first]
    if any(
        item.core in SMALL_CHILDREN or item.stem in SMALL_CHILDREN or item.core in KIDS for item in around
    ):
        return end
    children = ("he", "she")
    of_child = end < len(passage) and passage[end].core in children
    of_child = of_child or (_ends(passage, end) and any(item.core in children for item in around))
    if first > 0 and passage[first - 1].core == "at" and of_child:
        return end
    at = first - 1
    while at >= 0 and passage[at].core in ADVERBS - {"he", "she", "at"} and first - at < 5:
        at -= 1
    if at < 0 or passage[at].pauses:
        return last
    at -= passage[at].core == "be" and at > 0  # `she'll be six months`
    third = passage[at].core in SUBJECTS and not passage[at].core.startswith(("i'", "you"))
    told = (
        passage[at].core in BE
        and at > 0
        and (
            passage[at - 1].core in ("he", "she", "who")
            or passage[at - 1].stem in RELATIONS
            or passage[at - 1].strange
        )
    )
    return end if third or told else last


def _day_follows(passage: Passage, at: int) -> bool:
    """Tell whether `in May` or `on Sunday` begins at an item: an age is reached, and no length of time told."""
    return passage[at].core in ("in", "on") and at + 1 < len(passage) and passage[at + 1].core in REACHED


def _of_thing(passage: Passage, first: int, last: int) -> bool:
    """Tell whether an age is a thing's: `a twenty year old codebase`, `the company is ten years old`."""
    if last < len(passage) and passage[last].stem in THINGS and not passage[last - 1].pauses:
        return passage[last].stem not in ("it", "that", "this")
    at = first - 1
    while at >= 0 and (passage[at].core in BE or passage[at].core in ADVERBS):
        at -= 1
    return 0 <= at < first - 1 and passage[at].stem in THINGS


def _timed(following: list[str]) -> bool:
    return bool(following) and following[0] in TIMES - {"of"}


def _spoken_of(passage: Passage, last: int) -> int:
    """Take in what may follow a bare age: `years`, `and a half`."""
    if [item.core for item in passage[last : last + 3]] == ["and", "a", "half"]:
        return last + 3
    return last + (last < len(passage) and passage[last].core in ("years", "yrs"))


def _ends(passage: Passage, last: int) -> bool:
    if (
        last >= len(passage)
        or passage[last - 1].pauses
        or passage[last].utterance != passage[last - 1].utterance
    ):
        return True
    return passage[last].core in AFTER


def _bare(passage: Passage, number: Element) -> bool:
    """Tell whether a number after `he's`, `Emily is` or `my brother's` is an age."""
    if not _ends(passage, number.last):
        return False
    at = number.first - 1
    while at >= 0 and passage[at].core in ADVERBS and number.first - at < 5:
        if passage[at].pauses:
            return False
        at -= 1
    if at < 0 or passage[at].pauses:
        return False
    core = passage[at].core
    if core in SUBJECTS:
        return True
    if core.endswith("'s") and (passage[at].stem in RELATIONS or passage[at].strange):
        return not passage[at].stem.endswith(NO_SUBJECTS)
    if core in BE and at > 0:
        before = passage[at - 1]
        return before.core in PRONOUNS - {"it"} or before.stem in RELATIONS or before.strange
    return False


def _of_kids(passage: Passage, number: Element) -> bool:
    """Tell whether numbers follow a word for children: `two boys, nine and fourteen`."""
    if not _ends(passage, number.last) and number.last < len(passage):
        return False
    at = number.first - 1
    for _ in range(4):
        if at < 0:
            return False
        if passage[at].stem in KIDS or passage[at].core in KIDS:
            return passage[at].pauses or at < number.first - 1 or not passage[at].cased
        if (
            passage[at].core != "and"
            and cardinal(passage, at) is None
            and passage[at].core not in ("who", "are", "is")
        ):
            return False
        at -= 1
    return False


def is_ordinal(core: str) -> bool:
    """Tell whether a folded word is an ordinal: `fifth`, `5th`."""
    return core in ORDINALS or bool(_WRITTEN_ORDINAL.fullmatch(core))


def find_birth_dates(passage: Passage) -> Iterator[Hit]:
    """Yield dates after `born`, `birthday` and the like."""
    for at, end, _ in BIRTH.find(passage):
        begin = end
        while begin < len(passage) and begin - end < 4 and passage[begin].core in BETWEEN:
            if _date_end(passage, begin) > begin + 1:
                break
            begin += 1
        last = _date_end(passage, begin)
        if last > begin and passage[at].core != "turns":
            yield Hit(begin, last, BIRTH_DATE, 0.85, "birth-date")
        before = _date_start(passage, at)
        if before < at and passage[at].stem in ("birthday", "born"):
            yield Hit(before, at, BIRTH_DATE, 0.6, "birth-date", strong=False)


def _date_start(passage: Passage, end: int) -> int:
    """Return where a date right before an item begins: `May the fifth is her birthday` is left to the cue after."""
    at = end
    while at > 0 and (passage[at - 1].core in MONTHS or is_ordinal(passage[at - 1].core)) and end - at < 3:
        at -= 1
    return at if any(passage[k].core in MONTHS for k in range(at, end)) else end


def _date_end(passage: Passage, first: int) -> int:
    """Return where a date that begins at an item ends: months, days, years and the words that join them."""
    at = last = first
    while at < len(passage) and at - first < 10:
        core = passage[at].core
        if at > first and passage[at - 1].closes:
            break
        number = cardinal(passage, at)
        if core in MONTHS or is_ordinal(core) or _DATE.fullmatch(core):
            at += 1
            last = at
        elif number is not None and (
            number.kind is not NumberKind.AMOUNT or int(number.text or "0") in range(1900, 2100)
        ):
            at = last = number.last
        elif (core == "oh" and at > first) or core in ("the", "of", "and") or core in ("slash", "dash", "in"):
            at += 1
        else:
            break
    return last
