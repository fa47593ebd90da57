"""Figures of a running call for Prometheus: how many, how much and how far behind; nobody's name, number or address."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
)

from recorder import __version__
from recorder.live.capture.status import CallStatus, ParticipantState
from recorder.operations.call import CALL_EVENTS, LoadStep
from recorder.operations.log import LogEvent

__all__ = ["CONTENT_TYPE", "CallMetrics"]

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_STALLED_S: Final = 30.0
"""A status comes every second; so long without one means that the event loop or the disk hangs."""
_RENDERED_FOR_S: Final = 1.0
"""A text is given again for so long, so that many requests cost no more than one."""
_STANDINGS: Final = tuple(
    standing for standing in ParticipantState if standing is not ParticipantState.REMOVED
)
_TROUBLES: Final = (
    "odd figures",
    "notices not delivered",
    "call system did not answer",
    "connections turned away",
    "tracks not taken",
)
"""Counts of a status that are of no participant."""


class CallMetrics:
    """Watches a call and renders its figures in Prometheus' text format.

    Every label has a fixed set of values, so that nothing a participant does makes the text grow. The registry is our
    own: what the library collects about process and platform by default is left out. Who was removed as not proved to
    be an adult is counted among the erased: no series tells of a minor.

    Args:
        clock: seconds that only go up.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: float | None = None
        self._text = b""
        self._rendered: float | None = None
        self._gaps: dict[int, int] = {}
        self._steps: dict[int, LoadStep] = {}
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when a series was made says nothing of the call
        registry = self._registry = CollectorRegistry(auto_describe=False)
        self._seconds = Gauge("offrecord_call_seconds", "Seconds since the call began.", registry=registry)
        self._present = Gauge(
            "offrecord_sessions", "Participants who are there, recorded or not.", registry=registry
        )
        self._standing = Gauge(
            "offrecord_participants",
            "Participants so far by how they stand with the recording.",
            ["standing"],
            registry=registry,
        )
        self._load = Gauge(
            "offrecord_load_participants",
            "Participants at each step of the load.",
            ["step"],
            registry=registry,
        )
        self._changes = Counter(
            "offrecord_load_changes", "Steps of the load, up and down.", ["direction"], registry=registry
        )
        self._lag = Gauge("offrecord_lag_seconds", "How far redaction is behind, at most.", registry=registry)
        self._gap_count = Counter("offrecord_gaps", "Stretches that were lost.", registry=registry)
        self._stored = Gauge("offrecord_stored_bytes", "Redacted media of this call.", registry=registry)
        self._free = Gauge("offrecord_disk_free_bytes", "Room on the disk of the output.", registry=registry)
        self._asking = Gauge(
            "offrecord_asking", "1 while participants can be asked and can withdraw.", registry=registry
        )
        self._events = Counter(
            "offrecord_events", "Events of the call by name.", ["event"], registry=registry
        )
        self._troubles = Gauge(
            "offrecord_troubles", "What could not be told or counted.", ["kind"], registry=registry
        )
        Gauge("offrecord_build_info", "1, with the version.", ["version"], registry=registry).labels(
            __version__
        ).set(1)
        self._fill_labels()

    def show(self, status: CallStatus) -> None:
        """Take up the present status."""
        self._shown = self._clock()
        self._seconds.set(status.seconds)
        self._present.set(len(status.people))
        self._stored.set(status.stored_bytes)
        self._free.set(status.free_bytes)
        self._asking.set(int(status.asking))
        self._lag.set(max((person.lag_s for person in status.people), default=0.0))
        for standing in _STANDINGS:
            number = status.counts.get(standing.value, 0)
            if standing is ParticipantState.ERASED:
                number += status.counts.get(ParticipantState.REMOVED.value, 0)
            self._standing.labels(_label(standing.name)).set(number)
        for kind in _TROUBLES:
            self._troubles.labels(_label(kind)).set(status.counts.get(kind, 0))
        self._take_load(status)
        for person in status.people:
            self._gap_count.inc(max(0, person.gaps - self._gaps.get(person.number, 0)))
            self._gaps[person.number] = person.gaps

    def event(self, name: str, **figures: str | int | float) -> None:  # noqa: ARG002 - only that it happened
        """Count an event."""
        self._events.labels(CALL_EVENTS.get(name, LogEvent.OTHER).value).inc()

    @property
    def healthy(self) -> bool:
        """Whether the call is watched: a status has come lately, or none can have come yet."""
        return self._shown is None or self._clock() - self._shown < _STALLED_S

    def text(self) -> bytes:
        """Return the figures in Prometheus' text format."""
        now = self._clock()
        if self._rendered is None or now - self._rendered >= _RENDERED_FOR_S:
            self._text, self._rendered = generate_latest(self._registry), now
        return self._text

    def _take_load(self, status: CallStatus) -> None:
        order = list(LoadStep)
        at = dict.fromkeys(order, 0)
        for person in status.people:
            step, before = LoadStep.of(person), self._steps.get(person.number, LoadStep.FULL)
            self._steps[person.number] = step
            at[step] += 1
            moved = order.index(step) - order.index(before)
            self._changes.labels("up" if moved > 0 else "down").inc(abs(moved))
        for step, number in at.items():
            self._load.labels(step.value).set(number)

    def _fill_labels(self) -> None:
        """Let every series be there from the start, at nought."""
        for event in {*CALL_EVENTS.values(), LogEvent.OTHER}:
            self._events.labels(event.value)
        for direction in ("up", "down"):
            self._changes.labels(direction)
        for step in LoadStep:
            self._load.labels(step.value)
        for standing in _STANDINGS:
            self._standing.labels(_label(standing.name))
        for kind in _TROUBLES:
            self._troubles.labels(_label(kind))


def _label(text: str) -> str:
    return text.lower().replace(" ", "_")
