"""Days on which somebody will be met are found, other days are not."""

from __future__ import annotations

import pytest

from redaction.model import EntityType
from redaction.policy import SpeechSection
from redaction.text import PersonalDataFinder
from tests.redaction.text.conftest import SilentModel, masked, speak

APPOINTMENTS = [
    ("Let us talk again on Thursday.", "Thursday."),
    ("see you thursday", "thursday"),
    ("let's meet next friday at three", "friday"),
    ("I have a dentist appointment on Monday.", "Monday."),
    ("how about wednesday", "wednesday"),
    ("does tuesday work for you", "tuesday"),
    ("Thursday works.", "Thursday"),
    ("On Friday I'm meeting the lawyer.", "Friday"),
    ("call me by friday", "friday"),
    ("I'm away on Monday", "Monday"),
    ("three thirty on Thursday is what they offered", "Thursday"),
    ("it is Thursday, 3 pm", "Thursday,"),
    ("Thursday afternoon at half past two", "Thursday"),
    ("sunday at noon", "sunday"),
    ("her surgery is on May the fifth", "May the fifth"),
    ("we fly on the 5th of May", "5th of May"),
    ("we fly on the twenty fifth of march", "twenty fifth of march"),
    ("see you on Monday the third of June", "Monday the third of June"),
    ("her flight is on 05/06/2024", "05/06/2024"),
]
OTHER_DAYS = [
    "We heard back on Tuesday.",
    "Tuesdays are busy",
    "we meet every Thursday",
    "the release goes out on Friday",
    "we may deploy on Friday",
    "this is due by Friday",
    "five tickets on Friday",
    "on Monday the build broke and three tests failed",
    "we shipped it on the fifth of May",
    "It works. Friday is the deadline.",
    "The build is done on Monday. Can we talk?",
    "let's talk about the second item",
    "we want a meeting with five people in march",
    "the ratio is 3/4 when we call it",
    "may five people join the call",
]


@pytest.mark.parametrize(("line", "day"), APPOINTMENTS)
def test_day_of_an_appointment_is_found(rules_only: PersonalDataFinder, line: str, day: str) -> None:
    """The day on which somebody is met is masked whole, and nothing else of the line."""
    assert masked(rules_only, line) == [day.split()]
    assert EntityType.DATE in {one.entity_type for one in rules_only.find(speak(line))}


@pytest.mark.parametrize("line", OTHER_DAYS)
def test_day_without_an_appointment_is_left(rules_only: PersonalDataFinder, line: str) -> None:
    """Deadlines, habits, what is past, and numbers that only look like dates stay."""
    assert masked(rules_only, line) == [[]]


def test_day_of_an_appointment_is_found_again(rules_only: PersonalDataFinder) -> None:
    """A weekday once found is masked in the whole recording, another weekday is not."""
    lines = ("Talk to you on Friday.", "S2: the release is friday", "S2: it was monday")
    assert masked(rules_only, *lines) == [["Friday."], ["friday"], []]


def test_all_days() -> None:
    """With `days = "all"` no weekday and no date is left, whatever happens on it."""
    finder = PersonalDataFinder(SpeechSection(days="all"), model=SilentModel())
    line = "tuesdays are busy and the release is on friday the fifth of may so we may go"
    assert masked(finder, line) == [["tuesdays", "friday", "the", "fifth", "of", "may"]]


def test_allow_list_does_not_take_an_appointment_back() -> None:
    """Weekdays are product words, yet the day of an appointment stays masked."""
    finder = PersonalDataFinder(SpeechSection(allow=("Thursday",)), model=SilentModel())
    assert masked(finder, "see you on thursday") == [["thursday"]]
