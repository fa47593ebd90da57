"""The picture of one recording: decode, redact and encode, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recorder.media.encode import VideoWriter
from recorder.media.source import Source, TrackInfo
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.runtime.threads import frames_ahead, prefetched
from recorder.verify.proof import Ledger, StoredVideo
from redaction.model import (
    Event,
    Gap,
    RedactedFrame,
    Span,
    VideoFrame,
)
from redaction.policy import Policy
from redaction.video.hints import HintedPlaces
from redaction.video.redact import VideoRedactor, VideoStages, VideoSummary

__all__ = ["RedactedVideo", "redact_video"]


@dataclass(frozen=True, slots=True)
class RedactedVideo:
    """What is known of a redacted track once it is encoded.

    Attributes:
        area_covered: share of all pixels that are covered, 0 to 1.
        spans_minors_only: when every visible person was a minor.
    """

    stored: StoredVideo
    summary: VideoSummary
    gaps: tuple[Gap, ...]
    events: tuple[Event, ...]
    area_covered: float
    spans_minors_only: tuple[Span, ...]


def redact_video(
    source: Source,
    track: TrackInfo,
    path: Path,
    *,
    policy: Policy,
    stages: VideoStages,
    run: Run,
    hints: HintedPlaces | None = None,
) -> RedactedVideo:
    """Redact one video track into an MP4 file without sound; `hints` are what a person said of places in it.

    Raises:
        UnreadableInput: nothing of the track can be decoded.
        StorageFailed: the file cannot be written.
        Interrupted: the run was cancelled.
    """
    redactor = VideoRedactor(
        width=track.width,
        height=track.height,
        policy=policy,
        stages=stages,
        track=track.id,
        hints=hints,
    )
    gaps: list[Gap] = []
    ledger = Ledger()
    writer = VideoWriter.of_track(path, track, policy.output)
    depth = frames_ahead(track.width, track.height)
    with run.stage(f"picture {track.id}", source.info().duration) as reach:
        try:
            with (
                prefetched(source.video(track.id), depth=depth, name="decode", run=run) as decoded,
                prefetched(_redacted(decoded, redactor, gaps), depth=depth, name="redact", run=run) as frames,
            ):
                for redacted in frames:
                    ledger.note(redacted)
                    with storage_errors():
                        writer.write(redacted.frame)
                    reach(redacted.frame.time)
        finally:
            redactor.close()
            with storage_errors():
                writer.close()
    summary = redactor.summary
    return RedactedVideo(
        stored=StoredVideo(track, path, tuple(ledger.proofs), ledger.highlights),
        summary=summary,
        gaps=tuple(gaps),
        events=tuple(redactor.drain_events()),
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
            yield from _let_go(redactor.push(item))
    yield from redactor.finish()


def _let_go(frames: list[RedactedFrame]) -> Iterator[RedactedFrame]:
    """Yield frames and keep none that was taken."""
    frames.reverse()
    while frames:
        yield frames.pop()
