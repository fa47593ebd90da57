"""Carries out what the consent book decides: who is received, who is no longer, and what is removed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from recorder.call.consent.state import Action, ConsentBook, ConsentHistory, ConsentOutcome, Decision, Notice
from recorder.call.source import CallSource
from recorder.live.capture.effects import Effects
from recorder.live.capture.participants import Attendance, Participant
from recorder.live.capture.status import CallView
from recorder.live.store.journal import Journal
from recorder.live.store.schema import PersonRecord
from redaction.errors import InternalError, OffrecordError

__all__ = ["ConsentEnforcer", "RecordedMedia"]


class RecordedMedia(Protocol):
    """What is recorded of participants."""

    def end(self, lane: int, time: float) -> None:
        """End a track; returns at once."""
        ...

    def forget(self, token: str) -> object:
        """Drop what is held of a participant and remove what was stored; returns when it is done."""
        ...


class ConsentEnforcer:
    """Makes every decision effective at once, and has the disk and the call system follow.

    Args:
        book: who agreed.
        attendance: who is in the call.
        source: the way into the call.
        media: what is recorded.
        journal: where participants' folders are made.
        effects: does what takes time.
        view: whoever watches.
        write_receipts: writes every consent so far down, in a thread; called whenever one has changed.

    Attributes:
        tally: what could not be done, counted.
    """

    def __init__(
        self,
        *,
        book: ConsentBook,
        attendance: Attendance,
        source: CallSource,
        media: RecordedMedia,
        journal: Journal,
        effects: Effects,
        view: CallView,
        write_receipts: Callable[[Sequence[ConsentHistory]], None],
    ) -> None:
        self._book = book
        self._attendance = attendance
        self._source = source
        self._media = media
        self._journal = journal
        self._effects = effects
        self._view = view
        self._write_receipts = write_receipts
        self._written: tuple[ConsentHistory, ...] = ()
        self._writing = False
        self._unerased: dict[str, None] = {}  # tokens; not yet gone from the disk
        self.tally: Counter[str] = Counter()

    @property
    def erasure_pending(self) -> bool:
        """Whether something may lie on the disk of somebody who withdrew or was removed."""
        return bool(self._unerased)

    def apply(self, outcome: ConsentOutcome) -> None:
        """Carry out decisions, and have notices posted."""
        for decision in outcome.decisions:
            participant = self._attendance.get(decision.participant)
            if participant is None:
                continue
            if decision.action is Action.RECEIVE:
                self._receive(participant, decision)
            elif decision.action is Action.STOP:
                self.stop(participant, decision.time)
            else:
                self._erase(participant, "withdrawn")
        for notice in outcome.notices:
            self._effects.schedule(partial(self._post, notice))
        self._schedule_receipts()

    def stop(self, participant: Participant, time: float) -> None:
        """Receive somebody no longer; what was stored stays."""
        if not participant.receiving:
            return
        for lane in participant.pause(time):
            self._media.end(lane, time)
        self._schedule_record(participant)
        self._view.event("stopped", number=participant.number)
        self._schedule_receive(participant)

    def remove_minor(self, token: str, time: float) -> None:
        """Erase somebody who counts as a minor; nothing they say is consent from now on."""
        participant = self._attendance.owner(token)
        if participant is None:
            return
        participant.minor = True
        self._book.voided(participant.id, time)  # what follows from it is done here, under another reason
        self._schedule_receipts()
        self._erase(participant, "not proved to be an adult")

    def erase_pending(self) -> None:
        """Erase what is still to be erased, whatever else failed: each is tried.

        Raises:
            OffrecordError: of the first that could not be.
        """
        failure: OffrecordError | None = None
        for token in list(self._unerased):
            try:
                self._media.forget(token)
                self._unerased.pop(token, None)
            except OffrecordError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def _receive(self, participant: Participant, decision: Decision) -> None:
        if participant.minor or participant.receiving:
            return
        self._attendance.resume(participant, decision)
        self._schedule_record(participant)
        self._view.event("recording", number=participant.number)
        self._schedule_receive(participant)

    def _erase(self, participant: Participant, reason: str) -> None:
        token = self._attendance.erase(participant)
        if token:
            self._unerased[token] = None
            self._effects.schedule_urgent(partial(self._forget, token))
        self._schedule_receive(participant)
        if token:
            self._view.event("erased", number=participant.number, reason=reason)

    async def _forget(self, token: str) -> None:
        await asyncio.to_thread(self._media.forget, token)
        self._unerased.pop(token, None)

    def _schedule_receive(self, participant: Participant) -> None:
        """Have the call system told whether somebody is received; of several changes the last one counts."""
        wanted = participant.receiving
        effect = partial(self._source.receive, participant.id, wanted)
        self._effects.schedule(effect, key=("receive", participant.id))

    def _schedule_record(self, participant: Participant) -> None:
        """Have what is known of somebody who is recorded written down."""
        record = participant.record()
        effect = partial(asyncio.to_thread, self._write_record, record)
        self._effects.schedule(effect, key=("record", record.token))

    def _write_record(self, record: PersonRecord) -> None:
        if self._attendance.owner(record.token) is None:
            return
        try:
            self._journal.admit(record)
        except InternalError:
            if self._attendance.owner(record.token) is not None:
                raise  # they were not erased in this moment

    def _schedule_receipts(self) -> None:
        """Have the consents written down soon, if they changed: once for all that changes until then."""
        if not self._writing:
            self._writing = True
            self._effects.schedule(self._update_receipts)

    async def _update_receipts(self) -> None:
        self._writing = False
        histories = self._book.histories()
        if histories != self._written:
            await asyncio.to_thread(self._write_receipts, histories)
            self._written = histories

    async def _post(self, notice: Notice) -> None:
        arrived = False
        try:
            arrived = await self._source.notify(notice.text, to=notice.to)
        finally:
            self._book.delivered(notice, arrived=arrived)
        if not arrived:
            self.tally["notices not delivered"] += 1
