"""What participants type."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.call.consent.commands import (
    LONGEST_DISPLAY_NAME,
    clean_name,
    declared_age,
    is_attempt,
    mark_in_name,
    parse_command,
)
from recorder.call.source import Answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/record yes", Answer.YES),
        ("  /RECORD   No\n", Answer.NO),
        ("/record\terase", Answer.ERASE),
        ("/record yes 18+", Answer.YES),
        (" /Record YES, I am 18 or older ", Answer.YES),
        ("/record yes under 18", Answer.NO),
        ("/record no 18+", None),
        ("/record 18+", None),
        ("/record yes 17", None),
        ("/record yes please", None),
        ("/recordyes", None),
        ("record yes", None),
        ("> /record yes", None),
        ("/record yes\n/record no", None),
        ("/record yeſ", None),
        ("/record yes\u200b", None),
        ("/record", None),
        ("yes", None),
        ("", None),
        (" " * 100 + "/record yes", None),
    ],
)
def test_only_the_whole_command_is_an_answer(text: str, answer: Answer | None) -> None:
    """A command is the whole message, trimmed, in any case; anything else is no answer."""
    assert parse_command(text) is answer


@given(st.text())
def test_words_are_no_answer(text: str) -> None:
    """No text but the three commands, and a yes that declares an age, is ever an answer."""
    if declared_age(text) is not None:
        return
    if " ".join(text.lower().split()) not in ("/record yes", "/record no", "/record erase"):
        assert parse_command(text) is None


@pytest.mark.parametrize(
    ("said", "adult"),
    [
        ("yes 18+", True),
        ("yes 18 +", True),
        ("yes 18", True),
        ("yes, 18+", True),
        ("yes adult", True),
        ("YES I'm 18+", True),
        ("yes i am over 18", True),
        ("yes i am an adult", True),
        ("yes under 18", False),
        ("yes I am a minor", False),
        ("yes", None),
        ("yes 17", None),
        ("yes 180", None),
        ("no 18+", None),
        ("erase 18+", None),
        ("yes 18+ and so is he", None),
    ],
)
def test_a_yes_may_declare_an_age(said: str, adult: bool | None) -> None:
    """Only a whole command that says yes declares anything."""
    assert declared_age(f"/record {said}") is adult


def test_attempts_are_helped() -> None:
    """A broken command is told from ordinary talk and from a good one."""
    assert is_attempt("/record maybe")
    assert is_attempt("/RECORD")
    assert not is_attempt("/record no")
    assert not is_attempt("/recording")
    assert not is_attempt("the /record thing")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("Pat [rec]", Answer.YES),
        ("Pat [REC] ", Answer.YES),
        ("[rec] Pat", None),
        ("Pat [rec] .", None),
        ("Pat", None),
        ("Pat \u202e[rec]", None),
        ("Pat [no-rec]", Answer.NO),
        ("[NO-REC] Pat [rec]", Answer.NO),
        ("Pat [n\u200bo-r ec] [rec]", Answer.NO),
        ("Pat ［no-rec］", Answer.NO),
    ],
)
def test_no_wins_in_a_name(name: str, answer: Answer | None) -> None:
    """A yes counts at the plain end of a name alone, a no anywhere and in disguise."""
    assert mark_in_name(name, yes="[rec]", no="[no-rec]") is answer


@given(st.text(max_size=400))
def test_names_can_be_shown(name: str) -> None:
    """Any name becomes one line of 1 to 64 characters without control or format characters."""
    shown = clean_name(name)
    assert 1 <= len(shown) <= LONGEST_DISPLAY_NAME
    assert not any(unicodedata.category(char)[0] == "C" for char in shown)
    assert shown == shown.strip()
    assert "\n" not in shown
    assert "\u2028" not in shown


def test_markup_is_left_for_the_page_to_show_as_text() -> None:
    """Markup in a name is not rewritten; those who show it show text."""
    assert clean_name("<b>Pat</b>\x00\u202e") == "<b>Pat</b>"
