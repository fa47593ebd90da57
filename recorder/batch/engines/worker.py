"""A worker process: redacts one recording after another with models that stay loaded.

Started by a `Supervisor` as `python -m recorder.batch.engines.worker`. Its standard input brings one JSON line that
says what the job is, then one for each recording; what was its standard output takes back steps and outcomes, a line
each. Nothing else may be printed: both standard streams lead to nowhere once the channel is taken.
"""

from __future__ import annotations

from recorder.runtime.hardening import harden_process, place_of, silence_libraries

harden_process()  # before anything heavy is imported

import ctypes  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from typing import BinaryIO, Final  # noqa: E402

from pydantic import ValidationError  # noqa: E402

from recorder.batch.contract import (  # noqa: E402
    DestinationStore,
    Hello,
    JobSpec,
    Outcome,
    OutcomeState,
    SourceOpener,
    SourceStore,
    Step,
    WorkItem,
)
from recorder.batch.stores.open import open_destination, open_sources  # noqa: E402
from recorder.batch.summary import figures_of  # noqa: E402
from recorder.bundle.writer import BundleWriter  # noqa: E402
from recorder.media.source import Source  # noqa: E402
from recorder.offline.session import redact_file  # noqa: E402
from recorder.runtime.context import Cancellation, Run  # noqa: E402
from recorder.runtime.signals import stopping  # noqa: E402
from recorder.sources.recording import open_source, refuse_unknown  # noqa: E402
from redaction.errors import ExitCode, OffrecordError  # noqa: E402
from redaction.stages import Stages  # noqa: E402
from redaction.text.sidecars import NO_SIDECARS, Sidecars  # noqa: E402

__all__ = ["redact_item", "serve_jobs"]

_PR_SET_PDEATHSIG: Final = 1
_STEP_EVERY_S: Final = 0.5
_SLACK_BYTES: Final = 1 << 30
"""Stacks of threads, tables and arenas that are reserved and never touched count as data too."""

Emit = Callable[[Step], None]


class _StepEmitter:
    """A session's progress as steps; at most two a second of each stage."""

    def __init__(self, item: WorkItem, worker: str, emit: Emit) -> None:
        self._item = item.id
        self._worker = worker
        self._emit = emit
        self._totals: dict[str, float] = {}
        self._emitted: dict[str, float] = {}
        self.media_seconds = 0.0

    def begin(self, stage: str, total: float) -> None:
        self._totals[stage] = total
        self.emit_step(stage, 0.0)

    def reach(self, stage: str, seconds: float) -> None:
        if time.monotonic() - self._emitted.get(stage, 0.0) >= _STEP_EVERY_S:
            self.emit_step(stage, seconds)

    def end(self, stage: str) -> None:
        self.emit_step(stage, self._totals.get(stage, 0.0))

    def emit_step(self, stage: str, reached: float) -> None:
        self._emitted[stage] = time.monotonic()
        self._emit(
            Step(
                item=self._item,
                worker=self._worker,
                stage=stage,
                reached=round(reached, 2),
                total=round(self._totals.get(stage, 0.0), 2),
                media_seconds=round(self.media_seconds, 3),
            )
        )


def redact_item(
    item: WorkItem,
    job: JobSpec,
    *,
    stages: Stages,
    sources: SourceStore,
    destination: DestinationStore,
    emit: Emit,
    cancellation: Cancellation,
    worker: str = "",
    before_exit: Callable[[Callable[[], None]], None] | None = None,
) -> Outcome:
    """Redact one recording, verify it and publish it; every way it can end is an `Outcome`.

    Args:
        stages: the models, loaded once.
        emit: takes what happens on the way.
        cancellation: asks to stop.
        worker: the name that steps and outcome carry.
        before_exit: is told what removes the partial bundle if this process has to end at once.
    """
    began = time.monotonic()
    steps = _StepEmitter(item, worker, emit)

    def ended(state: OutcomeState, error: OffrecordError | None = None, reason: str = "") -> Outcome:
        return Outcome(
            item=item.id,
            state=state,
            status=int(error.exit_code if error else ExitCode.INTERNAL),
            reason=error.sentence if error else reason,
            seconds=round(time.monotonic() - began, 3),
            media_seconds=round(steps.media_seconds, 3),
            worker=worker,
        )

    try:
        cancellation.renew()
        cancellation.check()
        steps.emit_step("opening", 0.0)
        with sources.open(item, scratch=job.scratch) as opener:
            source, beside = _opened(opener)
            steps.media_seconds = source.info().duration
            steps.emit_step("opening", 0.0)
            writer = BundleWriter(destination.workplace(), item.name, replace=True)
            if before_exit is not None:
                before_exit(writer.discard)
            published = redact_file(
                source,
                writer,
                stages=stages,
                run=Run(steps, cancellation),
                beside=beside,
                before_publishing=lambda: sources.check_unchanged(item),
            )
        steps.media_seconds = published.manifest.duration
        steps.emit_step("publishing", 0.0)
        place = destination.publish(
            published.path, replace=True, moved=lambda sent: steps.reach("publishing", float(sent))
        )
    except OffrecordError as error:
        if cancellation.cancelled:
            return ended(OutcomeState.STOPPED, reason="The job was stopped.")
        return ended(OutcomeState.REFUSED, error)
    except MemoryError:
        return ended(OutcomeState.LOST, reason="It needed more memory than a worker may have.")
    except Exception as error:  # noqa: BLE001 - the last resort: one recording never stops the job
        return ended(OutcomeState.LOST, reason=f"Internal error ({place_of(error)}).")
    return Outcome(
        item=item.id,
        state=OutcomeState.PUBLISHED,
        seconds=round(time.monotonic() - began, 3),
        media_seconds=round(published.manifest.duration, 3),
        bundle=place,
        worker=worker,
        figures=figures_of(published.manifest),
        attention=published.attention,
    )


def _opened(opener: SourceOpener) -> tuple[Source, Sidecars]:
    """Open a recording as `offrecord redact` does; a stream has nothing beside it."""
    if opener.recording is None:
        return open_source(opener), NO_SIDECARS
    opened = opener.recording.open()
    refuse_unknown(opened.source)
    return opened.source, opened.beside


class _Channel:
    """Where steps and outcomes go: the pipe that was standard output."""

    def __init__(self) -> None:
        descriptor = os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        self._file = os.fdopen(descriptor, "wb", buffering=0)

    def send(self, message: Step | Outcome) -> None:
        """Write one line at once."""
        self._file.write(message.model_dump_json().encode() + b"\n")


def _confine(hello: Hello) -> None:
    """End with the supervisor, keep to the cores and the memory given, and be the first to go when memory is short."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != hello.supervisor:
        os._exit(int(ExitCode.INTERRUPTED))
    if hello.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, hello.cores)
    most = hello.job.limits.memory_bytes + _SLACK_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def serve_jobs(incoming: BinaryIO) -> int:
    """Do what the lines say until they end; returns the exit status."""
    silence_libraries()
    channel = _Channel()
    try:
        hello = Hello.model_validate_json(incoming.readline())
    except ValidationError:
        return int(ExitCode.USAGE)
    _confine(hello)
    job = hello.job
    cancellation = Cancellation()
    with stopping(cancellation) as stop:
        for item, worked in _work(incoming, job):
            if isinstance(worked, OffrecordError):
                channel.send(_refused(item, worked, hello.name))
                return int(worked.exit_code)
            stages, sources, destination = worked
            outcome = redact_item(
                item,
                job,
                stages=stages,
                sources=sources,
                destination=destination,
                emit=channel.send,
                cancellation=cancellation,
                worker=hello.name,
                before_exit=stop.before_exit,
            )
            channel.send(outcome)
            if cancellation.cancelled:
                return int(ExitCode.INTERRUPTED)
            if outcome.state is OutcomeState.LOST:
                return int(
                    ExitCode.INTERNAL
                )  # what state the models are in is unknown; a new process starts afresh
    return int(ExitCode.OK)


_Tools = tuple[Stages, SourceStore, DestinationStore]


def _work(incoming: BinaryIO, job: JobSpec) -> Iterator[tuple[WorkItem, _Tools | OffrecordError]]:
    """Yield each item with what it takes to redact it, made for the first, or with why that cannot be had."""
    tools: _Tools | None = None
    for line in incoming:
        item = WorkItem.model_validate_json(line)
        if tools is None:
            try:
                tools = (
                    Stages(job.policy, threads=job.threads),
                    open_sources(job.source),
                    open_destination(job.destination),
                )
            except OffrecordError as error:
                yield item, error
                return
        yield item, tools


def _refused(item: WorkItem, error: OffrecordError, worker: str) -> Outcome:
    return Outcome(
        item=item.id,
        state=OutcomeState.REFUSED,
        status=int(error.exit_code),
        reason=error.sentence,
        worker=worker,
    )


if __name__ == "__main__":
    os._exit(serve_jobs(sys.stdin.buffer))
