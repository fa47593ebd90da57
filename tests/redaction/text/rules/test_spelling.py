"""Names that are spelled with words."""

from __future__ import annotations

import pytest

from redaction.text import PersonalDataFinder
from tests.redaction.text.conftest import masked

SPELLED = [
    ("it's B as in Bravo, R as in Romeo, A as in Alpha", "B as in Bravo, R as in Romeo, A as in Alpha"),
    ("so r for romeo o for oscar t for tango", "r for romeo o for oscar t for tango"),
    ("T like Tom, O like Oscar, M like Mary.", "T like Tom, O like Oscar, M like Mary."),
    ("double a r o n that's it", "double a r o n"),
    ("that is m double l e r", "m double l e r"),
    ("as in bravo as in romeo as in tango", "as in bravo as in romeo as in tango"),
    ("bravo romeo tango", "bravo romeo tango"),
    ("delta echo november", "delta echo november"),
    ("capital b small r small t", "capital b small r small t"),
    ("b as in boy um and e as in easy", "b as in boy um and e as in easy"),
    ("see as in charlie are as in romeo", "see as in charlie are as in romeo"),
    ("N as in Nancy?", "N as in Nancy?"),
    ("k for kilo", "k for kilo"),
    ("f as in freddie four seven two", "f as in freddie four seven two"),
    ("q as in a quilt and then p as in a pillow", "q as in a quilt and then p as in a pillow"),
]
PLAIN = [
    "we need an a b test",
    "i like tango and i like ice cream",
    "plan b is for losers",
    "X for the win",
    "we have a golf hotel in the hills",
    "the b in the table is for bold",
    "vitamin c for colds and d for bones",
    "option a as in the first one",
    "as in the last sprint",
    "double the size",
    "a for effort",
]


@pytest.mark.parametrize(("line", "spelled"), SPELLED)
def test_spelled_name_is_found(rules_only: PersonalDataFinder, line: str, spelled: str) -> None:
    """Every letter and every word that tells one is masked, with what joins them."""
    assert masked(rules_only, line) == [spelled.split()]


@pytest.mark.parametrize("line", PLAIN)
def test_letters_in_talk_are_left(rules_only: PersonalDataFinder, line: str) -> None:
    """Single letters of plain talk stay."""
    assert masked(rules_only, line) == [[]]


def test_spelling_may_cross_utterances(rules_only: PersonalDataFinder) -> None:
    """A name that is spelled in parts, with a listener between, is masked in all of them."""
    lines = ("b as in bravo", "S2: uh huh", "e as in echo")
    assert masked(rules_only, *lines) == [["b", "as", "in", "bravo"], [], ["e", "as", "in", "echo"]]
