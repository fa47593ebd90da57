"""The bounds of one recording in this process: what a batch gives its workers, for `offrecord redact`.

A thread watches; when a bound is passed the run is asked to stop, and where a library does not answer the process ends
itself, after the partial bundle was removed, with the status that a batch writes down for it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from recorder.batch.contract import ItemLimits
from recorder.batch.engines.local import free_bytes
from recorder.runtime.context import Cancellation, Progress
from recorder.runtime.terminal import echo
from redaction.errors import ExitCode

__all__ = ["BoundedProgress", "process_limits", "within_bounds"]

_POLL_S: Final = 0.5
_GRACE_S: Final = 20.0
_SHARE: Final = 0.9
_LEAST_BYTES: Final = 2 << 30


def process_limits() -> ItemLimits:
    """Return the bounds of this machine: nine tenths of the memory that is free, and a batch's times."""
    return ItemLimits(memory_bytes=max(_LEAST_BYTES, int(_SHARE * free_bytes())))


class BoundedProgress:
    """Passes progress on and holds it against the bounds.

    Attributes:
        reason: why the run was given up; nothing while it was not.
    """

    def __init__(self, inner: Progress, limits: ItemLimits, *, seconds: float) -> None:
        self.reason = ""
        self._inner = inner
        self._limits = limits
        self._seconds = seconds
        self._began = self._moved = time.monotonic()

    def begin(self, stage: str, total: float) -> None:
        """A stage starts."""
        self._moved = time.monotonic()
        self._inner.begin(stage, total)

    def reach(self, stage: str, seconds: float) -> None:
        """A stage has moved."""
        self._moved = time.monotonic()
        self._inner.reach(stage, seconds)

    def end(self, stage: str) -> None:
        """A stage is done."""
        self._moved = time.monotonic()
        self._inner.end(stage)

    def passed(self) -> str:
        """Return which bound is passed, nothing while none is."""
        limits, now = self._limits, time.monotonic()
        most = limits.least_s + limits.seconds_per_media_second * self._seconds
        if now - self._moved > limits.stall_s:
            return f"Nothing moved for {limits.stall_s:.0f} s, so it was given up."
        if now - self._began > most:
            return f"It took more than {most:.0f} s, so it was given up."
        if _resident() > limits.memory_bytes:
            return (
                f"It needed more than {limits.memory_bytes / 2**20:,.0f} MiB of memory, so it was given up."
            )
        return ""


@contextmanager
def within_bounds(
    inner: Progress,
    cancellation: Cancellation,
    *,
    seconds: float,
    clean: Callable[[], None],
    limits: ItemLimits | None = None,
    grace_s: float = _GRACE_S,
) -> Iterator[BoundedProgress]:
    """Watch the block's run.

    Args:
        inner: is told of the progress too.
        cancellation: of the run; asked to stop its stages when a bound is passed.
        seconds: of media.
        clean: removes what must not be left; called before the process ends itself, and must not raise.
        limits: this machine's, if None.
        grace_s: seconds that stages have to stop.
    """
    progress = BoundedProgress(inner, limits or process_limits(), seconds=seconds)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_POLL_S):
            reason = progress.passed()
            if not reason:
                continue
            progress.reason = reason
            cancellation.cancel_run()
            if not over.wait(grace_s):
                try:
                    clean()
                    echo(f"offrecord: {reason} Nothing was published.", err=True)
                finally:
                    os._exit(int(ExitCode.INTERNAL))
            return

    thread = threading.Thread(target=watch, name="bounds", daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        over.set()
        thread.join()


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
