"""Ctrl-C and SIGTERM: ask once to stop in good order, insist the second time or when stages do not answer."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from recorder.bundle.writer import BundleWriter
from recorder.runtime.context import Cancellation
from redaction.errors import ExitCode

__all__ = ["Stop", "stopping"]

STOP_GRACE_S: Final = 20.0


class Stop:
    """Knows which partial bundle to remove when stages do not answer."""

    def __init__(self, cancellation: Cancellation) -> None:
        self._cancellation = cancellation
        self._writer: BundleWriter | None = None
        self._timer: threading.Timer | None = None

    def note(self, writer: BundleWriter) -> None:
        """Remember the bundle that is being written."""
        self._writer = writer

    def ask(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._cancellation.cancelled:
            self._insist()
        self._cancellation.cancel()
        self._timer = threading.Timer(STOP_GRACE_S, self._insist)
        self._timer.daemon = True
        self._timer.start()

    def _insist(self) -> None:
        if self._writer is not None:
            self._writer.discard()
        os._exit(int(ExitCode.INTERRUPTED))

    def over(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()


@contextmanager
def stopping(cancellation: Cancellation) -> Iterator[Stop]:
    """Route SIGINT and SIGTERM to a cancellation while the block runs."""
    stop = Stop(cancellation)
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        stop.over()
        for number, handler in before.items():
            signal.signal(number, handler)
