"""How a person or a program watches a batch: a live table of workers, JSON lines, plain lines, or nothing. Ids only."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from recorder.batch.contract import Outcome, Step
from recorder.batch.driver import Watcher
from recorder.batch.ledger.ledger import Counts, PlannedItem, Record, RecordState
from recorder.commands.display.progress import ProgressMode
from recorder.runtime.terminal import echo, echo_json

__all__ = ["Pace", "watched_batch"]

_LINE_EVERY_S: Final = 60.0
_MOST_WORKERS: Final = 32


@dataclass(slots=True)
class Pace:
    """How fast this run is, from what it did itself."""

    began: float
    media_before: float = 0.0
    bytes_before: int = 0
    counts: Counts | None = None

    def note(self, counts: Counts) -> None:
        """Take the newest counts; the first are what was done before."""
        if self.counts is None:
            self.media_before, self.bytes_before = counts.media_seconds, counts.bytes_done
        self.counts = counts

    @property
    def media_hours_per_hour(self) -> float:
        """Hours of published recordings for each hour of this run; 0 until there is one."""
        if self.counts is None:
            return 0.0
        return (self.counts.media_seconds - self.media_before) / max(time.monotonic() - self.began, 0.001)

    @property
    def seconds_left(self) -> float | None:
        """Estimated from bytes, since lengths are known only once recordings were opened; None until one ended."""
        if self.counts is None or self.counts.bytes_done <= self.bytes_before:
            return None
        speed = (self.counts.bytes_done - self.bytes_before) / max(time.monotonic() - self.began, 0.001)
        return self.counts.bytes_to_do / speed

    def row(self) -> dict[str, int | float | None]:
        """Return it for programs."""
        counts = self.counts or Counts({}, 0.0, 0.0, 0, 0)
        left = self.seconds_left
        return {
            "published": counts.of(RecordState.PUBLISHED),
            "refused": counts.of(RecordState.REFUSED),
            "left": counts.left,
            "media_hours": round(counts.media_seconds / 3600, 4),
            "media_hours_per_hour": round(self.media_hours_per_hour, 3),
            "seconds_left": None if left is None else round(left),
        }


class _Nobody:
    """Tells nobody."""

    def planned(self, planned: PlannedItem, slots: int) -> None:
        pass

    def step(self, step: Step) -> None:
        pass

    def ended(self, record: Record, outcome: Outcome) -> None:
        pass

    def counted(self, counts: Counts) -> None:
        pass

    def waiting(self, count: int) -> None:
        pass


class _Events(_Nobody):
    """JSON lines on stderr."""

    def __init__(self) -> None:
        self._pace = Pace(time.monotonic())

    def planned(self, planned: PlannedItem, slots: int) -> None:
        _say(
            "planned",
            listed=planned.listed,
            new=planned.new,
            changed=planned.changed,
            kept=planned.kept,
            refused_before=planned.refused,
            to_do=planned.to_do,
            workers=slots,
        )

    def step(self, step: Step) -> None:
        _say(
            "step",
            recording=step.item,
            worker=step.worker,
            stage=step.stage,
            seconds=step.reached,
            total=step.total,
        )

    def ended(self, record: Record, outcome: Outcome) -> None:
        _say(
            "ended",
            recording=record.id,
            worker=outcome.worker,
            result=str(outcome.state),
            state=str(record.state),
            status=outcome.status,
            reason=outcome.reason,
            seconds=outcome.seconds,
            media_seconds=outcome.media_seconds,
        )

    def counted(self, counts: Counts) -> None:
        self._pace.note(counts)
        _say("counts", **self._pace.row())

    def waiting(self, count: int) -> None:
        _say("waiting", left=count)


class _Lines(_Nobody):
    """A line on stderr now and then, for logs and for terminals that cannot move the cursor."""

    def __init__(self) -> None:
        self._pace = Pace(time.monotonic())
        self._said = time.monotonic()

    def planned(self, planned: PlannedItem, slots: int) -> None:
        echo(_sentence(planned, slots), err=True)

    def counted(self, counts: Counts) -> None:
        self._pace.note(counts)
        if time.monotonic() - self._said >= _LINE_EVERY_S:
            self._said = time.monotonic()
            echo(_overall(self._pace), err=True)


class _Screen(_Nobody):
    """A live table: a row for each worker, and the whole."""

    def __init__(self, console: Console) -> None:
        self._pace = Pace(time.monotonic())
        self._console = console
        self._steps: dict[str, Step] = {}
        self._note = ""

    def planned(self, planned: PlannedItem, slots: int) -> None:
        self._console.print(_sentence(planned, slots), highlight=False)

    def step(self, step: Step) -> None:
        self._steps[step.worker] = step

    def ended(self, record: Record, outcome: Outcome) -> None:
        self._steps.pop(outcome.worker, None)
        if record.state is RecordState.REFUSED:
            self._console.print(f"refused {record.id}: {record.reason}", highlight=False, markup=False)

    def counted(self, counts: Counts) -> None:
        self._pace.note(counts)
        self._note = ""

    def waiting(self, count: int) -> None:
        self._note = f"waiting for {count} that another job is doing"

    def __rich__(self) -> Group:
        workers = Table.grid(padding=(0, 2))
        for name, step in sorted(self._steps.items())[:_MOST_WORKERS]:
            share = min(1.0, step.reached / step.total) if step.total else 0.0
            workers.add_row(
                name,
                Text(step.item),
                Text(step.stage),
                ProgressBar(total=1.0, completed=share, width=24),
                f"{_clock(step.reached)} of {_clock(step.total)}" if step.total else "",
            )
        counts = self._pace.counts
        done = counts.of(RecordState.PUBLISHED, RecordState.REFUSED) if counts else 0
        whole = done + (counts.left if counts else 0)
        bar = ProgressBar(total=max(whole, 1), completed=done, width=60)
        return Group(workers, bar, Text(_overall(self._pace)), Text(self._note))


@contextmanager
def watched_batch(mode: ProgressMode) -> Iterator[Watcher]:
    """Show the progress of a batch on stderr."""
    if mode is ProgressMode.NONE:
        yield _Nobody()
    elif mode is ProgressMode.JSON:
        yield _Events()
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        console = Console(stderr=True)
        screen = _Screen(console)
        with Live(screen, console=console, refresh_per_second=4, transient=True):
            yield screen


def _sentence(planned: PlannedItem, slots: int) -> str:
    parts = [
        f"{planned.to_do:,} of {planned.listed:,} recordings to do ({planned.bytes_to_do / 2**30:.2f} GiB)"
    ]
    parts += [f"{planned.kept:,} published before"] if planned.kept else []
    parts += [f"{planned.refused:,} refused before"] if planned.refused else []
    parts += [f"{planned.elsewhere:,} in another job's hands"] if planned.elsewhere else []
    return f"{', '.join(parts)}; {slots} worker{'s' if slots != 1 else ''}."


def _overall(pace: Pace) -> str:
    row, left = pace.row(), pace.seconds_left
    time_left = "" if left is None else f", about {_clock(left)} left"
    return (
        f"{row['published']:,} published, {row['refused']:,} refused, {row['left']:,} to do; "
        f"{pace.media_hours_per_hour:.2f} media hours an hour{time_left}"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _say(event: str, **values: object) -> None:
    echo_json({"event": event, **values}, indent=None, err=True)
