"""What every way into a call offers, and what it tells the session that records it.

A participant is known by `participant`, the call system's own id, opaque and unique within one call; a rejoin under
another id is another participant. Display names are personal: they are held in memory only and are never printed,
which is why every field that holds one is left out of `repr`. Call time is seconds since the bot joined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

import av

from redaction.model import Samples

__all__ = [
    "AgeObserver",
    "Answer",
    "CallObserver",
    "CallSource",
    "CrowdObserver",
    "Ended",
    "LiveKind",
    "QualitySample",
    "ReceiptObserver",
    "TimedAudio",
    "TimedVideo",
    "TrackKey",
    "Via",
    "crowd_of",
    "declare_age",
    "receipt_of",
]


class LiveKind(StrEnum):
    """What a live track carries."""

    CAMERA = "camera"
    SCREEN = "screen"
    MICROPHONE = "microphone"


@dataclass(frozen=True, slots=True)
class TrackKey:
    """One track of one participant; it never changes owner. A track that comes back is a new one, `number` higher."""

    participant: str
    kind: LiveKind
    number: int = 1


@dataclass(frozen=True, slots=True)
class TimedVideo:
    """One decoded picture.

    Attributes:
        frame: as the decoder gave it, any size; its own pts is not used.
        time: call time of its capture in seconds; rises within a track.
    """

    frame: av.VideoFrame = field(repr=False)
    time: float


@dataclass(frozen=True, slots=True)
class TimedAudio:
    """A run of samples without a hole; a hole is told by the next block's time.

    Attributes:
        samples: float32 (n,) mono, -1 to 1.
        sample_rate: in hertz.
        time: call time of the first sample.
        concealed: a jitter buffer made these samples up; they are silence to everyone.
    """

    samples: Samples = field(repr=False)
    sample_rate: int
    time: float
    concealed: bool = False


@dataclass(frozen=True, slots=True)
class QualitySample:
    """How one participant's connection did in about one second; figures None where the transport does not know.

    Attributes:
        time: call time of the end of the second.
        packets: media packets received in it.
        lost: packets found missing in it.
        jitter_ms: interarrival jitter. Source: RFC 3550, 6.4.1.
        round_trip_ms: between the recorder and whoever sends this to it (a call's server, where there is one), from
            STUN checks; None beyond half a second. Source: W3C webrtc-stats, currentRoundTripTime.
        bitrate_kbps: received media payload.
        width, height, fps: of the camera as received.
        freezes: pauses between pictures of more than three usual steps and more than 150 ms.
            Source: W3C webrtc-stats, freezeCount.
        concealed_ms: sound that was missing when it was due.
        dropped: pictures or sound blocks the recorder itself could not take.
    """

    time: float
    packets: int = 0
    lost: int = 0
    jitter_ms: float | None = None
    round_trip_ms: float | None = None
    bitrate_kbps: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    freezes: int = 0
    concealed_ms: float = 0.0
    dropped: int = 0


class Answer(StrEnum):
    """What a participant says about being recorded."""

    YES = "yes"
    NO = "no"
    ERASE = "erase"


class Via(StrEnum):
    """How an answer reached the recorder; written into receipts."""

    PAGE = "page"  # a button on a page of ours
    CHAT = "chat"
    RENAME = "rename"  # a mark in the display name
    TOKEN = "token"  # the system that pushes the participant vouches for it  # noqa: S105
    POLICY = "policy"  # silence, where the policy lets it mean yes


class Ended(StrEnum):
    """Why the bot is no longer in the call."""

    OVER = "over"  # the call ended, or its room was closed
    REMOVED = "removed"  # somebody removed the bot
    LOST = "lost"  # the call could not be reached again in time


class CallObserver(Protocol):
    """The session that records. Every method is called on the event loop, returns at once and never raises."""

    def joined(self, participant: str, name: str, time: float) -> None:
        """Somebody is there; the source receives nothing of them until it is told to."""
        ...

    def renamed(self, participant: str, name: str, time: float) -> None:
        """Somebody's display name is now another."""
        ...

    def left(self, participant: str, time: float) -> None:
        """Somebody is gone; their tracks have ended."""
        ...

    def answered(self, participant: str, answer: Answer, time: float, via: Via = Via.PAGE) -> None:
        """Somebody used a button that only they could press, or the pushing system vouches for their answer."""
        ...

    def chat(self, sender: str, text: str, time: float) -> None:
        """Somebody wrote for everybody to read, or to the recorder; `sender` is vouched for by the call system."""
        ...

    def can_ask(self, able: bool, time: float) -> None:
        """Whether participants can be asked, and can withdraw, from now on (chat or page works, or is down).

        Every source tells this once it has joined, whatever the answer: until it says True, nobody is recorded.
        """
        ...

    def track_started(self, track: TrackKey, time: float) -> None:
        """Media of a track will follow."""
        ...

    def video(self, track: TrackKey, video: TimedVideo) -> None:
        """One picture."""
        ...

    def audio(self, track: TrackKey, audio: TimedAudio) -> None:
        """A block of sound."""
        ...

    def track_lost(self, track: TrackKey, start: float, end: float, reason: str) -> None:
        """Nothing came, or it could not be decoded, between two call times. The reason is a static word."""
        ...

    def track_ended(self, track: TrackKey, time: float) -> None:
        """No more media of a track."""
        ...

    def quality(self, participant: str, sample: QualitySample) -> None:
        """About once a second for each participant that is received."""
        ...


@runtime_checkable
class AgeObserver(Protocol):
    """An observer that takes up what participants declare about their age."""

    def declared(self, participant: str, adult: bool, time: float) -> None:
        """Somebody, or the system that pushes them, says that they are 18 or older, or that they are not."""
        ...


def declare_age(observer: CallObserver, participant: str, *, adult: bool | None, time: float) -> None:
    """Tell an observer what somebody declared; nothing, where they declared nothing or it does not ask."""
    if adult is not None and isinstance(observer, AgeObserver):
        observer.declared(participant, adult, time)


@runtime_checkable
class CrowdObserver(Protocol):
    """An observer that wants to know when strangers crowd a server of ours."""

    def turned_away(self, connections: int) -> None:
        """So many connections were closed because there were too many; the call goes on."""
        ...


@runtime_checkable
class ReceiptObserver(Protocol):
    """An observer that gives receipts, by which participants can have themselves erased later."""

    def receipt_of(self, participant: str) -> str:
        """Return the id of the receipt under which a participant is recorded; nothing if nothing of them is stored."""
        ...


def receipt_of(observer: CallObserver, participant: str) -> str:
    """Return a participant's receipt, for them alone; nothing, where the observer gives none."""
    return observer.receipt_of(participant) if isinstance(observer, ReceiptObserver) else ""


def crowd_of(observer: CallObserver) -> Callable[[int], None]:
    """Return what an observer does about connections that are turned away; nothing, where it does not say."""
    return observer.turned_away if isinstance(observer, CrowdObserver) else lambda _connections: None


class CallSource(Protocol):
    """One way into a call. `tests/recorder/call/contract.py` holds every implementation to what stands here."""

    async def run(self, observer: CallObserver) -> Ended:
        """Join and stay until the call is over for the bot; cancel it to leave properly.

        Raises:
            UnreadableInput: the call cannot be joined (wrong address, room, PIN or token).
        """
        ...

    async def receive(self, participant: str, wanted: bool) -> None:
        """Begin or stop receiving what a participant sends.

        Before the first True, and after False, nothing of them is decoded: their packets are not asked for, or are
        thrown away undecoded. Unknown participants are ignored, since they may just have left. Safe to repeat.
        """
        ...

    async def notify(self, text: str, *, to: str | None = None) -> bool:
        """Write to everybody or to one participant; return whether there is a way to."""
        ...

    async def close(self) -> None:
        """Let go of everything; safe to call twice, and while `run` is under way."""
        ...
