"""The picture by which people see in the call that it is recorded."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction
from typing import Final

import av
import cv2
import numpy as np
from aiortc import MediaStreamTrack
from numpy.typing import NDArray

__all__ = ["TileTrack", "draw_tile"]

TILE_WIDTH: Final = 320
TILE_HEIGHT: Final = 180
TILE_FPS: Final = 2
"""Pictures a second."""


def draw_tile(lines: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return uint8 (180, 320, 3) RGB: a red dot and up to four lines of plain text."""
    picture = np.full((TILE_HEIGHT, TILE_WIDTH, 3), 32, np.uint8)
    cv2.circle(picture, (26, 34), 10, (220, 40, 40), -1, cv2.LINE_AA)
    for number, line in enumerate(lines[:4]):
        shown = line.encode("ascii", "replace").decode()[:34]
        place = (46 if number == 0 else 16, 40 + 36 * number)
        scale = 0.6 if number == 0 else 0.48
        cv2.putText(picture, shown, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (235, 235, 235), 1, cv2.LINE_AA)
    return picture


class TileTrack(MediaStreamTrack):
    """A still picture, sent now and then."""

    kind = "video"

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__()
        self._picture = draw_tile(lines)
        self._start = time.monotonic()
        self._count = 0

    async def recv(self) -> av.VideoFrame:
        """Return the picture when it is due."""
        await asyncio.sleep(max(0.0, self._start + self._count / TILE_FPS - time.monotonic()))
        frame = av.VideoFrame.from_ndarray(self._picture, format="rgb24").reformat(format="yuv420p")
        frame.pts = self._count * 90000 // TILE_FPS
        frame.time_base = Fraction(1, 90000)
        self._count += 1
        return frame
