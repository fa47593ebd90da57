"""Who may be recorded: a state machine without input or output, fed with what happens in the call.

No answer is a no. What somebody says counts for them alone, since every answer is bound to the sender's own id; a no
is never limited, delayed or outweighed, a yes may be. What the book does not know is not received.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from recorder.call.consent.commands import declared_age, is_attempt, mark_in_name, parse_command
from recorder.call.consent.events import (
    ENDED_STATES,
    Action,
    ConsentEvent,
    ConsentHistory,
    ConsentOutcome,
    ConsentState,
    ConsentStatus,
    Decision,
    Notice,
)
from recorder.call.consent.notice import NoticeTexts
from recorder.call.http.rate_limit import Allowance
from recorder.call.source import Answer, Via
from redaction.policy import ConsentSection

__all__ = [
    "ENDED_STATES",
    "Action",
    "ConsentBook",
    "ConsentEvent",
    "ConsentHistory",
    "ConsentOutcome",
    "ConsentState",
    "ConsentStatus",
    "Decision",
    "Notice",
]

UNASKED_GRACE_S: Final = 10.0  # a chat may come up a moment after the call
MOST_PEOPLE: Final = 1000
_MOST_PAST: Final = 2000
MOST_RECORDS: Final = 64  # consents of one participant; after that a yes no longer counts


@dataclass(slots=True)
class _Record:
    receipt: str = field(default_factory=lambda: secrets.token_hex(16))
    events: list[ConsentEvent] = field(default_factory=list)
    notified: bool = False  # the participant has the receipt

    @property
    def closed(self) -> bool:
        return bool(self.events) and self.events[-1].state in ENDED_STATES


@dataclass(slots=True)
class _Person:
    present: bool = False
    notified: bool = False  # a notice was handed over for them
    asked: bool = False  # and it was delivered
    mark: Answer | None = None
    answer: Answer | None = None
    via: Via | None = None
    adult: bool = False  # they declared to be one
    void: bool = False  # nothing they say is consent
    received: bool = False
    kept: bool = False  # something of them may be stored
    records: list[_Record] = field(default_factory=lambda: [_Record()])
    changes: Allowance = field(default_factory=lambda: Allowance(5, 1 / 15))
    replies: Allowance = field(default_factory=lambda: Allowance(3, 1 / 10))

    @property
    def record(self) -> _Record:
        return self.records[-1]

    @property
    def status(self) -> ConsentStatus:
        declared_adult = self.adult and not self.void
        return ConsentStatus(
            self.answer, self.via, self.present, self.received, self.record.receipt, declared_adult
        )


class ConsentBook:
    """Keeps every participant's answer and says who is received.

    The session feeds it, carries out the decisions in order, posts the notices, and calls `tick` about once a second.
    Times are call times in seconds.
    """

    def __init__(self, section: ConsentSection, texts: NoticeTexts) -> None:
        self._section = section
        self._texts = texts
        self._people: dict[str, _Person] = {}
        self._able = False
        self._unasked_since: float | None = None
        self._ever_able = False
        self._notice_due = False  # a notice to everybody waits for its allowance
        self._welcomes = Allowance(5, 1 / 2)
        self._answers = Allowance(20, 5)
        self._past: list[ConsentHistory] = []  # withdrawals of people who are no longer in the book

    # -- what happens ----------------------------------------------------------------------------------------------

    def joined(self, participant: str, name: str, time: float) -> ConsentOutcome:
        """Somebody is there, for the first time or again."""
        person = self._known(participant, make=True)
        if person is None:
            return ConsentOutcome()
        person.present = True
        changed = self._mark(participant, person, name, time)
        decisions = (*changed.decisions, *self._settle(participant, person, time))
        notices = (*self._welcome(participant, person, time), *changed.notices)
        return ConsentOutcome(decisions, (*notices, *self._receipt(participant, person, time)))

    def renamed(self, participant: str, name: str, time: float) -> ConsentOutcome:
        """Somebody's display name is another; a mark in it may be an answer."""
        no = mark_in_name(name, yes="", no=self._section.no_tag) is Answer.NO
        person = self._known(participant, make=no)
        return self._mark(participant, person, name, time) if person is not None else ConsentOutcome()

    def left(self, participant: str, time: float) -> ConsentOutcome:
        """Somebody is gone. Their answer stands, and they may still withdraw where the call system lets them."""
        person = self._known(participant)
        if person is None:
            return ConsentOutcome()
        person.present = False
        return ConsentOutcome(self._settle(participant, person, time))

    def answered(self, participant: str, answer: Answer, time: float, via: Via = Via.PAGE) -> ConsentOutcome:
        """Somebody answered by a way that only they have."""
        person = self._known(participant, make=answer is not Answer.YES)
        return (
            self._answer(participant, person, answer, time, via) if person is not None else ConsentOutcome()
        )

    def chat(self, sender: str, untrusted_text: str, time: float) -> ConsentOutcome:
        """Somebody wrote; only an exact command is an answer, and it counts for the sender alone."""
        answer = parse_command(untrusted_text)
        if answer is not None:
            adult = declared_age(untrusted_text)
            first = ConsentOutcome() if adult is None else self.declared(sender, adult, time)
            then = self.answered(sender, answer, time, Via.CHAT)
            return ConsentOutcome((*first.decisions, *then.decisions), (*first.notices, *then.notices))
        person = self._people.get(sender)
        if person is not None and person.present and is_attempt(untrusted_text):
            return ConsentOutcome(notices=self._reply(sender, person, self._texts.hint, time))
        return ConsentOutcome()

    def can_ask(self, able: bool, time: float) -> ConsentOutcome:
        """Asking works from now on, or no longer; while it does not, nobody could withdraw, so all are paused."""
        self._able = able
        if able:
            self._ever_able = True
            self._notice_due = any(person.present and not person.notified for person in self._people.values())
        elif self._unasked_since is None:
            self._unasked_since = time
        return self._all(time)

    def delivered(self, notice: Notice, *, arrived: bool) -> None:
        """A notice was posted or could not be; whom one alone cannot reach is asked together with everybody."""
        for key in notice.asks:
            person = self._people.get(key)
            if person is None:
                continue
            person.asked = person.asked or arrived
            if not arrived and notice.to is not None and not person.asked:
                person.notified, self._notice_due = False, True

    def declared(self, participant: str, adult: bool, time: float) -> ConsentOutcome:
        """Somebody said how old they are: who is no adult cannot consent."""
        person = self._known(participant, make=True)
        if person is None or person.void:
            return ConsentOutcome()
        if adult:
            person.adult = True
            return ConsentOutcome()
        outcome = self.voided(participant, time)
        return ConsentOutcome(outcome.decisions, self._reply(participant, person, self._texts.underage, time))

    def voided(self, participant: str, time: float) -> ConsentOutcome:
        """Somebody cannot consent, as a minor: nothing of them is kept, and nothing they say is a yes from now on."""
        person = self._known(participant, make=True)
        if person is None or person.void:
            return ConsentOutcome()
        person.void = True
        if person.record.events and not person.record.closed:
            person.record.events.append(
                ConsentEvent(ConsentState.INVALIDATED, time, person.via, erasure=person.kept)
            )
        kept, person.kept, person.received = person.kept, False, False
        person.answer = Answer.ERASE
        erasure = Decision(participant, Action.ERASE, time, person.via, person.record.receipt)
        return ConsentOutcome((erasure,)) if kept else ConsentOutcome()

    def tick(self, time: float) -> ConsentOutcome:
        """Time goes by: notices that had to wait are posted, and silence begins to count where it means yes."""
        return self._all(time)

    # -- what is known ---------------------------------------------------------------------------------------------

    def must_refuse(self, time: float) -> bool:
        """Tell whether nobody could ever be asked and the policy refuses to record then (exit status 4)."""
        return (
            self._section.if_unasked == "refuse"
            and not self._ever_able
            and self._unasked_since is not None
            and time - self._unasked_since >= UNASKED_GRACE_S
        )

    def status(self, participant: str) -> ConsentStatus | None:
        """Return how a participant stands, None when they are unknown."""
        person = self._people.get(participant)
        return None if person is None else person.status

    def histories(self) -> tuple[ConsentHistory, ...]:
        """Return what belongs on receipts, in an order that tells nothing of who joined when."""
        done = (history for person in self._people.values() for history in _histories(person))
        return tuple(sorted((*self._past, *done), key=lambda history: history.receipt))

    # -- answers ---------------------------------------------------------------------------------------------------

    def _mark(self, participant: str, person: _Person, untrusted_name: str, time: float) -> ConsentOutcome:
        """Take a display name's mark as an answer when it changed."""
        mark = mark_in_name(untrusted_name, yes=self._section.yes_tag, no=self._section.no_tag)
        before, person.mark = person.mark, mark
        if mark is before:
            return ConsentOutcome()
        if mark is None and person.answer is Answer.YES and person.via is Via.RENAME:
            mark = Answer.NO  # the mark was the consent, and it was taken away
        if mark is None:
            return ConsentOutcome()
        return self._answer(participant, person, mark, time, Via.RENAME)

    def _answer(
        self, participant: str, person: _Person, answer: Answer, time: float, via: Via
    ) -> ConsentOutcome:
        if answer is Answer.YES:
            return self._yes(participant, person, time, via)
        news = person.answer not in (Answer.NO, Answer.ERASE)
        decisions = self._no(participant, person, answer, time, via)
        if not news and not decisions:
            return ConsentOutcome()
        return ConsentOutcome(decisions, self._reply(participant, person, self._texts.refused, time))

    def _yes(self, participant: str, person: _Person, time: float, via: Via) -> ConsentOutcome:
        if person.answer is Answer.YES:
            return ConsentOutcome()
        if not person.present or person.void:
            return ConsentOutcome()
        if person.mark is Answer.NO:
            return ConsentOutcome(notices=self._reply(participant, person, self._texts.marked, time))
        refused = person.answer is not None
        if refused and via is Via.RENAME and person.via is not Via.RENAME:
            return (
                ConsentOutcome()
            )  # in some calls a host can rename others; it must not undo what they said themselves
        if len(person.records) >= MOST_RECORDS or not person.changes.take(time):
            return ConsentOutcome(notices=self._reply(participant, person, self._texts.later, time))
        person.answer, person.via = Answer.YES, via
        if (
            person.record.closed
        ):  # what comes is another consent; nothing links it to the one that was withdrawn
            person.records.append(_Record())
        person.record.events.append(ConsentEvent(ConsentState.GIVEN, time, via))
        if person.received:  # until now by silence
            decisions: tuple[Decision, ...] = (self._receive(participant, person, time, via),)
        else:
            decisions = self._settle(participant, person, time)
        replies = self._receipt(participant, person, time)
        if person.received and person.record.notified and not replies:
            replies = self._reply(participant, person, self._texts.agreed, time)
        return ConsentOutcome(decisions, replies)

    def _no(
        self, participant: str, person: _Person, answer: Answer, time: float, via: Via
    ) -> tuple[Decision, ...]:
        if person.answer not in (Answer.NO, Answer.ERASE):
            agreed = person.answer is Answer.YES or person.kept
            state = ConsentState.WITHDRAWN if agreed else ConsentState.REFUSED
            person.record.events.append(ConsentEvent(state, time, via, erasure=person.kept))
            person.via = via
        elif via is not Via.RENAME:
            person.via = via
        person.answer = Answer.ERASE if Answer.ERASE in (answer, person.answer) else Answer.NO
        if not person.kept:
            return ()
        person.received = person.kept = False
        return (Decision(participant, Action.ERASE, time, via, person.record.receipt),)

    # -- who is received -------------------------------------------------------------------------------------------

    def _settle(self, participant: str, person: _Person, time: float) -> tuple[Decision, ...]:
        via = _agreed(person, self._section, able=self._able)
        if (via is not None) == person.received:
            return ()
        person.received = via is not None
        if via is None:
            return (Decision(participant, Action.STOP, time, None, person.record.receipt),)
        person.kept = True
        if via is Via.POLICY and not any(event.via is Via.POLICY for event in person.record.events):
            person.record.events.append(ConsentEvent(ConsentState.REQUESTED, time, via))
        return (self._receive(participant, person, time, via),)

    def _receive(self, participant: str, person: _Person, time: float, via: Via) -> Decision:
        return Decision(participant, Action.RECEIVE, time, via, person.record.receipt)

    def _all(self, time: float) -> ConsentOutcome:
        steps = tuple(
            step for key, person in self._people.items() for step in self._settle(key, person, time)
        )
        receipts = (one for key, person in self._people.items() for one in self._receipt(key, person, time))
        return ConsentOutcome(steps, (*self._flush(time), *receipts))

    # -- notices ---------------------------------------------------------------------------------------------------

    def _welcome(self, participant: str, person: _Person, time: float) -> tuple[Notice, ...]:
        """Tell a newcomer; many at once are told together, by one notice to everybody."""
        if person.notified or not self._able:
            return ()
        if self._notice_due or not self._welcomes.take(time):
            self._notice_due = True
            return ()
        self._mark_notified([person], time)
        return (Notice(self._texts.asking, participant, (participant,)),)

    def _flush(self, time: float) -> tuple[Notice, ...]:
        if not (self._notice_due and self._able and self._welcomes.take(time)):
            return ()
        self._notice_due = False
        unnotified = {key: one for key, one in self._people.items() if one.present and not one.notified}
        self._mark_notified(unnotified.values(), time)
        return (Notice(self._texts.asking, asks=tuple(unnotified)),)

    def _mark_notified(self, people: Iterable[_Person], time: float) -> None:
        for person in people:
            if not person.notified and not person.record.events:
                person.record.events.append(ConsentEvent(ConsentState.REQUESTED, time))
            person.notified = True

    def _receipt(self, participant: str, person: _Person, time: float) -> tuple[Notice, ...]:
        """Give somebody who is recorded their receipt, once and to them alone; `tick` does it if it has to wait.

        Only their own flood of answers delays it, nobody else's.
        """
        if not person.received or person.record.notified or not person.replies.take(time):
            return ()
        person.record.notified = True
        return (Notice(f"{self._texts.agreed} {self._texts.receipt(person.record.receipt)}", participant),)

    def _reply(self, participant: str, person: _Person, text: str, time: float) -> tuple[Notice, ...]:
        if not person.present or not person.replies.take(time) or not self._answers.take(time):
            return ()
        return (Notice(text, participant),)

    # -- people ----------------------------------------------------------------------------------------------------

    def _known(self, participant: str, *, make: bool = False) -> _Person | None:
        """Return somebody's state; whoever no longer fits in the book stays unknown and is never received."""
        person = self._people.get(participant)
        if person is not None or not make:
            return person
        if len(self._people) >= MOST_PEOPLE:
            forgotten = next(self._forgettable(), None)
            if forgotten is None:
                return None
            self._past += _erasures(self._people.pop(forgotten))
        return self._people.setdefault(participant, _Person())

    def _forgettable(self) -> Iterator[str]:
        """Yield who left and has nothing stored: first who never answered, then who refused.

        A refusal is forgotten only where silence is a no as well. What somebody said who is known to be a minor stands.
        """
        gone = {key: one for key, one in self._people.items() if not (one.present or one.kept or one.void)}
        yield from (key for key, one in gone.items() if one.answer is None)
        if self._section.default != "allow":
            full = len(self._past) >= _MOST_PAST
            refused = (key for key, one in gone.items() if one.answer in (Answer.NO, Answer.ERASE))
            yield from (key for key in refused if not (full and _erasures(gone[key])))


def _histories(person: _Person) -> Iterator[ConsentHistory]:
    adult = person.adult and not person.void
    for record in person.records:
        if record.events:
            yield ConsentHistory(record.receipt, tuple(record.events), adult)


def _erasures(person: _Person) -> list[ConsentHistory]:
    """Return what has to stay known of somebody: that what was stored of them has to go, should a crash leave it."""
    return [one for one in _histories(person) if any(event.erasure for event in one.events)]


def _agreed(person: _Person, section: ConsentSection, *, able: bool) -> Via | None:
    """Return how a participant agreed, None while they are not to be received; `able` tells whether asking works."""
    if not person.present or person.mark is Answer.NO or person.answer in (Answer.NO, Answer.ERASE):
        return None
    silence_means_yes = section.default == "allow"
    if not able:
        unasked = silence_means_yes and section.if_unasked == "policy"
        return (person.via or Via.POLICY) if unasked else None
    if person.answer is Answer.YES:
        return person.via
    return Via.POLICY if silence_means_yes and person.asked else None
