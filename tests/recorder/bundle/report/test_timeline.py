"""The time line: bars stand where things happened, and no lane is drawn of what was not."""

from __future__ import annotations

import pytest

from recorder.bundle.log import LoggedEvent
from recorder.bundle.manifest import GapEntry, TrackEntry
from recorder.bundle.report.timeline import bars, clock, file_rows, participant_lanes, ticks
from recorder.bundle.transcript import TranscriptFile, TranscriptUtterance
from redaction.model import EventKind, Span
from tests.recorder.bundle.report.calls import DURATION, manifest

VIEWS = (
    TrackEntry(id="V1", kind="video"),
    TrackEntry(id="V2", kind="video"),
    TrackEntry(id="A1", kind="audio"),
)


def said(speaker: str, start: float) -> TranscriptUtterance:
    """Return a second of speech."""
    return TranscriptUtterance(
        speaker=speaker, track="A1", language="en", start=start, end=start + 1, text="x", words=()
    )


def test_a_file_has_a_lane_for_each_kind_of_thing() -> None:
    """Faces and minors by view, whole covers, speakers in order of first speech, words, silence, gaps."""
    log = [
        LoggedEvent("tracklet", "V1", Span(0, 30), {"reason": "face"}),
        LoggedEvent("tracklet", "V2", Span(30, 60), {"reason": "minor"}),
        LoggedEvent("whole_cover", "V2", Span(10, 11), {"reason": "memory"}),
        LoggedEvent("finding", "A1", Span(5, 6), {"entity_type": "PERSON"}),
        LoggedEvent("silenced", "A1", Span(7, 8), {"reason": "only minors visible"}),
        LoggedEvent("mended", "V1", None, {"count": 3}),
    ]
    words = TranscriptFile(utterances=(said("Speaker 2", 9), said("Speaker 1", 2), said("Speaker 2", 4)))
    gaps = (GapEntry(track="V1", start=1, end=2, reason="damaged"),)
    rows = file_rows(manifest(tracks=VIEWS, gaps=gaps, participants=None), words, log)
    assert [(row.name, len(row.bars)) for row in rows] == [
        ("V1 faces", 1),
        ("V2 minors", 1),
        ("V2 covered whole", 1),
        ("Speaker 1", 1),
        ("Speaker 2", 2),
        ("personal words", 1),
        ("silenced", 1),
        ("could not be read", 1),
    ]
    assert (rows[1].bars[0].left, rows[1].bars[0].width) == (50.0, 50.0)
    assert rows[5].bars[0].title == "person, 0:05.0 to 0:06.0"


def test_nothing_is_drawn_of_nothing() -> None:
    """A file without words, findings or gaps has no lane at all."""
    assert file_rows(manifest(tracks=VIEWS, gaps=(), participants=None), None, []) == []


def test_a_participant_is_spared_from_one_step_to_the_next() -> None:
    """A step of load lasts until the track's next; the last one until the end, and a return to full is none."""
    log = [
        LoggedEvent(EventKind.LOAD, "P01-camera", Span(6, 6), {"level": "half"}),
        LoggedEvent(EventKind.LOAD, "P01-camera", Span(12, 12), {"level": "full"}),
        LoggedEvent(EventKind.LOAD, "P01-screen", Span(30, 30), {"level": "covered"}),
        LoggedEvent(EventKind.LOAD, "P02-camera", Span(0, 0), {"level": "few"}),
    ]
    call = manifest()
    assert call.participants is not None
    lanes = participant_lanes(call.participants.people[0], call, None, log)
    (row,) = [row for row in lanes.rows if row.name == "spared for load"]
    assert [(bar.kind, bar.left, bar.width) for bar in row.bars] == [
        ("load", 10.0, 10.0),
        ("whole", 50.0, 50.0),
    ]
    assert "speaking" not in [row.name for row in lanes.rows]


def test_a_moment_is_seen_and_a_flood_is_bounded() -> None:
    """A bar is never too narrow to be seen, and a page never holds more than it can show."""
    (bar,) = bars([Span(1, 1)], DURATION, "gap", {})
    assert bar.width > 0
    assert len(bars([Span(n / 100, n / 100) for n in range(9000)], DURATION, "gap", {})) == 2000


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00.0"), (61.25, "1:01.2"), (3661, "1:01:01.0"), (-1, "0:00.0")]
)
def test_times_are_clock_times(seconds: float, text: str) -> None:
    """Minutes and seconds, with hours where there are any."""
    assert clock(seconds) == text


@pytest.mark.parametrize("duration", [0, 0.4, 5, 59, 3600, 36_000])
def test_ticks_are_few_and_inside(duration: float) -> None:
    """Whatever the length, at most some ten ticks, the first at the beginning."""
    places = ticks(duration)
    assert places[0][0] == 0
    assert len(places) <= 12
    assert all(0 <= left <= 100 for left, _ in places)
