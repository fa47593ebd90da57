"""A cover that a person draws once and that follows what stands under it, forwards and backwards.

While what it follows is lost, the cover stays and grows; it never vanishes. It ends with its span, or, where none is
given, two seconds after the last sight, which the page shows before anything is stored.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from recorder.review.stretch import frames_between
from recorder.runtime.context import Run
from redaction.model import Box, Span, VideoFrame
from redaction.video.faces.detect import Rect
from redaction.video.faces.follow import Template

__all__ = ["CoverPath", "follow", "standing"]

_MARGIN: Final = 0.25
_LEAST_MARGIN_PX: Final = 6
"""How far a cover reaches beyond what is followed: a share of its longer side, and pixels at least."""

_INNER: Final = 0.1
"""How much of a drawn box is left out at each side: what is around the thing moves otherwise."""

_SURE: Final = 0.8
_ALIKE: Final = 0.5
_RENEW_S: Final = 0.1
_SIZES: Final = (0.95, 1.0, 1.05)
"""Likeness from which a look is believed to be the first one still, and any; how often a later one is taken; sizes
that are tried. Source: our own, a texture that moves at 15 frames a second through x264 at CRF 23: .76 and more from
one frame to the next, on bare ground below .45 in 95 of 100 frames and .50 at most."""

_GROWTH: Final = 1.0
_MOST_GROWTH: Final = 1.0
_SEARCH: Final = 4.0
_MOST_SEARCH: Final = 3.0
_HELD_S: Final = 2.0
"""While lost a cover grows by its side each second, up to a side each way; it is sought in an area that grows faster.
Without a span it is held so many seconds."""

_FIRM: Final = 0.6
_BETTER: Final = 0.04
"""Likeness from which what was lost is found again, and by how much another size must be more alike than the last."""

_CHUNK_BYTES: Final = 96 << 20
_TIME_TOLERANCE_S: Final = 0.002
_ENDLESS_S: Final = 1e7


@dataclass(frozen=True, slots=True)
class CoverPath:
    """Where a cover stands, frame by frame.

    Attributes:
        times: of the frames, rising.
        boxes: in pixels, one for each.
        lost: when what it follows was not seen.
    """

    times: tuple[float, ...]
    boxes: tuple[Box, ...]
    lost: tuple[Span, ...] = ()

    @property
    def span(self) -> Span:
        """From the first frame to just after the last."""
        return Span(self.times[0], self.times[-1] + _TIME_TOLERANCE_S) if self.times else Span(0.0, 0.0)

    def at(self, time: float) -> Box | None:
        """Return what is covered of a frame; None of one outside the span."""
        at = bisect_left(self.times, time - _TIME_TOLERANCE_S)
        if at == len(self.times) or (at == 0 and self.times[0] - time > _TIME_TOLERANCE_S):
            return None
        if self.times[at] - time > _TIME_TOLERANCE_S:  # between two frames that were looked at
            return self.boxes[at - 1].union(self.boxes[at])
        return self.boxes[at]


def standing(box: Box, span: Span) -> CoverPath:
    """Return the path of a cover that stays where it is."""
    return CoverPath((span.start, span.end), (box, box))


def follow(
    path: Path,
    box: Box,
    time: float,
    *,
    span: Span | None,
    run: Run,
    reach: Callable[[float], None] = lambda _: None,
) -> CoverPath:
    """Follow what stands in a box at a time, back to the beginning of a span and on to its end.

    Args:
        path: of the stored video.
        box: as drawn, in pixels.
        time: of the frame it was drawn on.
        span: when it is covered in any case; None for as long as it is found.
        run: ends it.
        reach: is told how many seconds were looked at.

    Raises:
        UnreadableInput: the video cannot be decoded, or has no frame at that time.
    """
    first = next(frames_between(path, max(0.0, time - _TIME_TOLERANCE_S), _ENDLESS_S), None)
    if first is None:
        first = next(iter(_backwards(path, time + 1, 0.0)), None)
    if first is None:
        return CoverPath((), ())
    start = 0.0 if span is None else min(span.start, first.time)
    end = _ENDLESS_S if span is None else max(span.end, first.time)
    shape = first.width, first.height
    on = list(
        _chased(
            _Chase(first, box, endless=span is None),
            frames_between(path, first.time + _TIME_TOLERANCE_S, end),
            run,
            lambda at: reach(at - time),
        )
    )
    done = on[-1].time - time if on else 0.0
    back = list(
        _chased(
            _Chase(first, box, endless=span is None),
            _backwards(path, first.time - _TIME_TOLERANCE_S, start),
            run,
            lambda at: reach(done + time - at),
        )
    )
    places = [*reversed(back), _Place(first.time, _inner(box), found=True), *on]
    return CoverPath(
        tuple(place.time for place in places),
        tuple(_grown(place.rect).clipped(*shape) for place in places),
        tuple(_lost(places)),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    time: float
    rect: Rect
    found: bool


class _Chase:
    """One way along a video: forwards or backwards."""

    def __init__(self, frame: VideoFrame, box: Box, *, endless: bool) -> None:
        self._rect = _inner(box)
        self._first = Template.of(frame, self._rect)
        self._latest = self._first
        self._renewed = self._seen = self._time = frame.time
        self._speed = (0.0, 0.0)
        self._endless = endless

    @property
    def over(self) -> bool:
        """Whether it was lost for so long that it does not stand any more."""
        return self._endless and abs(self._time - self._seen) >= _HELD_S

    def step(self, frame: VideoFrame) -> _Place:
        """Return where the cover stands on the next frame."""
        apart = abs(frame.time - self._time)
        self._time = frame.time
        if self._first is None or self._latest is None:  # too little to see: it stays where it was drawn
            self._seen = frame.time
            return _Place(frame.time, self._rect, found=True)
        gone = abs(frame.time - self._seen)
        guess = _shifted(self._rect, self._speed, min(gone, 0.5))
        side = max(guess[2] - guess[0], guess[3] - guess[1])
        lost = max(0.0, gone - apart)
        further = side * min(_MOST_SEARCH, _SEARCH * lost)
        rect = self._sought(frame, guess, further=further, alike=_FIRM if lost else _ALIKE)
        if rect is None:
            wide = _padded(_union(self._rect, guess), side * min(_MOST_GROWTH, _GROWTH * gone))
            return _Place(frame.time, wide, found=False)
        self._learn(frame, rect, max(gone, 1e-3))
        return _Place(frame.time, rect, found=True)

    def _sought(self, frame: VideoFrame, guess: Rect, *, further: float, alike: float) -> Rect | None:
        first, latest = self._first, self._latest
        if first is None or latest is None:
            return None
        match = first.matched(frame, guess, further=further, alike=alike)
        if match is not None and match[1] >= _SURE:
            return match[0]
        found = [] if match is None else [match]
        for size in _SIZES:
            other = _scaled(latest, size).matched(frame, _resized(guess, size), further=further, alike=alike)
            if other is not None:
                found.append((other[0], other[1] - (_BETTER if size != 1.0 else 0.0)))
        return max(found, key=lambda item: item[1])[0] if found else None

    def _learn(self, frame: VideoFrame, rect: Rect, gone: float) -> None:
        moved = _centre(rect), _centre(self._rect)
        now = ((moved[0][0] - moved[1][0]) / gone, (moved[0][1] - moved[1][1]) / gone)
        self._speed = (0.5 * self._speed[0] + 0.5 * now[0], 0.5 * self._speed[1] + 0.5 * now[1])
        self._rect, self._seen = rect, frame.time
        if abs(frame.time - self._renewed) >= _RENEW_S:
            self._latest, self._renewed = Template.of(frame, rect) or self._latest, frame.time


def _chased(
    chase: _Chase, frames: Iterator[VideoFrame], run: Run, reach: Callable[[float], None]
) -> Iterator[_Place]:
    for frame in frames:
        run.check()
        yield chase.step(frame)
        reach(frame.time)
        if chase.over:
            return


def _backwards(path: Path, end: float, start: float) -> Iterator[VideoFrame]:
    """Yield the frames of `[start, end)`, the last first; a few are held at a time."""
    length = 0.5
    while end > start:
        begin = max(start, end - length)
        part = list(frames_between(path, begin, end))
        yield from reversed(part)
        if part:
            a_second = sum(frame.nbytes for frame in part) / max(0.04, end - begin)
            length = min(4.0, max(0.1, _CHUNK_BYTES / max(1.0, a_second)))
        else:
            length = min(60.0, 2 * length)
        end = begin


def _lost(places: list[_Place]) -> Iterator[Span]:
    began: float | None = None
    for place in places:
        if not place.found and began is None:
            began = place.time
        if place.found and began is not None:
            yield Span(began, place.time)
            began = None
    if began is not None:
        yield Span(began, places[-1].time)


def _inner(box: Box) -> Rect:
    """Return what is followed of a drawn box."""
    across, down = _INNER * box.width, _INNER * box.height
    return box.x1 + across, box.y1 + down, box.x2 - across, box.y2 - down


def _centre(rect: Rect) -> tuple[float, float]:
    return (rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2


def _shifted(rect: Rect, speed: tuple[float, float], seconds: float) -> Rect:
    dx, dy = speed[0] * seconds, speed[1] * seconds
    return rect[0] + dx, rect[1] + dy, rect[2] + dx, rect[3] + dy


def _resized(rect: Rect, size: float) -> Rect:
    x, y = _centre(rect)
    wide, high = (rect[2] - rect[0]) * size / 2, (rect[3] - rect[1]) * size / 2
    return x - wide, y - high, x + wide, y + high


def _padded(rect: Rect, pixels: float) -> Rect:
    return rect[0] - pixels, rect[1] - pixels, rect[2] + pixels, rect[3] + pixels


def _union(one: Rect, other: Rect) -> Rect:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _scaled(template: Template, size: float) -> Template:
    corner = template.corner[0] * size, template.corner[1] * size
    return template if size == 1.0 else replace(template, scale=template.scale / size, corner=corner)


def _grown(rect: Rect) -> Box:
    """Return what is covered for what is followed: the box as it was drawn there, and a margin."""
    wide, high = rect[2] - rect[0], rect[3] - rect[1]
    margin = max(_LEAST_MARGIN_PX, _MARGIN * max(wide, high))
    across, down = (side * _INNER / (1 - 2 * _INNER) + margin for side in (wide, high))
    return Box.outward(rect[0] - across, rect[1] - down, rect[2] + across, rect[3] + down)
