"""What the bundle of a recorded file is made of: the results of its redaction as the publisher takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recorder.bundle.chat import stored
from recorder.bundle.contents import RECORDING, TRACKS, BundleContents, Origin, gap_entry, models_used
from recorder.bundle.manifest import (
    AudioCoverage,
    Check,
    Coverage,
    HintsEntry,
    StillEntry,
    TrackEntry,
    VideoCoverage,
)
from recorder.bundle.transcript import speaker_names
from recorder.media.source import SourceInfo, TrackInfo
from recorder.offline.video import RedactedVideo
from recorder.verify.audio import RenderedAudio
from recorder.verify.proof import Highlight
from redaction.audio.redact import RedactedSpeech
from redaction.model import RedactedUtterance, Span
from redaction.policy import Policy
from redaction.text.recording_text import NO_TEXT, RedactedText

__all__ = ["Results", "file_contents", "transcript_of", "view_file"]


@dataclass(frozen=True, slots=True)
class Results:
    """What the redaction of a file came to.

    Attributes:
        info: of the source.
        videos: stored and verified, the main one first.
        stills: of each video, the frames that the second look saw.
        speech: what was heard; None without audio.
        audio: what is stored of it; None without audio.
        text: of what was next to the media.
        duration: when the last decoded frame or sample ends, in seconds.
        hints: what a reviewer gave back; None where there were no hints.
    """

    info: SourceInfo
    videos: tuple[RedactedVideo, ...]
    stills: tuple[tuple[Highlight, ...], ...]
    speech: RedactedSpeech | None
    audio: RenderedAudio | None
    text: RedactedText
    duration: float
    hints: HintsEntry | None = None


def file_contents(
    results: Results, policy: Policy, *, checks: Sequence[Check], notes: Sequence[str]
) -> BundleContents:
    """Return what is published of a recorded file.

    Args:
        results: of its redaction.
        policy: that it was redacted under.
        checks: that it passed.
        notes: what must be said of it.
    """
    videos, speech, audio, text = results.videos, results.speech, results.audio, results.text
    transcript = transcript_of(audio, text)
    names = speaker_names(transcript)
    gaps = [gap for video in videos for gap in video.gaps] + list(speech.gaps if speech else ())
    files = {video.stored.track.id: view_file(number) for number, video in enumerate(videos, start=1)}
    origin = Origin.of_policy(
        policy,
        models=models_used(
            policy,
            video=bool(videos),
            audio=speech is not None,
            speakers=speech is not None
            and speech.speakers_told_apart
            and len({item.track for item in speech.utterances}) <= 1,
            written=text is not NO_TEXT,
        ),
        audio=audio is not None,
    )
    return BundleContents(
        origin=replace(origin, hints=results.hints),
        duration=results.duration,
        tracks=tuple(_track_entry(track, files.get(track.id)) for track in results.info.tracks),
        gaps=tuple(gap_entry(gap) for gap in gaps),
        coverage=Coverage(video=_video_coverage(videos), audio=_audio_coverage(speech, audio)),
        redacted=_counts_by_kind(videos, speech, text),
        checks=tuple(checks),
        stills=tuple(_stills(results)),
        notes=tuple(dict.fromkeys(notes)),
        events=() if audio is None else audio.events,
        transcript=transcript if audio is not None or transcript else None,
        chat=tuple(stored(text.chat, speakers={one.track: names[one.speaker] for one in transcript})),
    )


def transcript_of(audio: RenderedAudio | None, text: RedactedText) -> tuple[RedactedUtterance, ...]:
    """Return what may be stored of the words: those that are spoken, or without audio the captions."""
    return text.captions if audio is None else audio.transcript


def view_file(number: int) -> str:
    """Return the file of a video track by its place among them: the first is in the recording itself."""
    return RECORDING if number == 1 else f"{TRACKS}/p{number:02d}-screen.mp4"


def _stills(results: Results) -> list[StillEntry]:
    """Return the frames most worth a look, the most so first."""
    found = [
        (highlight, video.stored.track.id)
        for video, shown in zip(results.videos, results.stills, strict=True)
        for highlight in shown
    ]
    return [
        StillEntry(track=track, time=round(one.time, 3), rank=round(one.rank, 3), reason=one.reason)
        for one, track in sorted(found, reverse=True)
    ]


def _track_entry(track: TrackInfo, file: str | None) -> TrackEntry:
    return TrackEntry(
        id=track.id,
        kind="video" if track.width else "audio",
        width=track.width or None,
        height=track.height or None,
        sample_rate=track.sample_rate or None,
        channels=track.channels or None,
        file=file,
    )


def _video_coverage(videos: Sequence[RedactedVideo]) -> VideoCoverage:
    if not videos:
        return VideoCoverage()
    return VideoCoverage(
        frames=sum(item.summary.frames for item in videos),
        detected=sum(item.summary.detected for item in videos),
        bridged=sum(item.summary.bridged for item in videos),
        covered_whole=sum(item.summary.covered_whole for item in videos),
        failed_detections=sum(item.summary.failed_detections for item in videos),
        tracklets=sum(len(item.summary.tracklets) for item in videos),
        minors=sum(item.summary.minors for item in videos),
        in_doubt=sum(item.summary.in_doubt for item in videos),
        share_of_area_covered=round(
            sum(item.area_covered + item.stored.repaired for item in videos) / len(videos), 4
        ),
    )


def _audio_coverage(speech: RedactedSpeech | None, audio: RenderedAudio | None) -> AudioCoverage:
    if speech is None or audio is None:
        return AudioCoverage()
    return AudioCoverage(
        seconds=round(audio.seconds, 3),
        speech=round(speech.speech_seconds, 3),
        speech_without_words=round(_total(speech.uncovered), 3),
        failed=round(_total(speech.failures), 3),
        silenced=round(audio.silenced, 3),
        words=sum(len(item.tokens) for item in speech.redacted),
        speakers=len({item.speaker for item in speech.utterances}),
    )


def _total(spans: dict[str, tuple[Span, ...]]) -> float:
    return sum(span.duration for part in spans.values() for span in part)


def _counts_by_kind(
    videos: Sequence[RedactedVideo], speech: RedactedSpeech | None, written: RedactedText
) -> dict[str, int]:
    """Return how much was redacted, by kind; kinds of which there was nothing are left out."""
    counts = {
        "faces": sum(len(item.summary.tracklets) - item.summary.minors for item in videos),
        "minors": sum(item.summary.minors for item in videos),
        "screen": sum(item.summary.screen_texts for item in videos),
    }
    for finding in speech.findings if speech else ():
        counts[str(finding.entity_type)] = counts.get(str(finding.entity_type), 0) + 1
    for kind, count in written.counts.items():
        counts[kind] = counts.get(kind, 0) + count
    return {key: value for key, value in counts.items() if value}
