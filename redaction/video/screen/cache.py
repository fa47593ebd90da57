"""Remembers what lines said by how they look, in memory only, so that no line is read twice."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.video.screen.ocr import Reading
from redaction.video.view import Picture

__all__ = ["LeftRegion", "Recall", "look_of"]

_HEIGHT: Final = 16
_CELL: Final = 4
_ALIKE: Final = 34.0
"""Luma levels of 255 by which no cell of 2x2 pixels may differ, of ink 16 high.

Source: our own; one letter changes a cell by 60."""
_MOST: Final = 1024
_MOST_TEXTS: Final = 20_000
_LONGEST: Final = 200

CachedLook = NDArray[np.float32]


class LeftRegion:
    """What the lines said that were left to be seen, each text once, to be judged again by what is known later.

    Attributes:
        whole: nothing had to be forgotten.
    """

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}
        self.whole = True

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts, in the order in which they were first left."""
        return tuple(self._texts)

    def note(self, text: str) -> None:
        """Take up the text of one line."""
        if not text or text in self._texts:
            return
        if len(self._texts) >= _MOST_TEXTS or len(text) > _LONGEST:
            self.whole = False
            return
        self._texts[text] = None


class Recall:
    """Readings by the look of their ink, whatever the margin around it, brightness and contrast."""

    def __init__(self) -> None:
        self._entries: OrderedDict[int, tuple[tuple[int, int], CachedLook, Reading]] = OrderedDict()
        self._by_size: dict[tuple[int, int], list[int]] = {}
        self._next = 0

    def get(self, look: tuple[tuple[int, int], CachedLook]) -> Reading | None:
        """Return what a line said that looked the same."""
        size, cells = look
        width, height = size
        for near in [(width + w, height + h) for w in (0, -1, 1) for h in (0, -1, 1)]:
            for number in self._by_size.get(near, ()):
                _, other, reading = self._entries[number]
                if other.shape == cells.shape and float(np.abs(other - cells).max()) < _ALIKE:
                    self._entries.move_to_end(number)
                    return reading
        return None

    def put(self, look: tuple[tuple[int, int], CachedLook], reading: Reading) -> None:
        """Remember a line."""
        size, cells = look
        self._entries[self._next] = (size, cells, reading)
        self._by_size.setdefault(size, []).append(self._next)
        self._next += 1
        if len(self._entries) > _MOST:
            number, (old, _, _) = self._entries.popitem(last=False)
            self._by_size[old].remove(number)
            if not self._by_size[old]:
                del self._by_size[old]


def look_of(line: Picture) -> tuple[tuple[int, int], CachedLook]:
    """Return the size of a line's ink in pixels, and its look as means of cells, 0 to 255."""
    grey = np.asarray(cv2.cvtColor(line, cv2.COLOR_BGR2GRAY), dtype=np.float32)
    away = np.abs(grey - np.median(grey))
    away *= 255 / max(float(away.max()), 1.0)
    rows, columns = np.nonzero((away > 100).any(axis=1))[0], np.nonzero((away > 100).any(axis=0))[0]
    if not len(rows) or not len(columns):
        return (0, 0), np.zeros((1, 1), np.float32)
    ink = away[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = ink.shape
    wide = max(_CELL, round(_HEIGHT * width / height / _CELL) * _CELL)
    small = cv2.resize(ink, (wide, _HEIGHT), interpolation=cv2.INTER_AREA)
    cells = cv2.resize(small, (wide // _CELL * 2, _HEIGHT // _CELL * 2), interpolation=cv2.INTER_AREA)
    return (width, height), np.asarray(cells, dtype=np.float32)
