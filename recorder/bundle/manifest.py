"""The manifest: what a bundle is, how it was made and what proves it. It names no person, path or word."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "SCHEMA",
    "AudioCoverage",
    "Check",
    "Coverage",
    "FileEntry",
    "GapEntry",
    "Manifest",
    "Models",
    "State",
    "TrackEntry",
    "VideoCoverage",
    "VoiceEntry",
]

SCHEMA: Final = "offrecord/bundle/1"


class State(StrEnum):
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


class TrackEntry(_Entry):
    """One track of the source as it was redacted."""

    id: str = Field(pattern=r"^[A-Z]{1,2}[0-9]{1,4}$")
    kind: Literal["video", "audio"]
    width: int | None = None
    height: int | None = None
    sample_rate: int | None = None
    channels: int | None = None


class GapEntry(_Entry):
    """Time that the source could not give: covered or silent here."""

    track: str
    start: float
    end: float
    reason: str = Field(pattern=r"^[a-z][a-z0-9 _-]{0,63}$")


class VideoCoverage(_Entry):
    """How every frame came to be known."""

    frames: int = 0
    detected: int = 0
    bridged: int = 0
    covered_whole: int = 0
    failed_detections: int = 0
    tracklets: int = 0
    minors: int = 0
    share_of_area_covered: float = 0.0


class AudioCoverage(_Entry):
    """How the sound came to be known, in seconds unless said."""

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


class Manifest(_Entry):
    """Everything a reader of a bundle may rely on."""

    schema_version: Literal["offrecord/bundle/1"] = SCHEMA
    state: State
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
    files: dict[str, FileEntry]
    log_lines: int
    log_head: str
