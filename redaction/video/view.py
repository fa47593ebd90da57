"""Views of a frame for the detectors: a region, scaled and turned, made from I420 planes at the view's size only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, VideoFrame

__all__ = ["TURNS", "Picture", "Rotation", "View", "turned"]

Picture = NDArray[np.uint8]
Rotation = Literal[0, 90, 180, 270]
TURNS: tuple[Rotation, ...] = (0, 90, 180, 270)

_ROTATE = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def turned(picture: Picture, turn: Rotation) -> Picture:
    """Return a picture turned clockwise by `turn` degrees, uint8 (H, W, 3)."""
    return picture if turn == 0 else np.asarray(cv2.rotate(picture, _ROTATE[turn]), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class View:
    """How a frame, or a part of it, is shown to a detector.

    Attributes:
        region: the part of the frame, in frame pixels, with even edges.
        width: width in pixels that the region is scaled to before it is turned, even.
        height: the same for its height.
        turn: degrees by which the scaled region is then turned clockwise.
    """

    region: Box
    width: int
    height: int
    turn: Rotation = 0

    @classmethod
    def of(cls, frame: VideoFrame, *, region: Box | None = None, scale: float, turn: Rotation = 0) -> View:
        """Return the view of a region (all of the frame if None) at about that scale, edges rounded outward."""
        whole = Box(0, 0, frame.width, frame.height)
        if region is None:
            box = whole
        else:
            box = Box(region.x1 & ~1, region.y1 & ~1, (region.x2 + 1) & ~1, (region.y2 + 1) & ~1)
            box = box.clipped(frame.width, frame.height)
        return cls(box, _even(box.width * scale), _even(box.height * scale), turn)

    def picture(self, frame: VideoFrame) -> Picture:
        """Return the view as uint8 (H, W, 3) BGR; planes are scaled first, colours converted after."""
        box, width, height = self.region, self.width, self.height
        buffer = np.empty((height * 3 // 2, width), dtype=np.uint8)
        luma = frame.y[box.y1 : box.y2, box.x1 : box.x2]
        half = slice(box.y1 // 2, (box.y2 + 1) // 2), slice(box.x1 // 2, (box.x2 + 1) // 2)
        quarter = (height // 2, width // 2)
        chroma = buffer[height:].reshape(2, *quarter)
        shrinks = width < box.width
        _scaled(luma, buffer[:height], shrinks=shrinks)
        _scaled(frame.u[half], chroma[0], shrinks=shrinks)
        _scaled(frame.v[half], chroma[1], shrinks=shrinks)
        bgr = np.asarray(cv2.cvtColor(buffer, cv2.COLOR_YUV2BGR_I420), dtype=np.uint8)
        return turned(bgr, self.turn)

    def to_frame(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map points, float32 (n, 2) xy in the turned picture's pixels, to the frame's pixels."""
        x, y = points[:, 0], points[:, 1]
        if self.turn == 90:
            x, y = y, self.height - x
        elif self.turn == 180:
            x, y = self.width - x, self.height - y
        elif self.turn == 270:
            x, y = self.width - y, x
        fx = self.region.x1 + x * (self.region.width / self.width)
        fy = self.region.y1 + y * (self.region.height / self.height)
        return np.stack([fx, fy], axis=1).astype(np.float32)


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)


def _scaled(source: NDArray[np.uint8], target: NDArray[np.uint8], *, shrinks: bool) -> None:
    if source.shape == target.shape:
        np.copyto(target, source)
        return
    size = (target.shape[1], target.shape[0])
    np.copyto(target, cv2.resize(source, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))
