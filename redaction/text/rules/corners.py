"""Street corners, and addresses and units of the forces."""

from __future__ import annotations

from collections.abc import Iterator

from redaction.model import EntityType
from redaction.text.numbers import NUMBERS, cardinal, code_runs
from redaction.text.passage import Hit, Item, Passage
from redaction.text.rules.dates import is_ordinal
from redaction.text.rules.phrases import Phrases
from redaction.text.vocabulary import word_set

__all__ = ["find_corners", "find_forces"]

CORNER = Phrases.of_sections("corner_cues")
CROSSES, _STOPS = word_set("corner_joins"), word_set("organization_stops")
NOT_STREETS = _STOPS | CROSSES | NUMBERS.keys()
STREET_WORDS = word_set("streets") | word_set("streets_loose")
FORCES_WORDS = word_set("forces_words")
PLACES_OF_LIFE = word_set("places_of_life")
POST, FORCES, BASES, POST_WORDS = (
    word_set("forces_post"),
    word_set("forces_units"),
    word_set("forces_bases"),
    word_set("forces_post_words"),
)
COMPANIES = word_set("forces_companies")
COMPANY_LETTERS = word_set("forces_letters")
SERVED = word_set("forces_served")
LOOSE_FORCES = COMPANIES | word_set("forces_loose")
MEETS = word_set("corner_meets")
LONGEST_STREET = 2
LONGEST_UNIT = 5
LONGEST_POST = 24
AROUND = 8  # items on each side in which a word such as `house` makes two names a corner


def find_corners(passage: Passage) -> Iterator[Hit]:
    """Yield the two streets of a corner: `on the corner of Maple and Third`, `at Tillman and Ninth`."""
    for _, end, how in CORNER.find(passage):
        if end >= len(passage) or passage[end - 1].closes:
            continue
        joint = _street_end(passage, end)
        if joint == end or joint >= len(passage) or passage[joint].core not in CROSSES:
            continue
        last = _street_end(passage, joint + 1)
        if last == joint + 1:
            continue
        words = (*passage[end:joint], *passage[joint + 1 : last])
        crossing = passage[joint].core in MEETS and any(word.strange or word.capital for word in words)
        if how == "sure" or crossing or _is_corner(passage, end, last, words):
            yield Hit(end, last, EntityType.ADDRESS, 0.8, "corner")


def _street_end(passage: Passage, first: int) -> int:
    last = first
    while last < len(passage) and last - first < LONGEST_STREET:
        item = passage[last]
        named = (item.alphabetic or is_ordinal(item.core)) and item.core not in NOT_STREETS
        if not named or (item.cased and not item.upper and not is_ordinal(item.core)):
            break
        if last > first and not item.cased and not _street_like(item):
            break
        last += 1
        if item.pauses or (last < len(passage) and passage[last].core in CROSSES):
            break
        if not item.cased and not (item.strange or is_ordinal(item.core)):
            break
    return last


def _street_like(item: Item) -> bool:
    """Tell whether a word without a capital may go on a street's name."""
    return item.strange or is_ordinal(item.core) or item.core in STREET_WORDS


def _is_corner(passage: Passage, first: int, last: int, words: tuple[Item, ...]) -> bool:
    """Tell whether two names after a vague cue are streets: one is a number, or the talk is of where one lives."""
    numbered = any(is_ordinal(item.core) or item.core in STREET_WORDS for item in words[1:])
    around = passage[max(0, first - AROUND) : last + AROUND]
    named = any(item.capital or item.strange or is_ordinal(item.core) for item in words)
    return named and (numbered or any(item.core in PLACES_OF_LIFE for item in around))


def find_forces(passage: Passage) -> Iterator[Hit]:
    """Yield addresses of the forces (`APO AE 09021`, `BFPO 58`), units (`the Third Signal Brigade`) and bases."""
    floor = 0
    runs = code_runs(passage)
    ends = {at: run.last for run in runs for at in range(run.first, run.last)}
    begins = {at: run.first for run in runs for at in range(run.first + 1, run.last + 1)}
    for at, item in enumerate(passage):
        if at < floor:
            continue
        if item.core in POST or _letters(passage, at) in POST:
            last = _post_end(passage, at, ends)
            if last > at + 1:
                first = _post_start(passage, at, begins)
                floor = last
                yield Hit(first, last, EntityType.ADDRESS, 0.85, "forces-post")
        elif item.core in FORCES or (item.core in LOOSE_FORCES and _led(passage, at)):
            first = _unit_start(passage, at)
            if first < at:
                yield Hit(first, at + 1, EntityType.ORGANIZATION, 0.8, "forces-unit")
        elif at + 1 < len(passage):
            begin = at + len(_letters(passage, at)) if _letters(passage, at) in BASES else at + 1
            base = item.core in BASES or begin > at + 1
            if base and begin < len(passage) and not passage[begin - 1].closes:
                name = passage[begin]
                if name.strange or name.capital:
                    yield Hit(at, begin + 1, EntityType.LOCATION, 0.8, "forces-base")


def _led(passage: Passage, at: int) -> bool:
    """Tell whether `rifles` or `company` is a unit's: an ordinal or a word for a letter leads it."""
    before = passage[at - 1] if at else passage[at]
    if passage[at].core in COMPANIES:
        return at > 0 and before.core in COMPANY_LETTERS
    served = before.upper or (at > 2 and not before.cased and passage[at - 3].core in SERVED)
    return at > 0 and is_ordinal(before.core) and served


def _letters(passage: Passage, at: int) -> str:
    """Return the letters that are said one by one from an item on, up to four."""
    letters = ""
    for item in passage[at : at + 4]:
        if len(item.core) != 1 or not item.core.isalpha():
            break
        letters += item.core
        if letters in POST or letters in BASES:
            break
    return letters


def _post_end(passage: Passage, first: int, ends: dict[int, int]) -> int:
    """Go on over numbers, letters and the words of such an address; return the end after its last number."""
    at, last = first, first
    while at < min(len(passage), first + LONGEST_POST) and not (at > first and passage[at - 1].closes):
        if at in ends:
            last = at = ends[at]
        elif cardinal(passage, at) is not None:
            last = at = at + 1
        elif passage[at].core in POST or passage[at].core in POST_WORDS or len(passage[at].core) == 1:
            at += 1
        else:
            break
    return last


def _post_start(passage: Passage, at: int, begins: dict[int, int]) -> int:
    """Go back over `Unit 30812` before the mark of such an address."""
    first = at
    while (
        first > 0 and at - first < LONGEST_POST and (first in begins or passage[first - 1].core in POST_WORDS)
    ):
        first = begins.get(first, first - 1)
    return first


def _unit_start(passage: Passage, at: int) -> int:
    """Return where the name of a unit begins: numbers, ordinals, further words of units, and capitals."""
    first, told = at, False
    while first > 0 and at - first < LONGEST_UNIT and not passage[first - 1].closes:
        item = passage[first - 1]
        numbered = is_ordinal(item.core) or cardinal(passage, first - 1) is not None or item.core == "hundred"
        joined = item.core == "and" and told and first < at
        if not (
            numbered
            or joined
            or item.core in FORCES | FORCES_WORDS | COMPANY_LETTERS
            or item.capital
            or item.strange
        ):
            break
        told = told or numbered or item.capital or item.strange or item.core in COMPANY_LETTERS
        first -= 1
    while first < at and passage[first].core == "and":
        first += 1
    return first if told else at
