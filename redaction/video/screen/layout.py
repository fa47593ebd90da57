"""What a meeting window implies: names stand at the corners of tiles, and a round picture stands before a name."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from redaction.model import Box

__all__ = ["at_corner", "avatar"]

_EDGE: Final = 10
_ALONG: Final = 0.85

Luma = NDArray[np.uint8]


def at_corner(luma: Luma, box: Box) -> bool:
    """Tell whether a line stands in a corner: an edge or the border runs below or above it, and one beside it."""
    height, width = luma.shape
    tall = max(4, box.height)
    reach, run = int(1.6 * tall), 7 * tall
    flat = box.y2 + reach >= height or box.y1 - reach <= 0
    if not flat:
        for left, right in ((box.x1, box.x1 + run), (box.x2 - run, box.x2)):
            left, right = max(0, left), min(width, right)
            for top, bottom in ((box.y2 - tall // 3, box.y2 + reach), (box.y1 - reach, box.y1 + tall // 3)):
                strip = luma[max(0, top) : min(height, bottom), left:right].astype(np.int16)
                flat = flat or _runs(np.abs(np.diff(strip, axis=0)), axis=1)
    upright = box.x1 - reach <= 0 or box.x2 + reach >= width
    if flat and not upright:
        for top, bottom in ((box.y2 - run, box.y2), (box.y1, box.y1 + run)):
            top, bottom = max(0, top), min(height, bottom)
            for left, right in ((box.x1 - reach, box.x1 + tall // 3), (box.x2 - tall // 3, box.x2 + reach)):
                strip = luma[top:bottom, max(0, left) : min(width, right)].astype(np.int16)
                upright = upright or _runs(np.abs(np.diff(strip, axis=1)), axis=0)
    return flat and upright


def _runs(steps: NDArray[np.int16], *, axis: int) -> bool:
    return bool(steps.size) and bool(((steps > _EDGE).mean(axis=axis) >= _ALONG).any())


def avatar(luma: Luma, box: Box) -> Box | None:
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
