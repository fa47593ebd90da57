"""The end of a number is personal where it is called so: two digits tell which card or telephone it is."""

from __future__ import annotations

import pytest

from redaction.model import EntityType, Span, Utterance, Word
from redaction.policy import Policy
from redaction.text.find import PersonalDataFinder
from redaction.text.ner import Opinion


class FakeBlindReader:
    """Holds nothing personal."""

    def read(self, words: list[str]) -> list[Opinion]:
        """Return no opinion."""
        return [Opinion(EntityType.OTHER, 0.0) for _ in words]


def masked(text: str) -> str:
    """Return a sentence with the words that are personal by the rules in brackets, joined."""
    words = tuple(Word(word, Span(at, at + 0.5)) for at, word in enumerate(text.split()))
    finder = PersonalDataFinder(Policy().speech, model=FakeBlindReader())  # type: ignore[arg-type]
    found = finder.find([Utterance(words, Span(0, len(words)), "S1", "A1")])
    hidden = {at for one in found for at in range(one.first, one.last)}
    return " ".join("#" if at in hidden else word.text for at, word in enumerate(words))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("my card is the one ending in 42.", "my card is the one ending in #"),
        ("the account ending in 4 .2.", "the account ending in # #"),
        ("it says ending in 4.2.", "it says ending in #"),
        ("it is the visa ending in forty two", "it is the visa ending in # #"),
        ("last four digits 4 2 4 2", "last four digits # # # #"),
        ("the last two digits are four two", "the last two digits are # #"),
        ("my phone ends with 07", "my phone ends with #"),
    ],
)
def test_the_end_of_a_number_is_personal(text: str, left: str) -> None:
    """In figures and words, in one piece or in several."""
    assert masked(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "the meeting is ending in 42 minutes",
        "it ends in 2 weeks",
        "we sold the last 42 tickets",
        "the last two quarters were fine",
        "the sprint ends in 7 days",
    ],
)
def test_what_counts_something_stays(text: str) -> None:
    """A number with a unit, or that nothing calls the end of another, is nobody's."""
    assert masked(text) == text
