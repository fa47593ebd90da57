"""Names of people, known by what is said around them."""

from __future__ import annotations

from collections.abc import Iterator

from redaction.model import EntityType
from redaction.text.lexicon import FUNCTION_WORDS, is_product, namelike
from redaction.text.passage import Hit, Item, Passage
from redaction.text.rules.phrases import Phrases
from redaction.text.vocabulary import word_sections, word_set

__all__ = ["PARTICLES", "TITLES", "find_named", "find_speakers", "find_strange", "find_titled", "name_end"]

PERSON = EntityType.PERSON
NAMELIKE_MONTHS = frozenset(word_sections("months")["whole"])
TITLES = word_set("titles")
# Titles that are everyday words too: what follows must be strange, not just possible.
LOOSE_TITLES = word_set("loose_titles")
KIN = word_set("kin_titles")
PARTICLES = word_set("particles")
LONGEST_NAME = 4

# What is said before a name, and how sure that makes it: "sure" takes any word that may be a name, and "likely" only
# words that are no everyday words (or, in text with capitals, capitalised ones).
BEFORE = Phrases.of_sections("name_cues")
# Cues that are too weak without a capital letter inside the sentence.
WEAK = word_set("name_cues_weak")
RELATIONS = word_set("relations")
FAMILY_AFTER, FAMILY_BEFORE = word_set("family_after"), word_set("family_before")
# What a thing may be too: `the mitochondria are` is no family.
FAMILY_THINGS = word_set("family_things")
OWNERS = word_set("determiners")
FAMILIES = frozenset({"family", "kids", "twins", "brothers", "sisters", "household", "residence"})
NOT_FAMILIES = frozenset(
    {"royal", "holy", "long", "little", "small", "new", "young", "good", "whole", "true", "happy"}
)
RANK_PARTS = word_set("rank_parts")
SPEAKING = word_set("speaking")
SURE_DOING = word_set("deeds_sure")


# What a person does, also asked after: `did Grace finish`.
ACTS = SURE_DOING | word_set("deeds")
BEFORE_ACTOR = word_set("before_actor")


def name_end(items: Passage, first: int, *, strict: bool = False) -> int:
    """Return one past a name of up to four words that begins at an item; `first` when there is none."""
    at = first
    if at < len(items) and items[at].core in TITLES:
        at += 1
    begin = at
    while at < len(items) and at - begin < LONGEST_NAME:
        item = items[at]
        if at > begin and item.utterance != items[at - 1].utterance:
            break
        fits = item.strange if strict and at == begin else item.nameable or item.strange
        if at > begin and not item.cased and item.ordinary:
            fits = fits and not items[at - 1].ordinary and item.stem not in FUNCTION_WORDS
        if not fits:
            joint = (
                at + 1 < len(items)
                and item.core in PARTICLES
                and (items[at + 1].strange or items[at + 1].nameable)
            )
            if not joint or (at == begin and not items[at + 1].strange):
                break
        at += 1
        if item.pauses or item.core.endswith(("'s", "s'")):
            break
    while at > begin and items[at - 1].core in PARTICLES and items[at - 1].ordinary:
        at -= 1
    return at if at > begin else first


def find_titled(passage: Passage) -> Iterator[Hit]:
    """Yield names after a title: `Dr X`, `Coach X`, `Miss X`; the title goes with the name."""
    for at, item in enumerate(passage):
        if item.core not in TITLES or at + 1 >= len(passage) or item.pauses:
            continue
        loose = item.core in LOOSE_TITLES
        if passage[at + 1].core == "and" and at + 3 < len(passage) and passage[at + 2].core in TITLES:
            last = name_end(passage, at + 3)
            if last > at + 3:
                yield Hit(at, last, PERSON, 0.9, "title")
            continue
        last = name_end(passage, at + 1, strict=loose and not (passage[at + 1].cased and item.upper))
        if last > at + 1:
            first = at + (item.core in KIN and not item.capital)
            first -= first > 0 and passage[first - 1].core in RANK_PARTS
            yield Hit(first, last, PERSON, 0.9, "title", strong=not is_product(passage[at + 1].core))


def find_named(passage: Passage) -> Iterator[Hit]:
    """Yield names after the words that lead up to one."""
    for at, end, how in BEFORE.find(passage):
        if end >= len(passage) or passage[end - 1].closes:
            continue
        if how == "sure":
            yield from _sure(passage, end)
        elif not _weak(passage, at, end):
            last = name_end(passage, end, strict=True)
            if last > end and not _allowed(passage, end, last):
                yield Hit(end, last, PERSON, 0.6, "name-likely", strong=False)
    for at, item in enumerate(passage):
        if item.core in RELATIONS and at + 1 < len(passage) and not item.closes:
            last = name_end(passage, at + 1, strict=not passage[at + 1].capital)
            if last > at + 1 and passage[at + 1].core != "and":
                yield Hit(at + 1, last, PERSON, 0.8, "relation", strong=not _allowed(passage, at + 1, last))
        if (
            item.stem in RELATIONS
            and at + 3 < len(passage)
            and passage[at + 1].core in ("name", "name's", "called")
        ):
            skip = at + 2 + (passage[at + 2].core in ("is", "was"))
            yield from _sure(passage, skip)


def _sure(passage: Passage, first: int) -> Iterator[Hit]:
    letters = first
    while letters < len(passage) and len(passage[letters].core) == 1 and passage[letters].core.isalpha():
        letters += 1
    named = letters < len(passage) and passage[letters].strange
    if 2 <= letters - first <= 3 or (letters == first + 1 and named):
        last = name_end(passage, letters) if named else letters
        yield Hit(first, last, PERSON, 0.8, "initial")
    last = name_end(passage, first)
    if last > first:
        yield Hit(first, last, PERSON, 0.9, "name-cue", strong=not _allowed(passage, first, last))


def _allowed(passage: Passage, first: int, last: int) -> bool:
    return all(is_product(passage[at].core) for at in range(first, last))


def _weak(passage: Passage, first: int, end: int) -> bool:
    phrase = " ".join(item.core for item in passage[first:end])
    return phrase in WEAK or (end - first == 1 and passage[first].core in WEAK)


def find_speakers(passage: Passage) -> Iterator[Hit]:
    """Yield names before what only people do: `X speaking`, `X said`, and lists joined to a name."""
    for at in range(len(passage) - 1):
        item, following = passage[at], passage[at + 1]
        if item.pauses or not _may_act(item):
            continue
        if following.core in SPEAKING and (
            item.opens or at == 0 or passage[at - 1].utterance != item.utterance
        ):
            if item.strange or item.upper:
                yield Hit(at, at + 1, PERSON, 0.7, "speaking", strong=not is_product(item.core))
        elif (
            (namelike(item.core) and following.core in ACTS and _begins(passage, at))
            or (following.core in SURE_DOING and item.strange)
            or (following.core in SURE_DOING and item.capital and namelike(item.core))
        ):
            yield Hit(at, at + 1, PERSON, 0.6, "doing", strong=False)


def _begins(passage: Passage, at: int) -> bool:
    """Tell whether the words before an item leave it to be what acts: nothing, `and`, `did`."""
    return passage[at].opens or passage[at - 1].core in BEFORE_ACTOR or passage[at - 1].pauses


def find_strange(passage: Passage) -> Iterator[Hit]:
    """Yield names by their look alone: two strange words in a row, or a name that is a word but has a capital."""
    at = 0
    while at < len(passage):
        last = at
        while last < len(passage) and passage[last].strange and not is_product(passage[last].core):
            last += 1
            if passage[last - 1].pauses or passage[last - 1].core.endswith("'s"):
                break
        if last - at >= 2 and not all(item.uncommon and not item.upper for item in passage[at:last]):
            yield Hit(at, last, PERSON, 0.4, "strange", strong=False)
        elif last > at > 0 and _family(passage, at, last):
            yield Hit(at, last, PERSON, 0.4, "family", strong=False)
        elif last == at > 0 and namelike(passage[at].core) and _house_of(passage, at):
            yield Hit(at, at + 1, PERSON, 0.4, "family", strong=False)
        elif last == at + 1 and at > 0 and _owner(passage, at):
            yield Hit(at, last, PERSON, 0.4, "owner", strong=False)
        item = passage[at]
        if item.capital and not is_product(item.core) and item.stem not in NAMELIKE_MONTHS:
            if namelike(item.core):
                yield Hit(at, at + 1, PERSON, 0.5, "capital-name", strong=False)
            elif item.strange and len(item.stem) > 2 and passage[at - 1].core not in ("the", "a", "an"):
                yield Hit(at, at + 1, PERSON, 0.3, "capital-strange", strong=False)
        at = max(last, at + 1)


def _family(passage: Passage, at: int, last: int) -> bool:
    """Tell whether a strange word is a family's name: `the Abernathys are`, `the Brightwater account`."""
    after = passage[last].core if last < len(passage) and not passage[at].pauses else ""
    if passage[at - 1].core != "the" or (_in_dictionary(passage[at]) and after not in FAMILY_THINGS):
        return False
    ends = passage[at].pauses or last == len(passage)
    plural = ends and passage[at].stem.endswith("s") and at > 1 and passage[at - 2].core in FAMILY_BEFORE
    return after in FAMILY_AFTER or plural


def _owner(passage: Passage, at: int) -> bool:
    """Tell whether a strange word owns something: `that's Barenblat's laptop`, and not `the dropdown's broken`."""
    item = passage[at]
    owns = (
        item.core.endswith("'s") and item.strange and not _in_dictionary(item) and not is_product(item.core)
    )
    return owns and len(item.stem) > 2 and passage[at - 1].core not in OWNERS


def _in_dictionary(item: Item) -> bool:
    return item.uncommon and not item.upper


def _house_of(passage: Passage, at: int) -> bool:
    """Tell whether an everyday word is a family's name: `the Bell family`."""
    return (
        passage[at - 1].core == "the"
        and not passage[at].pauses
        and at + 1 < len(passage)
        and passage[at + 1].core in FAMILIES
        and passage[at].stem not in NOT_FAMILIES
    )


def _may_act(item: Item) -> bool:
    return item.alphabetic and len(item.stem) > 2 and (not item.ordinary or namelike(item.core))
