"""A call from the first packet to a published bundle: join, record those who agreed, finish, verify, publish."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from recorder import __version__
from recorder.bundle.publish import Published
from recorder.bundle.writer import BundleWriter
from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.receipts import receipts_of
from recorder.call.consent.state import ConsentBook, ConsentHistory
from recorder.call.source import CallSource, Ended
from recorder.live.capture.engine import LiveEngine
from recorder.live.capture.monitor import CallLimits
from recorder.live.capture.session import CallSession
from recorder.live.capture.status import CallView, ParticipantState
from recorder.live.finish.finish import finish
from recorder.live.store.journal import Journal
from recorder.live.store.schema import CallRecord
from recorder.runtime.context import Cancellation, Progress, Run
from recorder.runtime.signals import stopping
from redaction.errors import ConsentRefused, InternalError, OffrecordError, StorageFailed
from redaction.model import Event, EventKind
from redaction.policy import Policy
from redaction.stages import Stages

__all__ = ["Recorded", "call_name", "record_call"]

_LEAST_FREE: Final = 200 * 2**20
_LEAVE_BELOW: Final = 100 * 2**20
"""Room on the disk below which the call is left: what is held then, some megabytes, is still stored in good order."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a call.

    Attributes:
        counts: how many participants stood how in the end.
        ended: why the call was over for the bot, in a word; None when it left by itself.
    """

    published: Published
    counts: dict[str, int]
    ended: Ended | None


def call_name(now: datetime | None = None) -> str:
    """Return a name for a call's bundle: the day, and chance.

    When the bot joined, beside when the first of those who are recorded did, would tell how long others were there.
    """
    return f"call-{(now or datetime.now(UTC)):%Y%m%d}-{secrets.token_hex(4)}"


def record_call(
    source: CallSource,
    *,
    way: str,
    folder: Path,
    policy: Policy,
    view: CallView,
    watch: Callable[[], contextlib.AbstractContextManager[Progress]],
    limits: CallLimits | None = None,
    name: str | None = None,
    alongside: Callable[[], Awaitable[None]] | None = None,
) -> Recorded:
    """Record one call.

    Models are loaded before the bot joins. From then on only redacted pieces are written; if anything fails, they stay
    in `NAME.offrecord.partial` for `offrecord recover`, unless nobody had agreed.

    Args:
        source: the way into the call.
        way: its static name for the record: room, janus, whip, whep, zoom or browser.
        folder: for the bundle.
        policy: what to redact, whom to ask.
        view: whoever watches the call.
        watch: makes the progress of finishing.
        limits: when to leave; by default as the policy says.
        name: of the bundle; by default from the time.
        alongside: awaited while the call goes on, from when the bot joins; cancelled when it has left.

    Raises:
        ConsentRefused: nobody agreed, or nobody could be asked; nothing was stored.
        OffrecordError: with the status of its cause; nothing was published.
    """
    stages = Stages(policy)
    try:
        _ = stages.video, stages.second_look, stages.audio  # a missing model is told before the bot joins
        started = datetime.now(UTC).replace(microsecond=0)
        writer = BundleWriter.for_call(folder, name or call_name(started))
        if shutil.disk_usage(writer.partial).free < _LEAST_FREE:
            writer.remove()
            raise _no_room()
        journal = Journal(writer.partial)
        record = _call_record(policy, way=way, started=started)
        _begin(journal, record)
        call = _Call(
            source,
            stages=stages,
            writer=writer,
            journal=journal,
            started=started,
            view=view,
            limits=limits or CallLimits(policy.call.alone_s, policy.call.at_most_s, least_free=_LEAVE_BELOW),
        )
        return call.run(watch, alongside)
    finally:
        stages.close()


def _call_record(policy: Policy, *, way: str, started: datetime) -> CallRecord:
    """Return how a call is recorded; names that the policy lists stay out of it."""
    return CallRecord(
        version=__version__,
        started=started,
        way=way,
        policy=policy.model_dump(mode="json", exclude={"speech": {"roster", "allow"}}),
        policy_digest=policy.digest,
    )


def _begin(journal: Journal, record: CallRecord) -> None:
    journal.begin(record)
    detail: dict[str, str | int | float] = {
        "version": record.version,
        "sha256": record.policy_digest,
        "engine": "offrecord",
    }
    journal.log_event(Event(EventKind.STARTED, detail=detail))


class _Call:
    """One call, from joining to a published bundle.

    Args:
        source: the way into the call.
        stages: policy and models.
        writer: of the bundle.
        journal: where redacted pieces go; it has begun.
        started: when, without parts of a second.
        view: whoever watches the call.
        limits: when to leave.
    """

    def __init__(
        self,
        source: CallSource,
        *,
        stages: Stages,
        writer: BundleWriter,
        journal: Journal,
        started: datetime,
        view: CallView,
        limits: CallLimits,
    ) -> None:
        self._stages = stages
        self._writer = writer
        self._journal = journal
        self._started = started
        self._view = view
        self._finished = False
        self._book = ConsentBook(stages.policy.consent, NoticeTexts.of(stages.policy))
        self._live = LiveEngine(
            stages=stages, journal=journal, on_minor=self._minor_found, on_error=self._failed
        )
        self._session = CallSession(
            source,
            recording=self._live,
            journal=journal,
            book=self._book,
            limits=limits,
            view=view,
            free_bytes=lambda: shutil.disk_usage(writer.partial).free,
            write_receipts=self._write_receipts,
        )

    def run(
        self,
        watch: Callable[[], contextlib.AbstractContextManager[Progress]],
        alongside: Callable[[], Awaitable[None]] | None,
    ) -> Recorded:
        """Record, finish, publish.

        Args:
            watch: makes the progress of finishing.
            alongside: awaited while the call goes on.
        """
        try:
            self._live.start()
            ended = asyncio.run(self._attend(alongside))
        except OffrecordError as error:
            raise self._given_up(error) from None
        except BaseException:
            self._give_up()
            raise
        cancellation = Cancellation()
        with stopping(cancellation, grace_s=None), watch() as progress:
            run = Run(progress, cancellation)
            try:
                self._finish_engine(run)
                self._session.settle()
                self._write_receipts(self._book.histories())
                self._journal.ended("left" if ended is None else ended.value)
                self._journal.close()
                if self._live.broken:
                    raise _broken()
            except OffrecordError as error:
                raise self._given_up(error) from None
            if not self._session.anyone_recorded:
                self._writer.remove()
                raise ConsentRefused(_nobody(self._session.counts))
            try:
                published = finish(self._writer, stages=self._stages, run=run)
            except OffrecordError as error:
                raise _kept(error) from None
        return Recorded(published, self._session.counts, ended)

    def _write_receipts(self, histories: Sequence[ConsentHistory]) -> None:
        """Write down how every consent stands."""
        self._journal.receipts(receipts_of(histories, policy=self._stages.policy, started=self._started))

    async def _attend(self, alongside: Callable[[], Awaitable[None]] | None) -> Ended | None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(RuntimeError, ValueError):  # only the main thread may
                loop.add_signal_handler(number, self._session.leave)
        ended: Ended | None = None
        failure: OffrecordError | None = None
        async with asyncio.TaskGroup() as group:
            other = None if alongside is None else group.create_task(_unheeded(alongside()))
            try:
                ended = await self._session.run()
            except OffrecordError as error:
                failure = error  # a group would wrap it
            finally:
                if other is not None:
                    other.cancel()
        if failure is not None:
            raise failure
        return ended

    def _finish_engine(self, run: Run) -> None:
        """End the engine's threads, once: what did not end in time the first time would not the second."""
        if not self._finished:
            self._finished = True
            self._live.finish(run)

    def _give_up(self) -> None:
        """Stop; keep what was stored of those who agreed for `offrecord recover`."""
        for step in (
            partial(self._finish_engine, Run()),
            self._session.settle,
            lambda: self._write_receipts(self._book.histories()),
            self._journal.close,
        ):
            with contextlib.suppress(OffrecordError):
                step()
        if self._session.anyone_recorded:
            self._writer.discard()
        else:
            with contextlib.suppress(OffrecordError):
                self._writer.remove()

    def _given_up(self, error: OffrecordError) -> OffrecordError:
        """Stop, and return the error with what has become of what was stored."""
        self._give_up()
        if not self._writer.partial.exists():
            return error
        if self._session.withdrawal_failed:
            return type(error)(
                f"{error.sentence} Somebody who withdrew or was removed could not be erased from the disk: "
                "remove the partial folder, do not recover it."
            )
        return _kept(error)

    def _minor_found(self, token: str) -> None:
        self._session.minor_found(token)

    def _failed(self, error: BaseException) -> None:
        """Leave when nothing can be stored; a stage that failed costs its track, which is covered or silent."""
        if isinstance(error, StorageFailed):
            self._session.failed(error)
        else:
            self._view.event("stage failed", kind=type(error).__name__)


async def _unheeded(work: Awaitable[None]) -> None:
    """Await something that the call does not depend on."""
    with contextlib.suppress(Exception):
        await work


def _nobody(counts: dict[str, int]) -> str:
    if counts.get(ParticipantState.REMOVED):
        return (
            "Nobody is left to be stored: who agreed was taken for a minor or, where the policy asks for it, not "
            "proved to be an adult by their camera (larger and brighter video helps; see minors in docs/policy.md)."
        )
    return "Nobody in the call agreed to be recorded, so nothing was stored."


def _kept(error: OffrecordError) -> OffrecordError:
    """Return the same error, its sentence saying where the redacted pieces are."""
    return type(error)(
        f"{error.sentence} What was recorded is kept, redacted; try `offrecord recover` on it."
    )


def _broken() -> OffrecordError:
    return InternalError(
        "A thread of the recorder hung or died in the call: what it had to redact is covered or silent from then on."
    )


def _no_room() -> OffrecordError:
    return StorageFailed("The disk has less than 200 MB left; free some space before recording a call.")
