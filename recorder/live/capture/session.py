"""The session of one call: consent decides who is received, and nothing of anybody else reaches the live engine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from recorder.call.consent.commands import is_attempt, parse_command
from recorder.call.consent.state import ConsentBook, ConsentHistory
from recorder.call.source import (
    Answer,
    CallObserver,
    CallSource,
    Ended,
    Via,
)
from recorder.live.capture.consent_enforcer import ConsentEnforcer
from recorder.live.capture.display_names import DisplayNames
from recorder.live.capture.effects import Effects
from recorder.live.capture.media_gate import MediaGate, Recorder
from recorder.live.capture.monitor import CallLimits, CallMonitor
from recorder.live.capture.participants import Attendance, Participant
from recorder.live.capture.status import CallView
from recorder.live.store.journal import Journal
from recorder.runtime.hardening import place_of
from redaction.errors import ConsentRefused, InternalError, OffrecordError

__all__ = ["CallSession"]

_TICK_S: Final = 1.0
_LEAVING_S: Final = 10.0


class CallSession(MediaGate, CallObserver):
    """Observes a call and records those who agreed.

    What an answer changes takes effect on the next picture and sound: media of somebody who is not received is
    dropped before the source has even been told. What takes time (the disk, the call system) is done afterwards by
    in order; erasures wait for nothing else.

    Args:
        source: the way into the call.
        recording: the live engine.
        journal: where participants' folders are made.
        book: who agreed.
        limits: when to leave.
        view: whoever watches.
        free_bytes: tells how much room the disk has.
        write_receipts: writes every consent so far down, in a thread; called whenever one has changed.

    Attributes:
        ended: why the source ended, None while it has not.
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
        write_receipts: Callable[[Sequence[ConsentHistory]], None] = lambda _: None,
    ) -> None:
        attendance = Attendance(book)
        monitor = CallMonitor(
            attendance=attendance,
            tracks=recording,
            journal=journal,
            view=view,
            limits=limits,
            free_bytes=free_bytes,
        )
        super().__init__(attendance, book=book, recording=recording, monitor=monitor)
        self._source = source
        self._view = view
        self._names = DisplayNames(recording.know_names)
        self._effects = Effects()
        self._enforcer = ConsentEnforcer(
            book=book,
            attendance=attendance,
            source=source,
            media=recording,
            journal=journal,
            effects=self._effects,
            view=view,
            write_receipts=write_receipts,
        )
        self._minors: dict[str, None] = {}  # tokens, as reported from any thread
        self._leaving = asyncio.Event()
        self._failure: OffrecordError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._began = 0.0
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
        try:
            async with asyncio.TaskGroup() as group:
                effects = group.create_task(self._guarded(self._effects.run()), name="effects")
                try:
                    await self._stay()
                finally:
                    await self._close_source()
                    self._stop_all()
                    self._effects.close()
                    await effects
                    await self._guarded(self._monitor.store_quality())
        finally:
            await asyncio.to_thread(self._enforcer.erase_pending)
        if self._failure is not None:
            raise self._failure from None
        return self.ended

    def leave(self) -> None:
        """Leave the call in good order; may be called from any thread."""
        self._on_loop(self._leaving.set)

    def minor_found(self, token: str) -> None:
        """Remove a participant who counts as a minor; may be called from any thread."""
        self._minors[token] = None
        self._on_loop(lambda: self._remove_minor(token))

    def failed(self, error: BaseException) -> None:
        """Leave because recording failed; may be called from any thread."""
        if self._failure is None:
            self._failure = _known_error(error)
        self._on_loop(self._leaving.set)

    def settle(self) -> None:
        """Erase whom the engine found to be a minor after the call had been left; call it when the engine is done.

        Raises:
            OffrecordError: that failed, or the engine could not store something after the call had been left.
        """
        for token in list(self._minors):
            self._remove_minor(token)
        self._enforcer.erase_pending()
        if self._failure is not None:
            raise self._failure

    @property
    def withdrawal_failed(self) -> bool:
        """Whether something may lie on the disk of somebody who withdrew or was removed."""
        return self._enforcer.erasure_pending

    @property
    def anyone_recorded(self) -> bool:
        """Whether anything may be stored of anybody."""
        return self._attendance.anyone_recorded

    @property
    def counts(self) -> dict[str, int]:
        """How many participants stand how, at this moment."""
        return self._attendance.counts

    def now(self) -> float:
        """Seconds since the bot began to join."""
        return self._loop.time() - self._began if self._loop is not None else 0.0

    # -- what happens in the call ----------------------------------------------------------------------------------

    def joined(self, participant: str, name: str, time: float) -> None:
        """Take note of somebody, ask them, and receive them when they agreed before."""
        found = self._attendance.joined(participant)
        if found is None:
            return
        self._view.event("joined", number=found.number)
        self._add_name(found, name)
        self._enforcer.apply(self._book.joined(participant, name, time))

    def renamed(self, participant: str, name: str, time: float) -> None:
        """Mask the new name too; a mark in it may be an answer."""
        self._add_name(self._attendance.get(participant), name)
        self._enforcer.apply(self._book.renamed(participant, name, time))

    def left(self, participant: str, time: float) -> None:
        """End their tracks."""
        self._enforcer.apply(self._book.left(participant, time))
        found = self._attendance.left(participant, time)
        if found is not None:
            self._view.event("left", number=found.number)

    def answered(self, participant: str, answer: Answer, time: float, via: Via = Via.PAGE) -> None:
        """Do as they said."""
        self._enforcer.apply(self._book.answered(participant, answer, time, via))

    def declared(self, participant: str, adult: bool, time: float) -> None:
        """Take up what somebody says about their age: a minor is not recorded, an adult believed as far as can be."""
        self._enforcer.apply(self._book.declared(participant, adult, time))
        self._pass_declaration(self._attendance.get(participant))

    def chat(self, sender: str, text: str, time: float) -> None:
        """Look for an answer; what is none is kept, redacted, of those who are recorded, and goes nowhere of others."""
        self._enforcer.apply(self._book.chat(sender, text, time))
        found = self._attendance.get(sender)
        self._pass_declaration(found)
        if found is not None and found.receiving and not is_attempt(text) and parse_command(text) is None:
            self._recording.chat(found.token, text, time)

    def can_ask(self, able: bool, time: float) -> None:
        """Pause everybody while nobody could withdraw."""
        self._monitor.asking = able
        self._view.event("asking", able=int(able))
        self._enforcer.apply(self._book.can_ask(able, time))

    def receipt_of(self, participant: str) -> str:
        """Return the id of the receipt under which a participant is recorded, for them alone."""
        found = self._attendance.get(participant)
        return (
            found.consent.receipt if found is not None and found.token and found.consent is not None else ""
        )

    def turned_away(self, connections: int) -> None:
        """Say that strangers crowd the server; the call goes on."""
        self._monitor.tally["connections turned away"] += connections
        self._view.event("connections turned away", number=connections)

    # -- what follows ----------------------------------------------------------------------------------------------

    def _add_name(self, participant: Participant | None, name: str) -> None:
        if participant is not None and participant.add_name(name):
            self._names.add(name, first=len(participant.names) == 1, time=self.now())

    def _remove_minor(self, token: str) -> None:
        self._enforcer.remove_minor(token, self.now())

    def _stop_all(self) -> None:
        self._names.hand_on_all()
        time = self.now()
        for participant in self._attendance:
            self._enforcer.stop(participant, time)

    def _on_loop(self, call: Callable[[], None]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has been closed: `settle` sees to the rest
                self._loop.call_soon_threadsafe(call)

    # -- tasks -----------------------------------------------------------------------------------------------------

    async def _stay(self) -> None:
        """Be in the call until somebody asks to leave or something fails; leave it in bounded time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None) as patience, asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._attend(), name="call")]
                tasks.append(group.create_task(self._guarded(self._watch()), name="watch"))
                try:
                    await self._leaving.wait()
                finally:
                    self._leaving.set()
                    for task in tasks:
                        task.cancel()
                    patience.reschedule(asyncio.get_running_loop().time() + _LEAVING_S)

    async def _attend(self) -> None:
        """Let the source run; the call is left when it is over, however that comes."""
        try:
            await self._guarded(self._run_source())
        finally:
            if not self._leaving.is_set():  # it was not cancelled by us, and did not say why it ended
                self.failed(InternalError("The call was left since its source was stopped."))

    async def _run_source(self) -> None:
        self.ended = await self._source.run(self)
        self._leaving.set()

    async def _close_source(self) -> None:
        with contextlib.suppress(Exception):  # the call is left, whatever its source still raises
            async with asyncio.timeout(_LEAVING_S):
                await self._source.close()

    async def _guarded(self, work: Awaitable[object]) -> None:
        """Do something; the first failure of all is the session's, and the call is left."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - it is raised once the call has been left in good order
            self.failed(error)
            self._leaving.set()

    async def _watch(self) -> None:
        """Once a second: notices that had to wait, quality, limits, and the view.

        Raises:
            ConsentRefused: nobody can be asked, and the policy does not record then.
            StorageFailed: the disk is nearly full.
        """
        while True:
            await asyncio.sleep(_TICK_S)
            time = self.now()
            self._names.hand_on(time)
            self._enforcer.apply(self._book.tick(time))
            if self._book.must_refuse(time):
                raise ConsentRefused(
                    "This call has no way to ask its participants, and the policy does not record without; "
                    "nothing was stored. See consent.if_unasked in docs/policy.md."
                )
            self._monitor.check_disk()
            await self._monitor.store_quality()
            if self._monitor.time_to_leave(time):
                self._leaving.set()
            failures = self._enforcer.tally + self._effects.tally
            failures["names not masked"] += self._names.left_out
            await self._monitor.show(time, +failures)


def _known_error(error: BaseException) -> OffrecordError:
    """Return an error with a status and a sentence that carry nothing of anybody."""
    while isinstance(error, BaseExceptionGroup):  # as task groups raise
        known = error.subgroup(OffrecordError)
        error = (known or error).exceptions[0]
    if isinstance(error, OffrecordError):
        return error
    return InternalError(f"The call was left since something failed in the program ({place_of(error)}).")
