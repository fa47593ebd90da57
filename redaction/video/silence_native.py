"""Keeps native code from greeting on standard error."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["silent_stderr"]

_lock = threading.Lock()


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Send the process's standard error nowhere for the moment in which native code greets on it."""
    with _lock:
        try:
            kept = os.dup(2)
        except OSError:
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            yield
        finally:
            with suppress(OSError):
                os.dup2(kept, 2)
            os.close(kept)
