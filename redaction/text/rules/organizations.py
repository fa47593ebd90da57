"""Schools and employers."""

from __future__ import annotations

from collections.abc import Iterator

from redaction.model import EntityType
from redaction.text.lexicon import is_product, namelike
from redaction.text.numbers import code_runs
from redaction.text.passage import Hit, Item, Passage
from redaction.text.rules.names import RELATIONS
from redaction.text.rules.phrases import Phrases
from redaction.text.vocabulary import word_set

__all__ = ["find_employers", "find_schools"]

SCHOOL, ORGANIZATION = EntityType.SCHOOL, EntityType.ORGANIZATION
# The last word of a school's name.
SCHOOL_ENDS = word_set("school_ends")
# Words in a school's name that do not tell one from another.
SCHOOL_WORDS = word_set("school_words")
SCHOOL_KINDS = word_set("school_kinds")
SCHOOLS_OF = word_set("schools_of")
OUR_LADY = ["our", "lady", "of"]
AT_SCHOOL = Phrases.of_sections("school_cues")
AT_WORK = Phrases.of_sections("work_cues")
JOBS, WORKING = word_set("jobs"), word_set("working")
AT_FOR = frozenset({"at", "for", "with"})
COMPANY_ENDS = word_set("company_ends")
TRADES = word_set("company_trades")
AFTER_AND = word_set("company_after_and")
# A company's name is over at such a word.
_STOPS = word_set("organization_stops")
VERBS = word_set("school_not_inside")
NOWHERE = word_set("nowhere")
LONGEST_ORGANIZATION = 5


def find_schools(passage: Passage) -> Iterator[Hit]:
    """Yield schools: by the word that ends their name, or by what is said before."""
    for at, item in enumerate(passage):
        if item.stem in SCHOOL_ENDS or item.core in SCHOOL_ENDS:
            yield from _school_before(passage, at)
        if item.core in SCHOOLS_OF and at + 2 < len(passage) and passage[at + 1].core == "of":
            last = _name_run(passage, at + 2, longest=3)
            if last > at + 2:
                yield Hit(at, last, SCHOOL, 0.8, "school")
        if [word.core for word in passage[at : at + 3]] == OUR_LADY:
            last = _name_run(passage, at + 3, longest=3)
            if last > at + 3:
                yield Hit(at, last, SCHOOL, 0.8, "school")
    for _, end, how in AT_SCHOOL.find(passage):
        yield from _after(passage, end, SCHOOL, vague=how == "vague", rule="at-school")


def _school_before(passage: Passage, at: int) -> Iterator[Hit]:
    last = at + 1
    while (
        last < min(len(passage), at + LONGEST_ORGANIZATION)
        and passage[last].stem in SCHOOL_ENDS
        and not passage[last - 1].pauses
    ):
        last += 1
    first = at
    while first > 0 and at - first < 4 and not passage[first - 1].pauses and _in_name(passage[first - 1]):
        first -= 1
    while (
        first < at
        and not passage[first].cased
        and passage[first].ordinary
        and passage[first].core.endswith("ed")
    ):
        first += 1
    if any(_telling(item) for item in passage[first:at]):
        yield Hit(first, last, SCHOOL, 0.8, "school", strong=False)


def _in_name(item: Item) -> bool:
    if item.cased:
        return item.upper and item.core not in ("the", "my", "our", "i")
    return (
        item.alphabetic
        and item.stem not in RELATIONS
        and item.core not in VERBS
        and item.core not in _STOPS
        and (item.core not in SCHOOL_WORDS or item.core in SCHOOL_KINDS)
    )


def _telling(item: Item) -> bool:
    if not item.alphabetic or item.core in SCHOOL_WORDS or item.core in _STOPS or item.core in SCHOOL_ENDS:
        return False
    return item.capital or item.strange or not item.cased


def find_employers(passage: Passage) -> Iterator[Hit]:
    """Yield the places that people work at, after what is said before them, or by the end of a company's name."""
    for _, end, how in AT_WORK.find(passage):
        yield from _after(passage, end, ORGANIZATION, vague=how == "vague", rule="at-work")
    for at, item in enumerate(passage):
        if at and item.core in AT_FOR and passage[at - 1].core in JOBS | WORKING:
            yield from _after(passage, at + 1, ORGANIZATION, vague=False, rule="at-work")
        if item.core in TRADES and at > 0 and not item.capital and not item.cased:
            first = at
            while (
                first > 0 and at - first < 3 and passage[first - 1].strange and not passage[first - 1].pauses
            ):
                first -= 1
            if first < at and not all(is_product(word.core) for word in passage[first:at]):
                yield Hit(first, at + 1, ORGANIZATION, 0.6, "company", strong=False)
        if item.core in COMPANY_ENDS and item.capital and at > 0 and not passage[at - 1].pauses:
            first = at
            while (
                first > 0 and at - first < 4 and passage[first - 1].capital and not passage[first - 1].pauses
            ):
                first -= 1
            if first < at and not all(is_product(word.core) for word in passage[first:at]):
                yield Hit(first, at + 1, ORGANIZATION, 0.6, "company", strong=False)


def _after(passage: Passage, first: int, kind: EntityType, *, vague: bool, rule: str) -> Iterator[Hit]:
    """Yield what stands where a name of a school or company is due."""
    if first >= len(passage) or passage[first - 1].closes:
        return
    letters = code_runs(passage[first : first + 8])
    if letters and letters[0].first == 0 and letters[0].letters >= 2 and not letters[0].digits:
        yield Hit(first, first + letters[0].last, kind, 0.75, rule)
        return
    begin = first + (passage[first].core == "the" and first + 1 < len(passage))
    last = _name_run(passage, begin, longest=LONGEST_ORGANIZATION, keep=kind is SCHOOL and not vague)
    if last <= begin:
        return
    words = passage[begin:last]
    telling = any(word.strange or word.capital for word in words)
    pair = len(words) == 3 and words[1].core == "and" and all(map(_may_be_name, (words[0], words[2])))
    telling = telling or pair
    ended = words[-1].core in (COMPANY_ENDS if kind is ORGANIZATION else SCHOOL_ENDS) and len(words) > 1
    spelled = all(len(word.core) == 1 for word in words) and len(words) >= 2
    if all(is_product(word.core) for word in words) and kind is SCHOOL:
        return
    plain = kind is SCHOOL and not vague and not words[0].cased and words[0].core not in SCHOOL_WORDS
    if not (telling or ended or spelled or plain):
        return
    if vague and not (
        ended or spelled or pair or all(word.strange or word.capital or word.core == "and" for word in words)
    ):
        return
    yield Hit(first, last, kind, 0.75, rule)


def _name_run(passage: Passage, first: int, *, longest: int, keep: bool = False) -> int:
    """Return where a run of words of a name ends."""
    at = first
    while at < len(passage) and at - first < longest:
        item = passage[at]
        after = passage[at + 1] if at + 1 < len(passage) else item
        pair = at > first and _may_be_name(passage[at - 1]) and _may_be_name(after)
        partner = after.stem in AFTER_AND or after.capital or (pair and not after.cased)
        if item.core == "and" and at > first and partner:
            at += 2
            break
        if item.core == "of" and at > first and at + 1 < len(passage) and passage[at + 1].strange:
            at += 1
            continue
        if at > first and item.utterance != passage[at - 1].utterance:
            break
        if not item.core or item.core in _STOPS or (at == first and item.core in NOWHERE):
            break
        if item.cased and not item.upper and not any(char.isdigit() for char in item.core):
            break
        if not item.cased and not (item.alphabetic or len(item.core) == 1):
            break
        at += 1
        if item.pauses:
            break
    if at > first and not passage[first].cased:
        at = _trimmed(passage, first, at, over=at) if not keep else min(at, first + 3)
        ends = [end for end in range(first + 1, at) if passage[end].core in SCHOOL_ENDS]
        at = ends[-1] + 1 if keep and ends else at
        while keep and at - first > 1 and passage[at - 1].core in SCHOOL_WORDS - SCHOOL_KINDS - SCHOOL_ENDS:
            at -= 1
    return at


def _may_be_name(item: Item) -> bool:
    return item.strange or namelike(item.core)


def _trimmed(passage: Passage, first: int, last: int, *, over: int) -> int:
    """Cut ordinary words from the end of a run without capitals, down to its last telling word.

    One everyday word after a strange one stays where nothing of the run is left behind it: `Kirkham Glass`.
    """
    for at in range(last, first, -1):
        item = passage[at - 1]
        ended = len(item.core) == 1 or item.core in COMPANY_ENDS or item.stem in SCHOOL_ENDS | AFTER_AND
        joined = at - first > 2 and passage[at - 2].core == "and" and namelike(item.core)
        manner = at < last and passage[at].core.endswith("ly")
        if item.strange or ended or joined:
            return at + (at + 1 == over and not (ended or joined or item.core.endswith("'s") or manner))
    return first
