"""What changed on a screen, and whether it may be text: maps of blocks, made from luma at full resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box
from redaction.video.camera import STILL, Motion, carried

__all__ = [
    "ChangeBlocks",
    "boxes_of",
    "changed",
    "changed_near",
    "grounds",
    "grown_box",
    "hide",
    "likeness",
    "moved_blocks",
    "strokes",
    "within",
]

ChangeBlocks = NDArray[np.bool_]
ChangeLuma = NDArray[np.uint8]
BlockValues = TypeVar("BlockValues", NDArray[np.bool_], NDArray[np.float64])

_DIFFERENCE: Final = 30
"""Luma levels by which a pixel must differ to count. Source: x264 at CRF 35 leaves under 24 around still letters."""
_CHANGED_SHARE: Final = 0.03
_SLOPE: Final = 22
_STROKE_SHARE: Final = 0.15
"""Share of a block's pixels with a rise and a fall of luma beside them, as letters have and outlines have not."""


_LEVEL: Final = 8
_LEVELS: Final = 32


def _means(mask: ChangeLuma, block: int) -> ChangeLuma:
    height, width = mask.shape
    rows, columns = -(-height // block), -(-width // block)
    if (rows * block, columns * block) != mask.shape:
        mask = np.asarray(
            cv2.copyMakeBorder(
                mask, 0, rows * block - height, 0, columns * block - width, cv2.BORDER_REPLICATE
            ),
            dtype=np.uint8,
        )
    return _shrunk(mask, columns, rows)


def _shrunk(mask: ChangeLuma, columns: int, rows: int) -> ChangeLuma:
    """Return means over equal parts, halved as long as that goes: OpenCV is four times as fast at it."""
    while (
        mask.shape[0] >= 2 * rows
        and mask.shape[1] >= 2 * columns
        and not (mask.shape[0] % (2 * rows) or mask.shape[1] % (2 * columns))
    ):
        half = (mask.shape[1] // 2, mask.shape[0] // 2)
        mask = np.asarray(cv2.resize(mask, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.asarray(cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def changed(now: ChangeLuma, before: ChangeLuma, *, block: int) -> ChangeBlocks:
    """Tell which blocks differ, bool (ceil(H / block), ceil(W / block))."""
    _, mask = cv2.threshold(cv2.absdiff(now, before), _DIFFERENCE, 255, cv2.THRESH_BINARY)
    return np.asarray(_means(np.asarray(mask, dtype=np.uint8), block) >= 255 * _CHANGED_SHARE, dtype=np.bool_)


def changed_near(now: ChangeLuma, before: ChangeLuma, *, block: int) -> ChangeBlocks:
    """Tell which blocks differ by more than a shift of a pixel, as between a picture and one carried along with it."""
    kernel = np.ones((3, 3), np.uint8)
    over = cv2.subtract(now, cv2.dilate(before, kernel))
    under = cv2.subtract(cv2.erode(before, kernel), now)
    _, mask = cv2.threshold(cv2.max(over, under), _DIFFERENCE, 255, cv2.THRESH_BINARY)
    return np.asarray(_means(np.asarray(mask, dtype=np.uint8), block) >= 255 * _CHANGED_SHARE, dtype=np.bool_)


def moved_blocks(values: BlockValues, motion: Motion, *, block: int) -> BlockValues:
    """Return a map, bool or float64, as a motion of the picture in pixels moves its blocks; zero from outside."""
    if motion is STILL:
        return values.copy()
    half = (block - 1) / 2
    grid = np.array([[block, 0, half], [0, block, half], [0, 0, 1]], np.float64)
    matrix = (np.linalg.inv(grid) @ motion @ grid)[:2]
    size = (values.shape[1], values.shape[0])
    raw = values.view(np.uint8) if values.dtype == np.bool_ else values
    moved = cv2.warpAffine(raw, matrix, size, flags=cv2.INTER_NEAREST)
    return cast(BlockValues, moved.view(values.dtype))


def strokes(luma: ChangeLuma, *, block: int, slope: int = _SLOPE) -> ChangeBlocks:
    """Tell which blocks may hold letters, of the shape that `changed` returns."""
    height, width = luma.shape
    half = np.ascontiguousarray(luma[::2])  # letters are higher than a row
    left, right = half[:, :-2], half[:, 2:]
    kernel = np.ones((1, 7), np.uint8)
    _, rise = cv2.threshold(cv2.subtract(right, left), slope, 255, cv2.THRESH_BINARY)
    _, fall = cv2.threshold(cv2.subtract(left, right), slope, 255, cv2.THRESH_BINARY)
    both = cv2.bitwise_and(cv2.dilate(rise, kernel), cv2.dilate(fall, kernel))
    rows, columns = -(-height // block), -(-width // block)
    bottom, side = -(-rows * block // 2) - half.shape[0], columns * block - width
    whole = cv2.copyMakeBorder(both, 0, max(0, bottom), 1, 1 + side, cv2.BORDER_REPLICATE)
    means = _shrunk(np.asarray(whole, dtype=np.uint8), columns, rows)
    return np.asarray(means >= 255 * _STROKE_SHARE, dtype=np.bool_)


def grown_box(mask: ChangeBlocks, across: int, down: int) -> ChangeBlocks:
    """Return a map grown by blocks to all sides."""
    kernel = np.ones((2 * down + 1, 2 * across + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.view(np.uint8), kernel), dtype=np.uint8).view(np.bool_)


def grounds(luma: ChangeLuma, where: ChangeBlocks, *, block: int) -> NDArray[np.float32]:
    """Return the share of pixels around each block that are of one brightness, float32; 0 where nobody asked.

    Writing stands on a ground: 16 levels of luma hold most of what is around it. What moves before a camera and looks
    like strokes, columns, fences, folds and leaves, is shaded all over.

    Args:
        luma: uint8 (H, W).
        where: the blocks that are asked for, of the shape of `changed`.
        block: side of a block in pixels.
    """
    rows, columns = where.shape
    level = luma[::2, ::2] // _LEVEL
    row = (np.arange(level.shape[0]) * 2 // block + 1)[:, None] * (columns + 4)
    place = (row + (np.arange(level.shape[1]) * 2 // block + 2)[None, :]) * _LEVELS + level
    pixels = np.bincount(place.ravel(), minlength=(rows + 2) * (columns + 4) * _LEVELS)
    counts = pixels.astype(np.uint16).reshape(-1, _LEVELS)
    down, across = np.nonzero(where)
    first = (
        down * (columns + 4) + across
    )  # of the window of 3 by 5 blocks, since one row and two columns lie before
    near = np.zeros((len(first), _LEVELS), np.uint16)
    for at in range(3):
        for step in range(5):
            near += counts[first + at * (columns + 4) + step]
    most = (near[:, 1:] + near[:, :-1]).max(axis=1)
    result = np.zeros(where.shape, np.float32)
    result[where] = most / np.maximum(near.sum(axis=1), 1)
    return result


def hide(mask: ChangeBlocks, boxes: Sequence[Box], *, block: int) -> None:
    """Clear the blocks that lie in a box as a whole."""
    for box in boxes:
        x1, y1 = max(0, -(-box.x1 // block)), max(0, -(-box.y1 // block))
        mask[y1 : max(y1, box.y2 // block), x1 : max(x1, box.x2 // block)] = False


def within(shape: tuple[int, int], boxes: Sequence[Box], *, block: int) -> ChangeBlocks:
    """Return a map of the blocks that boxes touch."""
    mask = np.zeros(shape, np.bool_)
    for box in boxes:
        x1, y1 = max(0, box.x1 // block), max(0, box.y1 // block)
        mask[y1 : max(0, -(-box.y2 // block)), x1 : max(0, -(-box.x2 // block))] = True
    return mask


def boxes_of(mask: ChangeBlocks, *, block: int, width: int, height: int) -> list[Box]:
    """Return boxes in pixels of the joined blocks of a map."""
    if not mask.any():
        return []
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    return [
        Box(int(x) * block, int(y) * block, int(x + w) * block, int(y + h) * block).clipped(width, height)
        for x, y, w, h, _ in stats[1:count]
    ]


def likeness(now: ChangeLuma, before: ChangeLuma, box: Box, *, motion: Motion = STILL) -> float:
    """Return how alike a box looks in two frames, -1 to 1: brightness and contrast do not matter.

    Args:
        now: the later frame.
        before: the earlier one.
        box: in the later one, inside of it.
        motion: from the earlier to the later one.
    """
    first = now[box.y1 : box.y2, box.x1 : box.x2].astype(np.float32)
    if motion is STILL:
        second = before[box.y1 : box.y2, box.x1 : box.x2].astype(np.float32)
    else:
        second = carried(before, motion, onto=box).astype(np.float32)
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return 0.0 if scale < 1.0 else float((first * second).sum()) / scale
