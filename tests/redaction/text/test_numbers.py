"""Numbers as they are spoken."""

from __future__ import annotations

import pytest

from redaction.text.numbers import NumberKind, cardinal, code_runs
from redaction.text.passage import items_of
from tests.redaction.text.conftest import speak


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("five five five oh one seven eight", "5550178"),
        ("double oh seven", "007"),
        ("triple four one two", "44412"),
        ("twenty one", "21"),
        ("twenty-one", "21"),
        ("nineteen eighty seven", "1987"),
        ("nine hundred one two three", "900123"),
        ("two hundred and fifty", "250"),
        ("eight hundred fifty", "850"),
        ("thirty thousand", "30000"),
        ("one eight hundred five five five oh one two seven", "18005550127"),
        ("plus four four seven seven double oh", "+447700"),
        ("(415) 555-0199", "4155550199"),
        ("6 0 2, 5 5 5, 0 1 4 6", "6025550146"),
        ("three oh five, uh, five five five", "305555"),
        ("four four dash nine one", "4491"),
        ("five five five four to one", "555421"),
        ("q x seven r t two", "qx7rt2"),
        ("w x four eight two one k", "wx4821k"),
        ("s w one a two a a", "sw1a2aa"),
        ("k o w a l c z y k", "kowalczyk"),
        ("K-O-W-A-L", "kowal"),
        ("tango zulu nine nine", "tz99"),
    ],
)
def test_reads_numbers_as_said(spoken: str, written: str) -> None:
    """A run of number words and letters is read as one piece of writing."""
    runs = code_runs(items_of(speak(spoken)[0], 0))
    assert [run.text for run in runs] == [written]


@pytest.mark.parametrize("spoken", ["i said a word to him", "oh no", "a plus for everyone", "i am fine"])
def test_ordinary_words_are_no_codes(spoken: str) -> None:
    """Words that only sound like letters or digits start no run."""
    assert code_runs(items_of(speak(spoken)[0], 0)) == []


def test_price_is_an_amount() -> None:
    """Money, percents, decimals and thousands are amounts, never codes."""
    for text in ("$1,250", "2.9%", "3.11", "12,000", "10:45"):
        element = cardinal(items_of(speak(text)[0], 0), 0)
        assert element is not None
        assert element.kind is NumberKind.AMOUNT


def test_counting_up_is_known() -> None:
    """One two three four five is counting, five one three is not."""
    (up,) = code_runs(items_of(speak("one two three four five")[0], 0))
    (code,) = code_runs(items_of(speak("five one three")[0], 0))
    assert up.counting
    assert not code.counting
