"""Who is in a call and how they stand with its recording: state alone, nothing here reaches the disk or the call."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from recorder.call.consent.state import ConsentBook, Decision
from recorder.call.source import Answer, TrackKey, Via
from recorder.live.capture.status import ParticipantState
from recorder.live.store.schema import ConsentRecord, PersonRecord, Stay
from redaction.errors import InternalError

__all__ = ["Attendance", "Participant"]

_MOST_PARTICIPANTS: Final = 1000
_MOST_NAMES: Final = 20
"""Display names of one participant that are masked in speech; who changes it more often does so to no end."""
_MOST_STAYS: Final = 500
"""Stays of one participant that are told apart; who comes and goes more often was there all the time."""


@dataclass(slots=True)
class Participant:
    """One participant of a call.

    Attributes:
        id: the call system's own.
        number: in order of joining, from 1.
        here: whether they are in the call.
        token: name of their folder; empty while nothing may be stored of them.
        receiving: whether their media is taken.
        minor: whether they count as a minor.
        erased: whether what was stored of them was removed.
        names: display names, which are never written or shown.
        consent: under which something is stored.
        stays: when they were recorded.
        lanes: their tracks in the live engine.
    """

    id: str
    number: int
    here: bool = True
    token: str = ""
    receiving: bool = False
    minor: bool = False
    erased: bool = False
    names: set[str] = field(default_factory=set, repr=False)
    consent: ConsentRecord | None = None
    stays: list[Stay] = field(default_factory=list)
    lanes: dict[TrackKey, int] = field(default_factory=dict)

    def add_name(self, name: str) -> bool:
        """Remember a display name; return whether it is a new one that has to be masked."""
        if not name.strip() or name in self.names or len(self.names) >= _MOST_NAMES:
            return False
        self.names.add(name)
        return True

    def lane(self, track: TrackKey) -> int | None:
        """Return the lane of a track, None while nothing of it may be taken."""
        return self.lanes.get(track) if self.receiving else None

    def resume(self, decision: Decision) -> None:
        """Be received from a decision on, under a token of their own."""
        start = round(decision.time, 3)
        if not self.token:
            self.token = secrets.token_hex(8)
            self.consent = ConsentRecord(time=start, via=decision.via or Via.POLICY, receipt=decision.receipt)
        if len(self.stays) < _MOST_STAYS:
            self.stays.append(Stay(start=start))
        else:
            self.stays[-1] = self.stays[-1].model_copy(update={"end": None})
        self.receiving, self.erased = True, False

    def pause(self, time: float) -> list[int]:
        """Be received no longer, what was stored stays; return the lanes that end."""
        lanes = list(self.lanes.values())
        self.receiving = False
        self.lanes.clear()
        if self.stays:
            last = self.stays[-1]
            self.stays[-1] = last.model_copy(update={"end": round(max(time, last.start), 3)})
        return lanes

    def erase(self) -> str:
        """Be received no longer, and have nothing stored; return the token of what has to be removed, or nothing."""
        token, self.token = self.token, ""
        self.receiving, self.erased = False, True
        self.lanes.clear()
        self.stays.clear()
        self.consent = None
        return token

    def record(self) -> PersonRecord:
        """Return what is written down of them.

        Raises:
            InternalError: there is no consent.
        """
        if self.consent is None or not self.token:
            raise InternalError("Somebody without consent would be recorded.")
        return PersonRecord(
            token=self.token, order=self.number, stays=tuple(self.stays), consent=self.consent
        )


class Attendance:
    """Everybody who is or was in a call.

    Args:
        book: how each answered.
    """

    def __init__(self, book: ConsentBook) -> None:
        self._book = book
        self._participants: dict[str, Participant] = {}
        self._owners: dict[str, Participant] = {}  # by token
        self._alone_since: float | None = 0.0
        self._joined = 0
        self._forgotten: Counter[str] = Counter()  # how many stood how who are no longer remembered

    def __iter__(self) -> Iterator[Participant]:
        return iter(self._participants.values())

    def get(self, participant: str) -> Participant | None:
        """Return somebody who joined."""
        return self._participants.get(participant)

    def joined(self, participant: str) -> Participant | None:
        """Return somebody who is there from now on, None when there are too many.

        Who left and has nothing stored is forgotten when room is needed: nobody fills the call by coming and going.
        """
        found = self._participants.get(participant)
        if found is None:
            if len(self._participants) >= _MOST_PARTICIPANTS and not self._forget_one():
                return None
            self._joined += 1
            found = Participant(participant, self._joined)
            self._participants[participant] = found
        found.here = True
        self._alone_since = None
        return found

    def left(self, participant: str, time: float) -> Participant | None:
        """Return somebody who is gone from now on."""
        found = self._participants.get(participant)
        if found is not None:
            found.here = False
        if not any(other.here for other in self):
            self._alone_since = time
        return found

    def alone_for(self, time: float) -> float | None:
        """Return for how many seconds nobody has been there, None while somebody is."""
        return None if self._alone_since is None else time - self._alone_since

    @property
    def ever_joined(self) -> bool:
        """Whether anybody ever came."""
        return self._joined > 0

    @property
    def anyone_recorded(self) -> bool:
        """Whether anything may be stored of anybody."""
        return any(participant.token for participant in self)

    def owner(self, token: str) -> Participant | None:
        """Return whose token it is; None for one that was erased. May be called from any thread."""
        return self._owners.get(token)

    def resume(self, participant: Participant, decision: Decision) -> None:
        """Have somebody received from a decision on."""
        participant.resume(decision)
        self._owners[participant.token] = participant

    def erase(self, participant: Participant) -> str:
        """Have nothing of somebody stored; return the token of what has to be removed, or nothing."""
        token = participant.erase()
        self._owners.pop(token, None)
        return token

    def state(self, participant: Participant) -> ParticipantState:
        """Return how somebody stands with the recording."""
        if participant.minor:
            return ParticipantState.REMOVED
        if participant.token:
            going_on = participant.receiving or not participant.here
            return ParticipantState.RECORDED if going_on else ParticipantState.PAUSED
        if participant.erased:
            return ParticipantState.ERASED
        known = self._book.status(participant.id)
        refused = known is not None and known.answer in (Answer.NO, Answer.ERASE)
        return ParticipantState.REFUSED if refused else ParticipantState.SILENT

    @property
    def counts(self) -> dict[str, int]:
        """How many participants stand how, at this moment."""
        return dict(self._forgotten + Counter(self.state(participant).value for participant in self))

    def _forget_one(self) -> bool:
        """Let go of the first who left and of whom nothing is or may be stored; minors stay known."""
        blank = (one for one in self if not (one.here or one.token or one.minor or one.receiving))
        found = next(blank, None)
        if found is None:
            return False
        self._forgotten[self.state(found).value] += 1
        del self._participants[found.id]
        return True
