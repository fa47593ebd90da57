"""Mutated recordings: every one ends with a documented status, in time, and leaks nothing."""

from __future__ import annotations

import collections
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.paths import ROOT

SECONDS = float(os.environ.get("OFFRECORD_FUZZ_SECONDS", "40"))
FILES = int(os.environ.get("OFFRECORD_FUZZ_FILES", "200"))
PATIENCE_S = 60.0
DOCUMENTED = {"0", "3", "5"}


@pytest.mark.slow
@pytest.mark.timeout(int(SECONDS) + 400)
def test_mutated_recordings_end_in_order(tmp_path: Path) -> None:
    """Hundreds of mutated files give status 0, 3 or 5 each; none crashes, hangs, or leaves or tells a thing."""
    deadline = time.monotonic() + SECONDS
    seen: dict[int, str] = {}
    while len(seen) < FILES and time.monotonic() < deadline:
        _work(tmp_path, seen, deadline)
    wrong = {seed: status for seed, status in seen.items() if status not in DOCUMENTED}
    print(f"{len(seen)} mutated files: {dict(collections.Counter(seen.values()))}")
    assert not wrong
    assert len(seen) >= 10
    assert {"0", "5"} <= set(seen.values())


def _work(folder: Path, seen: dict[int, str], deadline: float) -> None:
    """Run one worker until it is done, dies or hangs; note what became of each seed."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.worker", str(folder), str(len(seen)), str(FILES)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(worker, lines), daemon=True).start()
    try:
        while time.monotonic() < deadline:
            try:
                line = lines.get(timeout=PATIENCE_S)
            except queue.Empty:
                seen[len(seen)] = "hang"
                return
            if line is None:
                if worker.wait():
                    seen[len(seen)] = f"crash {worker.returncode}"
                return
            seed, status, *_ = line.split()
            if status != "begin":
                seen[int(seed)] = status
    finally:
        worker.kill()
        worker.wait()


def _read(worker: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    for line in worker.stdout or ():
        lines.put(line)
    lines.put(None)
