"""Addresses and the places where people live or come from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from redaction.model import EntityType
from redaction.text.lexicon import is_city, is_product
from redaction.text.numbers import NumberKind, NumberRun, code_runs
from redaction.text.passage import Hit, Item, Passage
from redaction.text.rules.phrases import Phrases
from redaction.text.vocabulary import word_set

__all__ = ["find_addresses", "find_cities", "find_homes"]

ADDRESS, LOCATION = EntityType.ADDRESS, EntityType.LOCATION
STREETS = word_set("streets")
# Street words that are everyday words: they need a house number or a capital before them.
LOOSE_STREETS = word_set("streets_loose")
# Streets whose kind comes first.
FOREIGN = word_set("streets_first")
PLACE_UNITS = word_set("address_units")
NOT_BEFORE = word_set("street_not_before")
FLATS = word_set("flats")
LEADING = word_set("street_leading")
HOME = Phrases.of_kinds("home_cues")
# Words in a free-form address of another tongue or kind that are no names.
LINE_WORDS = STREETS | LOOSE_STREETS | FOREIGN | PLACE_UNITS | word_set("address_words")
ZIP = re.compile(r"\d{5}(?:-\d{4})?")
ZIP_CUES = word_set("postcode_cues")
ZIP_FILLERS = word_set("postcode_between")
LONGEST_LINE = 12


def find_cities(passage: Passage) -> Iterator[Hit]:
    """Yield well-known towns, which the name model overlooks where they stand before a noun."""
    at = 0
    while at < len(passage):
        for length in (3, 2, 1):
            words = passage[at : at + length]
            cased = all(item.upper or not item.cased for item in words)
            if len(words) == length and cased and is_city([item.stem for item in words]):
                yield Hit(at, at + length, LOCATION, 0.8, "city")
                at += length - 1
                break
        at += 1


def find_addresses(passage: Passage) -> Iterator[Hit]:
    """Yield addresses: house numbers with streets, streets by name, boxes, postcodes that are called so."""
    runs = {run.last: run for run in code_runs(passage)}
    starts = {run.first: run for run in runs.values()}
    for at, item in enumerate(passage):
        if item.core in STREETS or item.core in LOOSE_STREETS:
            hit = _street(passage, at, runs)
            if hit is not None:
                yield Hit(hit[0], _tail(passage, hit[1], starts), ADDRESS, 0.85, "street")
        elif (
            item.core in FOREIGN
            and (item.upper or item.core != "via" or (at > 0 and passage[at - 1].core in LEADING))
            and at + 1 < len(passage)
            and (passage[at + 1].strange or passage[at + 1].capital)
        ):
            yield Hit(
                at, _tail(passage, _line_end(passage, at + 1, starts), starts), ADDRESS, 0.8, "street-foreign"
            )
        elif item.core in ZIP_CUES and not item.closes:
            yield from _zip(passage, at, starts)
        elif item.core == "box" and at > 0 and at + 1 in starts and _post_office(passage, at):
            first = at - (2 if passage[at - 1].core == "o" else 1)
            yield Hit(first, _tail(passage, starts[at + 1].last, starts), ADDRESS, 0.9, "post-box")
        elif item.core in PLACE_UNITS and (end := _units_end(passage, at, starts)) > at:
            yield Hit(at, _tail(passage, end, starts), ADDRESS, 0.7, "units")
        elif item.core in FLATS and at + 1 in starts and not item.pauses:
            end = starts[at + 1].last
            yield Hit(at, _tail(passage, end, starts), ADDRESS, 0.7, "flat")


def _units_end(passage: Passage, at: int, starts: dict[int, NumberRun]) -> int:
    """Return where two or more parts of a building with their numbers end: `building 1184, room 6`."""
    count, end = 0, at
    while end + 1 < len(passage) and end - at < LONGEST_LINE:
        if passage[end].core not in PLACE_UNITS - {"number", "lot"} or end + 1 not in starts:
            break
        count, end = count + 1, starts[end + 1].last
    return end if count >= 2 else at


def _post_office(passage: Passage, at: int) -> bool:
    return passage[at - 1].core.replace(".", "") == "po" or (
        at > 1 and passage[at - 1].core == "o" and passage[at - 2].core == "p"
    )


def _zip(passage: Passage, at: int, starts: dict[int, NumberRun]) -> Iterator[Hit]:
    for begin in range(at + 1, min(at + 4, len(passage))):
        run = starts.get(begin)
        if run is not None:
            if len(run.text) >= 4:
                yield Hit(run.first, run.last, ADDRESS, 0.85, "postcode")
            return
        if passage[begin].core not in ZIP_FILLERS:
            return


def _street(passage: Passage, at: int, runs: dict[int, NumberRun]) -> tuple[int, int] | None:
    """Return the items of a street's name with its house number, if it is one."""
    loose = passage[at].core in LOOSE_STREETS
    first = at
    while first > 0 and at - first < 3 and _street_word(passage[first - 1]) and first not in runs:
        first -= 1
    if first == at and first not in runs:
        return None
    number = runs.get(first)
    if number is not None and _house_number(number) and at - first >= 1:
        begin = number.first
        if begin > 0 and passage[begin - 1].core in PLACE_UNITS:
            begin -= 1
        return begin, at + 1
    if number is not None and at == first and _ordinal_street(passage, at):
        return number.first, at + 1
    words = passage[first:at]
    if not words:
        return None
    named = all(word.capital for word in words) or any(word.strange for word in words)
    if loose:
        return (first, at + 1) if passage[at].capital and named else None
    led = first > 0 and passage[first - 1].core in LEADING
    return (first, at + 1) if named or led else None


def _ordinal_street(passage: Passage, at: int) -> bool:
    return passage[at].capital


def _street_word(item: Item) -> bool:
    if item.pauses or item.core in NOT_BEFORE:
        return False
    if re.fullmatch(r"\d+(?:st|nd|rd|th)", item.core):
        return True
    return item.alphabetic and (not item.cased or item.upper)


def _house_number(run: NumberRun) -> bool:
    return (
        1 <= len(run.digits) <= 6
        and run.letters <= 1
        and all(e.kind is not NumberKind.AMOUNT for e in run.elements)
    )


def _tail(passage: Passage, at: int, starts: dict[int, NumberRun]) -> int:
    """Go on over the flat, the city and the postcode that may follow a street."""
    begin = end = at
    while (
        at < len(passage)
        and at - end < 3
        and at - begin < LONGEST_LINE
        and passage[at - 1].utterance == passage[at].utterance
    ):
        if passage[at - 1].closes:
            break
        item = passage[at]
        if item.core in PLACE_UNITS and at + 1 in starts:
            at = end = starts[at + 1].last
        elif (
            at in starts and passage[at - 1].core in STREETS | LOOSE_STREETS and starts[at].single >= 4
        ) or (at in starts and (starts[at].single >= 4 or starts[at].letters) and len(starts[at].text) >= 4):
            at = end = starts[at].last
        elif item.strange or (item.capital and item.alphabetic):
            at = end = at + 1
        else:
            break
    return end


def _line_end(passage: Passage, first: int, starts: dict[int, NumberRun]) -> int:
    """Return the end of a free-form address line: strange words, numbers, and words of addresses."""
    at = first
    while at < len(passage) and at - first < LONGEST_LINE:
        item = passage[at]
        if at > first and item.utterance != passage[at - 1].utterance:
            break
        if at in starts:
            at = starts[at].last
        elif item.strange or item.core in LINE_WORDS or (item.capital and item.alphabetic):
            at += 1
        else:
            break
        if passage[at - 1].closes:
            break
    return at


def find_homes(passage: Passage) -> Iterator[Hit]:
    """Yield where people live or come from, after what is said before it."""
    starts = {run.first: run for run in code_runs(passage)}
    for _, end, kind in HOME.find(passage):
        if end >= len(passage) or passage[end - 1].closes:
            continue
        last = _line_end(passage, end, starts)
        words = passage[end:last]
        if not any(word.strange or word.capital for word in words):
            continue
        if kind is LOCATION and all(is_product(word.core) for word in words):
            continue
        yield Hit(end, last, kind, 0.75, "home", strong=kind is ADDRESS)
