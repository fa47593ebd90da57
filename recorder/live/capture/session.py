"""The session of one call: consent decides who is received, and nothing of anybody else reaches the live engine."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import count
from typing import Final, Protocol

from pydantic import ValidationError

from recorder.bundle.quality import QualitySecond
from recorder.call.consent.state import Action, ConsentBook, ConsentHistory, ConsentOutcome, Decision, Notice
from recorder.call.source import (
    Answer,
    CallObserver,
    CallSource,
    Ended,
    LiveKind,
    QualitySample,
    TimedAudio,
    TimedVideo,
    TrackKey,
    Via,
)
from recorder.live.capture.engine import LaneState
from recorder.live.capture.status import CallStatus, CallView, ParticipantState, PersonStatus
from recorder.live.store.journal import Journal
from recorder.live.store.schema import ConsentRecord, PersonRecord, Stay
from recorder.runtime.hardening import place_of
from redaction.errors import ConsentRefused, InternalError, OffrecordError, StorageFailed

__all__ = ["CallLimits", "CallSession", "Recorder"]

_TICK_S: Final = 1.0
_LEAVING_S: Final = 10.0
_MOST_GUESTS: Final = 1000
_MOST_NAMES: Final = 20
"""Display names of one participant that are masked in speech; who changes it more often does so to no end."""
_MOST_STAYS: Final = 500
"""Stays of one participant that are told apart; who comes and goes more often was there all the time."""

Deed = Callable[[], Awaitable[None]]


class Recorder(Protocol):
    """What the session needs of the live engine; every method but `forget` returns at once."""

    def open(self, token: str, kind: LiveKind, *, time: float) -> int:
        """Begin a track; return its lane."""
        ...

    def picture(self, lane: int, picture: TimedVideo) -> None:
        """Take a picture."""
        ...

    def sound(self, lane: int, sound: TimedAudio) -> None:
        """Take a block of sound."""
        ...

    def lost(self, lane: int, start: float, end: float, reason: str) -> None:
        """Take note of a hole."""
        ...

    def end(self, lane: int, time: float) -> None:
        """End a track."""
        ...

    def forget(self, token: str) -> object:
        """Drop what is held of a participant and remove what was stored; returns when it is done."""
        ...

    def know_names(self, names: Iterable[str]) -> None:
        """Mask these names wherever they are said."""
        ...

    def spoken_s(self, token: str) -> float:
        """Return for how many seconds a participant was heard since the last call."""
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


@dataclass(slots=True)
class _Guest:
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


class CallSession(CallObserver):
    """Observes a call and records those who agreed.

    What an answer changes takes effect on the next picture and sound: media of somebody who is not received is
    dropped before the source has even been told. What takes time (the disk, the call system) is done afterwards by
    one task, in order, but for erasures, which come before all else that waits.

    Args:
        source: the way into the call.
        recording: the live engine.
        journal: where participants' folders are made.
        book: who agreed.
        limits: when to leave.
        view: whoever watches.
        free_bytes: tells how much room the disk has.
        keep: has every consent so far written down, in a thread; told whenever one has changed.
    """

    def __init__(
        self,
        source: CallSource,
        *,
        recording: Recorder,
        journal: Journal,
        book: ConsentBook,
        limits: CallLimits,
        view: CallView,
        free_bytes: Callable[[], int] = lambda: 0,
        keep: Callable[[Sequence[ConsentHistory]], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._recording = recording
        self._journal = journal
        self._book = book
        self._limits = limits
        self._view = view
        self._free_bytes = free_bytes
        self._keep = keep
        self._kept: tuple[ConsentHistory, ...] = ()
        self._keeping = False
        self._guests: dict[str, _Guest] = {}
        self._owners: dict[str, str] = {}
        self._numbers = 0
        self._deeds: asyncio.PriorityQueue[tuple[bool, int, Deed]] = asyncio.PriorityQueue()
        self._order = count()
        self._unerased: dict[str, None] = {}  # tokens; not yet gone from the disk
        self._minors: dict[str, None] = {}  # tokens, as told from any thread
        self._leave = asyncio.Event()
        self._failure: OffrecordError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._began = 0.0
        self._alone_since: float | None = 0.0
        self._asking = False
        self._quality: list[tuple[str, QualitySecond]] = []
        self._tally: Counter[str] = Counter()
        self.ended: Ended | None = None

    # -- from joining to leaving -----------------------------------------------------------------------------------

    async def run(self) -> Ended | None:
        """Stay in the call until it is over, somebody asks to leave, or a limit is reached.

        Returns:
            Why the source ended, None when the bot left by itself.

        Raises:
            ConsentRefused: nobody can be asked, and the policy does not record then.
            OffrecordError: the call cannot be joined, or recording failed; the bot has left.
        """
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        call = asyncio.create_task(self._source.run(self), name="call")
        deeds = asyncio.create_task(self._do_deeds(), name="deeds")
        watch = asyncio.create_task(self._watch(), name="watch")
        leave = asyncio.create_task(self._leave.wait(), name="leave")
        working: tuple[asyncio.Task[None], ...] = (deeds, watch)
        try:
            await asyncio.wait({call, leave, *working}, return_when=asyncio.FIRST_COMPLETED)
            for task in (*working, call):
                if task.done() and (error := _error_of(task)) is not None:
                    raise error from None
            if call.done():
                self.ended = call.result()
        finally:
            for other in (call, watch, leave):
                other.cancel()
            await _in_time(asyncio.gather(call, watch, leave, return_exceptions=True))
            await _in_time(asyncio.gather(self._source.close(), return_exceptions=True))
            self._end_all()
            try:
                if not deeds.done():
                    await self._finish_deeds(deeds)
                    await self._store_quality()
            finally:
                await asyncio.to_thread(self._erase_left)
        if self._failure is not None:
            raise self._failure
        return self.ended

    def leave(self) -> None:
        """Leave the call in good order; may be called from any thread."""
        self._from_anywhere(self._leave.set)

    def minor_found(self, token: str) -> None:
        """Remove a participant who was not proved to be an adult; may be called from any thread."""
        self._minors[token] = None
        self._from_anywhere(lambda: self._remove_minor(token))

    def failed(self, error: BaseException) -> None:
        """Leave because recording failed; may be called from any thread."""
        known = (
            error if isinstance(error, OffrecordError) else InternalError("A stage of the recording failed.")
        )
        if self._failure is None:
            self._failure = known
        self._from_anywhere(self._leave.set)

    def settle(self) -> None:
        """Erase whom the engine found to be a minor after the call had been left; call it when the engine is done.

        Raises:
            OffrecordError: that failed, or the engine could not store something after the call had been left.
        """
        for token in list(self._minors):
            self._remove_minor(token)
        self._erase_left()
        if self._failure is not None:
            raise self._failure

    @property
    def withdrawal_failed(self) -> bool:
        """Whether something may lie on the disk of somebody who withdrew or was removed."""
        return bool(self._unerased)

    @property
    def anyone_recorded(self) -> bool:
        """Whether anything may be stored of anybody."""
        return any(guest.token for guest in self._guests.values())

    @property
    def counts(self) -> dict[str, int]:
        """How many participants stand how, at this moment."""
        return dict(Counter(self._standing(key, guest).value for key, guest in self._guests.items()))

    def now(self) -> float:
        """Seconds since the bot began to join."""
        return self._loop.time() - self._began if self._loop is not None else 0.0

    # -- what the call tells ---------------------------------------------------------------------------------------

    def joined(self, participant: str, name: str, time: float) -> None:
        """Take note of somebody, ask them, and receive them when they agreed before."""
        guest = self._guests.get(participant)
        if guest is None:
            if len(self._guests) >= _MOST_GUESTS:
                return
            self._numbers += 1
            guest = self._guests[participant] = _Guest(self._numbers)
        guest.here = True
        self._alone_since = None
        self._view.event("joined", number=guest.number)
        self._know(guest, name)
        self._carry_out(self._book.joined(participant, name, time))

    def renamed(self, participant: str, name: str, time: float) -> None:
        """Mask the new name too; a mark in it may be an answer."""
        self._know(self._guests.get(participant), name)
        self._carry_out(self._book.renamed(participant, name, time))

    def left(self, participant: str, time: float) -> None:
        """End their tracks."""
        self._carry_out(self._book.left(participant, time))
        guest = self._guests.get(participant)
        if guest is not None:
            guest.here = False
            self._view.event("left", number=guest.number)
        if not any(other.here for other in self._guests.values()):
            self._alone_since = time

    def answered(self, participant: str, answer: Answer, time: float, via: Via = Via.PAGE) -> None:
        """Do as they said."""
        self._carry_out(self._book.answered(participant, answer, time, via))

    def chat(self, sender: str, text: str, time: float) -> None:
        """Look for an answer; the text goes nowhere."""
        self._carry_out(self._book.chat(sender, text, time))

    def can_ask(self, able: bool, time: float) -> None:
        """Pause everybody while nobody could withdraw."""
        self._asking = able
        self._view.event("asking", able=int(able))
        self._carry_out(self._book.can_ask(able, time))

    def track_started(self, track: TrackKey, time: float) -> None:
        """Open a lane for a track of somebody who is received."""
        guest = self._guests.get(track.participant)
        if guest is None or not guest.receiving or track in guest.lanes:
            return
        guest.lanes[track] = self._recording.open(guest.token, track.kind, time=time)

    def picture(self, track: TrackKey, picture: TimedVideo) -> None:
        """Hand a picture on, or drop it."""
        lane = self._lane(track)
        if lane is not None:
            self._recording.picture(lane, picture)

    def sound(self, track: TrackKey, sound: TimedAudio) -> None:
        """Hand sound on, or drop it."""
        lane = self._lane(track)
        if lane is not None:
            self._recording.sound(lane, sound)

    def track_lost(self, track: TrackKey, start: float, end: float, reason: str) -> None:
        """Have a hole logged, covered and silent."""
        lane = self._lane(track)
        if lane is not None:
            self._recording.lost(lane, start, end, reason)

    def track_ended(self, track: TrackKey, time: float) -> None:
        """Close the lane."""
        guest = self._guests.get(track.participant)
        if guest is not None and (lane := guest.lanes.pop(track, None)) is not None:
            self._recording.end(lane, time)

    def quality(self, participant: str, sample: QualitySample) -> None:
        """Keep the figures of somebody who is recorded."""
        guest = self._guests.get(participant)
        if guest is None or not guest.receiving:
            return
        speaking_ms = 1000 * self._recording.spoken_s(guest.token)
        try:
            second = QualitySecond(**asdict(sample), speaking_ms=round(speaking_ms, 1))
        except ValidationError:  # a sender may make up any figure; one that no report can hold is left out
            self._tally["odd figures"] += 1
            return
        self._quality.append((guest.token, second))

    def turned_away(self, connections: int) -> None:
        """Say that strangers crowd the server; the call goes on."""
        self._tally["connections turned away"] += connections
        self._view.event("connections turned away", number=connections)

    # -- what follows ----------------------------------------------------------------------------------------------

    def _lane(self, track: TrackKey) -> int | None:
        guest = self._guests.get(track.participant)
        return guest.lanes.get(track) if guest is not None and guest.receiving else None

    def _know(self, guest: _Guest | None, name: str) -> None:
        if guest is None or not name.strip() or name in guest.names or len(guest.names) >= _MOST_NAMES:
            return
        guest.names.add(name)
        self._recording.know_names([name])

    def _do(self, deed: Deed, *, first: bool = False) -> None:
        """Have something done soon; what is to be done first overtakes all that waits."""
        self._deeds.put_nowait((not first, next(self._order), deed))

    def _carry_out(self, outcome: ConsentOutcome) -> None:
        for decision in outcome.decisions:
            guest = self._guests.get(decision.participant)
            if guest is None:
                continue
            if decision.action is Action.RECEIVE:
                self._receive(guest, decision)
            elif decision.action is Action.STOP:
                self._stop(guest, decision.participant, decision.time)
            else:
                self._erase(guest, decision.participant, "withdrawn")
        for notice in outcome.notices:
            self._do(partial(self._say, notice))
        self._consents_changed()

    def _consents_changed(self) -> None:
        """Have the consents written down soon, if they changed: once for all that changes until then."""
        if not self._keeping:
            self._keeping = True
            self._do(self._keep_consents)

    async def _keep_consents(self) -> None:
        self._keeping = False
        histories = self._book.histories()
        if histories != self._kept:
            await asyncio.to_thread(self._keep, histories)
            self._kept = histories

    def _receive(self, guest: _Guest, decision: Decision) -> None:
        if guest.minor or guest.receiving:
            return
        if not guest.token:
            guest.token = secrets.token_hex(8)
            self._owners[guest.token] = decision.participant
            guest.consent = ConsentRecord(
                time=round(decision.time, 3), via=decision.via or Via.POLICY, receipt=decision.receipt
            )
        if len(guest.stays) < _MOST_STAYS:
            guest.stays.append(Stay(start=round(decision.time, 3)))
        else:
            guest.stays[-1] = guest.stays[-1].model_copy(update={"end": None})
        guest.receiving, guest.erased = True, False
        self._admit(guest)
        self._view.event("recording", number=guest.number)
        self._do(lambda: self._source.receive(decision.participant, True))

    def _stop(self, guest: _Guest, participant: str, time: float) -> None:
        if not guest.receiving:
            return
        guest.receiving = False
        self._close_lanes(guest, time)
        if guest.stays:
            guest.stays[-1] = guest.stays[-1].model_copy(
                update={"end": round(max(time, guest.stays[-1].start), 3)}
            )
        self._admit(guest)
        self._view.event("stopped", number=guest.number)
        self._do(lambda: self._source.receive(participant, False))

    def _erase(self, guest: _Guest, participant: str, why: str) -> None:
        token, guest.token = guest.token, ""
        guest.receiving, guest.erased = False, True
        guest.lanes.clear()
        guest.stays.clear()
        guest.consent = None
        self._quality = [item for item in self._quality if item[0] != token]
        self._owners.pop(token, None)
        if token:
            self._unerased[token] = None
            self._do(lambda: self._forget(token), first=True)
        self._do(lambda: self._source.receive(participant, False))
        if token:
            self._view.event("erased", number=guest.number, reason=why)

    def _remove_minor(self, token: str) -> None:
        participant = self._owners.get(token)
        if participant is None:
            return
        guest = self._guests[participant]
        guest.minor = True
        self._book.voided(participant, self.now())  # what follows from it is done here, and told otherwise
        self._consents_changed()
        self._erase(guest, participant, "not proved to be an adult")

    def _admit(self, guest: _Guest) -> None:
        """Have what is known of somebody who is recorded written down."""
        if guest.consent is None or not guest.token:
            raise InternalError("Somebody without consent would be recorded.")
        record = PersonRecord(
            token=guest.token, order=guest.number, stays=tuple(guest.stays), consent=guest.consent
        )
        self._do(lambda: asyncio.to_thread(self._admit_now, record))

    def _admit_now(self, record: PersonRecord) -> None:
        if record.token in self._owners:
            self._journal.admit(record)

    def _close_lanes(self, guest: _Guest, time: float) -> None:
        for lane in guest.lanes.values():
            self._recording.end(lane, time)
        guest.lanes.clear()

    def _end_all(self) -> None:
        time = self.now()
        for participant, guest in self._guests.items():
            self._stop(guest, participant, time)

    async def _forget(self, token: str) -> None:
        await asyncio.to_thread(self._recording.forget, token)
        self._unerased.pop(token, None)

    def _erase_left(self) -> None:
        """Erase what is still to be erased, whatever else failed: each is tried.

        Raises:
            OffrecordError: of the first that could not be.
        """
        failure: OffrecordError | None = None
        for token in list(self._unerased):
            try:
                self._recording.forget(token)
                self._unerased.pop(token, None)
            except OffrecordError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    async def _say(self, notice: Notice) -> None:
        arrived = False
        try:
            arrived = await self._source.say(notice.text, to=notice.to)
        finally:
            self._book.delivered(notice, arrived=arrived)
        if not arrived:
            self._tally["notices not delivered"] += 1

    def _from_anywhere(self, deed: Callable[[], None]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has been closed: `settle` sees to the rest
                self._loop.call_soon_threadsafe(deed)

    # -- tasks -----------------------------------------------------------------------------------------------------

    async def _do_deeds(self) -> None:
        """Do what takes time, in order.

        Raises:
            OffrecordError: something could not be stored or erased; the call is left.
        """
        while True:
            *_, deed = await self._deeds.get()
            try:
                await deed()
            except (ConnectionError, TimeoutError):
                self._tally["call system did not answer"] += 1
            finally:
                self._deeds.task_done()

    async def _finish_deeds(self, deeds: asyncio.Task[None]) -> None:
        done = asyncio.create_task(self._deeds.join())
        await asyncio.wait({done, deeds}, return_when=asyncio.FIRST_COMPLETED)
        for task in (done, deeds):
            task.cancel()
        results = await asyncio.gather(done, deeds, return_exceptions=True)
        for result in results:
            if isinstance(result, OffrecordError):
                raise result

    async def _watch(self) -> None:
        """Once a second: notices that had to wait, quality, limits, and the view.

        Raises:
            ConsentRefused: nobody can be asked, and the policy does not record then.
            StorageFailed: the disk is nearly full.
        """
        while True:
            await asyncio.sleep(_TICK_S)
            time = self.now()
            self._carry_out(self._book.tick(time))
            if self._book.must_refuse(time):
                raise ConsentRefused(
                    "This call has no way to ask its participants, and the policy does not record without; "
                    "nothing was stored. See consent.if_unasked in docs/policy.md."
                )
            if self._free_bytes() < self._limits.least_free:
                self._view.event("leaving", reason="disk nearly full")
                raise StorageFailed("The disk is nearly full, so the call was left; free some space first.")
            await self._store_quality()
            alone = self._alone_since
            patience = self._limits.alone_s if self._guests else self._limits.empty_s
            if alone is not None and time - alone >= patience:
                self._view.event("leaving", reason="alone")
                self._leave.set()
            if time >= self._limits.at_most_s:
                self._view.event("leaving", reason="time is up")
                self._leave.set()
            self._view.show(await self._status(time))

    async def _store_quality(self) -> None:
        lines, self._quality = self._quality, []

        def store() -> None:
            for token, line in lines:
                self._journal.quality(token, line)

        if lines:
            await asyncio.to_thread(store)

    async def _status(self, time: float) -> CallStatus:
        stored = await asyncio.to_thread(self._journal.stored_bytes)
        return CallStatus(
            seconds=time,
            people=tuple(self._person(key, guest) for key, guest in self._guests.items() if guest.here),
            asking=self._asking,
            stored_bytes=stored,
            free_bytes=self._free_bytes(),
            counts={**self.counts, **self._tally},
        )

    def _person(self, participant: str, guest: _Guest) -> PersonStatus:
        states = {key.kind: self._recording.state(lane) for key, lane in guest.lanes.items()}
        pictures = [state for kind, state in states.items() if kind is not LiveKind.MICROPHONE]
        microphone = states.get(LiveKind.MICROPHONE)
        return PersonStatus(
            number=guest.number,
            standing=self._standing(participant, guest),
            camera=LiveKind.CAMERA in states,
            screen=LiveKind.SCREEN in states,
            microphone=microphone is not None,
            speaking=microphone is not None and microphone.speaking,
            lag_s=max((state.lag_s for state in states.values()), default=0.0),
            level=max((state.level for state in pictures), key=_LEVELS.index, default="full"),
            gaps=sum(state.gaps for state in states.values()),
        )

    def _standing(self, participant: str, guest: _Guest) -> ParticipantState:
        if guest.minor:
            return ParticipantState.REMOVED
        if guest.token:
            return ParticipantState.RECORDED if guest.receiving or not guest.here else ParticipantState.PAUSED
        if guest.erased:
            return ParticipantState.ERASED
        known = self._book.standing(participant)
        refused = known is not None and known.answer in (Answer.NO, Answer.ERASE)
        return ParticipantState.REFUSED if refused else ParticipantState.SILENT


async def _in_time(what: Awaitable[object]) -> None:
    """Wait for something that ends the call, not for ever."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LEAVING_S):
            await what


def _error_of(task: asyncio.Task[object]) -> OffrecordError | None:
    """Return what ended a task, as an error with a status and a sentence that carry nothing of anybody."""
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    while isinstance(error, BaseExceptionGroup):  # as task groups raise
        known = error.subgroup(OffrecordError)
        error = (known or error).exceptions[0]
    if error is None or isinstance(error, OffrecordError):
        return error
    return InternalError(f"The call was left since something failed in the program ({place_of(error)}).")


_LEVELS: Final = ("full", "sparse", "half", "few", "covered")
