"""What a person should look at first of a recording, worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from recorder.bundle.log import LoggedEvent
from recorder.bundle.manifest import GapEntry, Manifest
from recorder.bundle.report.timeline import clock
from redaction.model import EventKind

__all__ = ["attention"]

_NOTES: Final = {
    "roster-declares-adults": (
        "A list beside the recording says that everybody declared to be an adult; each was believed unless clearly a "
        "child."
    ),
    "declared-minors-left-out": "The voices and words of people whom a list declares minors were left out.",
    "minors-only-chat-dropped": (
        "Messages of the chat from times when only minors were visible, or without a time, were left out."
    ),
    "minors-only-sound-dropped": (
        "While only minors, or people who could not be told from minors, were visible, sound and words were dropped."
    ),
    "minor-voice-not-told-apart": (
        "A minor was visible beside others. Whose voice is whose cannot be told in a mixed sound, so the minor's "
        "words, spoken by a synthetic voice, may be among those kept."
    ),
    "voices-not-compared": (
        "The speaker models are not installed, so stored voices were not compared with the ones that spoke; "
        "run `offrecord models fetch speakers`."
    ),
    "one-voice-for-all": (
        "The speaker models are not installed, so everybody in the single sound track shares one voice; "
        "run `offrecord models fetch speakers`."
    ),
    "disguised-voice-may-be-recognised": "A disguised voice is close enough to the original to be recognised.",
    "channels-cancel": (
        "The channels of an audio track cancel each other where they are added up; the louder one alone was used."
    ),
    "mix-track-left-out": (
        "An audio track was the mix of others; it was left out, so that every sentence is there once."
    ),
    "no-words-heard": (
        "No word was understood of an audio track in which somebody seems to speak; nothing of it is heard or written."
    ),
    "language-not-checked": (
        "Some speech is in a language that cannot be checked for personal words; it is silent and masked."
    ),
    "language-without-voice": "Words in a language that no synthetic voice speaks are in the transcript only.",
    "voice-might-be-recognised-and-is-silent": (
        "A stored voice came too close to the one that spoke; everything that this participant said is silent."
    ),
    "phrases-not-spoken": "Some phrases could not be spoken and are silent; they stand in the transcript.",
}
_CALL_NOTES: Final = {
    **_NOTES,
    "call-lost": (
        "The call was lost and could not be reached again: the recording ends there, the call may have gone on."
    ),
    "cut-off": (
        "Recording was cut off in the call, since its process died or failed: the recording ends there, the call may "
        "have gone on."
    ),
    "voices-not-compared": (
        "Some stored voices were not compared with those that spoke: too little speech was heard of them, the speaker "
        "models are not installed (`offrecord models fetch speakers`), or the recording process died before it did."
    ),
}
_LEVELS: Final = {
    "sparse": "looks were sparser",
    "half": "half of the pictures were left out",
    "few": "most pictures were left out",
    "covered": "whole pictures were covered",
}
_CUT_SHORT: Final = ("call-lost", "cut-off")


def attention(manifest: Manifest, log: Sequence[LoggedEvent]) -> list[str]:
    """Say what a person should look at first, worst first.

    Args:
        manifest: of the recording.
        log: of the recording.
    """
    call = manifest.participants is not None
    notes = _CALL_NOTES if call else _NOTES
    lines = [f"The check {check.name} did not pass." for check in manifest.checks if not check.passed]
    lines += [notes[note] for note in manifest.notes if call and note in _CUT_SHORT]
    if manifest.voice.note:
        lines.append(manifest.voice.note)
    lines += _gaps_by_track(manifest.gaps) if call else _each_gap(manifest.gaps)
    lines += _video_lines(manifest)
    lines += _audio_lines(manifest, call=call)
    lines += _load_lines(log)
    repaired = sum(int(item.detail.get("count", 0)) for item in log if item.event == EventKind.MENDED)
    if repaired:
        lines.append(f"The second look covered {repaired} more places.")
    return lines + [notes.get(note, note) for note in manifest.notes if not (call and note in _CUT_SHORT)]


def _video_lines(manifest: Manifest) -> Iterator[str]:
    video = manifest.coverage.video
    if video.failed_detections:
        yield f"A detector failed on {video.failed_detections} frames; they are covered whole."
    elif video.covered_whole:
        yield f"{video.covered_whole} frames are covered whole."
    if video.unaccounted:
        yield (
            f"The process that recorded {video.unaccounted} frames died before it said how they were examined; "
            "what it covered in them was compared, and other detectors searched them again."
        )


def _audio_lines(manifest: Manifest, *, call: bool) -> Iterator[str]:
    audio = manifest.coverage.audio
    if audio.failed:
        yield f"{audio.failed:.1f} s of sound could not be transcribed and are silent."
    if audio.speech_without_words >= 1:
        yield (
            f"In {audio.speech_without_words:.1f} s of speech no word was recognised; nothing of it is kept."
        )
    if call and audio.silenced >= 0.1:
        yield f"{audio.silenced:.1f} s of sound are silent because something personal was heard again."


def _load_lines(log: Sequence[LoggedEvent]) -> Iterator[str]:
    for level, what in _LEVELS.items():
        tracks = sorted({item.track for item in log if item.detail.get("level") == level})
        if tracks:
            yield f"The machine could not keep up with {', '.join(tracks)}: {what} for a while."


def _each_gap(gaps: Sequence[GapEntry]) -> Iterator[str]:
    for gap in gaps:
        yield (
            f"{gap.track}: {clock(gap.start)} to {clock(gap.end)} could not be read ({gap.reason}); "
            "it is covered or silent."
        )


def _gaps_by_track(gaps: Sequence[GapEntry]) -> Iterator[str]:
    by_track: dict[tuple[str, str], list[GapEntry]] = {}
    for gap in gaps:
        by_track.setdefault((gap.track, gap.reason), []).append(gap)
    unproven = {"unproven", "cut off"}
    for (track, reason), found in sorted(by_track.items(), key=lambda item: item[0][1] not in unproven):
        seconds = sum(gap.end - gap.start for gap in found)
        if reason == "codec":
            yield f"{track}: sent in a codec that is not received (VP8, H264 and Opus are), so nothing of it is stored."
        elif reason == "too many tracks":
            yield f"{track}: more tracks at once than one participant may have; those beyond are not stored."
        elif reason in unproven:
            yield (
                f"{track}: {len(found)} stored piece(s) were left out, since nothing proves what is in them ({reason})."
            )
        else:
            count = "one gap" if len(found) == 1 else f"{len(found)} gaps"
            yield f"{track}: {count} of {seconds:.1f} s in all ({reason}); covered or silent."
