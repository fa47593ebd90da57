"""Numbers on covers that stay with one person, by where faces are followed: nothing is known of what they look like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, Cover
from redaction.video.faces.detect import overlap

__all__ = ["Labels", "write_label"]

_PLACE: Final = 0.3
_HELD: Final = 0.4
_GONE_S: Final = 60.0
"""Overlap from which a face is in the place of one that was lost, what it is worth to lie in it wholly, and for how
long that place is kept for it."""

_INK: Final = 190
_LEAST_PX: Final = 24
_SHARE: Final = 0.3
_MOST_PX: Final = 40
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_FONT_PX: Final = 22
"""Luma of a label; covers under 24 px bear none. It is three tenths of a cover high, 40 px at most. A figure is 22 px
high at scale 1."""

LabelPlane = NDArray[np.uint8]


@dataclass(slots=True)
class _Place:
    number: int
    box: Box
    time: float
    shot: int


class Labels:
    """Tells people of one track apart: "1", "2" and so on, in order of their first covered frame.

    A label stays with a face as long as it is followed, and goes on where a face comes up within a minute in the same
    place of the same shot. Two people who change places unseen change their labels too.
    """

    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._by_tracklet: dict[int, _Place] = {}

    def label(self, tracklet: int, box: Box, *, time: float, shot: int) -> str:
        """Return the label of a face on a frame; faces come in order of time, and of birth on each frame."""
        place = self._by_tracklet.get(tracklet)
        if place is None:
            place = self._free(box, time, shot)
            if place is None:
                place = _Place(len(self._places) + 1, box, time, shot)
                self._places.append(place)
            self._by_tracklet[tracklet] = place
        place.box, place.time, place.shot = box, time, shot
        return str(place.number)

    def forget(self, tracklet: int) -> None:
        """Say that a tracklet is over."""
        self._by_tracklet.pop(tracklet, None)

    def _free(self, box: Box, time: float, shot: int) -> _Place | None:
        """Return the place of somebody who was lost there, if it is nobody else's on this frame."""
        best, most = None, _PLACE
        for place in self._places:
            if place.shot != shot or not time - _GONE_S <= place.time < time:
                continue
            alike, inside = overlap(_edges(place.box), _edges(box))
            # The cover of who is lost grows around where they were.
            alike = max(alike, _HELD * inside)
            if alike >= most:
                best, most = place, alike
        return best


def write_label(luma: LabelPlane, cover: Cover) -> None:
    """Write a cover's label into its middle, uint8 (H, W); nothing into a small one, or at the border."""
    box = cover.box
    side = min(box.width, box.height)
    if not cover.label or side < _LEAST_PX:
        return
    ink = _text(cover.label, min(_MOST_PX, round(_SHARE * side)))
    top = (box.y1 + box.y2 - ink.shape[0]) // 2
    left = (box.x1 + box.x2 - ink.shape[1]) // 2
    if ink.shape[0] > box.height or ink.shape[1] > box.width or min(top, left) < 0:
        return
    part = luma[top : top + ink.shape[0], left : left + ink.shape[1]]
    if part.shape != ink.shape:
        return
    share = ink.astype(np.uint16)
    part[:] = ((part * (255 - share) + _INK * share) // 255).astype(np.uint8)


@lru_cache(maxsize=1024)
def _text(text: str, height_px: int) -> NDArray[np.uint8]:
    """Return uint8 (h, w), 255 where a text has ink."""
    scale = height_px / _FONT_PX
    thick = max(1, round(height_px / 9))
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, thick)
    ink = np.zeros((height + 2 * thick, width + 2 * thick), np.uint8)
    cv2.putText(ink, text, (thick, height + thick // 2), _FONT, scale, 255, thick, cv2.LINE_AA)
    return ink


def _edges(box: Box) -> tuple[float, float, float, float]:
    return float(box.x1), float(box.y1), float(box.x2), float(box.y2)
