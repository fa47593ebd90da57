"""The manifest: what a bundle is, how it was made and what proves it.

It holds no path and no word, and names nobody but a reviewer who typed their name.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "SCHEMA",
    "VOICE_CHECK",
    "AudioCoverage",
    "BundleState",
    "Check",
    "Coverage",
    "FileEntry",
    "GapEntry",
    "HintsEntry",
    "Manifest",
    "Models",
    "Participants",
    "PersonEntry",
    "ReviewEntry",
    "StillEntry",
    "TrackEntry",
    "VideoCoverage",
    "VoiceEntry",
]

MediaKind = Literal["camera", "screen", "microphone"]

VOICE_CHECK: Final = "voice-not-recognised"
"""Name of the check that compares the stored voices with those that spoke."""

SCHEMA: Final = "offrecord/bundle/1.3"
"""1.1: of a recorded file, too, `stills` and `tracks[].file` are known; 1.2: `review`; 1.3: `hints`. Older ones are
read as is."""


class BundleState(StrEnum):
    """States of a recording; only VERIFIED may take its final name, and then it is PUBLISHED."""

    PENDING = "pending"
    RUNNING = "running"
    REDACTED = "redacted"
    VERIFIED = "verified"
    PUBLISHED = "published"
    FAILED = "failed"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Entry):
    """One file of the bundle."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class SpanEntry(_Entry):
    """A stretch of the recording, in seconds."""

    start: float
    end: float


class TrackEntry(_Entry):
    """One track as it was redacted: of a file `V1`, `A1` ...; of a call `P01-camera`, `P01-microphone` ...

    Attributes:
        file: the file of the bundle that holds it: of a call the track's own; none of a file's audio, which is mixed.
        spans: of a call, when something of it is stored; in between it is black or silent.
    """

    id: str = Field(pattern=r"^([A-Z]{1,2}[0-9]{1,4}|P[0-9]{2,4}-(camera|screen|microphone))$")
    kind: Literal["video", "audio"]
    width: int | None = None
    height: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    file: str | None = None
    spans: tuple[SpanEntry, ...] = ()


class GapEntry(_Entry):
    """Time that the source could not give: covered or silent here."""

    track: str
    start: float
    end: float
    reason: str = Field(pattern=r"^[a-z][a-z0-9 _-]{0,63}$")


class VideoCoverage(_Entry):
    """How every frame came to be known.

    Attributes:
        tracklets: faces that were followed; one that left and came back counts twice.
        minors: those of them that were removed as a whole.
        in_doubt: those of them that were neither surely minors nor surely adults, treated as `minors.in_doubt` says.
        unaccounted: frames of a call whose process died before it said how they came to be known; what was covered in
            them is proven like that of the others.
    """

    frames: int = 0
    detected: int = 0
    bridged: int = 0
    covered_whole: int = 0
    failed_detections: int = 0
    tracklets: int = 0
    minors: int = 0
    in_doubt: int = 0
    share_of_area_covered: float = 0.0
    unaccounted: int = 0


class AudioCoverage(_Entry):
    """How the sound came to be known, in seconds unless said; `words` counts what is stored, a personal one as one."""

    seconds: float = 0.0
    speech: float = 0.0
    speech_without_words: float = 0.0
    failed: float = 0.0
    silenced: float = 0.0
    words: int = 0
    speakers: int = 0


class Coverage(_Entry):
    """Coverage of picture and sound; every frame and second is in it."""

    video: VideoCoverage = VideoCoverage()
    audio: AudioCoverage = AudioCoverage()


class VoiceEntry(_Entry):
    """What became of the voices, and what that is worth."""

    method: Literal["resynthesize", "disguise", "mute", "none"]
    note: str = ""


class Check(_Entry):
    """One step of the second look at the stored result."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")
    passed: bool
    figure: float | None = None
    limit: float | None = None
    note: str = ""


class Models(_Entry):
    """A model file that took part."""

    name: str
    sha256: str


class StillEntry(_Entry):
    """A frame that is most worth a look; the report shows it.

    Attributes:
        rank: 0 to 1, higher is more worth a look.
    """

    track: str = Field(pattern=r"^([A-Z]{1,2}[0-9]{1,4}|P[0-9]{2,4}-(camera|screen))$")
    time: float
    rank: float
    reason: str = Field(pattern=r"^[a-z][a-z ]{0,39}$")


class PersonEntry(_Entry):
    """One participant of a call who is recorded, numbered in order of joining.

    Attributes:
        receipt: id of the receipt that this participant was given; only they know that it is theirs.
        via: how the yes was said.
        stays: from joining to leaving.
    """

    id: str = Field(pattern=r"^P[0-9]{2,4}$")
    receipt: str = Field(pattern=r"^[0-9A-Za-z-]{0,64}$")
    via: Literal["page", "chat", "rename", "token", "policy"]
    stays: tuple[SpanEntry, ...]
    coverage: Coverage
    redacted: dict[str, int]
    checks: tuple[Check, ...]


class Participants(_Entry):
    """Who of a call is in the bundle.

    Attributes:
        way: how the call was joined: room, janus, whip, whep, zoom or browser.
        recorded: participants in the bundle.
        not_recorded: those who refused, never answered, withdrew, were erased later or were removed as minors;
            one figure, because several would tell who was which. None where it is not known.
        people: those who are recorded.
    """

    way: str = Field(pattern=r"^[a-z]{1,16}$")
    recorded: int = Field(ge=0)
    not_recorded: int | None = Field(default=None, ge=0)
    people: tuple[PersonEntry, ...]


class ReviewEntry(_Entry):
    """A person's look at a bundle, which made the next version of it.

    Attributes:
        by: the name that they typed; empty where they gave none.
        follows: sha256 of the manifest of the version that they looked at.
        seen: how much of the recording they played, in seconds; each second counts once.
        places: how many places the queue named; `looked_at` of them were shown.
        changed: how often they did what, by kind; empty where they changed nothing.
    """

    by: str = Field(default="", max_length=80)
    time: datetime
    follows: str = Field(pattern=r"^[0-9a-f]{64}$")
    seen: float = Field(default=0.0, ge=0)
    places: int = Field(default=0, ge=0)
    looked_at: int = Field(default=0, ge=0)
    changed: dict[Literal["cover", "whole", "mute", "word", "drop", "cut"], int] = {}


class HintsEntry(_Entry):
    """What a reviewer gave back before this run: places that are no face, adults, and words that are no name.

    Attributes:
        given: how many hints of each kind there were.
        used: how many of them had a part; the log says when and where, of words nothing says which.
    """

    given: dict[Literal["face", "adult", "word"], int] = {}
    used: dict[Literal["face", "adult", "word"], int] = {}


class Manifest(_Entry):
    """Everything a reader of a bundle may rely on."""

    schema_version: Literal[
        "offrecord/bundle/1", "offrecord/bundle/1.1", "offrecord/bundle/1.2", "offrecord/bundle/1.3"
    ] = SCHEMA
    state: BundleState
    version: str
    created: datetime
    expires: datetime
    purpose: str
    retention_days: int
    policy_digest: str
    policy: dict[str, str | int | float | bool]
    models: tuple[Models, ...]
    duration: float
    tracks: tuple[TrackEntry, ...]
    gaps: tuple[GapEntry, ...]
    coverage: Coverage
    redacted: dict[str, int]
    voice: VoiceEntry
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    participants: Participants | None = None
    review: tuple[ReviewEntry, ...] = ()
    hints: HintsEntry | None = None
    stills: tuple[StillEntry, ...] = ()
    files: dict[str, FileEntry]
    log_lines: int
    log_head: str
