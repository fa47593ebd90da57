"""The second look for text: reads what changed between stored frames and tells what is still personal."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, VideoFrame
from redaction.video.change import block_of
from redaction.video.screen.changes import boxes_of, changed, grown_box, strokes
from redaction.video.screen.reader import ScreenReader

__all__ = ["ScreenSearch"]

_EVERY_S: Final = 4.0
_CROWDED: Final = 0.4
_SLOPE: Final = 40
_SAME_LINE: Final = 0.2
"""Share of what was taken for a line that must be found again without the cover in it: a half of it, less its edges."""


class ScreenSearch:
    """Searches stored frames in order, every few seconds and where it is told to, for lines that are personal.

    Where a line stands says nothing here, since covers have corners too; only what it says counts.
    """

    def __init__(self, reader: ScreenReader) -> None:
        self._reader = reader
        self._last: NDArray[np.uint8] | None = None
        self._next = 0.0

    def search(self, frame: VideoFrame, *, at_once: bool = False) -> list[Box]:
        """Return boxes of personal lines and codes in frame pixels; nothing when no look is due."""
        if frame.time < self._next and not at_once:
            return []
        self._next = frame.time + _EVERY_S
        where = [Box(0, 0, frame.width, frame.height)]
        if self._last is not None and self._last.shape == frame.y.shape:
            block = block_of(frame)
            letters = strokes(frame.y, block=block, slope=_SLOPE)
            new = grown_box(changed(frame.y, self._last, block=block), 2, 1) & letters
            parts = boxes_of(
                grown_box(grown_box(new, 8, 1) & grown_box(letters, 2, 0), 3, 2),
                block=block,
                width=frame.width,
                height=frame.height,
            )
            if sum(part.area for part in parts) < _CROWDED * where[0].area:
                where = parts
        self._last = frame.y.copy()
        found = [line for part in where for line in self._reader.look(frame, part)]
        return [line.box for line in self._reader.telling(found)]

    @property
    def reads(self) -> bool:
        """Whether what a line says counts."""
        return self._reader.reads

    def stands(self, part: VideoFrame) -> bool:
        """Tell whether a line fills a good part of a small picture."""
        least = _SAME_LINE * part.width * part.height
        return any(line.area >= least for line in self._reader.places(part))
