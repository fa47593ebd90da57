"""What people and programs see of a batch: ids, stages and figures; never a source's name."""

from __future__ import annotations

import json
import time
from io import StringIO

import pytest
from rich.console import Console

from recorder.batch.contract import OutcomeState, Step
from recorder.batch.ledger.records import Counts, PlannedItem, Record, RecordState
from recorder.commands.display import batch as module
from recorder.commands.display.batch import Pace, watched_batch
from recorder.commands.display.progress import ProgressMode
from tests.recorder.batch.fakes import item_named, outcome

SAFE = {
    "event", "listed", "new", "changed", "kept", "refused_before", "to_do", "workers", "recording", "worker", "stage",
    "seconds", "total", "result", "state", "status", "reason", "media_seconds", "published", "refused", "left",
    "media_hours", "media_hours_per_hour", "seconds_left",
}  # fmt: skip
PLANNED = PlannedItem(
    listed=9, bytes_listed=9, new=5, changed=1, kept=2, refused=1, elsewhere=1, to_do=6, bytes_to_do=1 << 30
)
ITEM = item_named("Adaeze Okonkwo.mp4")
STEP = Step(item=ITEM.id, worker="w1", stage="words A1", reached=30.0, total=60.0, media_seconds=60.0)
RECORD = Record(
    id=ITEM.id,
    source=ITEM.source,
    size=1,
    version="1",
    state=RecordState.REFUSED,
    tries=2,
    status=1,
    reason="It was lost.",
    seconds=1.0,
    media_seconds=0.0,
    bundle="",
    claimed=0.0,
    figures={},
    attention=(),
    source_deleted=False,
)


def counts(published: int, done: int, left: int) -> Counts:
    """Count."""
    states = {RecordState.PUBLISHED: published, RecordState.REFUSED: 1, RecordState.PENDING: left}
    return Counts(
        states, media_seconds=3600.0 * published, seconds=1.0, bytes_done=done, bytes_to_do=100 * left
    )


def show_all(mode: ProgressMode) -> None:
    """Tell a watcher of everything."""
    with watched_batch(mode) as watcher:
        watcher.planned(PLANNED, 2)
        watcher.counted(counts(2, 200, 6))
        watcher.step(STEP)
        watcher.ended(RECORD, outcome(ITEM, OutcomeState.LOST))
        watcher.counted(counts(3, 300, 5))
        watcher.waiting(1)


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Every event is one JSON line on stderr with known keys alone."""
    show_all(ProgressMode.JSON)
    said = capsys.readouterr()
    assert said.out == ""
    events = [json.loads(line) for line in said.err.splitlines()]
    assert [event["event"] for event in events] == ["planned", "counts", "step", "ended", "counts", "waiting"]
    assert {key for event in events for key in event} <= SAFE
    assert "Adaeze" not in said.err
    assert (events[4]["published"], events[4]["refused"], events[4]["left"]) == (3, 1, 5)


def test_plain_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no cursor can be moved, the plan and now and then a line; quiet says nothing at all."""
    monkeypatch.setattr(module, "_LINE_EVERY_S", 0.0)
    show_all(ProgressMode.BAR)
    said = capsys.readouterr().err
    assert "6 of 9 recordings to do (1.00 GiB), 2 published before, 1 refused before" in said
    assert "3 published, 1 refused, 5 to do" in said
    assert "Adaeze" not in said
    show_all(ProgressMode.NONE)
    assert capsys.readouterr() == ("", "")


def test_screen() -> None:
    """A terminal shows each worker with its recording and stage, and the whole with speed and time left."""
    console = Console(file=StringIO(), width=120, force_terminal=False)
    screen = module._Screen(console)
    screen.planned(PLANNED, 2)
    screen.counted(counts(2, 200, 6))
    screen.step(STEP)
    screen.counted(counts(3, 300, 5))
    screen.waiting(1)
    console.print(screen)
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    for part in (
        "w1",
        ITEM.id,
        "words A1",
        "0:30 of 1:00",
        "3 published, 1 refused, 5 to do",
        "left",
        "another job",
    ):
        assert part in shown
    screen.ended(RECORD, outcome(ITEM, OutcomeState.LOST))
    assert f"refused {ITEM.id}: It was lost." in console.file.getvalue()
    assert "Adaeze" not in console.file.getvalue()


def test_pace_counts_this_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speed and time left come from what this run did, not from what was there before."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pace = Pace(0.0)
    pace.note(counts(10, 1000, 6))
    assert pace.seconds_left is None
    assert pace.media_hours_per_hour == 0
    now[0] = 1800.0
    pace.note(counts(11, 1100, 5))
    assert pace.media_hours_per_hour == pytest.approx(2.0)
    assert pace.seconds_left == pytest.approx(9000.0)
