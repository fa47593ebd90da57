"""What a meeting window implies: names stand at the corners of tiles, and a round picture stands before a name."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box

__all__ = ["at_corner", "avatar"]

_EDGE: Final = 10
_ALONG: Final = 0.85
_GROUND: Final = 0.25

LayoutLuma = NDArray[np.uint8]


def at_corner(luma: LayoutLuma, box: Box) -> bool:
    """Tell whether a line stands inside a corner: an edge, or the border, runs below or above it and one beside it."""
    height, width = luma.shape
    tall = max(4, box.height)
    reach, run = int(1.6 * tall), 7 * tall
    for low in (True, False):
        border = box.y2 + reach >= height if low else box.y1 - reach <= 0
        rows = (box.y2 - tall // 3, box.y2 + reach) if low else (box.y1 - reach, box.y1 + tall // 3)
        beside = (box.y2 - run, box.y2) if low else (box.y1, box.y1 + run)
        for left in (True, False):
            columns = (box.x1, box.x1 + run) if left else (box.x2 - run, box.x2)
            if not border and not _runs(_part(luma, columns, rows), axis=1):
                continue
            if box.x1 - reach <= 0 if left else box.x2 + reach >= width:
                return True
            edge = (box.x1 - reach, box.x1 + tall // 3) if left else (box.x2 - tall // 3, box.x2 + reach)
            if _runs(_part(luma, edge, beside), axis=0):
                return True
    return False


def _part(luma: LayoutLuma, columns: tuple[int, int], rows: tuple[int, int]) -> NDArray[np.int16]:
    return luma[max(0, rows[0]) : max(0, rows[1]), max(0, columns[0]) : max(0, columns[1])].astype(np.int16)


def _runs(part: NDArray[np.int16], *, axis: int) -> bool:
    """Tell whether an edge runs through a part: along rows with `axis` 1, along columns with 0."""
    if min(part.shape) < 2:
        return False
    steps = np.abs(np.diff(part, axis=1 - axis))
    return bool(((steps > _EDGE).mean(axis=axis) >= _ALONG).any())


def avatar(luma: LayoutLuma, box: Box) -> Box | None:
    """Return the box of a compact picture, such as a disc with a letter, that stands right before a line."""
    height, width = luma.shape
    tall = max(4, box.height)
    middle = (box.y1 + box.y2) // 2
    area = Box(
        box.x1 - round(3.6 * tall), middle - round(1.8 * tall), box.x1 - 1, middle + round(1.8 * tall)
    ).clipped(width, height)
    if min(area.width, area.height) < tall:
        return None
    part = luma[area.y1 : area.y2, area.x1 : area.x2].astype(np.int16)
    other = np.abs(part - int(np.median(part[:, -3:]))) > 12
    if other[:, -3:].mean() > _GROUND:
        return None  # no ground between it and the line: a texture, or the picture that a tag lies on
    other = _without_lines(other)
    rows, columns = np.nonzero(other.any(axis=1))[0], np.nonzero(other.any(axis=0))[0]
    if not len(rows) or not len(columns):
        return None
    inside = Box(
        area.x1 + int(columns[0]),
        area.y1 + int(rows[0]),
        area.x1 + int(columns[-1]) + 1,
        area.y1 + int(rows[-1]) + 1,
    )
    if min(inside.width, inside.height) < tall // 2 or inside.width > 2.2 * inside.height:
        return None
    return inside


def _without_lines(other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out what runs from one side to the other: gutters between tiles, and the bar that a name stands on."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(other.view(np.uint8), connectivity=8)
    height, width = other.shape
    across = (stats[:, cv2.CC_STAT_WIDTH] >= width) | (stats[:, cv2.CC_STAT_HEIGHT] >= height)
    kept = np.ones(count, np.bool_)
    kept[1:] = ~across[1:]
    return np.asarray(other & kept[labels], np.bool_)
