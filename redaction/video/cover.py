"""What stands in place of a face or a person: operators that write into copies of I420 planes.

No operator blurs: measured attacks undo blur. Nothing of what was under a cover enters a solid fill; a mosaic keeps
block means only, coarse and quantised.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import isfinite

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, Cover, CoverReason, VideoFrame
from redaction.video.labels import write_label

__all__ = [
    "FILL",
    "ROUNDNESS",
    "covered",
    "covered_whole",
    "evened",
    "mosaic",
    "rounded_head",
    "shows_cover",
    "solid",
]

FILL = (96, 128, 128)
"""Y, U and V of every solid cover: one neutral grey."""

MOSAIC_BLOCKS = 8
"""Most blocks across a cover, hence fewer across the face in it. Source: measured attack, 8 blocks across recognise
1.5 to 3 % of 200 people against .5 % by chance; 12 blocks and a like gallery 2.5 %, 16 blocks 20 %."""

MOSAIC_LEVELS = 16
"""Levels that a block's mean is rounded to, so that small differences between frames say nothing."""

_GREY_LEVELS = 8
"""Levels by which luma, and half of them by which chroma of a cover may differ once it is stored.

Source: x264 at CRF 23 and 35 leaves 3 inside covers."""

ROUNDNESS = 3.0
"""Exponent of a cover's outline: 2 is an ellipse, more is squarer. At 3 a cover is .88 of its box. Source: of 690
annotated faces 27 are less than 95 % covered at 2.5, 19 at 3: corners of the jaw stick out."""

SQUARE_PX = 48
"""Side of a cover's box below which it stays a box. Source: of 195 annotated faces of 24 to 48 px one more is covered
than with 20."""

CoverPlanes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
CoverMask = NDArray[np.bool_]


def evened(box: Box, *, width: int, height: int) -> Box:
    """Return the box grown outward to even pixels and clipped to the frame, so that whole chroma samples are in it."""
    grown = Box(box.x1 & ~1, box.y1 & ~1, (box.x2 + 1) & ~1, (box.y2 + 1) & ~1)
    return grown.clipped(width, height)


def rounded_head(
    rect: tuple[float, float, float, float], *, width: int, height: int
) -> tuple[Box, CoverMask | None]:
    """Return the part of a head's cover that lies in a frame: a box with even edges, and bool of its size.

    Args:
        rect: `(x1, y1, x2, y2)` in pixels that the head fills; it may reach beyond the frame, or be no box at all.
        width: of the frame in pixels.
        height: the same.

    Returns:
        A box without area when nothing of it lies in the frame, or when it is not finite; a mask of None for all of it.
    """
    if not all(isfinite(edge) for edge in rect):
        return Box(0, 0, 0, 0), None
    limit = 4 * max(width, height)
    whole = Box.outward(*(min(max(edge, -limit), 2 * limit) for edge in rect))
    whole = Box(whole.x1 & ~1, whole.y1 & ~1, (whole.x2 + 1) & ~1, (whole.y2 + 1) & ~1)
    inside = evened(whole, width=width, height=height)
    if not inside.area or min(whole.width, whole.height) < SQUARE_PX:
        return inside, None
    rows, columns = _radii(whole.height // 2), _radii(whole.width // 2)
    top, left = (inside.y1 - whole.y1) // 2, (inside.x1 - whole.x1) // 2
    high, wide = -(-inside.height // 2), -(-inside.width // 2)
    quarter = rows[top : top + high, None] + columns[None, left : left + wide] <= 1
    mask = np.repeat(np.repeat(quarter, 2, axis=0), 2, axis=1)
    return inside, np.ascontiguousarray(mask[: inside.height, : inside.width])


@lru_cache(maxsize=1024)
def _radii(count: int) -> NDArray[np.float32]:
    """Return how far the inner edges of that many chroma samples in a row are from their middle, to the power."""
    edges = np.abs(np.linspace(-1, 1, count + 1, dtype=np.float32)) ** ROUNDNESS
    return np.minimum(edges[:-1], edges[1:])


def covered(frame: VideoFrame, covers: Sequence[Cover], *, pixelate: bool = False) -> VideoFrame:
    """Return a copy of the frame with every cover applied; solid, or a mosaic of faces if `pixelate` is set."""
    if not covers:
        return frame
    planes = (frame.y.copy(), frame.u.copy(), frame.v.copy())
    mosaics = [pixelate and cover.reason is CoverReason.FACE for cover in covers]
    for cover, is_mosaic in zip(covers, mosaics, strict=True):
        if is_mosaic:
            mosaic(planes, cover.box, mask=cover.mask)
    for cover, is_mosaic in zip(covers, mosaics, strict=True):
        if not is_mosaic:
            solid(planes, cover.box, mask=cover.mask)
    for cover in covers:
        write_label(planes[0], cover)
    y, u, v = planes
    return VideoFrame(y, u, v, frame.pts, frame.time_base, frame.whole_cover)


def covered_whole(frame: VideoFrame) -> VideoFrame:
    """Return a frame of the same size and time in which nothing of the original is left."""
    y, u, v = (
        np.full(plane.shape, value, dtype=np.uint8)
        for plane, value in zip((frame.y, frame.u, frame.v), FILL, strict=True)
    )
    return VideoFrame(y, u, v, frame.pts, frame.time_base, frame.whole_cover)


def shows_cover(frame: VideoFrame) -> CoverMask:
    """Return which pixels of a stored frame show a solid cover, bool (H, W): its grey, as a codec keeps it."""
    height, width = frame.y.shape
    near = cv2.absdiff(frame.y, np.full_like(frame.y, FILL[0])) <= _GREY_LEVELS
    for plane, value in ((frame.u, FILL[1]), (frame.v, FILL[2])):
        grey = (cv2.absdiff(plane, np.full_like(plane, value)) <= _GREY_LEVELS // 2).view(np.uint8)
        near &= np.repeat(np.repeat(grey, 2, axis=0), 2, axis=1)[:height, :width] > 0
    return np.asarray(near, dtype=np.bool_)


def solid(planes: CoverPlanes, box: Box, *, mask: NDArray[np.bool_] | None = None) -> None:
    """Fill a box, or where `mask` (bool, of the box's size) is True, with one colour, on whole chroma samples."""
    height, width = planes[0].shape
    if mask is None:
        area = evened(box, width=width, height=height)
        for plane, value, step in zip(planes, FILL, (1, 2, 2), strict=True):
            plane[area.y1 // step : -(-area.y2 // step), area.x1 // step : -(-area.x2 // step)] = value
        return
    if mask.shape != (box.height, box.width):
        raise ValueError("a mask has another size than its box")
    inside = box.clipped(width, height)
    area = evened(inside, width=width, height=height)
    if area.area == 0:
        return
    whole = np.zeros((area.height + area.height % 2, area.width + area.width % 2), dtype=np.bool_)
    whole[inside.y1 - area.y1 : inside.y2 - area.y1, inside.x1 - area.x1 : inside.x2 - area.x1] = mask[
        inside.y1 - box.y1 : inside.y2 - box.y1, inside.x1 - box.x1 : inside.x2 - box.x1
    ]
    pairs = whole.view(np.uint16)
    quarter = (pairs[0::2] | pairs[1::2]) != 0
    whole = np.repeat(np.repeat(quarter, 2, axis=1), 2, axis=0)
    for plane, value, step, part in zip(planes, FILL, (1, 2, 2), (whole, quarter, quarter), strict=True):
        target = plane[area.y1 // step : -(-area.y2 // step), area.x1 // step : -(-area.x2 // step)]
        np.copyto(target, value, where=part[: target.shape[0], : target.shape[1]])


def mosaic(planes: CoverPlanes, box: Box, *, mask: CoverMask | None = None) -> None:
    """Replace a box, or where `mask` (bool, of the box's size) is True, by at most 8 blocks across.

    Each is the mean of its pixels rounded to 16 levels. The grid hangs on the frame, not on the box, so a face that
    moves under it is not sampled anew at every offset; blocks are cut off at the edge of what is covered, and what is
    around it goes into their means.
    """
    height, width = planes[0].shape
    area = evened(box, width=width, height=height)
    if area.area == 0:
        return
    side = 2 ** max(4, int(np.ceil(np.log2(max(area.width, area.height) / MOSAIC_BLOCKS))))
    x1, y1 = area.x1 // side * side, area.y1 // side * side
    x2, y2 = min(width, -(-area.x2 // side) * side), min(height, -(-area.y2 // side) * side)
    for plane, step in zip(planes, (1, 2, 2), strict=True):
        part = plane[y1 // step : -(-y2 // step), x1 // step : -(-x2 // step)]
        size = side // step
        rows, columns = -(-part.shape[0] // size), -(-part.shape[1] // size)
        bottom, right = rows * size - part.shape[0], columns * size - part.shape[1]
        padded = cv2.copyMakeBorder(part, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        means = cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.uint16)
        flat = (means // MOSAIC_LEVELS * MOSAIC_LEVELS + MOSAIC_LEVELS // 2).astype(np.uint8)
        blocks = np.repeat(np.repeat(flat, size, axis=0), size, axis=1)[: part.shape[0], : part.shape[1]]
        inner = np.s_[
            (area.y1 - y1) // step : -(-(area.y2 - y1) // step),
            (area.x1 - x1) // step : -(-(area.x2 - x1) // step),
        ]
        where = _sampled(mask, box, area, step)
        np.copyto(
            part[inner],
            blocks[inner],
            where=True if where is None else where[: part[inner].shape[0], : part[inner].shape[1]],
        )


def _sampled(mask: CoverMask | None, box: Box, area: Box, step: int) -> CoverMask | None:
    """Return the part of a box's mask that lies in an area with even edges, on samples of that many pixels."""
    if mask is None:
        return None
    if mask.shape != (box.height, box.width):
        raise ValueError("a mask has another size than its box")
    inside = box.intersection(area)
    whole = np.zeros((area.height + area.height % 2, area.width + area.width % 2), dtype=np.bool_)
    whole[inside.y1 - area.y1 : inside.y2 - area.y1, inside.x1 - area.x1 : inside.x2 - area.x1] = mask[
        inside.y1 - box.y1 : inside.y2 - box.y1, inside.x1 - box.x1 : inside.x2 - box.x1
    ]
    return (
        whole
        if step == 1
        else np.asarray(whole[0::2, 0::2] | whole[1::2, 0::2] | whole[0::2, 1::2] | whole[1::2, 1::2])
    )
