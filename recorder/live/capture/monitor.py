"""Looks after a call about once a second: its limits, its quality figures, and whoever watches it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final, Protocol

from pydantic import ValidationError

from recorder.bundle.quality import QualitySecond
from recorder.call.source import LiveKind, QualitySample
from recorder.live.capture.engine import LaneState
from recorder.live.capture.participants import Attendance, Participant
from recorder.live.capture.status import CallStatus, CallView, PersonStatus
from recorder.live.store.journal import Journal
from redaction.errors import StorageFailed

__all__ = ["CallLimits", "CallMonitor", "TrackStates"]

_LEVELS: Final = ("full", "sparse", "half", "few", "covered")


class TrackStates(Protocol):
    """How the live engine does; every method returns at once."""

    def spoken_s(self, token: str) -> float:
        """Return for how many seconds a participant was heard since the last call."""
        ...

    @property
    def refused_tracks(self) -> int:
        """How many tracks were not taken since their participants had too many."""
        ...

    def state(self, lane: int) -> LaneState:
        """Return how a track does."""
        ...


@dataclass(frozen=True, slots=True)
class CallLimits:
    """When the bot leaves by itself, in seconds.

    Attributes:
        alone_s: after everybody left.
        at_most_s: in any case.
        empty_s: when nobody came at all.
        least_free: bytes of room on the disk below which nothing more can be stored properly.
    """

    alone_s: float
    at_most_s: float
    empty_s: float = 600.0
    least_free: int = 0


class CallMonitor:
    """Knows how a call does.

    Args:
        attendance: who is in the call.
        tracks: how each track does.
        journal: where quality figures are written.
        view: whoever watches.
        limits: when to leave.
        free_bytes: tells how much room the disk has.

    Attributes:
        asking: whether participants can be asked and can withdraw.
    """

    def __init__(
        self,
        *,
        attendance: Attendance,
        tracks: TrackStates,
        journal: Journal,
        view: CallView,
        limits: CallLimits,
        free_bytes: Callable[[], int],
    ) -> None:
        self._attendance = attendance
        self._tracks = tracks
        self._journal = journal
        self._view = view
        self._limits = limits
        self._free_bytes = free_bytes
        self._quality: list[tuple[str, QualitySecond]] = []
        self.tally: Counter[str] = Counter()
        self.asking = False

    def add_quality(self, participant: Participant, sample: QualitySample) -> None:
        """Keep the figures of somebody who is recorded; they are written within a second."""
        speaking_ms = 1000 * self._tracks.spoken_s(participant.token)
        try:
            second = QualitySecond(**asdict(sample), speaking_ms=round(speaking_ms, 1))
        except ValidationError:  # a sender may make up any figure; one that no report can hold is left out
            self.tally["odd figures"] += 1
            return
        self._quality.append((participant.token, second))

    async def store_quality(self) -> None:
        """Write down the figures that are held, but of whoever was erased meanwhile.

        Raises:
            StorageFailed: the disk refused.
        """
        lines, self._quality = self._quality, []

        def store() -> None:
            for token, line in lines:
                if self._attendance.owner(token) is not None:
                    self._journal.quality(token, line)

        if lines:
            await asyncio.to_thread(store)

    def check_disk(self) -> None:
        """Look whether the disk has room.

        Raises:
            StorageFailed: it is nearly full.
        """
        if self._free_bytes() < self._limits.least_free:
            self._view.event("leaving", reason="disk nearly full")
            raise StorageFailed("The disk is nearly full, so the call was left; free some space first.")

    def time_to_leave(self, time: float) -> bool:
        """Tell whether a limit is reached."""
        alone = self._attendance.alone_for(time)
        patience = self._limits.alone_s if self._attendance.ever_joined else self._limits.empty_s
        is_alone = alone is not None and alone >= patience
        if is_alone:
            self._view.event("leaving", reason="alone")
        is_long = time >= self._limits.at_most_s
        if is_long:
            self._view.event("leaving", reason="time is up")
        return is_alone or is_long

    async def show(self, time: float, failures: Mapping[str, int]) -> None:
        """Show how the call does, and what could not be done in it, counted."""
        stored = await asyncio.to_thread(self._journal.stored_bytes)
        if refused := self._tracks.refused_tracks:
            self.tally["tracks not taken"] = refused
        status = CallStatus(
            seconds=time,
            people=tuple(self._person(one) for one in self._attendance if one.here),
            asking=self.asking,
            stored_bytes=stored,
            free_bytes=self._free_bytes(),
            counts={**self._attendance.counts, **self.tally, **failures},
        )
        self._view.show(status)

    def _person(self, participant: Participant) -> PersonStatus:
        states = {key.kind: self._tracks.state(lane) for key, lane in participant.lanes.items()}
        videos = [state for kind, state in states.items() if kind is not LiveKind.MICROPHONE]
        microphone = states.get(LiveKind.MICROPHONE)
        return PersonStatus(
            number=participant.number,
            standing=self._attendance.state(participant),
            camera=LiveKind.CAMERA in states,
            screen=LiveKind.SCREEN in states,
            microphone=microphone is not None,
            speaking=microphone is not None and microphone.speaking,
            lag_s=max((state.lag_s for state in states.values()), default=0.0),
            level=max((state.level for state in videos), key=_LEVELS.index, default="full"),
            gaps=sum(state.gaps for state in states.values()),
        )
