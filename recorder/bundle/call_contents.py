"""What a finished call is made of, whether from the folder of a call or from a bundle that loses a participant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from recorder.bundle.contents import Origin, VoiceMethod
from recorder.bundle.manifest import (
    VOICE_CHECK,
    AudioCoverage,
    Check,
    Coverage,
    MediaKind,
    StillEntry,
    VideoCoverage,
)
from recorder.bundle.quality import QualitySecond
from recorder.call.consent.receipts import Receipt
from redaction.model import Event, RedactedUtterance, Span

__all__ = [
    "CALL_LOST",
    "CUT_OFF",
    "MOST_STILLS",
    "SILENCED",
    "CallContents",
    "ConsentVia",
    "ParticipantContents",
    "StoredStill",
    "TrackContents",
    "label",
    "notes_of",
    "still_entries",
    "total_coverage",
]

MOST_STILLS: Final = 12
SILENCED: Final = "silent instead"
CALL_LOST: Final = "call-lost"
CUT_OFF: Final = "cut-off"
ConsentVia = Literal["page", "chat", "rename", "token", "policy"]


@dataclass(frozen=True, slots=True)
class TrackContents:
    """One track of one participant, stored on the call clock in a file of its own.

    Attributes:
        spans: when something of it is stored.
        width, height: of a picture.
    """

    kind: MediaKind
    path: Path
    spans: tuple[Span, ...]
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class StoredStill:
    """A frame worth a look: which track, when, how much, and why."""

    kind: MediaKind
    time: float
    rank: float
    reason: str


@dataclass(frozen=True, slots=True)
class ParticipantContents:
    """One participant; events carry the kind of their track as its name, since numbers may change.

    Attributes:
        chat: what they wrote, each at its time.
    """

    receipt: str
    via: ConsentVia
    stays: tuple[Span, ...]
    tracks: tuple[TrackContents, ...]
    utterances: tuple[RedactedUtterance, ...]
    chat: tuple[RedactedUtterance, ...]
    quality: tuple[QualitySecond, ...]
    events: tuple[Event, ...]
    stills: tuple[StoredStill, ...]
    coverage: Coverage
    redacted: dict[str, int]
    checks: tuple[Check, ...]

    def track(self, kind: MediaKind) -> TrackContents | None:
        """Return the track of a kind."""
        return next((track for track in self.tracks if track.kind == kind), None)


@dataclass(frozen=True, slots=True)
class CallContents:
    """All of a call but what is made of it each time: composed recording, report, manifest.

    Attributes:
        people: in order of joining; their place gives them their number.
        call_events: call-wide events that are written after the given log.
        not_recorded: see `Participants`.
        notes: what must be said of the call as a whole.
    """

    origin: Origin
    way: str
    duration: float
    people: tuple[ParticipantContents, ...]
    not_recorded: int | None
    receipts: tuple[Receipt, ...] = ()
    call_events: tuple[Event, ...] = field(default=())
    notes: tuple[str, ...] = ()


def label(number: int) -> str:
    """Return a participant's label: `P01` for the first."""
    return f"P{number:02d}"


def total_coverage(people: Iterable[ParticipantContents]) -> Coverage:
    """Add up what is known of everybody's picture and sound."""
    entries = [person.coverage for person in people]
    video = [entry.video for entry in entries]
    audio = [entry.audio for entry in entries]
    frames = sum(entry.frames for entry in video)
    covered = sum(entry.share_of_area_covered * entry.frames for entry in video)
    return Coverage(
        video=VideoCoverage(
            **{
                name: sum(getattr(entry, name) for entry in video)
                for name in VideoCoverage.model_fields
                if name != "share_of_area_covered"
            },
            share_of_area_covered=round(covered / frames, 4) if frames else 0.0,
        ),
        audio=AudioCoverage(
            **{
                name: round(sum(getattr(entry, name) for entry in audio), 3)
                for name in AudioCoverage.model_fields
                if name not in ("words", "speakers")
            },
            words=sum(entry.words for entry in audio),
            speakers=sum(entry.speakers for entry in audio),
        ),
    )


def notes_of(people: Iterable[ParticipantContents], *, voice: VoiceMethod) -> tuple[str, ...]:
    """Return what must be said of the voices that are stored; where none is heard there is nothing to say."""
    notes: list[str] = []
    for person in people:
        silent = voice == "mute" or (voice == "resynthesize" and not person.utterances)
        if person.track("microphone") is None:
            continue
        check = next((item for item in person.checks if item.name == VOICE_CHECK), None)
        if check is None:
            notes += [] if silent else ["voices-not-compared"]
        elif check.note == SILENCED:
            notes.append("voice-might-be-recognised-and-is-silent")
        elif not check.passed:
            notes.append("disguised-voice-may-be-recognised")
    return tuple(dict.fromkeys(notes))


def still_entries(people: Sequence[ParticipantContents]) -> tuple[StillEntry, ...]:
    """Return the frames most worth a look: of every track its best, then its second best, as many as there is room."""
    by_track: dict[str, list[StoredStill]] = {}
    for number, person in enumerate(people, start=1):
        for still in sorted(person.stills, key=lambda item: (-item.rank, item.time)):
            by_track.setdefault(f"{label(number)}-{still.kind}", []).append(still)
    placed = [
        (place, StillEntry(track=track, time=round(one.time, 3), rank=round(one.rank, 3), reason=one.reason))
        for track, stills in by_track.items()
        for place, one in enumerate(stills)
    ]
    placed.sort(key=lambda item: (item[0], -item[1].rank, item[1].time, item[1].track))
    return tuple(entry for _, entry in placed[:MOST_STILLS])
