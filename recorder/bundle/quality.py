"""How the connections of a call did: `quality.json`. It names no one and shows no one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["PersonQuality", "Quality", "QualitySecond", "write_quality"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QualitySecond(_Entry):
    """About one second of one participant's connection; None where the transport does not know.

    Attributes:
        time: end of the second, in seconds of the recording.
        packets: media packets received.
        lost: packets found missing.
        jitter_ms: interarrival jitter. Source: RFC 3550, 6.4.1.
        round_trip_ms: between the recorder and whoever sends this to it, which may be the call's server.
        bitrate_kbps: received media payload.
        width, height, fps: of the camera as received.
        freezes: pauses between pictures of more than three usual steps and more than 150 ms.
        concealed_ms: sound that was missing when it was due.
        dropped: pictures or sound blocks that the recorder could not take.
        speaking_ms: time in which this participant spoke.
    """

    time: float = Field(ge=0, le=172_800, allow_inf_nan=False)
    packets: int = Field(default=0, ge=0, le=10_000_000)
    lost: int = Field(default=0, ge=0, le=10_000_000)
    jitter_ms: float | None = Field(default=None, ge=0, le=1e7, allow_inf_nan=False)
    round_trip_ms: float | None = Field(default=None, ge=0, le=1e7, allow_inf_nan=False)
    bitrate_kbps: float | None = Field(default=None, ge=0, le=1e8, allow_inf_nan=False)
    width: int | None = Field(default=None, ge=0, le=16_384)
    height: int | None = Field(default=None, ge=0, le=16_384)
    fps: float | None = Field(default=None, ge=0, le=1000, allow_inf_nan=False)
    freezes: int = Field(default=0, ge=0, le=100_000)
    concealed_ms: float = Field(default=0, ge=0, le=1e7, allow_inf_nan=False)
    dropped: int = Field(default=0, ge=0, le=10_000_000)
    speaking_ms: float = Field(default=0, ge=0, le=1e7, allow_inf_nan=False)


class PersonQuality(_Entry):
    """One participant's connection, second by second."""

    id: str = Field(pattern=r"^P[0-9]{2,4}$")
    seconds: tuple[QualitySecond, ...]


class Quality(_Entry):
    """The file `quality.json`."""

    schema_version: str = "offrecord/quality/1"
    participants: tuple[PersonQuality, ...]


def write_quality(people: Mapping[str, Sequence[QualitySecond]], path: Path) -> None:
    """Write the file; the keys are `P01`, `P02` ..."""
    document = Quality(
        participants=tuple(PersonQuality(id=name, seconds=tuple(rows)) for name, rows in people.items())
    )
    path.write_text(json.dumps(document.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
