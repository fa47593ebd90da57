"""Folders of calls, staged with the code that a recording process uses: journal, picture pieces, sound pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder import __version__
from recorder.bundle.manifest import MediaKind
from recorder.bundle.quality import QualitySecond
from recorder.bundle.transcript import SpokenToken
from recorder.bundle.writer import BundleWriter
from recorder.live.store.journal import Journal
from recorder.live.store.schema import CallRecord, ConsentRecord, PersonRecord, Stay, WordsLine
from recorder.live.store.segments import AudioSegment, VideoSegment
from redaction.model import (
    AudioBlock,
    Box,
    Cover,
    CoverReason,
    Event,
    EventKind,
    Examined,
    RedactedFrame,
    Samples,
    Span,
    VideoFrame,
)
from redaction.policy import Policy
from redaction.video.cover import covered as paint

__all__ = [
    "SPEAKING_HZ",
    "Draw",
    "Picture",
    "StagedCall",
    "StagedPerson",
    "StagedPicture",
    "StagedSound",
    "gap",
    "moving",
    "planes_of",
    "quality_at",
    "receipt_of",
    "stage",
    "tone_at",
]

SPEAKING_HZ = 24_000
_TICKS = Fraction(1, 90_000)
COVERED = Box(20, 20, 60, 60)

Picture = NDArray[np.uint8]
Draw = Callable[[float], Picture]


@dataclass(slots=True)
class StagedPicture:
    """One picture piece: what is drawn at each time from `start` on."""

    draw: Draw
    start: float = 0.0
    seconds: float = 2.0
    fps: int = 15
    kind: MediaKind = "camera"
    size: tuple[int, int] = (160, 120)


@dataclass(slots=True)
class StagedSound:
    """One piece of sound, float32 (n,) at 24,000 Hz."""

    samples: Samples
    start: float = 0.0


@dataclass(slots=True)
class StagedPerson:
    """One participant who is recorded."""

    token: str
    order: int
    pictures: Sequence[StagedPicture] = ()
    sounds: Sequence[StagedSound] = ()
    words: Sequence[tuple[str, float, float, str | None]] = ()
    stays: Sequence[tuple[float, float | None]] = ((0.0, 2.0),)
    events: Sequence[tuple[Event, MediaKind | None]] = ()
    quality_seconds: int = 0
    cut_off: bool = False
    chat: Sequence[tuple[float, tuple[tuple[str, str | None], ...]]] = ()


@dataclass(slots=True)
class StagedCall:
    """A call and where it lies."""

    writer: BundleWriter
    folders: dict[str, Path] = field(default_factory=dict)

    @property
    def partial(self) -> Path:
        """The partial bundle."""
        return self.writer.partial


def stage(
    folder: Path,
    people: Sequence[StagedPerson],
    *,
    policy: Policy | None = None,
    name: str = "call-1",
    covered: bool = True,
) -> StagedCall:
    """Write the folder of a call as the recording process leaves it, and keep hold of it.

    Args:
        folder: for the bundle.
        people: in any order.
        policy: of the call.
        name: of the bundle.
        covered: a patch of every picture is covered, as its proof says.
    """
    policy = policy or Policy()
    writer = BundleWriter.for_call(folder, name)
    journal = Journal(writer.partial)
    journal.begin(
        CallRecord(
            version=__version__,
            started=datetime(2026, 1, 2, 10, 0, tzinfo=UTC),
            way="room",
            policy=policy.model_dump(mode="json", exclude={"speech": {"roster", "allow"}}),
            policy_digest=policy.digest,
        )
    )
    journal.log_event(Event(EventKind.STARTED, detail={"version": __version__, "sha256": policy.digest}))
    staged = StagedCall(writer)
    for person in people:
        _admit(journal, person, policy, covered=covered)
        staged.folders[person.token] = journal.folder(person.token)
    journal.ended("over")
    journal.close()
    return staged


def _admit(journal: Journal, person: StagedPerson, policy: Policy, *, covered: bool) -> None:
    token = person.token
    journal.admit(
        PersonRecord(
            token=token,
            order=person.order,
            stays=tuple(Stay(start=start, end=end) for start, end in person.stays),
            consent=ConsentRecord(time=0.1, via="page", receipt=receipt_of(token)),
        )
    )
    for picture in person.pictures:
        _write_picture(journal, token, picture, policy, cut_off=person.cut_off, covered=covered)
    for sound in person.sounds:
        piece = AudioSegment(journal.segment(token, "microphone"), start=sound.start, sample_rate=SPEAKING_HZ)
        first = round(sound.start * SPEAKING_HZ)
        for at in range(0, len(sound.samples), SPEAKING_HZ // 2):
            part = sound.samples[at : at + SPEAKING_HZ // 2]
            piece.write(AudioBlock(part, first + at, SPEAKING_HZ))
        piece.close()
    if person.words:
        tokens = tuple(
            SpokenToken(text=text, start=start, end=end, entity_type=kind)
            for text, start, end, kind in person.words
        )
        line = WordsLine(id=1, language="en", start=tokens[0].start, end=tokens[-1].end, words=tokens)
        journal.words(token, line)
    for number, (time, typed) in enumerate(person.chat, start=1):
        tokens = tuple(
            SpokenToken(text=text, start=time, end=time, entity_type=kind, located=False)
            for text, kind in typed
        )
        journal.chat(token, WordsLine(id=number, language="en", start=time, end=time, words=tokens))
    for event, kind in person.events:
        journal.fact(token, event, track=kind)
    for second in range(1, person.quality_seconds + 1):
        journal.quality(token, quality_at(second))


def receipt_of(token: str) -> str:
    """Return the id of a participant's receipt."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def quality_at(second: int) -> QualitySecond:
    """Return one second of a connection that gets worse and better."""
    wave = (1 + np.sin(second / 3)) / 2
    return QualitySecond(
        time=float(second),
        packets=100,
        lost=int(6 * wave),
        jitter_ms=round(4 + 20 * wave, 2),
        round_trip_ms=round(30 + 40 * wave, 2),
        bitrate_kbps=round(600 - 300 * wave, 1),
        width=640,
        height=360 if second % 20 < 14 else 180,
        fps=round(30 - 12 * wave, 1),
        freezes=int(wave > 0.95),
        concealed_ms=round(40 * wave, 1),
        speaking_ms=1000.0 * (second % 7 < 3),
    )


def _write_picture(
    journal: Journal, token: str, picture: StagedPicture, policy: Policy, *, cut_off: bool, covered: bool
) -> None:
    width, height = picture.size
    piece = VideoSegment(
        journal.segment(token, picture.kind),
        kind=picture.kind,
        start=picture.start,
        width=width,
        height=height,
        output=policy.output,
    )
    for number in range(round(picture.seconds * picture.fps)):
        time = picture.start + number / picture.fps
        cover = Cover(COVERED, CoverReason.FACE, 1, 0.9)
        frame = VideoFrame(*planes_of(picture.draw(time)), round(time / _TICKS), _TICKS)
        if covered:
            frame = paint(frame, [cover])
        piece.write(RedactedFrame(frame, (cover,), Examined.DETECTED))
    if cut_off:
        piece.abandon()
    else:
        piece.add_events([Event(EventKind.TRACKLET, detail={"reason": "face"})])
        piece.close()


def planes_of(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Turn uint8 (H, W, 3) RGB of even size into limited-range planes."""
    height, width = picture.shape[:2]
    packed = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
    luma = packed[:height]
    chroma = packed[height:].reshape(2, height // 2, width // 2)
    return luma, chroma[0], chroma[1]


def moving(colour: tuple[int, int, int], *, size: tuple[int, int] = (160, 120), flash: float = -1.0) -> Draw:
    """Return a picture of one colour with a bar that moves; white for a tenth of a second at `flash`."""

    def draw(time: float) -> NDArray[np.uint8]:
        width, height = size
        if flash <= time < flash + 0.1:
            return np.full((height, width, 3), 250, np.uint8)
        image = np.empty((height, width, 3), np.uint8)
        image[:] = colour
        place = int(time * 40) % (width - 20)
        image[height - 30 : height - 10, place : place + 20] = 200
        return image

    return draw


def tone_at(seconds: float, *, beep: float, hertz: float = 1000.0) -> Samples:
    """Return silence with a tenth of a second of tone at a time, float32 (n,) at 24,000 Hz."""
    samples = np.zeros(round(seconds * SPEAKING_HZ), np.float32)
    first, count = round(beep * SPEAKING_HZ), SPEAKING_HZ // 10
    samples[first : first + count] = 0.4 * np.sin(2 * np.pi * hertz * np.arange(count) / SPEAKING_HZ)
    return samples


def gap(start: float, end: float) -> tuple[Event, MediaKind]:
    """Return a gap of a camera."""
    return Event(EventKind.GAP, span=Span(start, end), detail={"reason": "no pictures"}), "camera"
