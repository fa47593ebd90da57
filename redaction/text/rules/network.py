"""Addresses of machines: IP and MAC, as they are written and as they are spoken."""

from __future__ import annotations

import re
from collections.abc import Iterator

from redaction.model import EntityType
from redaction.text.numbers import REPEATS, cardinal, code_runs
from redaction.text.passage import Hit, Passage
from redaction.text.vocabulary import word_set

__all__ = ["find_machines"]

POINTS, COLONS = word_set("address_points"), word_set("address_colons")
# Source: RFC 791 (four numbers), IEEE 802 (six pairs), RFC 4291 (up to eight groups).
_WRITTEN = re.compile(
    r"\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d{1,5})?|(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}"
    r"|(?=(?:[^:]*:){3})[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:/\d+)?|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}"
)
IP_PARTS = 4
FEWEST_GROUPS = 4  # of a MAC or IPv6 address that is read out
MOST_GROUPS = 16
LONGEST_GROUP = 4  # items: `two five five`


def find_machines(passage: Passage) -> Iterator[Hit]:
    """Yield IP and MAC addresses."""
    at = 0
    while at < len(passage):
        end = at
        if _WRITTEN.fullmatch(passage[at].core):
            end = at + 1
        else:
            end = max(_read_out(passage, at, POINTS, IP_PARTS), _read_out(passage, at, COLONS, FEWEST_GROUPS))
        if end > at:
            yield Hit(at, end, EntityType.ID, 0.9, "machine")
        at = max(end, at + 1)


def _read_out(passage: Passage, at: int, signs: frozenset[str], fewest: int) -> int:
    """Return where groups of digits and letters end that a spoken sign joins, `at` where they are too few."""
    groups, empty, end, here = 0, 0, at, at
    while groups < MOST_GROUPS:
        begin = here
        while here < len(passage) and here - begin < LONGEST_GROUP and (last := _part(passage, here)) > here:
            here = last
        if here == begin:
            break
        groups, end = groups + 1, here
        if here >= len(passage) or passage[here].core not in signs:
            break
        while here < len(passage) and passage[here].core in signs:  # two colons leave out groups of nothing
            here, empty = here + 1, empty + 1
        empty -= 1
    mask = end + 1 < len(passage) and passage[end].core == "slash"
    number = cardinal(passage, end + 1) if mask else None
    end = end if number is None else number.last
    return end if groups + empty >= fewest else at


def _part(passage: Passage, at: int) -> int:
    number = cardinal(passage, at)
    if number is not None:
        return number.last
    if passage[at].core in REPEATS and at + 1 < len(passage) and len(passage[at + 1].core) == 1:
        return at + 2
    core = passage[at].core
    if len(core) <= LONGEST_GROUP and core and all(char in "0123456789abcdefo" for char in core):
        return at + 1
    return at + 1 if code_runs(passage[at : at + 1]) or core == "oh" else at
