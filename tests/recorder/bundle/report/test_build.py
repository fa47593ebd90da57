"""The report of a call: failures first, a time line for each participant, plots of the connections, nothing fetched."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import cv2
import pytest

from recorder.bundle.manifest import (
    AudioCoverage,
    BundleState,
    Check,
    Coverage,
    GapEntry,
    Manifest,
    Participants,
    PersonEntry,
    SpanEntry,
    StillEntry,
    TrackEntry,
    VideoCoverage,
    VoiceEntry,
)
from recorder.bundle.quality import QualitySecond, write_quality
from recorder.bundle.report.build import call_attention, write_call_report
from recorder.bundle.report.charts import CHART_HEIGHT, CHART_WIDTH, charts
from recorder.bundle.transcript import write_transcript
from redaction.model import RedactedUtterance, Span, Token

DURATION = 60.0


def manifest(**changes: object) -> Manifest:
    """Return the manifest of a call of two."""
    now = datetime(2026, 1, 2, tzinfo=UTC)
    people = tuple(
        PersonEntry(
            id=f"P0{number}",
            receipt="f" * 32,
            via="chat",
            stays=(SpanEntry(start=5.0 * number, end=DURATION),),
            coverage=Coverage(video=VideoCoverage(frames=100 * number)),
            redacted={"faces": number},
            checks=(),
        )
        for number in (1, 2)
    )
    made = Manifest(
        state=BundleState.PUBLISHED,
        version="0",
        created=now,
        expires=now,
        purpose="test",
        retention_days=1,
        policy_digest="0" * 64,
        policy={},
        models=(),
        duration=DURATION,
        tracks=(
            TrackEntry(
                id="P01-camera",
                kind="video",
                width=640,
                height=360,
                file="tracks/p01-camera.mp4",
                spans=(SpanEntry(start=6, end=30), SpanEntry(start=40, end=60)),
            ),
        ),
        gaps=(
            GapEntry(track="P01-camera", start=30, end=31.5, reason="no pictures"),
            GapEntry(track="P01-camera", start=35, end=40, reason="no pictures"),
            GapEntry(track="P02-camera", start=12, end=12, reason="unproven"),
        ),
        coverage=Coverage(video=VideoCoverage(frames=300), audio=AudioCoverage(seconds=60, silenced=1.2)),
        redacted={"faces": 3},
        voice=VoiceEntry(method="resynthesize"),
        checks=(Check(name="no-face-left", passed=True),),
        participants=Participants(way="janus", recorded=2, not_recorded=3, people=people),
        files={},
        log_lines=0,
        log_head="",
    )
    return made.model_copy(update=changes)


def bundle(folder: Path, made: Manifest) -> str:
    """Write the report of a bundle with what it is made of, and return the page."""
    rows = [
        QualitySecond(
            time=float(n), packets=100, lost=25 if n == 30 else 0, jitter_ms=4.0, fps=30.0, height=360
        )
        for n in range(1, 60)
        if not 40 <= n < 50
    ]
    write_quality({"P01": rows, "P02": [QualitySecond(time=3.0, packets=10)]}, folder / "quality.json")
    spoken = RedactedUtterance((Token("<i>hi</i>", Span(10, 11)),), Span(10, 11), "P01", "P01-microphone")
    write_transcript(
        [spoken],
        vtt=folder / "transcript.vtt",
        json_path=folder / "transcript.json",
        names={"P01": "P01", "P02": "P02"},
    )
    log = [
        {"event": "load", "track": "P02-camera", "span": [10, 10], "level": "covered"},
        {"event": "load", "track": "P02-camera", "span": [20, 20], "level": "full"},
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    write_call_report(folder, made)
    return (folder / "report.html").read_text()


def test_failures_come_first_and_gaps_are_summed_up() -> None:
    """A check that failed leads, then pieces left out, then each track's gaps in one line."""
    failed = Check(name="voice-not-recognised", passed=False)
    lines = call_attention(manifest(checks=(failed,)))
    assert "voice-not-recognised did not pass" in lines[0]
    assert lines[1].startswith("P02-camera: 1 stored piece(s) were left out")
    assert lines[2] == "P01-camera: 2 gaps of 6.5 s in all (no pictures); covered or silent."
    assert len([line for line in lines if "P01-camera" in line]) == 1


def test_thousands_of_gaps_stay_a_few_lines() -> None:
    """A call on a bad line has a report that can be read."""
    gaps = tuple(
        GapEntry(track="P01-camera", start=n / 10, end=n / 10 + 0.05, reason="lost") for n in range(5000)
    )
    assert len(call_attention(manifest(gaps=gaps))) < 5


def test_page_shows_everybody_and_fetches_nothing(tmp_path: Path) -> None:
    """Each participant has a time line; how many are not in it is one figure; no address is in the page."""
    page = bundle(tmp_path, manifest())
    text = re.sub(r"<[^>]+>", " ", page)
    assert re.search(r"2 participants agreed and are recorded; 3 refused", text)
    assert page.count("<h3>") == 2
    for name in ("present", "camera stored", "speaking", "spared for load", "gaps"):
        assert f"<span>{name}</span>" in page
    assert "whole pictures were covered for a while" in text
    assert "<i>hi</i>" not in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "://" not in page


def test_nothing_is_drawn_of_what_is_not_there(tmp_path: Path) -> None:
    """A still whose track is missing or cannot be read is left out; the page is made all the same."""
    still = StillEntry(track="P01-camera", time=10, rank=0.5, reason="least certain face")
    page = bundle(tmp_path, manifest(stills=(still,)))
    assert "<figure>" not in page


def test_short_fault_in_a_long_call_is_drawn() -> None:
    """Of ten hours, one second of loss stands in the chart at its height and place."""
    seconds = [
        QualitySecond(time=float(n), packets=100, lost=300 if n == 18_000 else 0) for n in range(1, 36_000)
    ]
    (loss,) = [chart for chart in charts({"P01": seconds}, duration=36_000) if chart.name == "packet loss"]
    assert loss.worst == "75 %"
    points = [tuple(map(float, point.split(","))) for path in loss.lines[0].paths for point in path.split()]
    assert len(points) <= 501
    x, y = min(points, key=lambda point: point[1])
    assert abs(x - CHART_WIDTH / 2) < 3
    assert y < CHART_HEIGHT / 10


def test_lines_break_where_nothing_was_measured() -> None:
    """A hole in the figures is a hole in the line, and a single second is still to be seen."""
    seconds = [QualitySecond(time=float(n), packets=1, fps=20.0) for n in (1, 2, 3, 30, 31, 50)]
    (chart,) = [item for item in charts({"P01": seconds}, duration=60) if item.name == "pictures a second"]
    assert [len(path.split()) for path in chart.lines[0].paths] == [3, 2, 2]
    assert not [item for item in charts({"P01": seconds}, duration=60) if item.name == "jitter"]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_page_is_drawn_by_a_browser(tmp_path: Path) -> None:
    """In a browser the bars and lines are seen in their colours."""
    bundle(tmp_path, manifest())
    picture = tmp_path / "page.png"
    subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1100,2600", f"--screenshot={picture}",
            (tmp_path / "report.html").as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    if not picture.is_file():
        pytest.skip("the browser cannot be run here")
    drawn = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB).astype(int)
    for colour in ((9, 105, 218), (207, 34, 46), (110, 119, 129)):
        assert (abs(drawn - colour).max(axis=2) < 12).sum() > 40
