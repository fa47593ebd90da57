"""Short answers to questions for personal data."""

from __future__ import annotations

import pytest

from redaction.text import PersonalDataFinder
from tests.redaction.text.conftest import masked


@pytest.mark.parametrize(
    ("question", "answer", "found"),
    [
        ("and your last name?", "S2: Hunter.", ["Hunter."]),
        ("how old are you", "S2: um forty", ["forty"]),
        ("what's your date of birth?", "S2: it's march third", ["march", "third"]),
        ("what is the passcode?", "S2: heron blue", ["heron", "blue"]),
        ("can you spell that", "S2: sure b r z", ["b", "r", "z"]),
    ],
)
def test_answer_is_masked(
    rules_only: PersonalDataFinder, question: str, answer: str, found: list[str]
) -> None:
    """The telling words of a short answer by somebody else are masked, the question is not."""
    assert masked(rules_only, question, answer) == [[], found]


@pytest.mark.parametrize(
    "lines",
    [
        ("and your last name?", "S2: sorry what was that"),
        ("the name field is your name plus a dash and the date", "S2: makes sense to me"),
        ("what is the passcode?", "so anyway the build is green"),
    ],
)
def test_no_answer_is_left(rules_only: PersonalDataFinder, lines: tuple[str, str]) -> None:
    """Asking back, talk after a mere mention, and the asker's own next words are left."""
    assert masked(rules_only, *lines) == [[], []]
