"""Names beside names."""

from __future__ import annotations

import pytest

from redaction.text import PersonalDataFinder
from tests.redaction.text.conftest import masked


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("my name is dennis k brzeska", "dennis k brzeska"),
        ("My name is R. T. Brzeska.", "R. T. Brzeska."),
        ("ask for ottoline or bram", "ottoline bram"),
        ("ask for ottoline and also grace", "ottoline grace"),
        ("ask for ottoline and zorvex and qilby", "ottoline zorvex qilby"),
        ("ask for ottoline and a window", "ottoline"),
        ("ask for ottoline or call", "ottoline"),
    ],
)
def test_initials_and_joined_names(rules_only: PersonalDataFinder, line: str, found: str) -> None:
    """An initial beside a name and a further name after `or` are masked, everyday words are not."""
    assert masked(rules_only, line) == [found.split()]


def test_long_list_of_names(rules_only: PersonalDataFinder) -> None:
    """Names joined without end are all found."""
    line = "ask for ottoline" + " or zorvex" * 3_000
    assert len(masked(rules_only, line)[0]) == 3_001
