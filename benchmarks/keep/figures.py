"""What `benchmarks.keep` counts on the pixels of a redacted clip: privacy and keep, in one place."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.keep.scenes import Head, Scene
from redaction.model import Box, VideoFrame
from redaction.video.cover import FILL
from redaction.video.faces.detect import overlap

Mask = NDArray[np.bool_]

WIDE, HIGH = 1.8, 2.2
"""A head's worth, in sizes of its face box."""
BLINK = 5
_CELL = 8
_STILL = 0.95


@dataclass
class Figures:
    """Figures of one clip."""

    frames: int = 0
    faces: int = 0
    uncovered: int = 0
    least: float = 1.0
    lost: list[float] = field(default_factory=list)
    whole: int = 0
    sizes: list[float] = field(default_factory=list)
    steady: list[float] = field(default_factory=list)
    blinks: int = 0
    stray: list[float] = field(default_factory=list)
    covered: list[float] = field(default_factory=list)
    seconds: float = 0.0
    worst_frame: int = -1


def counted(scene: Scene, redacted: Iterable[VideoFrame]) -> Iterator[tuple[Figures, VideoFrame, VideoFrame]]:
    """Compare a clip with its redacted frames; yields the figures so far with both, frame by frame."""
    figures = Figures()
    before: tuple[Mask, list[Head]] | None = None
    blinks = Blinks()
    for index, (source, result) in enumerate(zip(scene.frames(), redacted, strict=True)):
        mask = grey(source, result)
        heads = scene.heads.get(index, [])
        figures.frames += 1
        figures.seconds = max(figures.seconds, source.time)
        figures.covered.append(float(mask.mean()))
        is_whole = mask.mean() > 0.985
        figures.whole += is_whole
        _faces(figures, mask, heads)
        worth = _worth(mask.shape, heads)
        figures.lost.append(float((mask & ~worth).mean()))
        if figures.lost[-1] >= max(figures.lost):
            figures.worst_frame = index
        figures.stray.append(0.0 if is_whole else _stray(mask, worth))
        if before is not None and not is_whole:
            _steadiness(figures, before, (mask, heads))
        before = (mask, heads)
        blinks.take(mask)
        figures.blinks = blinks.count
        yield figures, source, result


def grey(source: VideoFrame, result: VideoFrame) -> Mask:
    """Tell which pixels of a redacted frame show the cover: flat grey, or grey where there was something else."""
    height, width = result.y.shape
    near = np.abs(result.y.astype(np.int16) - FILL[0]) <= 14
    for plane, value in ((result.u, FILL[1]), (result.v, FILL[2])):
        colour = (np.abs(plane.astype(np.int16) - value) <= 8).astype(np.uint8)
        near &= cv2.resize(colour, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    away = cv2.absdiff(result.y, np.full_like(result.y, FILL[0])).astype(np.float32)
    flat = cv2.boxFilter(away, -1, (7, 7)) < 3
    other = cv2.absdiff(source.y, result.y) > 12
    # The codec blurs a cover's edge; specks are smaller than any cover, and natural grey is grey in the source too.
    seeds = (near & (flat | other)).astype(np.uint8)
    opened = cv2.morphologyEx(seeds, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, labels = cv2.connectedComponents(opened, connectivity=4)
    sizes = np.bincount(labels.ravel(), minlength=count)
    kept = np.bincount(labels[other], minlength=count) >= 0.3 * sizes
    kept[0] = False
    return np.asarray(kept[labels], np.bool_)


def _faces(figures: Figures, mask: Mask, heads: Iterable[Head]) -> None:
    height, width = mask.shape
    heads = list(heads)
    for head in heads:
        if not head.known:
            continue
        box = Box(*(max(0, int(edge)) for edge in head.box)).clipped(width, height)
        if not box.area:
            continue
        share = float(mask[box.y1 : box.y2, box.x1 : box.x2].mean())
        figures.faces += 1
        figures.uncovered += share < 0.95
        figures.least = min(figures.least, share)
        x1, y1, x2, y2 = head.box
        wide, high = (x2 - x1) / 2, (y2 - y1) / 2
        if x1 >= wide and y1 >= high and x2 <= width - wide and y2 <= height - high:
            own, _ = _own(mask, head, heads)
            figures.sizes.append(float(own.sum()) / ((x2 - x1) * (y2 - y1)))


def _own(mask: Mask, head: Head, heads: Iterable[Head]) -> tuple[Mask, Box]:
    """Return the part of the cover near a head that is nearer to it than to any other, and where that is."""
    x1, y1, x2, y2 = head.box
    wide, high = x2 - x1, y2 - y1
    where = Box.outward(x1 - wide, y1 - high, x2 + wide, y2 + high).clipped(mask.shape[1], mask.shape[0])
    part = mask[where.y1 : where.y2, where.x1 : where.x2].copy()
    rows, columns = np.mgrid[where.y1 : where.y2, where.x1 : where.x2].astype(np.float32)
    own = _distance(head, rows, columns)
    for other in heads:
        if other is not head and Box.outward(*other.box).intersection(where).area:
            part &= own <= _distance(other, rows, columns)
    return part, where


def _distance(head: Head, rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float32]:
    x1, y1, x2, y2 = head.box
    across, down = (columns - (x1 + x2) / 2) / max(1, x2 - x1), (rows - (y1 + y2) / 2) / max(1, y2 - y1)
    return np.asarray(across * across + down * down, np.float32)


def _worth(shape: tuple[int, ...], heads: Iterable[Head]) -> Mask:
    """Return what a head's worth around every face is."""
    worth = np.zeros(shape, np.bool_)
    for head in heads:
        x1, y1, x2, y2 = head.box
        x, y, wide, high = (x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) * WIDE / 2, (y2 - y1) * HIGH / 2
        box = Box.outward(x - wide, y - high, x + wide, y + high).clipped(shape[1], shape[0])
        worth[box.y1 : box.y2, box.x1 : box.x2] = True
    return worth


def _stray(mask: Mask, worth: Mask) -> float:
    """Return the share of the picture in covers that touch no head's worth."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    touching = np.zeros(count, np.bool_)
    touching[np.unique(labels[worth])] = True
    touching[0] = True
    return float(stats[~touching, cv2.CC_STAT_AREA].sum()) / mask.size


def _steadiness(figures: Figures, before: tuple[Mask, list[Head]], now: tuple[Mask, list[Head]]) -> None:
    """Compare the covers of heads that did not move."""
    known = {head.number: head for head in before[1]}
    for head in now[1]:
        other = known.get(head.number)
        if other is None or overlap(other.box, head.box)[0] < _STILL:
            continue
        one, where = _own(before[0], head, now[1])
        two, _ = _own(now[0], head, now[1])
        if where.area and (one | two).any():
            figures.steady.append(float((one & two).sum() / (one | two).sum()))


class Blinks:
    """Counts covers that come for a few frames and go, or go for a few frames and come back."""

    def __init__(self) -> None:
        self._past: deque[Mask] = deque(maxlen=BLINK + 2)
        self.count = 0

    def take(self, mask: Mask) -> None:
        """Take the next frame."""
        height, width = mask.shape
        size = (max(1, width // _CELL), max(1, height // _CELL))
        small = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 64
        self._past.append(np.asarray(small, np.bool_))
        if len(self._past) == BLINK + 2:
            frames = list(self._past)
            self.count += _brief(frames) + _gone(frames)


def _brief(frames: list[Mask]) -> int:
    """Count what is absent on the first frame, there on the second, and gone on a later one."""
    count, labels = cv2.connectedComponents(frames[1].view(np.uint8), connectivity=8)
    brief = 0
    for number in range(1, count):
        where: Mask = labels == number
        if (where & _dilated(frames[0])).any() or where.sum() < 2:
            continue
        for later in frames[2:]:
            where = _followed(where, later)
            if not where.any():
                brief += 1
                break
    return brief


def _gone(frames: list[Mask]) -> int:
    """Count covers of the first frame of which nothing is left on the second, and that are back on a later one."""
    count, labels = cv2.connectedComponents(frames[0].view(np.uint8), connectivity=8)
    gone = 0
    for number in range(1, count):
        where: Mask = labels == number
        if where.sum() >= 2 and not (_dilated(where) & frames[1]).any():
            gone += any(bool((where & later).any()) for later in frames[2:])
    return gone


def _followed(where: Mask, later: Mask) -> Mask:
    near = _dilated(where) & later
    if not near.any():
        return near
    _, labels = cv2.connectedComponents(later.view(np.uint8), connectivity=8)
    return np.asarray(np.isin(labels, np.unique(labels[near])) & later, np.bool_)


def _dilated(mask: Mask) -> Mask:
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((3, 3), np.uint8)) > 0, np.bool_)
