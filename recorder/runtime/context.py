"""What a run tells whoever watches it; watching never changes data."""

from __future__ import annotations

import threading
from typing import Protocol

from redaction.errors import InternalError, Interrupted

__all__ = ["Cancellation", "Progress", "Silent"]


class Progress(Protocol):
    """Receives stage names from this program and seconds of media; never content."""

    def begin(self, stage: str, total: float) -> None:
        """A stage starts; `total` is its length in seconds of media, 0 when unknown."""

    def reach(self, stage: str, seconds: float) -> None:
        """A stage has done that many seconds of media."""

    def end(self, stage: str) -> None:
        """A stage is done."""


class Silent:
    """Tells nobody."""

    def begin(self, stage: str, total: float) -> None:
        """Do nothing."""

    def reach(self, stage: str, seconds: float) -> None:
        """Do nothing."""

    def end(self, stage: str) -> None:
        """Do nothing."""


class Cancellation:
    """Asks every stage of a run to stop."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._failed = threading.Event()

    def cancel(self) -> None:
        """Ask; never blocks."""
        self._event.set()

    def cancel_run(self) -> None:
        """Ask the stages of the present run to stop because one of them failed."""
        self._failed.set()

    def renew(self) -> None:
        """Begin the next run; somebody's wish to stop stays."""
        self._failed.clear()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Interrupted` when somebody asked."""
        if self._event.is_set():
            raise Interrupted("The run was stopped. Nothing was published.")
        if self._failed.is_set():
            raise InternalError("Another stage of this run failed.")
