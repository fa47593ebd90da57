"""Types that every stage shares: time, boxes, frames, samples, words, findings and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # what only reads spans and events need not load numpy
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "AudioBlock",
    "Box",
    "Cover",
    "CoverReason",
    "EntityType",
    "Event",
    "EventKind",
    "Examined",
    "Gap",
    "RedactedFrame",
    "RedactedUtterance",
    "Samples",
    "Span",
    "TextFinding",
    "Token",
    "Utterance",
    "VideoFrame",
    "Word",
]

LumaPlane: TypeAlias = "NDArray[np.uint8]"
Samples: TypeAlias = "NDArray[np.float32]"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open stretch of call time `[start, end)` in seconds."""

    start: float
    end: float

    def __post_init__(self) -> None:
        if not self.end >= self.start:
            raise ValueError("a span ends before it starts")

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start

    def overlaps(self, other: Span) -> bool:
        """Tell whether the two half-open spans share time."""
        return self.start < other.end and other.start < self.end

    def padded(self, before: float, after: float) -> Span:
        """Return the span grown by seconds on each side, never before zero."""
        return Span(max(0.0, self.start - before), self.end + after)


@dataclass(frozen=True, slots=True)
class Box:
    """Half-open pixel rectangle `[x1, x2) x [y1, y2)` in the frame's own pixels."""

    x1: int
    y1: int
    x2: int
    y2: int

    @classmethod
    def outward(cls, x1: float, y1: float, x2: float, y2: float) -> Box:
        """Round a float rectangle outward to whole pixels."""
        return cls(floor(x1), floor(y1), ceil(x2), ceil(y2))

    @property
    def width(self) -> int:
        """Width in pixels, never negative."""
        return max(0, self.x2 - self.x1)

    @property
    def height(self) -> int:
        """Height in pixels, never negative."""
        return max(0, self.y2 - self.y1)

    @property
    def area(self) -> int:
        """Area in pixels."""
        return self.width * self.height

    def clipped(self, width: int, height: int) -> Box:
        """Return the part inside a frame of that size (may have no area)."""
        return Box(
            min(max(self.x1, 0), width),
            min(max(self.y1, 0), height),
            min(max(self.x2, 0), width),
            min(max(self.y2, 0), height),
        )

    def intersection(self, other: Box) -> Box:
        """Return the shared rectangle (may have no area)."""
        x1, y1 = max(self.x1, other.x1), max(self.y1, other.y1)
        return Box(x1, y1, max(x1, min(self.x2, other.x2)), max(y1, min(self.y2, other.y2)))

    def union(self, other: Box) -> Box:
        """Return the smallest rectangle holding both."""
        return Box(
            min(self.x1, other.x1), min(self.y1, other.y1), max(self.x2, other.x2), max(self.y2, other.y2)
        )

    def iou(self, other: Box) -> float:
        """Return intersection over union, 0 to 1."""
        shared = self.intersection(other).area
        total = self.area + other.area - shared
        return shared / total if total else 0.0


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One picture in planar YUV 4:2:0, limited range, upright, progressive.

    Attributes:
        y: uint8 (H, W) luma, 16 to 235.
        u: uint8 (ceil(H/2), ceil(W/2)) chroma, neutral 128.
        v: same shape as `u`.
        pts: presentation time in units of `time_base`, on the call clock (0 is the start of the call).
        time_base: seconds per pts unit.
        whole_cover: the source already knows that this frame cannot be shown (damaged, gap): cover it whole.
    """

    y: LumaPlane
    u: LumaPlane
    v: LumaPlane
    pts: int
    time_base: Fraction
    whole_cover: bool = False

    @property
    def time(self) -> float:
        """Presentation time in seconds."""
        return self.pts * self.time_base.numerator / self.time_base.denominator

    @property
    def width(self) -> int:
        """Luma width in pixels."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Luma height in pixels."""
        return int(self.y.shape[0])

    @property
    def nbytes(self) -> int:
        """Size of the three planes in bytes."""
        return int(self.y.nbytes + self.u.nbytes + self.v.nbytes)


class CoverReason(StrEnum):
    """Why pixels are covered."""

    FACE = "face"
    MINOR = "minor"
    WHOLE = "whole"  # the frame was not examined, is damaged, or could not be redacted in part
    VERIFY = "verify"  # the second look found something here
    SCREEN = "screen"


@dataclass(frozen=True, slots=True)
class Cover:
    """One covered region of one frame.

    Attributes:
        box: the region's bounding box; every pixel in it is covered unless `mask` is given.
        mask: bool (H, W) of `box`'s size, True where covered; None covers the whole box.
        tracklet: number of the tracklet within the track, 0 when none.
        score: lowest detector score behind this cover, 0 to 1 (0 when bridged or whole).
        label: what is written on it, empty for nothing.
    """

    box: Box
    reason: CoverReason
    tracklet: int = 0
    score: float = 0.0
    mask: NDArray[np.bool_] | None = None
    label: str = ""


class Examined(StrEnum):
    """How a frame came to be known."""

    DETECTED = "detected"
    BRIDGED = "bridged"  # not looked at, but proven not to have changed outside what is covered
    COVERED = "covered"  # covered whole


@dataclass(frozen=True, slots=True)
class RedactedFrame:
    """A frame that may be stored, with what was done to it.

    Attributes:
        spared: places in which a person said that what looks like a face is none.
    """

    frame: VideoFrame
    covers: tuple[Cover, ...]
    examined: Examined
    spared: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Mono samples on the call clock.

    Attributes:
        samples: float32 (n,), -1 to 1.
        start: index of the first sample on the call clock, in samples at `sample_rate`.
        sample_rate: in hertz.
    """

    samples: Samples
    start: int
    sample_rate: int

    @property
    def span(self) -> Span:
        """Call time this block covers."""
        return Span(self.start / self.sample_rate, (self.start + len(self.samples)) / self.sample_rate)


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word with call time; `located` is False when its time is only the segment's."""

    text: str
    span: Span
    probability: float = 1.0
    located: bool = True


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words of one speaker without a long pause; `speaker` is a label such as `S1` within its recording."""

    words: tuple[Word, ...]
    span: Span
    speaker: str
    track: str
    language: str = "en"

    @property
    def text(self) -> str:
        """The words joined by single spaces."""
        return " ".join(word.text.strip() for word in self.words)


class EntityType(StrEnum):
    """Kinds of personal data in words. An unknown kind is OTHER and is redacted too."""

    PERSON = "PERSON"
    PHONE = "PHONE"
    EMAIL = "EMAIL"
    ADDRESS = "ADDRESS"
    LOCATION = "LOCATION"
    AGE = "AGE"
    BIRTH_DATE = "BIRTH_DATE"
    DATE = "DATE"
    ORGANIZATION = "ORGANIZATION"
    SCHOOL = "SCHOOL"
    ID = "ID"
    CARD = "CARD"
    ACCOUNT = "ACCOUNT"
    URL = "URL"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class TextFinding:
    """Personal data in one utterance: words `[first, last)` of it.

    Attributes:
        utterance: index of the utterance in the list that was searched.
        first: index of the first personal word.
        last: one past the last personal word.
        entity_type: what it is.
        score: confidence, 0 to 1.
        rule: which finder or rule spoke, a static name such as `rampart` or `phone-digits`.
        pseudonym: consistent label such as `PERSON 1`, empty until assigned.
    """

    utterance: int
    first: int
    last: int
    entity_type: EntityType
    score: float
    rule: str
    pseudonym: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """One stretch of a redacted utterance: a word that may be kept, or what stands for personal words.

    Attributes:
        text: the word itself, or the replacement's label such as `PERSON 1`; never a personal word.
        span: call time.
        entity_type: None for a kept word.
        located: False when `span` is only the segment's time.
    """

    text: str
    span: Span
    entity_type: EntityType | None = None
    located: bool = True


@dataclass(frozen=True, slots=True)
class RedactedUtterance:
    """What may be stored and spoken of an utterance."""

    tokens: tuple[Token, ...]
    span: Span
    speaker: str
    track: str
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a track that could not be had; covered or silent in the result, never skipped."""

    span: Span
    track: str
    reason: str


class EventKind(StrEnum):
    """Static names of what the log may say."""

    STARTED = "started"
    TRACK = "track"
    GAP = "gap"
    TRACKLET = "tracklet"  # span, reason, count of frames, lowest score
    WHOLE_COVER = "whole_cover"
    SPEECH = "speech"  # a speaker's figures
    FINDING = "finding"  # personal words: entity type, rule, span
    SILENCED = "silenced"  # sound that had to be dropped, with the reason
    VERIFY = "verify"  # a step of the second look
    MENDED = "mended"
    STATE = "state"
    ENDED = "ended"  # a batch: how a try of a recording ended
    DELETED = "deleted"  # a source or a bundle, and why
    LOAD = "load"  # the machine could not keep up: what was spared, or taken up again
    HINT = "hint"  # what a reviewer said of a place held: no face, or an adult; the place, and when
    REVIEWED = "reviewed"  # a person looked at the bundle: the old manifest's sha256, and how many mends
    ERASED = "erased"  # a participant's folder was removed; not whose


@dataclass(frozen=True, slots=True)
class Event:
    """One entry for the log: ids, spans, counts and types only, never content."""

    kind: EventKind
    track: str = ""
    span: Span | None = None
    detail: Mapping[str, str | int | float] = field(default_factory=dict)
