"""What a person says of a place in the picture: that what stands there is no face, or that somebody there is an adult.

A hint of no face uncovers pixels, so it holds only while nothing else is there: the place looks as it did on the frame
that the person looked at, and one face at most is followed in it. A hint of an adult uncovers no face: it is believed
like a declared age, unless the estimates say clearly a child, and only while one face alone is followed in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, Event, EventKind, Span, VideoFrame

__all__ = ["HintKind", "HintedPlaces", "PlaceHint", "PlaceVerdict"]

_AROUND: Final = 0.3
"""How far around its box a hint watches, as a share of the box's sides: a cover is not the same size all along."""

_CELLS: Final = 8
_LUMA: Final = 10.0
_CHROMA: Final = 6.0
_LIGHT: Final = 25.0
"""Cells each way whose means are compared, and levels by which one may differ: of luma once the light of all of them is
evened out, of chroma, and the light itself. Source: camera noise of 5 levels leaves under 1 in a mean of 36 pixels, a
face that comes into a place of 100 px changes some cell by 20 and more."""


class HintKind(StrEnum):
    """What a hint says."""

    FACE = "face"
    ADULT = "adult"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class PlaceHint:
    """One hint.

    Attributes:
        kind: no face, or an adult.
        box: the place, in pixels of the stored picture.
        time: when somebody looked at it, in seconds.
        span: when it may hold.
    """

    kind: HintKind
    box: Box
    time: float
    span: Span


@dataclass(frozen=True, slots=True)
class PlaceVerdict:
    """What the hints say of one frame.

    Attributes:
        spared: tracklets that are no face.
        adults: tracklets that are believed to be adults'.
        boxes: places in which something is spared.
    """

    spared: frozenset[int] = frozenset()
    adults: frozenset[int] = frozenset()
    boxes: tuple[Box, ...] = ()


@dataclass(slots=True)
class _Held:
    """A hint, what its place looked like, and since when it holds without a break."""

    hint: PlaceHint
    cells: tuple[NDArray[np.float32], ...] | None = None
    since: float | None = None
    used: bool = False


@dataclass(slots=True)
class HintedPlaces:
    """Holds the hints of one track against its frames, in order.

    Attributes:
        track: its id.
        events: when each hint had a part, and where.
    """

    track: str = ""
    events: list[Event] = field(default_factory=list)
    _held: list[_Held] = field(default_factory=list)
    _size: tuple[int, int] = (0, 0)

    @classmethod
    def of(
        cls, track: str, hints: Sequence[tuple[PlaceHint, VideoFrame | None]], *, size: tuple[int, int]
    ) -> HintedPlaces:
        """Take up hints.

        Args:
            track: its id.
            hints: each with the frame that the person looked at; without one a hint of no face never holds.
            size: width and height of the frames in pixels; on others no hint holds.
        """
        return cls(
            track,
            _held=[
                _Held(
                    hint,
                    None
                    if frame is None or (frame.width, frame.height) != size
                    else _cells(frame, _watched(hint.box, frame)),
                )
                for hint, frame in hints
            ],
            _size=size,
        )

    @property
    def used(self) -> dict[HintKind, int]:
        """How many hints of each kind had a part."""
        kinds = [held.hint.kind for held in self._held if held.used]
        return {kind: kinds.count(kind) for kind in HintKind if kind in kinds}

    def touches(self, box: Box, time: float) -> bool:
        """Tell whether a box may be spared at a time, so that what else stands in it must be looked for."""
        return any(
            held.hint.kind is HintKind.FACE
            and held.hint.span.start <= time < held.hint.span.end
            and _grown(held.hint.box).intersection(box).area
            for held in self._held
        )

    def look(self, frame: VideoFrame, covers: Mapping[int, Box]) -> PlaceVerdict:
        """Say who of those on a frame is spared or believed.

        Args:
            frame: as it came.
            covers: of the faces on it, by tracklet, in pixels.
        """
        spared: set[int] = set()
        adults: set[int] = set()
        boxes: list[Box] = []
        for held in self._held:
            number = self._holds(held, frame, covers)
            self._note(held, frame.time, holds=number is not None)
            if number is None:
                continue
            if held.hint.kind is HintKind.ADULT:
                adults.add(number)
            else:
                spared.add(number)
                boxes.append(_watched(held.hint.box, frame))
        return PlaceVerdict(frozenset(spared), frozenset(adults), tuple(boxes))

    def finish(self, time: float) -> None:
        """End what still holds."""
        for held in self._held:
            self._note(held, time, holds=False)

    def _holds(self, held: _Held, frame: VideoFrame, covers: Mapping[int, Box]) -> int | None:
        """Return the one tracklet that a hint speaks of on a frame."""
        hint = held.hint
        if not hint.span.start <= frame.time < hint.span.end:
            return None
        if (frame.width, frame.height) != self._size:
            return None
        place = _watched(hint.box, frame)
        there = [number for number, box in covers.items() if box.intersection(place).area]
        if hint.kind is HintKind.ADULT:
            there = [number for number in there if _has_middle(hint.box, covers[number])]
        if len(there) != 1:
            return None
        if hint.kind is HintKind.FACE:
            box = covers[there[0]]
            if box.intersection(place).area < box.area or not _has_middle(hint.box, box):
                return None
            if held.cells is None or not _same(held.cells, _cells(frame, place)):
                return None
        return there[0]

    def _note(self, held: _Held, time: float, *, holds: bool) -> None:
        if holds:
            held.used = True
            held.since = time if held.since is None else held.since
            return
        if held.since is not None:
            box = _grown(held.hint.box).clipped(*self._size)
            detail: dict[str, str | int | float] = {
                "kind": held.hint.kind.value,
                "left": box.x1, "top": box.y1, "right": box.x2, "bottom": box.y2,
            }  # fmt: skip
            self.events.append(Event(EventKind.HINT, self.track, Span(held.since, time), detail))
            held.since = None


def _grown(box: Box) -> Box:
    across, down = _AROUND * box.width, _AROUND * box.height
    return Box.outward(box.x1 - across, box.y1 - down, box.x2 + across, box.y2 + down)


def _watched(box: Box, frame: VideoFrame) -> Box:
    return _grown(box).clipped(frame.width, frame.height)


def _has_middle(place: Box, box: Box) -> bool:
    x, y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    return place.x1 <= x < place.x2 and place.y1 <= y < place.y2


def _cells(frame: VideoFrame, box: Box) -> tuple[NDArray[np.float32], ...] | None:
    """Return the means of cells of luma and chroma, float32 (8, 8) each; None of a place too small to have any."""
    half = Box(box.x1 // 2, box.y1 // 2, -(-box.x2 // 2), -(-box.y2 // 2))
    if min(half.width, half.height) < _CELLS:
        return None
    parts = [frame.y[box.y1 : box.y2, box.x1 : box.x2]]
    parts += [plane[half.y1 : half.y2, half.x1 : half.x2] for plane in (frame.u, frame.v)]
    return tuple(
        np.asarray(
            cv2.resize(part.astype(np.float32), (_CELLS, _CELLS), interpolation=cv2.INTER_AREA), np.float32
        )
        for part in parts
    )


def _same(one: tuple[NDArray[np.float32], ...], other: tuple[NDArray[np.float32], ...] | None) -> bool:
    if other is None:
        return False
    luma = other[0] - one[0]
    light = float(np.median(luma))
    return (
        abs(light) <= _LIGHT
        and float(np.abs(luma - light).max()) <= _LUMA
        and all(
            float(np.abs(after - before).max()) <= _CHROMA
            for before, after in zip(one[1:], other[1:], strict=True)
        )
    )
