"""How a person or a program watches a run: a bar with stage, speed and time left, or JSON lines, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from recorder.runtime.context import Progress as Watcher
from recorder.runtime.context import Silent
from recorder.runtime.terminal import echo_json

__all__ = ["ProgressMode", "watched"]


class ProgressMode(StrEnum):
    """Who watches."""

    BAR = "bar"
    JSON = "json"
    NONE = "none"

    @classmethod
    def choose(cls, *, as_json: bool, quiet: bool) -> ProgressMode:
        """Pick: nothing when quiet, JSON lines for programs, a bar for people."""
        if quiet:
            return cls.NONE
        return cls.JSON if as_json else cls.BAR


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}x real time" if task.speed else "", style="progress.data.speed")


class _Bar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def begin(self, stage: str, total: float) -> None:
        self._tasks[stage] = self._progress.add_task(stage, total=total or None)

    def reach(self, stage: str, seconds: float) -> None:
        self._progress.update(self._tasks[stage], completed=seconds)

    def end(self, stage: str) -> None:
        task = self._tasks[stage]
        total = self._progress.tasks[task].total or 1
        self._progress.update(task, total=total, completed=total)


class _Lines:
    def __init__(self, number: int) -> None:
        self._number = number
        self._totals: dict[str, float] = {}
        self._said: dict[str, float] = {}

    def begin(self, stage: str, total: float) -> None:
        self._totals[stage] = total
        self._say(stage, "begin", 0)

    def reach(self, stage: str, seconds: float) -> None:
        now = time.monotonic()
        if now - self._said.get(stage, 0) >= 1:
            self._said[stage] = now
            self._say(stage, "reach", seconds)

    def end(self, stage: str) -> None:
        self._say(stage, "end", self._totals.get(stage, 0))

    def _say(self, stage: str, what: str, seconds: float) -> None:
        line = {
            "input": self._number,
            "stage": stage,
            "what": what,
            "seconds": round(seconds, 2),
            "total": round(self._totals.get(stage, 0), 2),
        }
        echo_json(line, indent=None, err=True)


@contextmanager
def watched(mode: ProgressMode, *, number: int, of: int) -> Iterator[Watcher]:
    """Show the progress of one input."""
    if mode is ProgressMode.NONE or (mode is ProgressMode.BAR and not sys.stderr.isatty()):
        yield Silent()
        return
    if mode is ProgressMode.JSON:
        yield _Lines(number)
        return
    which = f"[{number}/{of}] " if of > 1 else ""
    columns = (
        TextColumn(which.replace("[", "\\[") + "{task.description:<24}"),
        BarColumn(),
        _Speed(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress)
