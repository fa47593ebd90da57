"""The report of a call, made of the files of its bundle alone: failures first, then who was there, when, and how."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av.error

from recorder.bundle.manifest import GapEntry, Manifest, PersonEntry, StillEntry
from recorder.bundle.quality import Quality
from recorder.bundle.report.charts import CHART_HEIGHT, CHART_WIDTH, charts
from recorder.bundle.report.page import NOTES, Bar, Row, bars, clock, figures, jpeg, report_page, ticks
from recorder.bundle.transcript import TranscriptFile
from recorder.media.encode import reopen
from recorder.media.planes import planes
from redaction.model import Span, VideoFrame

__all__ = ["call_attention", "write_call_report"]

_STEADY: Final = ("full",)
_LEVELS: Final = {
    "sparse": "looks were sparser",
    "half": "half of the pictures were left out",
    "few": "most pictures were left out",
    "covered": "whole pictures were covered",
}
_CALL_NOTES: Final = {
    **NOTES,
    "call-lost": (
        "The call was lost and could not be reached again: the recording ends there, the call may have gone on."
    ),
    "cut-off": (
        "Recording was cut off in the call, since its process died or failed: the recording ends there, the call may "
        "have gone on."
    ),
    "voices-not-compared": (
        "Some stored voices were not compared with those that spoke: the speaker models are not installed "
        "(`offrecord models fetch speakers`), or the recording process died before it did."
    ),
}
_CUT_SHORT: Final = ("call-lost", "cut-off")
_VIA: Final = {
    "page": "a button",
    "chat": "the chat",
    "rename": "a mark in the name",
    "token": "the pushing system",
    "policy": "not refused",
}


@dataclass(frozen=True, slots=True)
class _Person:
    """One participant's part of the page."""

    id: str
    via: str
    facts: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class _Logged:
    """One line of the log as the page needs it."""

    event: str
    track: str
    span: Span | None
    level: str


def write_call_report(bundle: Path, manifest: Manifest) -> None:
    """Write `report.html` of a bundle whose other files stand.

    Raises:
        OSError: it cannot be written.
    """
    quality = Quality.model_validate_json((bundle / "quality.json").read_bytes())
    transcript = TranscriptFile.model_validate_json((bundle / "transcript.json").read_bytes())
    logged = list(_log(bundle / "log.jsonl"))
    people = manifest.participants
    plots = charts({person.id: person.seconds for person in quality.participants}, duration=manifest.duration)
    page = report_page(
        manifest=manifest,
        attention=call_attention(manifest, logged),
        figures=figures(manifest),
        stills=list(_stills(bundle, manifest)),
        rows=(),
        ticks=ticks(manifest.duration),
        redacted=manifest.redacted,
        call={
            "participants": people,
            "people": [
                _person(entry, manifest, transcript, logged) for entry in (people.people if people else ())
            ],
            "charts": plots,
            "key": {line.label: line.colour for chart in plots for line in chart.lines},
            "width": CHART_WIDTH,
            "height": CHART_HEIGHT,
        },
    )
    (bundle / "report.html").write_text(page, encoding="utf-8")


def call_attention(manifest: Manifest, logged: Sequence[_Logged] = ()) -> list[str]:
    """Say what a person should look at first, worst first; gaps are summed up by track."""
    video, audio = manifest.coverage.video, manifest.coverage.audio
    lines = [f"The check {check.name} did not pass." for check in manifest.checks if not check.passed]
    lines += [_CALL_NOTES[note] for note in manifest.notes if note in _CUT_SHORT]
    if manifest.voice.note:
        lines.append(manifest.voice.note)
    lines += _gap_lines(manifest.gaps)
    if video.failed_detections:
        lines.append(f"A detector failed on {video.failed_detections} frames; they are covered whole.")
    elif video.covered_whole:
        lines.append(f"{video.covered_whole} frames are covered whole.")
    if video.unaccounted:
        lines.append(
            f"The process that recorded {video.unaccounted} frames died before it said how they were examined; "
            "what it covered in them was compared, and other detectors searched them again."
        )
    if audio.silenced >= 0.1:
        lines.append(
            f"{audio.silenced:.1f} s of sound are silent because something personal was heard again."
        )
    for level, what in _LEVELS.items():
        tracks = sorted({item.track for item in logged if item.level == level})
        if tracks:
            lines.append(f"The machine could not keep up with {', '.join(tracks)}: {what} for a while.")
    return lines + [_CALL_NOTES.get(note, note) for note in manifest.notes if note not in _CUT_SHORT]


def _gap_lines(gaps: Sequence[GapEntry]) -> Iterator[str]:
    by_track: dict[tuple[str, str], list[GapEntry]] = {}
    for gap in gaps:
        by_track.setdefault((gap.track, gap.reason), []).append(gap)
    unproven = {"unproven", "cut off"}
    for (track, reason), found in sorted(by_track.items(), key=lambda item: item[0][1] not in unproven):
        seconds = sum(gap.end - gap.start for gap in found)
        if reason == "codec":
            yield f"{track}: sent in a codec that is not received (VP8, H264 and Opus are), so nothing of it is stored."
        elif reason in unproven:
            yield (
                f"{track}: {len(found)} stored piece(s) were left out, since nothing proves what is in them ({reason})."
            )
        else:
            count = "one gap" if len(found) == 1 else f"{len(found)} gaps"
            yield f"{track}: {count} of {seconds:.1f} s in all ({reason}); covered or silent."


def _person(
    entry: PersonEntry, manifest: Manifest, transcript: TranscriptFile, logged: Sequence[_Logged]
) -> _Person:
    total = max(manifest.duration, 0.001)
    rows = [Row("present", bars((Span(s.start, s.end) for s in entry.stays), total, "present", {}))]
    tracks = {
        track.id.split("-")[1]: track for track in manifest.tracks if track.id.startswith(f"{entry.id}-")
    }
    for kind in ("camera", "screen", "microphone"):
        if kind in tracks:
            spans = [Span(s.start, s.end) for s in tracks[kind].spans]
            rows.append(Row(f"{kind} stored", bars(spans, total, "face", {})))
    spoken = [Span(item.start, item.end) for item in transcript.utterances if item.speaker == entry.id]
    if spoken:
        rows.append(Row("speaking", bars(spoken, total, "speech", {})))
    load = list(_load_rows(entry.id, logged, total))
    if load:
        rows.append(Row("spared for load", tuple(load)))
    lost = [Span(gap.start, gap.end) for gap in manifest.gaps if gap.track.split("-")[0] == entry.id]
    if lost:
        rows.append(Row("gaps", bars(lost, total, "gap", {})))
    sizes = [
        f"{kind} {track.width} x {track.height}" if track.width else kind for kind, track in tracks.items()
    ]
    removed = sum(entry.redacted.values())
    facts = (
        f"{', '.join(sizes) or 'nothing stored'}; {entry.coverage.video.frames} frames, "
        f"{entry.coverage.audio.words} words, {removed} removed"
    )
    return _Person(entry.id, _VIA.get(entry.via, entry.via), facts, tuple(rows))


def _load_rows(who: str, logged: Sequence[_Logged], total: float) -> Iterator[Bar]:
    """Yield a bar for each stretch in which something was spared, from its step to the next of the track."""
    by_track: dict[str, list[_Logged]] = {}
    for item in logged:
        if item.event == "load" and item.span is not None and item.track.split("-")[0] == who:
            by_track.setdefault(item.track, []).append(item)
    for steps in by_track.values():
        ends = [step.span.start for step in steps[1:] if step.span is not None] + [total]
        for step, end in zip(steps, ends, strict=True):
            if step.span is not None and step.level not in _STEADY:
                span = Span(step.span.start, max(step.span.start, end))
                kind = "whole" if step.level == "covered" else "load"
                yield from bars([span], total, kind, {"reason": step.level})


def _log(path: Path) -> Iterator[_Logged]:
    with path.open(encoding="ascii") as lines:
        for line in lines:
            record = json.loads(line)
            span = record.get("span")
            yield _Logged(
                event=str(record.get("event", "")),
                track=str(record.get("track", "")),
                span=Span(span[0], span[1]) if span else None,
                level=str(record.get("level", "")),
            )


def _stills(bundle: Path, manifest: Manifest) -> Iterator[Mapping[str, str]]:
    files = {track.id: track.file for track in manifest.tracks if track.file}
    for still in manifest.stills:
        name = files.get(still.track)
        frame = None if name is None else _frame_at(bundle / name, still)
        if frame is not None:
            yield {
                "source": jpeg(frame),
                "time": f"{still.track.split('-')[0]} at {clock(still.time)}",
                "reason": still.reason,
            }


def _frame_at(path: Path, still: StillEntry) -> VideoFrame | None:
    """Return the stored frame nearest to a time; None when there is none."""
    try:
        with reopen(path) as container:
            stream = container.streams.video[0]
            base = stream.time_base
            if base is None:
                return None
            container.seek(max(0, int(still.time / base)), stream=stream)
            for picture in container.decode(stream):
                if picture.time >= still.time - 0.02:
                    y, u, v = planes(picture)
                    return VideoFrame(y.copy(), u.copy(), v.copy(), picture.pts or 0, base)
    except (av.error.FFmpegError, IndexError):
        return None
    return None
