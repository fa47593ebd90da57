"""How a person or a program watches a call: a table that is redrawn, JSON lines, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from recorder.commands.display.progress import ProgressMode
from recorder.live.capture.status import CallStatus, CallView, Hidden, ParticipantState, PersonStatus
from recorder.runtime.terminal import echo_json

__all__ = ["call_view", "drawn"]

_COLOURS = {
    ParticipantState.RECORDED: "green",
    ParticipantState.SILENT: "yellow",
    ParticipantState.PAUSED: "yellow",
    ParticipantState.REFUSED: "dim",
    ParticipantState.ERASED: "dim",
    ParticipantState.REMOVED: "dim",
}


class _Table:
    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, status: CallStatus) -> None:
        self._live.update(drawn(status))

    def event(self, name: str, **figures: str | int | float) -> None:
        self._live.console.log(name, *(f"{key}={value}" for key, value in figures.items()), markup=False)


class _Lines:
    def show(self, status: CallStatus) -> None:
        people = [
            {"number": one.number, "standing": str(one.standing), "lag_s": round(one.lag_s, 2), "level": one.level,
             "gaps": one.gaps, "speaking": one.speaking}
            for one in status.people
        ]  # fmt: skip
        line = {
            "event": "status",
            "seconds": round(status.seconds, 1),
            "asking": status.asking,
            "stored_bytes": status.stored_bytes,
            "free_bytes": status.free_bytes,
            "people": people,
        }
        echo_json(line, indent=None, err=True)

    def event(self, name: str, **figures: str | int | float) -> None:
        echo_json({"event": name, **figures}, indent=None, err=True)


def drawn(status: CallStatus) -> Group:
    """Return the view: one row per participant who is there, and a line on load and disk."""
    table = Table(title=None, expand=False)
    for heading in ("participant", "recording", "covered now", "sound", "behind", "load", "gaps"):
        table.add_column(heading)
    for one in status.people:
        table.add_row(*_row(one))
    minutes, seconds = divmod(int(status.seconds), 60)
    asking = "participants can answer" if status.asking else "participants cannot answer: nobody is recorded"
    line = (
        f"{minutes:02d}:{seconds:02d}  {asking}  stored {status.stored_bytes / 2**20:.1f} MB, "
        f"{status.free_bytes / 2**30:.1f} GB free  (Ctrl-C leaves the call and finishes)"
    )
    return Group(table, Text(line, style="" if status.asking else "yellow"))


def _row(one: PersonStatus) -> tuple[Text | str, ...]:
    tracks = [name for name, there in (("camera", one.camera), ("screen", one.screen)) if there]
    covered = "whole tile" if one.level == "covered" else "faces"
    return (
        f"{one.number}",
        Text(str(one.standing), style=_COLOURS[one.standing]),
        f"{covered} ({', '.join(tracks)})" if tracks else "no picture",
        ("speaking" if one.speaking else "quiet") if one.microphone else "none",
        f"{one.lag_s:.1f} s" if tracks or one.microphone else "",
        one.level if tracks else "",
        str(one.gaps),
    )


@contextmanager
def call_view(mode: ProgressMode) -> Iterator[CallView]:
    """Show a call while it goes on; on stderr, since results go to stdout."""
    if mode is ProgressMode.JSON:
        yield _Lines()
        return
    if mode is ProgressMode.NONE or not sys.stderr.isatty():
        yield Hidden()
        return
    with Live(console=Console(stderr=True), refresh_per_second=2, transient=True) as live:
        yield _Table(live)
