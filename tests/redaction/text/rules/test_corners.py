"""Street corners and the forces' addresses and units."""

from __future__ import annotations

import pytest

from redaction.model import EntityType
from redaction.text import PersonalDataFinder
from tests.redaction.text.conftest import masked, speak

FOUND = [
    ("the shop is on the corner of maple and third", "maple and third", EntityType.ADDRESS),
    ("meet at Tolland and Ninth, it's home", "Tolland and Ninth,", EntityType.ADDRESS),
    ("i live right where alder crosses wexford", "alder crosses wexford", EntityType.ADDRESS),
    ("mail it to p s c four four one box two nine a p o a e oh nine oh two one",
     "p s c four four one box two nine a p o a e oh nine oh two one", EntityType.ADDRESS),
    ("it's BFPO 58 again", "BFPO 58", EntityType.ADDRESS),
    ("she's with the forty first signal brigade", "forty first signal brigade", EntityType.ORGANIZATION),
    ("we were at fort qalder then", "fort qalder", EntityType.LOCATION),
    ("he's on the u s s qerriden now", "u s s qerriden", EntityType.LOCATION),
    ("it's building eleven room six", "building eleven room six", EntityType.ADDRESS),
]  # fmt: skip
LEFT = [
    "we met at noon and talked",
    "the corner of the table is sharp",
    "between you and me it works",
    "the brigade was late",
    "we camp in the woods",
    "room six is free",
    "the app and the site are down",
]


@pytest.mark.parametrize(("line", "found", "kind"), FOUND)
def test_corner_or_unit_is_found(
    rules_only: PersonalDataFinder, line: str, found: str, kind: EntityType
) -> None:
    """Both streets of a corner, and whole addresses, units and bases, are masked with what joins them."""
    assert masked(rules_only, line) == [found.split()]
    assert kind in {one.entity_type for one in rules_only.find(speak(line))}


@pytest.mark.parametrize("line", LEFT)
def test_other_places_are_left(rules_only: PersonalDataFinder, line: str) -> None:
    """Corners of things and rooms alone stay."""
    assert masked(rules_only, line) == [[]]
