"""What lies in `NAME.offrecord.partial/live/` while a call goes on: only what may be published anyway.

    live/call.json                      how the call is recorded, and why the bot left
    live/receipts.json                  every consent so far, as `consent.receipts.Receipts`; no token, no name
    live/people/TOKEN/person.json       one folder per participant who is recorded; TOKEN is random
    live/people/TOKEN/camera-0001.mp4   fragmented MP4, redacted; a new number when size, codec or stay changes
    live/people/TOKEN/camera-0001.jsonl what the second look needs to know of that piece (`PieceLine`s)
    live/people/TOKEN/microphone-0001.mp4, .jsonl
    live/people/TOKEN/words.jsonl       redacted utterances (`WordsLine`)
    live/people/TOKEN/chat.jsonl        redacted messages of the chat, likewise; written when the call is over
    live/people/TOKEN/quality.jsonl     `recorder.bundle.quality.QualitySecond`
    live/people/TOKEN/facts.jsonl       `FactLine`: what happened to this participant's tracks, for the log
    log.jsonl                           hash-chained; call-wide events only, none that tells participants apart

Everything of one participant is in one folder, so that erasing them is removing it; nothing outside a folder tells
whose it was. A piece of picture ends after ten minutes at the latest, one of sound after five; a fragment of either,
the most that a crash takes, after a second or two. A line of a `.jsonl` is whole or, after a crash, the last and cut
off: readers drop it. A piece's line is on its way to the disk before the fragment that it describes, so every stored
picture has its proof.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from recorder.bundle.manifest import MediaKind
from recorder.bundle.transcript import SpokenToken
from redaction.model import Span, Token

__all__ = [
    "LIVE_SCHEMA",
    "CallRecord",
    "ConsentRecord",
    "FactLine",
    "PersonRecord",
    "SegmentEnd",
    "SegmentHeader",
    "SegmentProofs",
    "Stay",
    "WordsLine",
    "stored_token",
]

LIVE_SCHEMA: Final = "offrecord/live/1"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CallRecord(_Record):
    """`call.json`.

    Attributes:
        policy: the policy's values without its lists of words; `recover` finishes under it.
        way: how the call was joined: room, janus, whip, whep, zoom or browser; no address.
        ended: why the bot left; empty while it is there, and after its process died.
    """

    schema_version: Literal["offrecord/live/1"] = LIVE_SCHEMA
    version: str
    started: datetime
    way: str = Field(pattern=r"^[a-z]{1,16}$")
    policy: dict[str, object]
    policy_digest: str
    ended: Literal["", "over", "removed", "lost", "left"] = ""


class Stay(_Record):
    """From joining to leaving, call time in seconds; `end` None while it lasts."""

    start: float
    end: float | None = None


class ConsentRecord(_Record):
    """A yes, and how it was said; only those who said yes have a folder.

    Attributes:
        via: page, chat, rename, rule, token (of the pushing system) or policy (silence means yes there).
    """

    time: float
    via: Literal["page", "chat", "rename", "token", "policy"]
    receipt: str


class PersonRecord(_Record):
    """`person.json`; rewritten as a whole (temporary name, fsync, rename).

    Attributes:
        order: by which participants are numbered P01, P02 ... at the end, in order of joining; gaps are closed then.
        removed: found to be a minor, or erased: everything else in the folder is gone or about to go.
    """

    token: str = Field(pattern=r"^[0-9a-f]{16}$")
    order: int
    stays: tuple[Stay, ...]
    consent: ConsentRecord
    removed: bool = False


class SegmentHeader(_Record):
    """First line of a piece's `.jsonl`.

    Attributes:
        start: call time at which the piece's own time 0 stands.
        time_base: "numerator/denominator" seconds per pts unit of a picture piece.
    """

    line: Literal["header"] = "header"
    kind: MediaKind
    number: int
    start: float
    width: int = 0
    height: int = 0
    time_base: str = "1/90000"
    sample_rate: int = 0


class SegmentProofs(_Record):
    """Some frames in order, as `recorder.verify.proof.FrameProof` has them; times are the piece's own.

    Attributes:
        times: presentation time of each frame in seconds.
        points, luma, boxes: per frame.
    """

    line: Literal["proofs"] = "proofs"
    times: tuple[float, ...]
    points: tuple[tuple[tuple[int, int], ...], ...]
    luma: tuple[tuple[int, ...], ...]
    boxes: tuple[tuple[tuple[int, int, int, int], ...], ...]


class SegmentEnd(_Record):
    """Last line of a piece that was closed properly: its figures, as `VideoCoverage` counts them, and highlights."""

    line: Literal["end"] = "end"
    end: float
    counts: dict[str, int | float]
    highlights: tuple[tuple[float, float, str], ...] = ()


class FactLine(_Record):
    """One event or gap of a participant's track, merged into the log when the call is finished."""

    kind: str
    track: MediaKind | Literal[""] = ""
    start: float | None = None
    end: float | None = None
    detail: dict[str, str | int | float] = Field(default_factory=dict)


class WordsLine(_Record):
    """What may be stored and is spoken of one utterance, at call times as heard in the stored sound.

    Attributes:
        id: number within the participant; a later line with the same id replaces it (more was found to be personal).
    """

    id: int
    language: str
    start: float
    end: float
    words: tuple[SpokenToken, ...]


def stored_token(token: Token, span: Span) -> SpokenToken:
    """Return a token as a line holds it, at a span of call time."""
    return SpokenToken(
        text=token.text,
        start=round(span.start, 3),
        end=round(span.end, 3),
        entity_type=str(token.entity_type) if token.entity_type else None,
        located=token.located,
    )
