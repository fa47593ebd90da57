"""Where each participant stands in the composed picture: a grid of tiles, or a screen with the cameras beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder.media.planes import Planes
from redaction.model import Box

__all__ = ["CANVAS", "arranged", "draw_label", "draw_plain", "draw_screen_label"]

CANVAS: Final = (1280, 720)
_SIDE: Final = 320
_PLAIN_LUMA, _LABEL_LUMA, _INK = 44, 24, 225
_NEUTRAL: Final = 128
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_SMALL_TILE: Final = 120
_GAP: Final = 2


def arranged(labels: Sequence[str], *, screen: bool) -> tuple[dict[str, Box], Box | None]:
    """Return each participant's tile, on even pixels, and the place of the shared screen if there is one.

    The same participants have the same tiles for as long as nobody shares a screen.
    """
    width, height = CANVAS
    if not screen:
        return _grid(labels, Box(0, 0, width, height), shape=width / height), None
    main = Box(0, 0, width - _SIDE, height)
    return _grid(labels, Box(width - _SIDE, 0, width, height), shape=width / height), main


def _grid(labels: Sequence[str], area: Box, *, shape: float) -> dict[str, Box]:
    """Divide an area into equal tiles, in the columns that make pictures of a shape largest; a short row is centred."""
    count = max(1, len(labels))
    columns = max(
        range(1, count + 1),
        key=lambda c: min(area.width / c, area.height / ceil(count / c) * shape),
    )
    rows = ceil(count / columns)
    wide, high = area.width // columns & ~1, area.height // rows & ~1
    tiles: dict[str, Box] = {}
    for number, label in enumerate(labels):
        row, column = divmod(number, columns)
        beside = min(columns, count - row * columns)
        left = area.x1 + ((area.width - beside * wide) // 2 & ~1) + column * wide
        top = area.y1 + row * high
        tiles[label] = Box(left, top, left + wide, top + high)
    return tiles


def draw_plain(canvas: Planes, tile: Box, label: str) -> None:
    """Fill a tile whose participant has no picture, with the label in its middle."""
    inner = Box(tile.x1 + _GAP, tile.y1 + _GAP, tile.x2 - _GAP, tile.y2 - _GAP)
    _fill(canvas, inner, _PLAIN_LUMA)
    mask = _text(label, scale=min(2.0, inner.height / 90))
    x = inner.x1 + max(0, inner.width - mask.shape[1]) // 2
    y = inner.y1 + max(0, inner.height - mask.shape[0]) // 2
    _ink(canvas, mask, x, y, within=inner)


def draw_label(canvas: Planes, tile: Box, label: str) -> None:
    """Write a label into the lower left corner of a tile."""
    mask = _text(label, scale=0.45 if tile.height < _SMALL_TILE else 0.7)
    pad = 6
    wide, high = mask.shape[1] + 2 * pad & ~1, mask.shape[0] + 2 * pad & ~1
    box = Box(tile.x1, max(tile.y1, tile.y2 - high), min(tile.x2, tile.x1 + wide), tile.y2)
    _fill(canvas, box, _LABEL_LUMA)
    _ink(canvas, mask, box.x1 + pad, box.y1 + pad, within=box)


def draw_screen_label(canvas: Planes, where: Box, label: str) -> None:
    """Write whose screen it is into its lower left corner."""
    draw_label(canvas, where, f"{label} screen")


def _fill(canvas: Planes, box: Box, luma: int) -> None:
    y, u, v = canvas
    y[box.y1 : box.y2, box.x1 : box.x2] = luma
    for plane in (u, v):
        plane[box.y1 // 2 : box.y2 // 2, box.x1 // 2 : box.x2 // 2] = _NEUTRAL


def _ink(canvas: Planes, mask: NDArray[np.uint8], x: int, y: int, *, within: Box) -> None:
    high = min(mask.shape[0], within.y2 - y)
    wide = min(mask.shape[1], within.x2 - x)
    if high <= 0 or wide <= 0:
        return
    part = canvas[0][y : y + high, x : x + wide]
    part[:] = np.maximum(part, (mask[:high, :wide].astype(np.uint16) * _INK // 255).astype(np.uint8))


@lru_cache(maxsize=4096)
def _text(text: str, *, scale: float) -> NDArray[np.uint8]:
    """Return uint8 (H, W), 255 where a text in capitals and figures has ink."""
    (width, height), baseline = cv2.getTextSize(text, _FONT, scale, 1 + (scale >= 1))
    mask = np.zeros((height + baseline, width), np.uint8)
    cv2.putText(mask, text, (0, height), _FONT, scale, 255, 1 + (scale >= 1), cv2.LINE_AA)
    return mask
