"""Follows a face by its pixels where no detector sees it: a few frames on, and a few back from where it was born."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, Examined, VideoFrame
from redaction.video.faces.detect import Rect
from redaction.video.faces.examine import FAULTS, FrameLook
from redaction.video.faces.link import Linker
from redaction.video.faces.tracklet import Tracklet

__all__ = ["Pursuit", "Template"]

_SIDE_PX: Final = 28
_REACH: Final = 0.5
_ALIKE: Final = 0.6
_FLAT: Final = 5.0
_VISIBLE: Final = 0.5
"""A face is brought to 28 px, looked for half its size around where it was, and found where it correlates by .6; what
has less contrast than 5 levels, or lies half outside the frame, cannot be followed.

Source: our own, on the street and on pans over photographs of crowds: those that follow a wrong patch are below .5."""


@dataclass(frozen=True, slots=True)
class Template:
    """What a face looks like on one frame, made small.

    Attributes:
        look: uint8 (h, w) luma.
        scale: of it in the frame's pixels.
        corner: its upper left corner, seen from the face's, in the frame's pixels.
    """

    look: NDArray[np.uint8]
    scale: float
    corner: tuple[float, float]

    @classmethod
    def of(cls, frame: VideoFrame, box: Rect) -> Self | None:
        """Return what stands in a box of a frame; None when too little shows to be found again."""
        if not all(isfinite(edge) for edge in box):
            return None
        x1, y1, x2, y2 = _framed(box)
        side = max(box[2] - box[0], box[3] - box[1])
        inside = Box.outward(x1, y1, x2, y2).clipped(frame.width, frame.height)
        if side < 4 or inside.area < _VISIBLE * (x2 - x1) * (y2 - y1) or min(inside.width, inside.height) < 4:
            return None
        scale = min(1.0, _SIDE_PX / side)
        look = _scaled(frame, inside, scale)
        if float(look.std()) < _FLAT:
            return None
        # Where the frame cuts the face off, what is left of it is looked for, and the rest added to what is found.
        return cls(look, scale, (inside.x1 - box[0], inside.y1 - box[1]))

    def found(self, frame: VideoFrame, box: Rect) -> Rect | None:
        """Return where the face is on another frame, near a box; None where nothing looks like it."""
        match = self.matched(frame, box)
        return None if match is None else match[0]

    def matched(
        self, frame: VideoFrame, box: Rect, *, further: float = 0.0, alike: float = _ALIKE
    ) -> tuple[Rect, float] | None:
        """Return where it is on another frame, and how alike it is; None where nothing looks like it.

        Args:
            frame: that is searched.
            box: near which.
            further: how many pixels further away than usual it may be.
            alike: correlation from which it is believed.
        """
        if not all(isfinite(edge) for edge in box):
            return None
        x1, y1, x2, y2 = box
        reach = _REACH * max(x2 - x1, y2 - y1) + further
        height, width = self.look.shape
        left, top = x1 + self.corner[0], y1 + self.corner[1]
        area = Box.outward(
            left - reach, top - reach, left + width / self.scale + reach, top + height / self.scale + reach
        ).clipped(frame.width, frame.height)
        if area.width * self.scale < width + 1 or area.height * self.scale < height + 1:
            return None
        likeness = cv2.matchTemplate(_scaled(frame, area, self.scale), self.look, cv2.TM_CCOEFF_NORMED)
        _, best, _, (column, row) = cv2.minMaxLoc(likeness)
        if not best >= alike:
            return None
        dx = area.x1 + (column + _between(likeness[row], column)) / self.scale - left
        dy = area.y1 + (row + _between(likeness[:, column], row)) / self.scale - top
        moved = x1 + dx, y1 + dy, x2 + dx, y2 + dy
        seen = Box.outward(*moved).clipped(frame.width, frame.height)
        return (moved, best) if seen.area >= _VISIBLE * (x2 - x1) * (y2 - y1) else None


def _framed(box: Rect) -> Rect:
    """Return a box with a little of what is around it: the outline of a face tells as much as its features."""
    x1, y1, x2, y2 = box
    side = 0.1 * max(x2 - x1, y2 - y1)
    return x1 - side, y1 - side, x2 + side, y2 + side


def _scaled(frame: VideoFrame, area: Box, scale: float) -> NDArray[np.uint8]:
    part = frame.y[area.y1 : area.y2, area.x1 : area.x2]
    size = max(1, round(area.width * scale)), max(1, round(area.height * scale))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _between(values: NDArray[np.float32], at: int) -> float:
    """Return by how much the top of a parabola through three likenesses is off the middle one."""
    if not 0 < at < len(values) - 1:
        return 0.0
    before, here, after = (float(value) for value in values[at - 1 : at + 2])
    bend = before - 2 * here + after
    return 0.0 if bend >= -1e-6 else max(-0.5, min(0.5, (before - after) / (2 * bend)))


class Pursuit:
    """Follows the faces of one track on from where they were last seen, and back from where they were first.

    It only adds places to tracklets that are covered anyway, so that a fault ends nothing but the pursuit.
    """

    def __init__(self, linker: Linker) -> None:
        self._linker = linker
        self._templates: dict[int, Template] = {}

    def take(
        self, frame: VideoFrame, look: FrameLook, *, earlier: Sequence[tuple[VideoFrame, FrameLook]]
    ) -> None:
        """Take the latest frame, with those held in order; the last of them is the frame itself."""
        if look.examined is not Examined.DETECTED:
            return
        active = self._linker.active()
        known = {item.number for item in active}
        self._templates = {number: one for number, one in self._templates.items() if number in known}
        for item in active:
            try:
                self._follow(item, frame, earlier)
            except FAULTS:
                self._templates.pop(item.number, None)

    def _follow(
        self, item: Tracklet, frame: VideoFrame, earlier: Sequence[tuple[VideoFrame, FrameLook]]
    ) -> None:
        if item.seen_last == frame.time:
            template = Template.of(frame, item.last.box)
            if template is None:
                self._templates.pop(item.number, None)
                return
            self._templates[item.number] = template
            if item.seen == 1:
                self._linker.follow_back(item, self._back(item, template, earlier))
            return
        template = self._templates.get(item.number)
        if template is None or item.last.time >= frame.time:
            return
        place = (
            template.found(frame, item.predicted(frame.time))
            if self._linker.may_follow(item, frame.time)
            else None
        )
        if place is None:
            del self._templates[item.number]
        else:
            self._linker.follow(item, frame.time, place)

    def _back(
        self, item: Tracklet, template: Template, earlier: Sequence[tuple[VideoFrame, FrameLook]]
    ) -> list[tuple[float, Rect]]:
        reach = self._linker.reach.follow_weak if item.weak else self._linker.reach.follow
        born, box = item.last.time, item.observations[0].box
        size = None
        places: list[tuple[float, Rect]] = []
        for before, look in reversed(earlier):
            if size is not None and before.y.shape != size:
                break
            size = before.y.shape
            if before.time < item.observations[0].time:
                if born - before.time > reach or look.examined is Examined.COVERED:
                    break
                place = template.found(before, box)
                if place is None:
                    break
                box = place
                places.append((before.time, box))
            if look.cut:
                break
        return places
