"""The time line of a report: of a file a lane for each kind of thing, of a call some for each participant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from recorder.bundle.log import LoggedEvent
from recorder.bundle.manifest import Manifest, PersonEntry
from recorder.bundle.transcript import TranscriptFile
from redaction.model import EventKind, Span

__all__ = ["Bar", "Lanes", "Row", "bars", "clock", "file_rows", "participant_lanes", "ticks"]

_MOST_BARS: Final = 2000
_STEADY: Final = ("full",)
_VIA: Final = {
    "page": "a button",
    "chat": "the chat",
    "rename": "a mark in the name",
    "token": "the pushing system",
    "policy": "not refused",
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


@dataclass(frozen=True, slots=True)
class Lanes:
    """One participant's part of the page."""

    id: str
    via: str
    facts: str
    rows: tuple[Row, ...]


def file_rows(manifest: Manifest, transcript: TranscriptFile | None, log: Sequence[LoggedEvent]) -> list[Row]:
    """Return the lanes of a recorded file."""
    total = max(manifest.duration, 0.001)
    rows: list[Row] = []

    def add(name: str, kind: str, events: Sequence[LoggedEvent]) -> None:
        found = _event_bars(events, total, kind)
        if found:
            rows.append(Row(name, found))

    for track in (item.id for item in manifest.tracks if item.kind == "video"):
        own = [event for event in log if event.track == track]
        followed = [event for event in own if event.event == EventKind.TRACKLET]
        for reason, name in (("face", "faces"), ("minor", "minors")):
            found = [event for event in followed if event.detail.get("reason") == reason]
            add(f"{track} {name}", reason, found)
        add(f"{track} covered whole", "whole", _of(log, EventKind.WHOLE_COVER, track=track))
    for name, spans in _speech(transcript).items():
        rows.append(Row(name, bars(spans, total, "speech", {})))
    add("personal words", "personal", _of(log, EventKind.FINDING))
    add("silenced", "whole", _of(log, EventKind.SILENCED))
    gaps = [Span(gap.start, gap.end) for gap in manifest.gaps]
    if gaps:
        rows.append(Row("could not be read", bars(gaps, total, "gap", {})))
    return rows


def _of(log: Sequence[LoggedEvent], kind: EventKind, *, track: str | None = None) -> list[LoggedEvent]:
    return [item for item in log if item.event == kind and (track is None or item.track == track)]


def _speech(transcript: TranscriptFile | None) -> dict[str, list[Span]]:
    """Return when each speaker speaks, in order of first speech."""
    spans: dict[str, list[Span]] = {}
    for item in sorted(transcript.utterances if transcript else (), key=lambda item: item.start):
        spans.setdefault(item.speaker, []).append(Span(item.start, item.end))
    return spans


def participant_lanes(
    entry: PersonEntry, manifest: Manifest, transcript: TranscriptFile | None, log: Sequence[LoggedEvent]
) -> Lanes:
    """Return the part of the page that is a participant's."""
    total = max(manifest.duration, 0.001)
    rows = [Row("present", bars((Span(s.start, s.end) for s in entry.stays), total, "present", {}))]
    tracks = {
        track.id.split("-")[1]: track for track in manifest.tracks if track.id.startswith(f"{entry.id}-")
    }
    for kind in ("camera", "screen", "microphone"):
        if kind in tracks:
            spans = [Span(s.start, s.end) for s in tracks[kind].spans]
            rows.append(Row(f"{kind} stored", bars(spans, total, "face", {})))
    spoken = _speech(transcript).get(entry.id)
    if spoken:
        rows.append(Row("speaking", bars(spoken, total, "speech", {})))
    load = list(_load_bars(entry.id, log, total))
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
    return Lanes(entry.id, _VIA.get(entry.via, entry.via), facts, tuple(rows))


def _load_bars(who: str, log: Sequence[LoggedEvent], total: float) -> Iterator[Bar]:
    """Yield a bar for each stretch in which something was spared, from its step to the next of the track."""
    by_track: dict[str, list[LoggedEvent]] = {}
    for item in log:
        if item.event == EventKind.LOAD and item.span is not None and item.track.split("-")[0] == who:
            by_track.setdefault(item.track, []).append(item)
    for steps in by_track.values():
        ends = [step.span.start for step in steps[1:] if step.span is not None] + [total]
        for step, end in zip(steps, ends, strict=True):
            if step.span is not None and step.detail.get("level") not in _STEADY:
                span = Span(step.span.start, max(step.span.start, end))
                level = str(step.detail.get("level", ""))
                kind = "whole" if level == "covered" else "load"
                yield from bars([span], total, kind, {"reason": level})


def _event_bars(events: Iterable[LoggedEvent], total: float, kind: str) -> tuple[Bar, ...]:
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


def clock(seconds: float) -> str:
    """Return minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(max(0.0, seconds), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"
