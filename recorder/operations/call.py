"""Observers of a call for its operator: one writes the operational log, one hands everything to several others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from recorder.call.source import Ended
from recorder.live.capture.status import CallStatus, CallView, ParticipantState, PersonStatus
from recorder.operations.log import (
    Id,
    LogEvent,
    LogValue,
    OperationalLog,
    Reason,
    Way,
    error_id,
    failure_logged,
    made_here,
)

__all__ = [
    "CALL_EVENTS",
    "LEAVING_REASONS",
    "CallPublished",
    "LoadStep",
    "LoggedCall",
    "Views",
    "logged_call",
]

CallPublished = Callable[[str, Ended | None, Mapping[str, int]], None]
"""Takes the bundle's name, why the call was over, and how many participants stood how."""
_ENDED: Final[Mapping[Ended | None, Reason]] = {
    None: Reason.LEFT,
    Ended.OVER: Reason.OVER,
    Ended.REMOVED: Reason.REMOVED,
    Ended.LOST: Reason.LOST,
}


class LoadStep(StrEnum):
    """What the load has cost, as in `PersonStatus.level`."""

    FULL = "full"
    SPARSE = "sparse"
    HALF = "half"
    FEW = "few"
    COVERED = "covered"

    @classmethod
    def of(cls, person: PersonStatus) -> LoadStep:
        """Return a participant's step; one that is not known counts as the worst."""
        return next((step for step in cls if step.value == person.level), cls.COVERED)


CALL_EVENTS: Final[Mapping[str, LogEvent]] = {
    "joined": LogEvent.PARTICIPANT_JOINED,
    "left": LogEvent.PARTICIPANT_LEFT,
    "asking": LogEvent.ASKING,
    "recording": LogEvent.PARTICIPANT_RECORDING,
    "stopped": LogEvent.PARTICIPANT_STOPPED,
    "erased": LogEvent.PARTICIPANT_ERASED,
    "leaving": LogEvent.LEAVING,
    "stage failed": LogEvent.STAGE_FAILED,
    "connections turned away": LogEvent.CONNECTIONS_TURNED_AWAY,
}
"""What a call's observers are told, and how the log and the metrics name it."""

LEAVING_REASONS: Final[Mapping[str, Reason]] = {
    "disk nearly full": Reason.DISK,
    "alone": Reason.ALONE,
    "time is up": Reason.TIME,
}


class LoggedCall:
    """Writes what happens in a call to the operational log.

    Who joins, leaves or is erased goes without a number, and nobody is said to be a minor: what stays in a log of the
    machine must not tell of one who agreed to nothing. A participant who is recorded is named by the number of joining.
    """

    def __init__(self, log: OperationalLog) -> None:
        self._log = log
        self._steps: dict[int, LoadStep] = {}
        self._gaps: dict[int, int] = {}

    def show(self, status: CallStatus) -> None:
        """Log what has changed since the last status: steps of the load, and new gaps."""
        for person in status.people:
            step, before = LoadStep.of(person), self._steps.get(person.number, LoadStep.FULL)
            if step is not before:
                self._steps[person.number] = step
                self._log.log(LogEvent.LOAD_CHANGED, participant=person.number, step=step)
            new = person.gaps - self._gaps.get(person.number, 0)
            self._gaps[person.number] = person.gaps
            if new > 0:
                self._log.log(LogEvent.GAP, participant=person.number, count=new)

    def event(self, name: str, **figures: str | int | float) -> None:
        """Log an event under its static name, with those of its figures that the log has a key for."""
        event = CALL_EVENTS.get(name, LogEvent.OTHER)
        self._log.log(event, **_fields(event, figures))


def _fields(event: LogEvent, figures: Mapping[str, str | int | float]) -> dict[str, LogValue]:
    number = figures.get("number")
    if event in (LogEvent.PARTICIPANT_RECORDING, LogEvent.PARTICIPANT_STOPPED) and isinstance(number, int):
        return {"participant": number}
    if event is LogEvent.CONNECTIONS_TURNED_AWAY and isinstance(number, int):
        return {"count": number}
    if event is LogEvent.ASKING:
        return {"able": int(bool(figures.get("able")))}
    if event is LogEvent.LEAVING:
        return {"reason": LEAVING_REASONS.get(str(figures.get("reason")), Reason.OTHER)}
    if event is LogEvent.STAGE_FAILED:
        return {"error": error_id(str(figures.get("kind")))}
    return {}


@contextmanager
def logged_call(log: OperationalLog, *, way: str) -> Iterator[CallPublished]:
    """Log that a call begins, and how it came out: as what bundle, or with which status it failed."""
    began = time.monotonic()
    log.log(LogEvent.CALL_STARTED, way=Way.of(way))

    def published(bundle: str, ended: Ended | None, counts: Mapping[str, int]) -> None:
        name = bundle.removesuffix(".offrecord")
        call: dict[str, LogValue] = {"call": Id(name)} if made_here(name) else {}
        log.log(
            LogEvent.CALL_PUBLISHED,
            reason=_ENDED[ended],
            seconds=time.monotonic() - began,
            participants=counts.get(ParticipantState.RECORDED.value, 0),
            **call,
        )

    with failure_logged(log, began=began):
        yield published


class Views:
    """Hands everything to several observers, in order."""

    def __init__(self, *views: CallView) -> None:
        self._views = views

    def show(self, status: CallStatus) -> None:
        """Show the status to all."""
        for view in self._views:
            view.show(status)

    def event(self, name: str, **figures: str | int | float) -> None:
        """Tell all."""
        for view in self._views:
            view.event(name, **figures)
