"""Ctrl-C and SIGTERM: ask once to stop in good order, insist the second time or when stages do not answer."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from recorder.runtime.context import Cancellation
from redaction.errors import ExitCode

__all__ = ["STOP_GRACE_S", "Stop", "stopping", "unchanged_handlers"]

STOP_GRACE_S: Final = 20.0
"""Seconds that stages have to answer the first signal before the process ends itself."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Cancels a run at the first signal and ends the process at the second.

    Args:
        cancellation: of the run.
        grace_s: seconds after the first signal at which the process ends if the run has not; None waits.
    """

    def __init__(self, cancellation: Cancellation, *, grace_s: float | None = STOP_GRACE_S) -> None:
        self._cancellation = cancellation
        self._grace_s = grace_s
        self._clean: Callable[[], None] | None = None
        self._timer: threading.Timer | None = None

    def before_exit(self, clean: Callable[[], None]) -> None:
        """Set what is called, in place of an earlier one, before the process ends itself; it must not raise."""
        self._clean = clean

    def ask(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._cancellation.cancelled:
            self._insist()
        self._cancellation.cancel()
        if self._grace_s is not None:
            self._timer = threading.Timer(self._grace_s, self._insist)
            self._timer.daemon = True
            self._timer.start()

    def _insist(self) -> None:
        try:
            if self._clean is not None:
                self._clean()
        finally:
            os._exit(int(ExitCode.INTERRUPTED))

    def over(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()


@contextmanager
def stopping(cancellation: Cancellation, *, grace_s: float | None = STOP_GRACE_S) -> Iterator[Stop]:
    """Route SIGINT and SIGTERM to a cancellation while the block runs; outside the main thread nothing is routed.

    Args:
        cancellation: of the run.
        grace_s: see `Stop`.
    """
    stop = Stop(cancellation, grace_s=grace_s)
    with unchanged_handlers():
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, stop.ask)
        try:
            yield stop
        finally:
            stop.over()


@contextmanager
def unchanged_handlers() -> Iterator[None]:
    """Put the handlers of SIGINT and SIGTERM back as they were, whatever the block or a library in it sets."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
