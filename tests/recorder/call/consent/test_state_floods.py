"""Consent in a flood of people, answers or words: bounded, and nobody recorded who refused."""

from __future__ import annotations

import pytest

from recorder.call.consent.state import MOST_PEOPLE
from recorder.call.source import Answer
from tests.recorder.call.consenting import SILENCE_IS_YES, TEXTS, Room


def test_fifty_at_once() -> None:
    """Fifty newcomers at once are all told by a handful of notices."""
    room = Room()
    for number in range(50):
        room.take(room.book.joined(f"p{number}", "Pat", 1.0))
    for second in range(2, 6):
        room.take(room.book.tick(float(second)))
    assert len(room.posted) <= 7
    assert room.posted.count((None, TEXTS.asking)) == 1


def test_flood_of_answers() -> None:
    """A flood of answers is bounded in replies and in yeses; every no counts."""
    room = Room()
    room.join("a")
    posted = len(room.posted)
    start = room.now
    for step in range(1000):
        text = "/record yes" if step % 2 == 0 else "/record no"
        room.take(room.book.chat("a", text, start + step / 1000))
        if step % 2:
            assert room.stored == set()
    assert len(room.erased) <= 6
    assert len(room.posted) - posted <= 4


def test_flood_of_words() -> None:
    """A flood of broken commands is answered three times, and ordinary talk never."""
    room = Room()
    room.join("a")
    posted = len(room.posted)
    for step in range(1000):
        room.take(room.book.chat("a", "/record maybe", 100.0 + step / 1000))
        room.take(room.book.chat("a", "hello", 100.0 + step / 1000))
    assert room.posted[posted:] == [("a", TEXTS.hint)] * 3


def test_the_book_is_bounded() -> None:
    """Ids without end do not fill the memory; who does not fit in is never received; visitors are forgotten first."""
    room = Room()
    for number in range(MOST_PEOPLE):
        room.take(room.book.joined(f"p{number}", "Pat", 1.0))
    room.join("late")
    room.press("late", Answer.YES)
    assert room.received == set()
    assert room.book.status("late") is None
    room.leave("p3")
    room.join("later")
    room.press("later", Answer.YES)
    assert room.received == {"later"}


@pytest.mark.parametrize("answers", [(), (Answer.NO,), (Answer.YES, Answer.ERASE)])
def test_who_leaves_does_not_fill_the_book(answers: tuple[Answer, ...]) -> None:
    """Visitors without end, silent, refusing or withdrawing, keep nobody out; withdrawals stay on record."""
    room = Room()
    for number in range(MOST_PEOPLE + 100):
        room.join(f"v{number}")
        for answer in answers:
            room.press(f"v{number}", answer)
        room.leave(f"v{number}")
    room.join("late")
    room.press("late", Answer.YES)
    assert room.received == {"late"}
    withdrawn = [one for one in room.book.histories() if any(event.erasure for event in one.events)]
    assert len(withdrawn) == (MOST_PEOPLE + 100 if Answer.ERASE in answers else 0)


def test_a_refusal_is_not_forgotten_where_silence_is_a_yes() -> None:
    """Who refused and comes back after a flood of visitors is not recorded under a policy that records the silent."""
    room = Room(SILENCE_IS_YES)
    room.join("a")
    room.press("a", Answer.NO)
    room.leave("a")
    for number in range(MOST_PEOPLE + 10):
        room.take(room.book.joined(f"v{number}", "Pat", 1.0))
        room.take(room.book.left(f"v{number}", 1.0))
    room.join("a")
    room.later()
    assert "a" not in room.received


def test_a_minor_is_not_forgotten() -> None:
    """Who said to be a minor and comes back after a flood of visitors still cannot consent."""
    room = Room()
    room.join("a")
    room.take(room.book.declared("a", False, 1.0))
    room.leave("a")
    for number in range(MOST_PEOPLE + 10):
        room.take(room.book.joined(f"v{number}", "Pat", 1.0))
        room.take(room.book.left(f"v{number}", 1.0))
    room.join("a")
    room.press("a", Answer.YES)
    assert room.received == set()
