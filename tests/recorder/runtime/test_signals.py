"""The first signal asks a run to stop; the second, or silence, ends the process after what is partial was removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from recorder.runtime.context import Cancellation
from recorder.runtime.signals import stopping, unchanged_handlers
from redaction.errors import ExitCode
from tests.paths import ROOT

_PROGRAM = """
import os, pathlib, signal, sys, time
from recorder.runtime.context import Cancellation
from recorder.runtime.signals import stopping
cancellation = Cancellation()
grace = float(sys.argv[2]) if sys.argv[2] else None
with stopping(cancellation, grace_s=grace) as stop:
    stop.before_exit(pathlib.Path(sys.argv[1]).unlink)
    for _ in range(int(sys.argv[3])):
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)
"""


def ended(partial: Path, *, grace: str, signals: int) -> int:
    """Run a program that gets signals and answers none; return its status."""
    partial.write_text("x")
    arguments = [sys.executable, "-c", _PROGRAM, str(partial), grace, str(signals)]
    return subprocess.run(arguments, cwd=ROOT, timeout=60, check=False).returncode


def test_the_first_signal_asks_and_the_handlers_come_back() -> None:
    """One SIGINT cancels the run and does nothing else; after the block the old handler is in place."""
    before = signal.getsignal(signal.SIGINT)
    cancellation = Cancellation()
    with stopping(cancellation):
        os.kill(os.getpid(), signal.SIGINT)
        assert cancellation.cancelled
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_signal_removes_what_is_partial_and_ends(tmp_path: Path) -> None:
    """A run that is asked twice ends at once with status 130, and what it had begun is gone."""
    assert ended(tmp_path / "partial", grace="", signals=2) == ExitCode.INTERRUPTED
    assert not (tmp_path / "partial").exists()


def test_a_run_that_does_not_answer_is_ended(tmp_path: Path) -> None:
    """Stages that hang after the first signal are ended when their time is over."""
    assert ended(tmp_path / "partial", grace="0.2", signals=1) == ExitCode.INTERRUPTED
    assert not (tmp_path / "partial").exists()


def test_a_cleaning_that_raises_still_ends_the_process(tmp_path: Path) -> None:
    """The process ends with status 130 although what was to be removed is not there."""
    arguments = [sys.executable, "-c", _PROGRAM, str(tmp_path / "nothing"), "", "2"]
    assert subprocess.run(arguments, cwd=ROOT, timeout=60, check=False).returncode == ExitCode.INTERRUPTED


def test_a_library_cannot_take_the_signals() -> None:
    """A handler that is set inside the block is put back when it ends, also when it raises."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="x"), unchanged_handlers():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise ValueError("x")
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_the_main_thread_nothing_is_routed() -> None:
    """In a thread, where Python allows no handler, the block runs all the same."""
    ran: list[bool] = []

    def work() -> None:
        with stopping(Cancellation()):
            ran.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ran == [True]
