"""Published bundles of a file for tests: a real clip, and contents as the redaction of a file gives them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from recorder.bundle.contents import RECORDING, BundleContents, Origin
from recorder.bundle.log import LOG, ChainedLog
from recorder.bundle.manifest import Check, Coverage, StillEntry, TrackEntry, VideoCoverage
from recorder.bundle.publish import Published, publish
from recorder.bundle.writer import BundleWriter
from recorder.runtime.context import Run
from redaction.model import Event, EventKind, RedactedUtterance, Span, Token
from redaction.policy import Policy
from tests.media import make_clip

__all__ = ["SECONDS", "file_contents", "published_file"]

SECONDS = 3.0


def file_contents(**changes: object) -> BundleContents:
    """Return the contents of a file with one view and some words."""
    spoken = RedactedUtterance((Token("hello", Span(1, 2)),), Span(1, 2), "S1", "A1")
    contents = BundleContents(
        origin=Origin.of_policy(Policy(), models=(), audio=True),
        duration=SECONDS,
        tracks=(
            TrackEntry(id="V1", kind="video", width=64, height=48, file=RECORDING),
            TrackEntry(id="A1", kind="audio", sample_rate=48_000, channels=1),
        ),
        gaps=(),
        coverage=Coverage(video=VideoCoverage(frames=75, detected=75, tracklets=1)),
        redacted={"faces": 1, "PERSON": 1},
        checks=(Check(name="no-face-left", passed=True, figure=75, note="frames searched"),),
        stills=(StillEntry(track="V1", time=1.0, rank=0.5, reason="least certain face"),),
        notes=("one-voice-for-all",),
        transcript=(spoken,),
    )
    return replace(contents, **changes)  # type: ignore[arg-type]


def published_file(
    folder: Path,
    *,
    run: Run | None = None,
    before_publishing: Callable[[], None] | None = None,
    **changes: object,
) -> Published:
    """Publish a file with a face followed, a minor, a name found and two places that the second look covered."""
    writer = BundleWriter(folder, "one")
    try:
        make_clip(writer.path(RECORDING), seconds=round(SECONDS), size=(64, 48))
        log = ChainedLog(writer.path(LOG))
        log.extend(
            (
                Event(
                    EventKind.STARTED,
                    detail={"version": "0", "sha256": Policy().digest, "engine": "offrecord"},
                ),
                Event(
                    EventKind.TRACKLET,
                    "V1",
                    Span(0, 2),
                    {"reason": "face", "lowest_score": 0.6, "frames": 50},
                ),
                Event(
                    EventKind.TRACKLET,
                    "V1",
                    Span(2, 3),
                    {"reason": "minor", "lowest_score": 0.9, "frames": 25},
                ),
                Event(EventKind.FINDING, "A1", Span(1, 1.4), {"entity_type": "PERSON", "words": 1}),
                Event(EventKind.STATE, detail={"state": "redacted"}),
                Event(EventKind.MENDED, "V1", detail={"count": 2, "round": 1}),
                Event(EventKind.STATE, detail={"state": "verified"}),
            )
        )
        return publish(
            file_contents(**changes),
            writer,
            log,
            began=time.monotonic(),
            run=run or Run(),
            before_publishing=before_publishing,
        )
    finally:
        writer.discard()
