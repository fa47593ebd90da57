"""Participants: what is known of each, and what follows for all of them, without disk or call."""

from __future__ import annotations

import pytest

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.state import Action, ConsentBook, Decision
from recorder.call.source import LiveKind, TrackKey, Via
from recorder.live.capture.participants import Attendance, Participant
from recorder.live.capture.status import ParticipantState
from redaction.errors import InternalError
from redaction.policy import ConsentSection, Policy

CAMERA = TrackKey("a", LiveKind.CAMERA)


def attendance() -> Attendance:
    """Return nobody."""
    return Attendance(ConsentBook(ConsentSection(), NoticeTexts.of(Policy())))


def received(at: float) -> Decision:
    """Return the decision to receive somebody."""
    return Decision("a", Action.RECEIVE, at, Via.PAGE, "r")


def test_nothing_is_written_of_somebody_without_consent() -> None:
    """A participant who was never received has no record."""
    with pytest.raises(InternalError):
        Participant("a", 1).record()


def test_a_pause_ends_lanes_and_the_stay_and_keeps_the_token() -> None:
    """Who pauses gets the same folder back, under the same consent, with two stays."""
    people = attendance()
    one = people.joined("a")
    assert one is not None
    people.resume(one, received(1))
    token = one.token
    one.lanes[CAMERA] = 7
    assert one.lane(CAMERA) == 7
    assert one.pause(2) == [7]
    assert one.lane(CAMERA) is None
    assert people.state(one) is ParticipantState.PAUSED
    people.resume(one, received(3))
    assert (one.token, [(stay.start, stay.end) for stay in one.record().stays]) == (
        token,
        [(1, 2), (3, None)],
    )
    assert people.owner(token) is one


def test_after_an_erasure_nothing_leads_back() -> None:
    """The token has no owner, the next one is another, and the record is gone."""
    people = attendance()
    one = people.joined("a")
    assert one is not None
    people.resume(one, received(1))
    token = people.erase(one)
    assert people.owner(token) is None
    assert not people.anyone_recorded
    assert people.counts == {"erased": 1}
    with pytest.raises(InternalError):
        one.record()
    people.resume(one, received(2))
    assert one.token != token


def test_the_call_is_alone_from_the_last_departure_on() -> None:
    """Time alone counts from the beginning, ends with somebody's coming, and begins again when the last one goes."""
    people = attendance()
    assert people.alone_for(5) == 5
    people.joined("a")
    people.joined("b")
    people.left("a", 6)
    assert people.alone_for(9) is None
    people.left("b", 7)
    assert people.alone_for(9) == 2


def test_a_call_has_room_for_a_thousand() -> None:
    """Whoever comes after that is not known, and so never received."""
    people = attendance()
    assert all(people.joined(str(number)) for number in range(1000))
    assert people.joined("1000") is None
    assert people.joined("5") is not None


def test_who_comes_and_goes_does_not_fill_the_call() -> None:
    """Who left and has nothing stored makes room, and is still counted; who is there, recorded or a minor does not."""
    people = attendance()
    for name in ("recorded", "minor", "here"):
        assert people.joined(name) is not None
    recorded, minor = people.get("recorded"), people.get("minor")
    assert recorded is not None
    assert minor is not None
    people.resume(recorded, received(1))
    minor.minor = True
    for name in ("recorded", "minor"):
        people.left(name, 2)
    for number in range(5000):
        one = people.joined(f"visitor{number}")
        assert one is not None
        assert one.number == number + 4
        people.left(one.id, 3)
    assert all(people.get(name) for name in ("recorded", "minor", "here"))
    assert people.counts == {"recorded": 1, "removed": 1, "not answered": 5001}
    assert len(list(people)) == 1000
