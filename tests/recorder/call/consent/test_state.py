"""Consent: who may be recorded, after any history."""

from __future__ import annotations

import pytest

from recorder.call.consent.state import UNASKED_GRACE_S, Action, ConsentBook, ConsentState
from recorder.call.source import Answer, Via
from redaction.policy import ConsentSection
from tests.recorder.call.consenting import MARKED, SILENCE_IS_YES, TEXTS, Room

# -- answers -----------------------------------------------------------------------------------------------------------


def test_never_answered() -> None:
    """Who never answered is never received, however long they stay, and was asked once."""
    room = Room()
    room.join("a")
    for _ in range(50):
        room.later()
    assert room.received == set()
    assert room.stored == set()
    assert [to for to, text in room.posted if text == TEXTS.asking] == ["a"]


@pytest.mark.parametrize("way", ["chat", "page"])
def test_yes(way: str) -> None:
    """A yes is received from then on, under a receipt and with the way it came."""
    room = Room()
    room.join("a")
    outcome = room.chat("a", "/record yes") if way == "chat" else room.press("a", Answer.YES)
    (step,) = outcome.decisions
    assert (step.participant, step.action, step.via, step.time) == ("a", Action.RECEIVE, Via(way), room.now)
    status = room.book.status("a")
    assert status is not None
    assert step.receipt == status.receipt
    assert room.received == {"a"}


def test_no() -> None:
    """A no before anything was received leaves nothing to erase and nobody received."""
    room = Room()
    room.join("a")
    assert room.chat("a", "/record no").decisions == ()
    assert room.received == set()
    assert room.stored == set()


def test_yes_then_no() -> None:
    """A no after a yes stops at once and erases what was stored."""
    room = Room()
    room.join("a")
    room.chat("a", "/record yes")
    (step,) = room.chat("a", "/record no").decisions
    assert step.action is Action.ERASE
    assert room.received == set()
    assert room.stored == set()


def test_no_then_yes() -> None:
    """A yes after a no counts from the new yes on, under another receipt."""
    room = Room()
    room.join("a")
    room.chat("a", "/record yes")
    first = room.chat("a", "/record no").decisions[0].receipt
    (step,) = room.chat("a", "/record yes").decisions
    assert step.action is Action.RECEIVE
    assert step.time == room.now
    assert step.receipt != first
    assert room.stored == {"a"}


def test_erase() -> None:
    """An erasure stops, erases, and is remembered when the participant comes back or is renamed."""
    room = Room(MARKED)
    room.join("a")
    room.chat("a", "/record yes")
    (step,) = room.press("a", Answer.ERASE).decisions
    assert step.action is Action.ERASE
    room.leave("a")
    room.join("a", "Pat [rec]")
    room.rename("a", "Pat")
    room.rename("a", "Pat [rec]")
    assert room.received == set()
    assert room.stored == set()
    status = room.book.status("a")
    assert status is not None
    assert status.answer is Answer.ERASE


def test_rename_instead_of_chat() -> None:
    """A mark in the display name answers; taking the yes away withdraws; no wins over yes."""
    room = Room(MARKED)
    room.join("a")
    assert room.rename("a", "Pat [REC]").decisions[0].via is Via.RENAME
    assert room.received == {"a"}
    room.rename("a", "Patricia [rec]")
    assert room.received == {"a"}
    room.rename("a", "Patricia")
    assert room.stored == set()
    room.rename("a", "Patricia [rec]")
    assert room.received == {"a"}
    room.rename("a", "Patricia [no-rec] [rec]")
    assert room.stored == set()
    room.chat("a", "/record yes")
    assert room.received == set(), "a yes beside a name that says no is in doubt"
    room.rename("a", "Patricia")
    assert room.received == set(), "and does not come to count later"


def test_marks_mean_nothing_unless_configured() -> None:
    """Without marks in the policy no display name is an answer."""
    room = Room()
    room.join("a", "Pat [rec]")
    room.rename("a", "/record yes")
    assert room.received == set()


def test_rename_does_not_undo_a_spoken_no() -> None:
    """A yes by name, which a host might set, counts for nothing after a no by chat or button."""
    room = Room(MARKED)
    room.join("a")
    room.chat("a", "/record no")
    room.rename("a", "Pat [no-rec]")
    room.rename("a", "Pat [rec]")
    assert room.received == set()
    room.chat("a", "/record yes")
    assert room.received == {"a"}


def test_chat_from_someone_else_in_their_name() -> None:
    """A command moves the sender alone, whatever name the sender took or wrote."""
    room = Room()
    room.join("a", "Ada")
    room.join("m", "Mallory")
    room.rename("m", "Ada")
    room.chat("m", "/record yes")
    room.chat("m", "a: /record yes")
    room.chat("m", "/record yes Ada")
    assert room.received == {"m"}
    room.press("a", Answer.YES)
    room.chat("m", "/record erase")
    assert room.received == {"a"}
    assert room.erased == ["m"]


def test_rejoin_under_another_id() -> None:
    """The same name under another id starts silent; the same id keeps its answer."""
    room = Room()
    room.join("a", "Ada")
    room.chat("a", "/record yes")
    assert room.leave("a").decisions[0].action is Action.STOP
    room.join("b", "Ada")
    assert room.received == set()
    room.join("a", "Ada")
    assert room.received == {"a"}


def test_consent_service_down() -> None:
    """While nobody can be asked, those who agreed are paused, not erased, and go on when it is back."""
    room = Room()
    room.join("a")
    room.join("b")
    room.chat("a", "/record yes")
    (step,) = room.can_ask(False).decisions
    assert step.action is Action.STOP
    assert room.stored == {"a"}
    assert room.erased == []
    room.press("b", Answer.YES)
    assert room.received == set()
    room.can_ask(True)
    assert room.received == {"a", "b"}


def test_withdrawal_while_down_still_erases() -> None:
    """A no that gets through while asking is down erases at once."""
    room = Room()
    room.join("a")
    room.chat("a", "/record yes")
    room.can_ask(False)
    room.press("a", Answer.NO)
    assert room.stored == set()


# -- asking ------------------------------------------------------------------------------------------------------------


def test_nobody_is_received_before_asking_works() -> None:
    """Until the source says that asking works, a yes waits."""
    room = Room(able=False)
    room.join("a")
    room.press("a", Answer.YES)
    assert room.received == set()
    room.can_ask(True)
    assert room.received == {"a"}


def test_unasked_means_refuse() -> None:
    """Where nobody could ever be asked, the session has to end, after a moment's grace."""
    book = ConsentBook(ConsentSection(), TEXTS)
    assert not book.must_refuse(100.0)
    book.can_ask(False, 0.0)
    assert not book.must_refuse(UNASKED_GRACE_S - 0.1)
    assert book.must_refuse(UNASKED_GRACE_S)
    book.can_ask(True, 20.0)
    book.can_ask(False, 21.0)
    assert not book.must_refuse(100.0)


@pytest.mark.parametrize("default", ["deny", "allow"])
def test_unasked_by_policy(default: str) -> None:
    """With if_unasked = policy the default decides: deny still receives nobody."""
    room = Room(ConsentSection.model_validate({"default": default, "if_unasked": "policy"}), able=False)
    room.can_ask(False)
    room.join("a")
    room.join("b")
    room.press("b", Answer.NO)
    assert not room.book.must_refuse(1000.0)
    assert room.received == ({"a"} if default == "allow" else set())


def test_silence_means_yes_once_told() -> None:
    """Under default = allow the silent are received, only after they were told, and a no erases."""
    room = Room(SILENCE_IS_YES)
    room.join("a")
    assert room.received == set()
    assert room.posted == [("a", TEXTS.asking)]
    room.later(1.0)
    assert room.received == {"a"}
    (step,) = room.press("a", Answer.YES).decisions
    assert (step.action, step.via) == (Action.RECEIVE, Via.PAGE)
    room.chat("a", "/record no")
    assert room.stored == set()


def test_silence_of_who_could_not_be_told() -> None:
    """Under default = allow nobody is received by silence to whom no notice could be delivered, however long."""
    room = Room(SILENCE_IS_YES, chat_works=False)
    room.join("a")
    for _ in range(5):
        room.later()
    assert room.received == set()
    assert len(room.posted) == 2
    room.press("a", Answer.YES)
    assert room.received == {"a"}


def test_who_cannot_be_written_to_alone_is_asked_with_everybody() -> None:
    """A newcomer whom no private message reaches is asked by one to all; silence counts from then on alone."""
    room = Room(SILENCE_IS_YES, reachable=False)
    room.join("a")
    assert room.received == set()
    room.later(1.0)
    assert room.posted == [("a", TEXTS.asking), (None, TEXTS.asking)]
    room.later(1.0)
    assert room.received == {"a"}


def test_silence_with_a_mark_for_no() -> None:
    """Under default = allow a name that says no is a no from the first moment, and stays one without the mark."""
    room = Room(ConsentSection(default="allow", no_tag="[no-rec]"))
    room.join("a", "Pat [No-Rec]")
    room.later()
    room.rename("a", "Pat")
    room.later()
    assert room.received == set()
    assert room.stored == set()


def test_yes_from_nobody() -> None:
    """A yes from an id that is not in the call counts for nothing, a no does."""
    room = Room(SILENCE_IS_YES)
    room.chat("x", "/record yes")
    room.chat("y", "/record no")
    assert room.book.status("x") is None
    room.join("y")
    room.later()
    assert room.received == set()


def test_withdrawing_after_leaving() -> None:
    """Who has left can still have everything erased."""
    room = Room()
    room.join("a")
    room.chat("a", "/record yes")
    room.leave("a")
    room.chat("a", "/record erase")
    assert room.stored == set()


def test_who_cannot_consent() -> None:
    """Who was found unable to consent is erased, and no yes of theirs counts ever again, by whatever way."""
    room = Room(MARKED)
    room.join("a", "Pat [rec]")
    (step,) = room.take(room.book.voided("a", room.later())).decisions
    assert step.action is Action.ERASE
    room.press("a", Answer.YES)
    room.chat("a", "/record yes")
    room.rename("a", "Pat")
    room.rename("a", "Pat [rec]")
    room.leave("a")
    room.join("a", "Pat [rec]")
    assert room.received == room.stored == set()
    (history,) = room.book.histories()
    assert history.events[-1].state is ConsentState.INVALIDATED
    assert room.take(room.book.voided("a", room.later())).decisions == ()


def test_a_yes_with_an_age_is_held_beside_the_receipt() -> None:
    """A declaration stands in the standing and the history, whether it came with the yes or later; others have none."""
    room = Room()
    for who in "abc":
        room.join(who)
    room.chat("a", "/record yes 18+")
    room.chat("b", "/record yes")
    room.chat("c", "/record yes")
    room.chat("c", "/record yes 18+")
    assert room.received == {"a", "b", "c"}
    standings = [room.book.status(who) for who in "abc"]
    assert [one is not None and one.declared_adult for one in standings] == [True, False, True]
    assert sorted(history.declared_adult for history in room.book.histories()) == [False, True, True]


def test_a_declared_minor_is_not_recorded() -> None:
    """Who says that they are under 18 is erased and never received, whatever they say next."""
    room = Room()
    room.join("a")
    room.chat("a", "/record yes 18+")
    room.chat("a", "/record yes under 18")
    room.chat("a", "/record yes 18+")
    room.join("b")
    room.chat("b", "/record yes under 18")
    assert room.received == room.stored == set()
    standing = room.book.status("a")
    assert standing is not None
    assert not standing.declared_adult
    assert ("b", TEXTS.underage) in room.posted


def test_silence_of_who_cannot_consent() -> None:
    """Where silence means yes, it does not for who cannot consent."""
    room = Room(SILENCE_IS_YES)
    room.join("a")
    room.later()
    room.take(room.book.voided("a", room.later()))
    room.later()
    assert room.received == room.stored == set()


def test_histories_tell_what_happened() -> None:
    """Each consent has a history of its own, from asking to withdrawal, and none names a participant."""
    room = Room()
    room.join("participant-a")
    room.chat("participant-a", "/record yes")
    room.chat("participant-a", "/record erase")
    room.chat("participant-a", "/record yes")
    room.join("participant-b")
    room.chat("participant-b", "/record no")
    states = sorted(tuple(event.state for event in history.events) for history in room.book.histories())
    assert states == sorted(
        [
            (ConsentState.REQUESTED, ConsentState.GIVEN, ConsentState.WITHDRAWN),
            (ConsentState.GIVEN,),
            (ConsentState.REQUESTED, ConsentState.REFUSED),
        ]
    )
    assert "participant" not in repr(room.book.histories())
