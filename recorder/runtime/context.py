"""One run: who watches it, which never changes data, and who may stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from redaction.errors import InternalError, Interrupted

__all__ = ["Cancellation", "Progress", "Run", "Silent"]


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


@dataclass(frozen=True, slots=True)
class Run:
    """What every step of one run is given: whom to tell how far it is, and when to stop.

    Attributes:
        progress: is told of every stage; by default nobody is.
        cancellation: shared by all threads of the run.
    """

    progress: Progress = field(default_factory=Silent)
    cancellation: Cancellation = field(default_factory=Cancellation)

    @contextmanager
    def stage(self, name: str, total: float) -> Iterator[Callable[[float], None]]:
        """Announce a stage for as long as the block runs; a stage that raises is not reported as done.

        Args:
            name: from this program, never content.
            total: seconds of media, 0 when unknown.

        Yields:
            A function that takes how many seconds of media are done.
        """
        self.progress.begin(name, total)
        yield lambda seconds: self.progress.reach(name, seconds)
        self.progress.end(name)

    def check(self) -> None:
        """Go on, or raise.

        Raises:
            Interrupted: somebody asked to stop.
            InternalError: another stage of this run failed.
        """
        self.cancellation.check()

    def fail(self) -> None:
        """Stop the other stages of this run, because one of them failed."""
        self.cancellation.cancel_run()
