"""The written copy and its way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redaction.text.normalize import Change, write
from redaction.text.passage import items_of
from tests.redaction.text.conftest import speak

SPOKEN = (
    "zero one two nine oh double triple ten twenty forty hundred thousand and a i k o w dot at underscore dash plus "
    "gmail com example org hello, meeting. the jane@example.com 555-0142 4821K 3.5 www.example.com slash ' ... 你好 é"
)


@pytest.mark.parametrize(
    ("spoken", "mail"),
    [
        ("jane dot doe at gmail dot com", "jane.doe@gmail.com"),
        ("write to m dot oduya at example dot co dot uk", "m.oduya@example.co.uk"),
        ("it's j o n e s at example dot com", "jones@example.com"),
        ("lucia nineteen eighty seven at example dot net", "lucia1987@example.net"),
        ("qzx underscore tony at gmail no dots", "qzx_tony@gmail.com"),
        ("ivo dash brandt plus news at mail dot example dot org", "ivo-brandt+news@mail.example.org"),
        ("ewa dot z at example dot p l", "ewa.z@example.pl"),
        ("send it to pia.lund@example.dk please", "pia.lund@example.dk"),
        ("r dot fernandez eighty four at outlook dot com", "r.fernandez84@outlook.com"),
    ],
)
def test_mail_is_written(spoken: str, mail: str) -> None:
    """A spoken e-mail address becomes writing, and nothing before it is taken in."""
    tokens = write(items_of(speak(spoken)[0], 0))
    assert [token.text for token in tokens if token.change is Change.MAIL] == [mail]


@pytest.mark.parametrize(
    "spoken",
    ["let's meet at the office", "drop it at some point dot dot dot", "look at example one", "at three"],
)
def test_no_mail_in_plain_talk(spoken: str) -> None:
    """The word `at` alone makes no address."""
    assert all(token.change is not Change.MAIL for token in write(items_of(speak(spoken)[0], 0)))


def test_web_address_is_written() -> None:
    """A spoken web address becomes one token with its path."""
    tokens = write(items_of(speak("see lindgrove dot com slash team today")[0], 0))
    assert [token.text for token in tokens if token.change is Change.WEB] == ["lindgrove.com/team"]


@given(st.lists(st.sampled_from(SPOKEN.split()), max_size=40))
def test_way_back_is_exact(words: list[str]) -> None:
    """The tokens' ranges cover every word exactly once, in order, and unchanged words stay as they were."""
    items = items_of(speak(" ".join(words))[0], 0) if words else []
    tokens = write(items)
    covered = [at for token in tokens for at in range(token.first, token.last)]
    assert covered == list(range(len(items)))
    assert all(token.text == items[token.first].core for token in tokens if token.change is Change.NONE)
    assert all(token.last - token.first == 1 for token in tokens if token.change is Change.NONE)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=12))
def test_any_text_can_be_written(words: list[str]) -> None:
    """Whatever a recogniser emits, the copy covers it."""
    items = items_of(speak(" ".join(words))[0], 0)
    assert sum(token.last - token.first for token in write(items)) == len(items)
