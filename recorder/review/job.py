"""One piece of work at a time for a page that waits: how far it is, how it ended, and how it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from recorder.runtime.context import Cancellation, Run
from redaction.errors import OffrecordError, UsageError

__all__ = ["Job"]

_INTERNAL: Final = "Something went wrong inside; the bundle is as it was."


class Job:
    """A piece of work in a thread of its own; it tells its stages as `Progress` wants it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._cancellation = Cancellation()
        self._stage = ""
        self._share = 0.0
        self._total = 0.0
        self._kind = ""
        self._error = ""
        self._done = 0

    def begin(self, stage: str, total: float) -> None:
        """A stage starts."""
        self._stage, self._total, self._share = stage, total, 0.0

    def reach(self, stage: str, seconds: float) -> None:
        """A stage has done so many seconds of media."""
        if stage == self._stage and self._total > 0:
            self._share = min(1.0, seconds / self._total)

    def end(self, stage: str) -> None:
        """A stage is done."""
        if stage == self._stage:
            self._share = 1.0

    @property
    def running(self) -> bool:
        """Whether something is being done."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, kind: str, work: Callable[[Run], None]) -> None:
        """Begin a piece of work.

        Raises:
            UsageError: another one goes on.
        """
        with self._lock:
            if self.running:
                raise UsageError("Something is being done already; wait for it.")
            self._cancellation = Cancellation()
            self._kind, self._error, self._stage, self._share = kind, "", "", 0.0
            run = Run(self, self._cancellation)
            self._thread = threading.Thread(target=self._do, args=(work, run), name=kind, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ask it to stop."""
        self._cancellation.cancel()

    def wait(self) -> None:
        """Wait until it is over."""
        if self._thread is not None:
            self._thread.join()

    def told(self) -> dict[str, object]:
        """Return how far it is, as the page is told."""
        return {
            "kind": self._kind,
            "running": self.running,
            "stage": self._stage,
            "share": round(self._share, 3),
            "error": self._error,
            "done": self._done,
        }

    def _do(self, work: Callable[[Run], None], run: Run) -> None:
        try:
            work(run)
        except OffrecordError as error:
            self._error = error.sentence
        except Exception:  # noqa: BLE001 - what it says may carry content; the page is told that it failed
            self._error = _INTERNAL
        finally:
            self._done += 1
