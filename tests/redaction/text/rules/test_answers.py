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
        ("I'll need your last name.", "S2: Hunter.", ["Hunter."]),
        ("Who is your boss?", "S2: My sister, Hunter.", ["Hunter."]),
        ("And your boss?", "S2: Hunter.", ["Hunter."]),
        ("Okay, and your surname.", "S2: Hunter.", ["Hunter."]),
        ("What's your date of birth?", "S2: The second of May.", ["second", "of", "May."]),
        ("When's your birthday?", "S2: The second.", ["second."]),
        ("and your son, what is he called", "S2: Max.", ["Max."]),
        ("what's your daughter called", "S2: poppy", ["poppy"]),
        ("what are your initials", "S2: d t", ["d", "t"]),
        ("What's your IP?", "S2: Ten, twelve.", ["Ten,", "twelve."]),
        ("and you are", "S2: june summers", ["june", "summers"]),
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
        ("You log in with your email address.", "S2: Use the old one at work."),
        ("we store your email address and your phone number", "S2: so it still works"),
        ("people type their name or your address", "S2: then drop the column"),
        ("What's the password policy?", "S2: At least twelve characters."),
        ("When did you disagree with your boss?", "S2: Over some deadline."),
        ("when's your birthday", "S2: just a second"),
        ("and you are ready?", "S2: almost"),
    ],
)
def test_no_answer_is_left(rules_only: PersonalDataFinder, lines: tuple[str, str]) -> None:
    """Asking back, talk after a mere mention, and the asker's own next words are left."""
    assert masked(rules_only, *lines) == [[], []]


TURNS = [
    (("what was your first pet called? your first pet", "S2: biscuit"), [[], ["biscuit"]]),
    (("And your memorable word?", "S2: Lighthouse."), [[], ["Lighthouse."]]),
    (("what year", "S2: eighty one"), [[], ["eighty", "one"]]),
    (("And the town?", "S2: Reading."), [[], ["Reading."]]),
    (("What's your place of birth?", "S2: near the bath"), [[], ["bath"]]),
    (("What's the reg of the car?", "S2: L R sixty eight", "Yeah.", "S2: X U F."),
     [[], ["L", "R", "sixty", "eight"], [], ["X", "U", "F."]]),
    (("your postcode please", "S2: r g six", "mm-hm", "S2: two b x"), [[], ["r", "g", "six"], [], ["two", "b", "x"]]),
    (("And the first line of your address?", "S2: Fourteen.", "Fourteen what?", "S2: Orchard something."),
     [[], ["Fourteen."], ["Fourteen"], ["Orchard", "something."]]),
    (("mother's maiden name", "S2: let me think", "sure", "S2: fisher"), [[], [], [], ["fisher"]]),
    (("your last name?", "S2: hunter", "great so the build is red", "S2: then we fix it"), [[], ["hunter"], [], []]),
    (("what year", "S2: one moment"), [[], []]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "found"), TURNS)
def test_answer_in_parts(
    rules_only: PersonalDataFinder, lines: tuple[str, ...], found: list[list[str]]
) -> None:
    """An answer in several turns is masked, the listener's words between are not, nor talk after it."""
    assert masked(rules_only, *lines) == found


@pytest.mark.parametrize(
    "lines",
    [
        (
            "My employee number is —",
            "S2: I can fix that. What is your email?",
            "It is —",
            "S2: Let us talk again.",
        ),
        ("What's your surname?", "S2: It is —", "Thanks.", "S2: Great, so we talk about lunch."),
    ],
)
def test_what_is_masked_already_is_the_answer(rules_only: PersonalDataFinder, lines: tuple[str, ...]) -> None:
    """In words that are searched once more a dash is the answer: what is said next is none."""
    assert masked(rules_only, *lines) == [[]] * len(lines)
