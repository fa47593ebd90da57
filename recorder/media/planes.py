"""Planar pictures put into others: planes of a decoded frame, and fitting one picture into a larger one."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame as AvVideoFrame
from numpy.typing import NDArray

from redaction.model import Box, VideoFrame

__all__ = ["BLACK_Y", "NEUTRAL", "Planes", "black", "blank", "fitted", "paste", "placed", "planes"]

Plane = NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]
BLACK_Y: Final = 16
NEUTRAL: Final = 128


def planes(picture: AvVideoFrame) -> Planes:
    """Return a decoded yuv420p frame's Y, U and V, uint8, as views into it; rows may be padded."""
    if picture.format.name != "yuv420p":
        picture = picture.reformat(format="yuv420p")
    parts: list[NDArray[np.uint8]] = []
    for plane in picture.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        parts.append(rows[: plane.height, : plane.width])
    return parts[0], parts[1], parts[2]


def blank(width: int, height: int, *, luma: int = BLACK_Y) -> Planes:
    """Return the planes of a grey picture of the given size in pixels; the chroma of an odd size is rounded up."""
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return (
        np.full((height, width), luma, np.uint8),
        np.full(chroma, NEUTRAL, np.uint8),
        np.full(chroma, NEUTRAL, np.uint8),
    )


def fitted(width: int, height: int, into: Box) -> Box:
    """Return the largest box of a picture's shape in the middle of another box, on even pixels."""
    scale = min(into.width / width, into.height / height)
    wide = max(2, min(into.width, round(width * scale)) & ~1)
    high = max(2, min(into.height, round(height * scale)) & ~1)
    x = into.x1 + ((into.width - wide) // 2 & ~1)
    y = into.y1 + ((into.height - high) // 2 & ~1)
    return Box(x, y, x + wide, y + high)


def paste(picture: Planes, canvas: Planes, where: Box) -> None:
    """Scale a picture into an even box of a canvas."""
    boxes = (where, _halved(where), _halved(where))
    for plane, target, box in zip(picture, canvas, boxes, strict=True):
        part = target[box.y1 : box.y2, box.x1 : box.x2]
        if plane.shape == part.shape:
            part[:] = plane
            continue
        shrinks = plane.shape[0] > part.shape[0]
        part[:] = cv2.resize(
            plane,
            (part.shape[1], part.shape[0]),
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
        )


def placed(frame: VideoFrame, *, width: int, height: int) -> VideoFrame:
    """Return a frame in the middle of a black one of another size."""
    if (frame.width, frame.height) == (width, height):
        return frame
    wide, high = width + width % 2, height + height % 2
    canvas = blank(wide, high)
    paste((frame.y, frame.u, frame.v), canvas, fitted(frame.width, frame.height, Box(0, 0, wide, high)))
    y, u, v = canvas
    return VideoFrame(y[:height, :width], u, v, frame.pts, frame.time_base)


def _halved(box: Box) -> Box:
    return Box(box.x1 // 2, box.y1 // 2, box.x2 // 2, box.y2 // 2)


def black(width: int, height: int) -> Planes:
    """Return read-only planes of a black picture of the given size in pixels."""
    planes = blank(width, height)
    for plane in planes:
        plane.flags.writeable = False
    return planes
