"""The manifest and the files of a call of two, without media, for tests of its report."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

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
    TrackEntry,
    VideoCoverage,
    VoiceEntry,
)
from recorder.bundle.quality import QualitySecond, write_quality
from recorder.bundle.report.build import write_report
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


def call_report(folder: Path, made: Manifest) -> str:
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
    write_report(folder, made)
    return (folder / "report.html").read_text()
