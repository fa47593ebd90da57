"""Measures of change on small luma thumbnails: what changed outside what is covered, and where a shot was cut."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, VideoFrame
from redaction.video.boxes import joined

__all__ = ["Thumbnail", "block_of", "changed_blocks", "is_cut", "patch_change", "regions", "thumbnail"]

Thumbnail = NDArray[np.uint8]
ChangeMask = NDArray[np.bool_]

CHANGE = 8
"""Luma levels by which a block's mean must differ to count as changed.

Source: camera noise of 5 levels leaves 0.6 in a mean of 64 pixels; a face of 36x48 px on a grey wall moves over 15."""

STRONG = 16
"""Levels from which one block alone counts; weaker ones count from two neighbours on."""


def block_of(frame: VideoFrame) -> int:
    """Return the side in pixels of the blocks whose means make the thumbnail: 4 to 12, 8 for 720p."""
    return min(12, max(4, round(max(frame.width, frame.height) / 160)))


def thumbnail(frame: VideoFrame) -> Thumbnail:
    """Return block means of luma, uint8 (H // block, W // block); a rest narrower than a block is left out."""
    block = block_of(frame)
    rows, columns = max(1, frame.height // block), max(1, frame.width // block)
    part = frame.y[: rows * block, : columns * block]
    return np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def changed_blocks(now: Thumbnail, before: Thumbnail, *, block: int, covered: Iterable[Box]) -> ChangeMask:
    """Tell which blocks changed outside what is covered, bool of the thumbnails' shape.

    A block is covered only when all of it lies inside one covered box. A weak change that stands alone is noise.
    """
    difference = cv2.absdiff(now, before)
    for box in covered:
        x1, y1 = max(0, -(-box.x1 // block)), max(0, -(-box.y1 // block))
        difference[y1 : max(y1, box.y2 // block), x1 : max(x1, box.x2 // block)] = 0
    weak = (difference >= CHANGE).astype(np.uint8)
    if not weak.any():
        return np.zeros(weak.shape, dtype=np.bool_)
    neighbours = cv2.boxFilter(weak, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray((weak == 1) & ((neighbours >= 2) | (difference >= STRONG)), dtype=np.bool_)


def regions(changed: ChangeMask, *, block: int, width: int, height: int, reach: int) -> list[Box]:
    """Return boxes in frame pixels that hold every changed block, grown by `reach` px and joined where they touch."""
    if not changed.any():
        return []
    steps = max(1, reach // block)
    kernel = np.ones((2 * steps + 1, 2 * steps + 1), np.uint8)
    grown = cv2.dilate(changed.astype(np.uint8), kernel)
    count, _, stats, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    boxes = [
        Box(int(x) * block, int(y) * block, int(x + w) * block, int(y + h) * block)
        for x, y, w, h, _ in stats[1:count]
    ]
    # The thumbnail leaves out a rest at the right and bottom: what reaches its edge reaches the frame's.
    rows, columns = changed.shape
    boxes = [
        Box(
            box.x1,
            box.y1,
            width if box.x2 >= columns * block else box.x2,
            height if box.y2 >= rows * block else box.y2,
        )
        for box in boxes
    ]
    return joined(boxes)


def is_cut(now: Thumbnail, before: Thumbnail) -> bool:
    """Tell a hard cut: most of the picture became another one, not merely brighter, darker or shifted a little.

    Missing a cut only covers too much; seeing one where there is none costs a thorough look.
    """
    if now.shape != before.shape:
        return True
    difference = cv2.absdiff(now, before)
    if float((difference > 20).mean()) < 0.5:
        return False
    small = [
        cv2.resize(item, (16, 9), interpolation=cv2.INTER_AREA).astype(np.float32) for item in (now, before)
    ]
    first, second = (item - item.mean() for item in small)
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return scale < 1.0 or float((first * second).sum()) / scale < 0.7


def patch_change(now: Thumbnail, before: Thumbnail, *, block: int, box: Box) -> float:
    """Return the mean absolute change in luma levels inside a box; infinite when it holds no block."""
    x1, y1 = max(0, box.x1 // block), max(0, box.y1 // block)
    part = np.s_[y1 : max(y1, -(-box.y2 // block)), x1 : max(x1, -(-box.x2 // block))]
    if now.shape != before.shape or now[part].size == 0:
        return float("inf")
    return float(cv2.absdiff(now[part], before[part]).mean())
