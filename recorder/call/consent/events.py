"""What is said of consent: its states and events, and what follows from them for the session."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from recorder.call.source import Answer, Via

__all__ = [
    "ENDED_STATES",
    "Action",
    "ConsentEvent",
    "ConsentHistory",
    "ConsentOutcome",
    "ConsentState",
    "ConsentStatus",
    "Decision",
    "Notice",
]


class Action(StrEnum):
    """What the session does about a participant."""

    RECEIVE = "receive"
    STOP = "stop"  # keep what was stored
    ERASE = "erase"  # stop, and remove all that was stored


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one participant, from now on.

    Attributes:
        via: how the yes came, for RECEIVE.
        receipt: id of the receipt under which something is stored or was erased.
    """

    participant: str
    action: Action
    time: float
    via: Via | None = None
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A text to post to one participant, or to everybody when `to` is None.

    Attributes:
        asks: participants who are asked by it.
    """

    text: str
    to: str | None = None
    asks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsentOutcome:
    """What follows from one event; decisions come first."""

    decisions: tuple[Decision, ...] = ()
    notices: tuple[Notice, ...] = ()


class ConsentState(StrEnum):
    """States of a consent. Source: ISO/IEC TS 27560 event_state; W3C Data Privacy Vocabulary, consent status."""

    REQUESTED = "requested"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    INVALIDATED = "invalidated"  # it could not be given, as by a minor


ENDED_STATES: Final = frozenset({ConsentState.REFUSED, ConsentState.WITHDRAWN, ConsentState.INVALIDATED})


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """One change, at a call time in seconds."""

    state: ConsentState
    time: float
    via: Via | None = None
    erasure: bool = False


@dataclass(frozen=True, slots=True)
class ConsentHistory:
    """What belongs on one receipt: from being asked to a refusal or withdrawal. It tells nothing of who it was.

    Attributes:
        declared_adult: whoever agreed declared to be an adult.
    """

    receipt: str
    events: tuple[ConsentEvent, ...]
    declared_adult: bool = False


@dataclass(frozen=True, slots=True)
class ConsentStatus:
    """How a participant stands now.

    Attributes:
        declared_adult: they declared to be an adult.
    """

    answer: Answer | None
    via: Via | None
    present: bool
    received: bool
    receipt: str
    declared_adult: bool = False
