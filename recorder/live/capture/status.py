"""What may be shown of a call while it goes on: numbers, states and figures; no name, no word, no picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

__all__ = ["CallStatus", "CallView", "Hidden", "ParticipantState", "PersonStatus"]


class ParticipantState(StrEnum):
    """How a participant stands with the recording."""

    SILENT = "not answered"
    RECORDED = "recorded"
    PAUSED = "paused"
    REFUSED = "refused"
    ERASED = "erased"
    REMOVED = "removed"  # as a minor


@dataclass(frozen=True, slots=True)
class PersonStatus:
    """One participant who is there.

    Attributes:
        number: in order of joining, from 1; not the number in the bundle.
        camera, screen, microphone: whether such a track is received.
        lag_s: how far redaction is behind, in seconds.
        level: what the load has cost: full, sparse, half, few or covered.
        gaps: stretches that were lost so far.
    """

    number: int
    standing: ParticipantState
    camera: bool = False
    screen: bool = False
    microphone: bool = False
    speaking: bool = False
    lag_s: float = 0.0
    level: str = "full"
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class CallStatus:
    """The call at one moment.

    Attributes:
        seconds: since the bot joined.
        asking: whether participants can be asked and can withdraw.
        stored_bytes: redacted media on the disk.
        free_bytes: room left on that disk.
    """

    seconds: float
    people: tuple[PersonStatus, ...] = ()
    asking: bool = True
    stored_bytes: int = 0
    free_bytes: int = 0
    counts: dict[str, int] = field(default_factory=dict)


class CallView(Protocol):
    """Whoever watches a call."""

    def show(self, status: CallStatus) -> None:
        """Take the present status, about once a second."""

    def event(self, name: str, **figures: str | int | float) -> None:
        """Something happened; the name is static, the figures are numbers and states."""


class Hidden:
    """Shows nothing."""

    def show(self, status: CallStatus) -> None:
        """Do nothing."""

    def event(self, name: str, **figures: str | int | float) -> None:
        """Do nothing."""
