"""The report: one self-contained page, what needs a look first, then figures, pictures and the time line."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from recorder.bundle.manifest import Manifest
from recorder.bundle.transcript import speaker_names
from recorder.offline.video import RedactedVideo
from recorder.verify.audio import RenderedAudio
from recorder.verify.video import DecodedStill
from redaction.audio.redact import RedactedSpeech
from redaction.model import Event, EventKind, Span, VideoFrame

__all__ = [
    "NOTES",
    "Bar",
    "Row",
    "attention",
    "bars",
    "clock",
    "event_bars",
    "figures",
    "jpeg",
    "report_page",
    "ticks",
    "write_report",
]

_STILL_WIDTH: Final = 360
_MOST_BARS: Final = 2000

NOTES: Final = {
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
    "language-without-voice": "Words in a language that no synthetic voice speaks are in the transcript only.",
    "voice-might-be-recognised-and-is-silent": (
        "A stored voice came too close to the one that spoke; everything that this participant said is silent."
    ),
    "phrases-not-spoken": "Some phrases could not be spoken and are silent; they stand in the transcript.",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch on a lane; left and width in percent."""

    left: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """A lane of the time line."""

    name: str
    bars: tuple[Bar, ...]


def write_report(
    path: Path,
    manifest: Manifest,
    *,
    pictures: Sequence[RedactedVideo],
    heard: RedactedSpeech | None,
    sound: RenderedAudio | None,
    stills: Sequence[DecodedStill],
) -> None:
    """Write `report.html`. Pictures in it come from the stored file, so they are as redacted as that is."""
    page = report_page(
        manifest=manifest,
        attention=attention(manifest, pictures),
        figures=figures(manifest),
        stills=[
            {
                "source": jpeg(still.frame),
                "time": clock(still.highlight.time),
                "reason": still.highlight.reason,
            }
            for still in sorted(stills, key=lambda item: item.highlight)[::-1]
        ],
        rows=_rows(manifest, pictures, heard, sound),
        ticks=ticks(manifest.duration),
        call=None,
        redacted=manifest.redacted,
    )
    path.write_text(page, encoding="utf-8")


def report_page(**parts: object) -> str:
    """Render the page; every text in it is escaped."""
    return _template().render(**parts)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("recorder.bundle", "templates"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html.j2")


def attention(manifest: Manifest, pictures: Sequence[RedactedVideo] = ()) -> list[str]:
    """Say what a person should look at first, worst first."""
    video, audio = manifest.coverage.video, manifest.coverage.audio
    lines = [f"The check {check.name} did not pass." for check in manifest.checks if not check.passed]
    if manifest.voice.note:
        lines.append(manifest.voice.note)
    for gap in manifest.gaps:
        lines.append(
            f"{gap.track}: {clock(gap.start)} to {clock(gap.end)} could not be read ({gap.reason}); "
            "it is covered or silent."
        )
    if video.failed_detections:
        lines.append(f"A detector failed on {video.failed_detections} frames; they are covered whole.")
    elif video.covered_whole:
        lines.append(f"{video.covered_whole} frames are covered whole.")
    if audio.failed:
        lines.append(f"{audio.failed:.1f} s of sound could not be transcribed and are silent.")
    if audio.speech_without_words >= 1:
        lines.append(
            f"In {audio.speech_without_words:.1f} s of speech no word was recognised; nothing of it is kept."
        )
    found = [event for picture in pictures for event in picture.events if event.kind is EventKind.MENDED]
    mended = sum(int(event.detail.get("count", 0)) for event in found)
    if mended:
        lines.append(f"The second look covered {mended} more places.")
    return lines + [NOTES.get(note, note) for note in manifest.notes]


def figures(manifest: Manifest) -> list[tuple[str, str]]:
    """Return what was examined and removed, name and figure."""
    video, audio = manifest.coverage.video, manifest.coverage.audio
    rows = [("Length", clock(manifest.duration))]
    if video.frames:
        known = video.detected + video.bridged + video.covered_whole
        rows += [
            ("Frames", f"{video.frames}"),
            ("examined", f"{video.detected} looked at, {video.bridged} proven unchanged between two looks"),
            ("covered whole", f"{video.covered_whole}"),
            ("accounted for", f"{100 * known / video.frames:.1f} %"),
            ("Faces followed", f"{video.tracklets}, of which {video.minors} treated as minors and removed"),
            ("In doubt whether minors", f"{video.in_doubt}, {_doubt(manifest)}"),
            ("Picture covered", f"{100 * video.share_of_area_covered:.1f} % of all pixels"),
        ]
    if audio.seconds:
        rows += [
            ("Speech heard", f"{audio.speech:.1f} s, {audio.words} words, {audio.speakers} speakers"),
            ("Sound that is silent", f"{audio.silenced:.1f} s of {audio.seconds:.1f} s"),
            ("Voices", manifest.voice.method),
        ]
    return rows


def _doubt(manifest: Manifest) -> str:
    """Say what became of those in doubt, and by which profile."""
    removed = manifest.policy.get("minors.in_doubt") == "remove"
    treated = "removed as minors" if removed else "covered as adults"
    return f"{treated} (profile {manifest.policy.get('profile', 'unknown')})"


def _rows(
    manifest: Manifest,
    pictures: Sequence[RedactedVideo],
    heard: RedactedSpeech | None,
    sound: RenderedAudio | None,
) -> list[Row]:
    total = max(manifest.duration, 0.001)
    rows: list[Row] = []
    for picture in pictures:
        covered = [event for event in picture.events if event.kind is EventKind.TRACKLET and event.span]
        for reason, name in (("face", "faces"), ("minor", "minors")):
            followed = [event for event in covered if event.detail.get("reason") == reason]
            if followed:
                rows.append(Row(f"{picture.stored.track.id} {name}", event_bars(followed, total, reason)))
        gone = [event for event in picture.events if event.kind is EventKind.WHOLE_COVER and event.span]
        if gone:
            rows.append(Row(f"{picture.stored.track.id} covered whole", event_bars(gone, total, "whole")))
    if heard is not None and sound is not None:
        names = speaker_names(sound.transcript)
        for speaker, name in names.items():
            spans = [item.span for item in sound.transcript if item.speaker == speaker]
            rows.append(Row(name, bars(spans, total, "speech", {})))
        found = [event for event in heard.events if event.kind is EventKind.FINDING]
        if found:
            rows.append(Row("personal words", event_bars(found, total, "personal")))
        silenced = [event for event in sound.events if event.kind is EventKind.SILENCED]
        if silenced:
            rows.append(Row("silenced", event_bars(silenced, total, "whole")))
    gaps = [Span(gap.start, gap.end) for gap in manifest.gaps]
    if gaps:
        rows.append(Row("could not be read", bars(gaps, total, "gap", {})))
    return rows


def event_bars(events: Iterable[Event], total: float, kind: str) -> tuple[Bar, ...]:
    """Return a bar for each event that has a span."""
    found: list[Bar] = []
    for event in events:
        if event.span is not None:
            found += bars([event.span], total, kind, event.detail)
    return tuple(found[:_MOST_BARS])


def bars(
    spans: Iterable[Span], total: float, kind: str, detail: Mapping[str, str | int | float]
) -> tuple[Bar, ...]:
    """Return a bar for each span; `detail` says what it is."""
    what = str(detail.get("entity_type") or detail.get("reason") or kind).lower()
    return tuple(
        Bar(
            left=round(100 * span.start / total, 3),
            width=max(0.15, round(100 * span.duration / total, 3)),
            kind=kind,
            title=f"{what}, {clock(span.start)} to {clock(span.end)}",
        )
        for span in spans
    )[:_MOST_BARS]


def ticks(duration: float) -> list[tuple[float, str]]:
    """Return places in percent and clock times below the time line."""
    step = next((step for step in (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800) if duration / step <= 8), 3600)
    count = int(duration // step)
    return [
        (round(100 * step * number / max(duration, 0.001), 3), clock(step * number))
        for number in range(count + 1)
    ]


def jpeg(frame: VideoFrame) -> str:
    """Return a small picture of a stored frame as a data address."""
    height, width = frame.height & ~1, frame.width & ~1
    buffer = np.concatenate(
        [
            frame.y[:height, :width].reshape(-1),
            frame.u[: height // 2, : width // 2].reshape(-1),
            frame.v[: height // 2, : width // 2].reshape(-1),
        ]
    ).reshape(height * 3 // 2, width)
    picture = cv2.cvtColor(buffer, cv2.COLOR_YUV2BGR_I420)
    scale = min(1.0, _STILL_WIDTH / width)
    small = cv2.resize(
        picture, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not done:
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def clock(seconds: float) -> str:
    """Return minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(max(0.0, seconds), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"
