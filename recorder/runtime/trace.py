"""Shows a developer where a run's time goes: stages, threads and queues, by names of our own and numbers alone."""

from __future__ import annotations

import os
import re
import resource
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recorder.runtime.context import Progress
from recorder.runtime.terminal import echo
from recorder.runtime.threads import queue_levels

__all__ = ["TRACE", "traced"]

TRACE: Final = "OFFRECORD_TRACE"
"""Name of the environment variable that asks for it."""

_EVERY_S: Final = 0.05
_LIBRARIES: Final = "libraries"


@dataclass(slots=True)
class _Level:
    depth: int
    filled: float = 0.0
    full: int = 0
    empty: int = 0
    samples: int = 0


class _Trace:
    """Passes progress on, and samples what every thread has used and how full every queue is."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self._began = time.monotonic(), time.process_time()
        self._open: dict[str, tuple[float, float]] = {}
        self._stages: list[tuple[str, float, float, float]] = []
        self._names: dict[int, str] = {}
        self._used: dict[int, tuple[float, float]] = {}
        self._levels: dict[str, _Level] = {}

    def begin(self, stage: str, total: float) -> None:
        """A stage starts."""
        self._open[stage] = time.monotonic(), time.process_time()
        self._inner.begin(stage, total)

    def reach(self, stage: str, seconds: float) -> None:
        """A stage has moved."""
        self._inner.reach(stage, seconds)

    def end(self, stage: str) -> None:
        """A stage is done."""
        began = self._open.pop(stage, None)
        if began is not None:
            spent = time.monotonic() - began[0], time.process_time() - began[1]
            self._stages.append((stage, *spent, _peak_mb()))
        self._inner.end(stage)

    def sample(self) -> None:
        """Take down what the threads have used so far, and the levels of the queues.

        Source: proc(5), /proc/pid/task/tid/schedstat: nanoseconds on a core, and ready without one.
        """
        for thread in threading.enumerate():
            if thread.native_id is not None:
                self._names[thread.native_id] = re.sub(r"[-_]?\d+$", "", thread.name)
        for file in Path("/proc/self/task").glob("*/schedstat"):
            try:
                on_core, ready, _ = file.read_text("ascii").split()
            except (OSError, ValueError):
                continue  # the thread has just ended
            self._used[int(file.parent.name)] = int(on_core) / 1e9, int(ready) / 1e9
        for name, size, depth in queue_levels():
            level = self._levels.setdefault(name, _Level(depth))
            level.filled += size
            level.full += size >= depth
            level.empty += size == 0
            level.samples += 1

    def lines(self) -> Iterator[str]:
        """Return the table."""
        wall, cpu = time.monotonic() - self._began[0], time.process_time() - self._began[1]
        yield f"{'stage':34} {'wall s':>8} {'cpu s':>8} {'cores':>6} {'peak MB':>8}"
        for name, seconds, used, peak in (*self._stages, ("all", wall, cpu, _peak_mb())):
            yield f"{name:34} {seconds:8.2f} {used:8.2f} {used / max(seconds, 1e-6):6.2f} {peak:8.0f}"
        totals: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for number, (on_core, ready) in self._used.items():
            total = totals[self._names.get(number, _LIBRARIES)]
            total[0] += on_core
            total[1] += ready
        yield f"{'thread':34} {'cpu s':>8} {'ready, without a core s':>24}"
        for name, (on_core, ready) in sorted(totals.items(), key=lambda item: -item[1][0]):
            if on_core >= 0.01:
                yield f"{name:34} {on_core:8.2f} {ready:24.2f}"
        yield f"{'queue':34} {'depth':>8} {'filled':>8} {'full':>6} {'empty':>6}"
        for name, level in self._levels.items():
            count = max(1, level.samples)
            shares = f"{level.full / count:6.0%} {level.empty / count:6.0%}"
            yield f"{name:34} {level.depth:8} {level.filled / count:8.1f} {shares}"


def _peak_mb() -> float:
    """Return the most memory that the process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def traced(inner: Progress) -> Iterator[Progress]:
    """Write a table of stages, threads and queues to stderr when the block ends, if `OFFRECORD_TRACE` is set.

    A queue that is mostly full waits for who takes from it, one that is mostly empty for who fills it.

    Args:
        inner: is told of the progress as ever.
    """
    if not os.environ.get(TRACE):
        yield inner
        return
    trace, over = _Trace(inner), threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY_S):
            trace.sample()

    watcher = threading.Thread(target=watch, name="trace", daemon=True)
    watcher.start()
    try:
        yield trace
    finally:
        over.set()
        watcher.join()
        for line in trace.lines():
            echo(line, err=True)
