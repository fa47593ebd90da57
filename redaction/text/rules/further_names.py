"""Names beside names that were found: initials, and further names that `and` or `or` joins to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from redaction.model import EntityType
from redaction.text.lexicon import CLOSED, FUNCTION_WORDS, is_product, namelike
from redaction.text.passage import Hit, Item, Passage
from redaction.text.rules.names import ACTS, name_end
from redaction.text.vocabulary import word_set

__all__ = ["find_further_names"]

NAME_JOINS = word_set("name_joins")
BETWEEN_NAMES = word_set("name_joins_between")
AFTER_JOINED = word_set("after_joined_name")
STOPS = word_set("organization_stops")
VERBLIKE = word_set("function_verbs")
WORD_LETTERS = word_set("one_letter_words")
LIKELY_PEOPLE = (
    EntityType.PERSON,
    EntityType.LOCATION,
    EntityType.OTHER,
)  # as the name model may call a surname
SURE_SCORE = 0.5
MOST_INITIALS = 3
MOST_JOINS = 4


def find_further_names(passage: Passage, hits: Sequence[Hit]) -> Iterator[Hit]:
    """Yield initials beside the names among the hits, and names that are joined to them."""
    likely = [hit for hit in hits if hit.entity_type in LIKELY_PEOPLE]
    named = {at for hit in likely for at in range(hit.first, hit.last)}
    sure = {
        at
        for hit in likely
        for at in range(hit.first, hit.last)
        if hit.strong or hit.score >= SURE_SCORE or passage[at].strange
    }
    for at in sorted(named):
        if at - 1 not in named:
            yield from _before(passage, at, named, joins=at in sure)
        if at + 1 not in named:
            yield from _after(passage, at + 1, named, joins=at in sure)


def _before(passage: Passage, at: int, named: set[int], *, joins: bool) -> Iterator[Hit]:
    first = at
    while first > 0 and at - first < MOST_INITIALS and _initial(passage, first - 1, named):
        first -= 1
    if first < at:
        yield Hit(first, at, EntityType.PERSON, 0.7, "initial")
    elif joins and at > 1 and passage[at - 1].core in NAME_JOINS and _is_name(passage[at - 2]):
        yield Hit(at - 2, at - 1, EntityType.PERSON, 0.6, "name-joined", strong=False)


def _after(passage: Passage, at: int, named: set[int], *, joins: bool) -> Iterator[Hit]:
    """Go on from the end of a name over initials and joined names, up to the next name that is known."""
    while True:
        end = _initials_end(passage, at, named)
        if end > at:
            yield Hit(at, end, EntityType.PERSON, 0.7, "initial")
        first = _join_end(passage, end) if joins else end
        if first == end or first >= len(passage) or first in named:
            return
        if not _is_name(passage[first]) and not _ends_as_name(passage, first):
            return
        at = max(name_end(passage, first), first + 1)
        yield Hit(first, at, EntityType.PERSON, 0.6, "name-joined", strong=False)


def _initials_end(passage: Passage, at: int, named: set[int]) -> int:
    """Return where the initials after a name end, with the name that follows them."""
    if passage[at - 1].pauses or passage[at - 1].core.endswith("'s"):
        return at
    last = at
    while last < len(passage) and last - at < MOST_INITIALS and _initial(passage, last, named):
        last += 1
    if last == at or last >= len(passage) or passage[last - 1].closes or not _may_follow(passage[last]):
        return last
    return max(name_end(passage, last), last + 1)


def _join_end(passage: Passage, at: int) -> int:
    """Return where the words end that join a further name: `or`, `and also`."""
    last = at
    while (
        last < len(passage)
        and last - at < MOST_JOINS
        and passage[last].core in (NAME_JOINS if last == at else NAME_JOINS | BETWEEN_NAMES)
    ):
        last += 1
    return last


def _initial(passage: Passage, at: int, named: set[int]) -> bool:
    """Tell whether a single letter beside a name is an initial; `a` only in capitals or between two parts.

    `I` is one between two parts of a cased name: elsewhere somebody speaks of themselves, in capitals too.
    """
    item = passage[at]
    if len(item.core) != 1 or not item.core.isalpha() or item.pauses:
        return False
    inside = at - 1 in named and at + 1 in named
    if item.core == "i":
        return item.cased and inside
    if item.core in WORD_LETTERS and not item.upper:
        return not item.cased and inside
    return item.upper or not item.cased


def _may_follow(item: Item) -> bool:
    """Tell whether a word after an initial is a surname; in small letters whatever is no verb or joining word."""
    if _is_name(item) or item.cased:
        return _is_name(item)
    return item.alphabetic and item.core not in STOPS and item.core not in ACTS and item.core not in CLOSED


def _ends_as_name(passage: Passage, at: int) -> bool:
    """Tell whether a name that is a verb too stands where no verb can: `ask Bogdan or May`."""
    ends = at + 1 == len(passage) or passage[at].closes or passage[at + 1].utterance != passage[at].utterance
    ends = ends or passage[at + 1].core in AFTER_JOINED
    return ends and namelike(passage[at].core) and passage[at].stem in VERBLIKE


def _is_name(item: Item) -> bool:
    if is_product(item.core) or not item.alphabetic:
        return False
    if item.uncommon and not item.upper:
        return False
    if item.strange or item.capital:
        return True
    joining = item.stem in FUNCTION_WORDS and (item.stem in STOPS or item.stem in VERBLIKE)
    return namelike(item.core) and not joining and (item.upper or not item.cased)
