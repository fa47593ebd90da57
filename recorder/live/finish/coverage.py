"""Figures of a call's stored parts: how long, how much, how it came to be known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recorder.bundle.manifest import AudioCoverage, VideoCoverage
from recorder.live.finish.verify_segments import LAST_SHOWN_S, VerifiedSegments
from recorder.live.store.load import LivePerson
from recorder.media.file import FileSource
from recorder.media.mix import AudioPart
from redaction.errors import OffrecordError
from redaction.model import Event, RedactedUtterance, Span

__all__ = [
    "UsableAudio",
    "audio_seconds",
    "call_audio_coverage",
    "call_seconds",
    "call_video_coverage",
    "redacted_counts",
]

_SHORTEST_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class UsableAudio:
    """A participant's usable sound pieces on the call clock."""

    parts: tuple[AudioPart, ...]
    spans: tuple[Span, ...]
    events: tuple[Event, ...]


def audio_seconds(path: Path) -> float:
    """Return how long a piece of sound is, 0 when it cannot be read."""
    try:
        info = FileSource(path).info()
        return info.duration if info.audio else 0.0
    except OffrecordError:
        return 0.0


def call_seconds(people: Sequence[LivePerson], sounds: Sequence[UsableAudio]) -> float:
    """Return when the last picture, sample or participant goes."""
    ends = [_SHORTEST_S]
    for person in people:
        ends += [stay.end for stay in person.record.stays if stay.end is not None]
        for piece in person.segments:
            if piece.kind != "microphone":
                end = piece.end if piece.end is not None else piece.start + _picture_seconds(piece.media)
                ends.append(end + LAST_SHOWN_S)
    ends += [span.end for item in sounds for span in item.spans]
    return max(ends)


def _picture_seconds(path: Path) -> float:
    try:
        return FileSource(path).info().duration
    except OffrecordError:
        return 0.0


def call_video_coverage(seen: VerifiedSegments) -> VideoCoverage:
    """Add up how the frames of all pieces came to be known."""
    counts = [piece.counts for piece in seen.pieces]
    frames = sum(item.frames for item in counts)
    covered = sum(item.share_of_area_covered * item.frames for item in counts)
    return VideoCoverage(
        frames=frames,
        detected=sum(item.detected for item in counts),
        bridged=sum(item.bridged for item in counts),
        covered_whole=sum(item.covered_whole for item in counts),
        failed_detections=sum(item.failed_detections for item in counts),
        tracklets=sum(item.tracklets for item in counts),
        minors=sum(item.minors for item in counts),
        in_doubt=sum(item.in_doubt for item in counts),
        share_of_area_covered=round(covered / frames, 4) if frames else 0.0,
        unaccounted=sum(item.unaccounted for item in counts),
    )


def call_audio_coverage(
    sound: UsableAudio, utterances: Sequence[RedactedUtterance], silent: Sequence[Span]
) -> AudioCoverage:
    """Return how much sound is stored, spoken and silent."""
    spoken = [item for item in utterances if item.tokens]
    return AudioCoverage(
        seconds=round(sum(span.duration for span in sound.spans), 3),
        speech=round(sum(item.span.duration for item in spoken), 3),
        silenced=round(sum(span.duration for span in silent), 3),
        words=sum(len(item.tokens) for item in spoken),
        speakers=int(bool(spoken)),
    )


def redacted_counts(seen: VerifiedSegments, utterances: Sequence[RedactedUtterance]) -> dict[str, int]:
    """Count what was removed, by kind."""
    video = call_video_coverage(seen)
    counts = {"faces": max(0, video.tracklets - video.minors), "minors": video.minors}
    for utterance in utterances:
        for token in utterance.tokens:
            if token.entity_type is not None:
                name = str(token.entity_type)
                counts[name] = counts.get(name, 0) + 1
    return {kind: count for kind, count in counts.items() if count}
