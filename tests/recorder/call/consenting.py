"""A consent book and what a session would have done on its word."""

from __future__ import annotations

from dataclasses import dataclass, field

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.state import Action, ConsentBook, ConsentOutcome
from recorder.call.source import Answer
from redaction.policy import ConsentSection, Policy

__all__ = ["MARKED", "SILENCE_IS_YES", "TEXTS", "Room"]

TEXTS = NoticeTexts.of(Policy())


@dataclass
class Room:
    """A book and what a session would have done on its word."""

    section: ConsentSection = field(default_factory=ConsentSection)
    able: bool = True
    reachable: bool = True
    chat_works: bool = True
    now: float = 0.0

    def __post_init__(self) -> None:
        self.book = ConsentBook(self.section, TEXTS)
        self.received: set[str] = set()
        self.stored: set[str] = set()
        self.erased: list[str] = []
        self.posted: list[tuple[str | None, str]] = []
        if self.able:
            self.take(self.book.can_ask(True, 0.0))

    def take(self, outcome: ConsentOutcome) -> ConsentOutcome:
        for step in outcome.decisions:
            if step.action is Action.RECEIVE:
                self.received.add(step.participant)
                self.stored.add(step.participant)
            else:
                self.received.discard(step.participant)
            if step.action is Action.ERASE:
                self.stored.discard(step.participant)
                self.erased.append(step.participant)
        self.posted += [(notice.to, notice.text) for notice in outcome.notices]
        for notice in outcome.notices:
            arrived = self.chat_works and (self.reachable or notice.to is None)
            self.book.delivered(notice, arrived=arrived)
        return outcome

    def later(self, seconds: float = 60.0) -> float:
        self.now += seconds
        self.take(self.book.tick(self.now))
        return self.now

    def join(self, who: str, name: str = "Pat") -> ConsentOutcome:
        return self.take(self.book.joined(who, name, self.later()))

    def rename(self, who: str, name: str) -> ConsentOutcome:
        return self.take(self.book.renamed(who, name, self.later()))

    def chat(self, who: str, text: str) -> ConsentOutcome:
        return self.take(self.book.chat(who, text, self.later()))

    def press(self, who: str, answer: Answer) -> ConsentOutcome:
        return self.take(self.book.answered(who, answer, self.later()))

    def leave(self, who: str) -> ConsentOutcome:
        return self.take(self.book.left(who, self.later()))

    def can_ask(self, able: bool) -> ConsentOutcome:
        return self.take(self.book.can_ask(able, self.later()))


MARKED = ConsentSection(yes_tag="[rec]", no_tag="[no-rec]")
SILENCE_IS_YES = ConsentSection(default="allow")
