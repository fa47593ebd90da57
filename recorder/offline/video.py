"""The picture of one recording: decode, redact and encode, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from recorder.media.encode import VideoWriter
from recorder.media.source import Source, TrackInfo
from recorder.runtime.context import Cancellation, Progress
from recorder.runtime.storage import storage_errors
from recorder.runtime.threads import prefetched
from recorder.verify.proof import Ledger, RedactedVideo
from redaction.model import (
    Gap,
    RedactedFrame,
    VideoFrame,
)
from redaction.policy import Policy
from redaction.video.redact import VideoRedactor, VideoStages

__all__ = ["redact_video"]

_DEPTH: Final = 6


def redact_video(
    source: Source,
    track: TrackInfo,
    path: Path,
    *,
    policy: Policy,
    stages: VideoStages,
    progress: Progress,
    cancellation: Cancellation,
) -> RedactedVideo:
    """Redact one video track into an MP4 file without sound.

    Raises:
        UnreadableInput: nothing of the track can be decoded.
        StorageFailed: the file cannot be written.
        Interrupted: the run was cancelled.
    """
    redactor = VideoRedactor(
        width=track.width, height=track.height, policy=policy, stages=stages, track=track.id
    )
    gaps: list[Gap] = []
    ledger = Ledger()
    writer = VideoWriter.of_track(path, track, policy.output)
    stage = f"picture {track.id}"
    progress.begin(stage, source.info().duration)
    try:
        with (
            prefetched(
                source.video(track.id), depth=_DEPTH, name="decode", cancellation=cancellation
            ) as decoded,
            prefetched(
                _redacted(decoded, redactor, gaps), depth=_DEPTH, name="redact", cancellation=cancellation
            ) as frames,
        ):
            for redacted in frames:
                ledger.note(redacted)
                with storage_errors():
                    writer.write(redacted.frame)
                progress.reach(stage, redacted.frame.time)
    finally:
        redactor.close()
        with storage_errors():
            writer.close()
    progress.end(stage)
    summary = redactor.summary
    return RedactedVideo(
        track=track,
        path=path,
        summary=summary,
        proofs=tuple(ledger.proofs),
        gaps=tuple(gaps),
        events=tuple(redactor.drain_events()),
        highlights=ledger.highlights,
        area_covered=ledger.area_covered,
        spans_minors_only=tuple(summary.minors_only),
    )


def _redacted(
    items: Iterator[VideoFrame | Gap], redactor: VideoRedactor, gaps: list[Gap]
) -> Iterator[RedactedFrame]:
    for item in items:
        if isinstance(item, Gap):
            gaps.append(item)
        else:
            yield from redactor.push(item)
    yield from redactor.flush()
