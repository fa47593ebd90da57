"""Figures of one redacted recording, as its manifest holds them."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.bundle.manifest import AudioCoverage, TrackEntry, VideoCoverage
from recorder.media.source import TrackInfo
from recorder.offline.video import RedactedVideo
from recorder.verify.audio import RenderedAudio
from redaction.audio.redact import RedactedSpeech
from redaction.model import Span
from redaction.text.recording_text import RedactedText

__all__ = ["audio_coverage", "counts_by_kind", "track_entry", "video_coverage"]


def track_entry(track: TrackInfo) -> TrackEntry:
    """Return a track as the manifest holds it."""
    return TrackEntry(
        id=track.id,
        kind="video" if track.width else "audio",
        width=track.width or None,
        height=track.height or None,
        sample_rate=track.sample_rate or None,
        channels=track.channels or None,
    )


def video_coverage(pictures: Sequence[RedactedVideo]) -> VideoCoverage:
    """Return the figures of all pictures."""
    if not pictures:
        return VideoCoverage()
    return VideoCoverage(
        frames=sum(item.summary.frames for item in pictures),
        detected=sum(item.summary.detected for item in pictures),
        bridged=sum(item.summary.bridged for item in pictures),
        covered_whole=sum(item.summary.covered_whole for item in pictures),
        failed_detections=sum(item.summary.failed_detections for item in pictures),
        tracklets=sum(len(item.summary.tracklets) for item in pictures),
        minors=sum(item.summary.minors for item in pictures),
        in_doubt=sum(item.summary.in_doubt for item in pictures),
        share_of_area_covered=round(sum(item.area_covered for item in pictures) / len(pictures), 4),
    )


def audio_coverage(heard: RedactedSpeech | None, sound: RenderedAudio | None) -> AudioCoverage:
    """Return the figures of the sound."""
    if heard is None or sound is None:
        return AudioCoverage()
    return AudioCoverage(
        seconds=round(sound.seconds, 3),
        speech=round(heard.speech_seconds, 3),
        speech_without_words=round(_total(heard.uncovered), 3),
        failed=round(_total(heard.failures), 3),
        silenced=round(sound.silenced, 3),
        words=sum(len(item.words) for item in heard.utterances),
        speakers=len({item.speaker for item in heard.utterances}),
    )


def _total(spans: dict[str, tuple[Span, ...]]) -> float:
    return sum(span.duration for part in spans.values() for span in part)


def counts_by_kind(
    pictures: Sequence[RedactedVideo], heard: RedactedSpeech | None, written: RedactedText
) -> dict[str, int]:
    """Return how much was redacted, by kind; kinds of which there was nothing are left out."""
    counts = {
        "faces": sum(len(item.summary.tracklets) - item.summary.minors for item in pictures),
        "minors": sum(item.summary.minors for item in pictures),
        "screen": sum(item.summary.screen_texts for item in pictures),
    }
    for finding in heard.findings if heard else ():
        counts[str(finding.entity_type)] = counts.get(str(finding.entity_type), 0) + 1
    for kind, count in written.counts.items():
        counts[kind] = counts.get(kind, 0) + count
    return {key: value for key, value in counts.items() if value}
