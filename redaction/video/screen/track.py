"""Watches a track for text: looks where something changed, keeps what was found, and goes back to where it appeared."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, VideoFrame
from redaction.video.boxes import joined
from redaction.video.change import block_of
from redaction.video.faces.examine import FAULTS
from redaction.video.screen.changes import (
    ChangeBlocks,
    boxes_of,
    changed,
    grounds,
    grown_box,
    hide,
    likeness,
    strokes,
    within,
)
from redaction.video.screen.reader import ScreenReader, TextLine
from redaction.video.screen.settings import ScreenSettings

__all__ = ["ScreenCovers", "ScreenWatch"]

_SETTINGS: Final = ScreenSettings()
_GROUND: Final = 0.4
_SURE_GROUND: Final = 0.5
_BESIDE: Final = 3
_LINE: Final = 3
"""Shares of ground, and blocks next to a sure one and in a line. Writing has a ground, see `grounds`, and runs
over three blocks, 24 px at 720p, at least.

Source: of 326 personal lines of the shared meeting windows, half of them at JPEG quality 35, 92 % have a ground of .4
in the median; of what looks like strokes in a street and in crowds 3 to 24 % has."""


@dataclass(frozen=True, slots=True)
class ScreenCovers:
    """What is to be covered of one frame because of text or codes.

    Attributes:
        lines: boxes of what was judged.
        unread: boxes of what moved or changed and was not looked at.
        failed: a model raised; the frame must be covered whole.
    """

    lines: tuple[Box, ...] = ()
    unread: tuple[Box, ...] = ()
    failed: bool = False


@dataclass(slots=True)
class _Sight:
    """One frame in the look-ahead; later looks add to it."""

    frame: VideoFrame
    lines: list[Box] = field(default_factory=list)
    unread: ChangeBlocks | None = None
    failed: bool = False


class ScreenWatch:
    """Follows the text of one track.

    `_reference` holds every block as it was when it was last looked at. A block that differs from it and may hold
    letters is unread until it is looked at, and covered for as long. Letters that move are looked at once they
    rest. Where looks found texture without text, change alone covers nothing; such places are looked at less often.

    Attributes:
        failures: frames on which a model raised.
        looks: looks so far.
        lines: lines of text found and covered, counted once for each look that found them anew.
    """

    def __init__(self, reader: ScreenReader) -> None:
        self._reader = reader
        self._sights: deque[_Sight] = deque()
        self._reference: NDArray[np.uint8] | None = None
        self._last: NDArray[np.uint8] | None = None
        self._lines: list[TextLine] = []
        self._barren = np.zeros((0, 0), np.bool_)
        self._moved = np.zeros((0, 0), np.bool_)
        self._rested = float("-inf")
        self._looked = np.zeros((0, 0), np.float64)
        self._whole = float("-inf")
        self._waiting: float | None = None
        self._unread_last = float("-inf")
        self._unsettled = float("-inf")
        self._stirred = float("-inf")
        self.failures = 0
        self.looks = 0
        self.lines = 0

    def see(self, frame: VideoFrame, *, hidden: Sequence[Box] = ()) -> None:
        """Take the next frame.

        Args:
            frame: in order of time.
            hidden: boxes that are covered on it in any case.
        """
        sight = _Sight(frame)
        self._sights.append(sight)
        if frame.whole_cover:
            self._reference = None
            return
        try:
            self._see(sight, hidden)
        except FAULTS:
            self.failures += 1
            self._reference = None
            sight.failed = True
        self._last = frame.y

    def release(self) -> ScreenCovers:
        """Return what is known of the oldest frame that was seen and not released."""
        sight = self._sights.popleft()
        if sight.failed:
            return ScreenCovers(failed=True)
        frame = sight.frame
        unread: list[Box] = []
        if sight.unread is not None and sight.unread.any():
            block = block_of(frame)
            unread = boxes_of(
                grown_box(sight.unread, 2, 1), block=block, width=frame.width, height=frame.height
            )
        return ScreenCovers(tuple(dict.fromkeys(sight.lines)), tuple(unread))

    def _see(self, sight: _Sight, hidden: Sequence[Box]) -> None:
        frame = sight.frame
        block = block_of(frame)
        if self._reference is None or self._reference.shape != frame.y.shape:
            self._begin(frame, block)
            self._look_whole(sight, block)
            return
        differs = changed(frame.y, self._reference, block=block)
        hide(differs, hidden, block=block)
        if differs.mean() > _SETTINGS.another:
            self._barren[:] = False
        if frame.time - self._whole >= _SETTINGS.whole_every_s and not differs.any():
            self._look_whole(sight, block)
            return
        near = grown_box(differs, 2, 1)
        restless = self._restless()
        touched, untouched = self._parted(differs, block)
        stirred = near & ~restless
        letters = _letters(
            frame, stirred | within(near.shape, [line.box for line in touched], block=block), block
        )
        self._lines = untouched + [
            line
            for line in touched
            if line.code or letters[_inside(letters.shape, line.box, block)].mean() > _SETTINGS.left
        ]
        unread = stirred & letters & ~within(near.shape, [line.box for line in untouched], block=block)
        wanted, moves, settled = self._wanted(frame, near & restless, unread)
        if not wanted.any():
            sight.lines = self._covers(frame.time)
            sight.unread = _writing(frame, unread, block)
            return
        self._look_at(sight, wanted, strokes(frame.y, block=block), block)
        left = self._looked < frame.time
        if not settled:
            known = within(unread.shape, [line.box for line in self._lines], block=block)
            left |= moves & known & ~self._restless()
        sight.unread = _writing(frame, unread & left, block)

    def _begin(self, frame: VideoFrame, block: int) -> None:
        rows, columns = -(-frame.height // block), -(-frame.width // block)
        self._barren = np.zeros((rows, columns), np.bool_)
        self._moved = np.zeros((rows, columns), np.bool_)
        self._looked = np.full((rows, columns), -np.inf)
        self._lines = []
        self._waiting = None

    def _restless(self) -> ChangeBlocks:
        near = grown_box(self._barren, _SETTINGS.around, _SETTINGS.around)
        return near & ~within(near.shape, [line.box for line in self._lines], block=self._block())

    def _parted(self, differs: ChangeBlocks, block: int) -> tuple[list[TextLine], list[TextLine]]:
        """Return the lines where something changed, and those that look as they did when they were read."""
        touched: list[TextLine] = []
        untouched: list[TextLine] = []
        for line in self._lines:
            changes = differs[_inside(differs.shape, line.box, block)].any()
            (touched if changes else untouched).append(line)
        return touched, untouched

    def _block(self) -> int:
        return block_of(self._sights[-1].frame)

    def _wanted(
        self, frame: VideoFrame, restless: ChangeBlocks, unread: ChangeBlocks
    ) -> tuple[ChangeBlocks, ChangeBlocks, bool]:
        """Say where to look now, what moves there, and whether what is unread rests."""
        time, block = frame.time, block_of(frame)
        wanted, moves = np.zeros_like(unread), np.zeros_like(unread)
        settled = True
        count = int(unread.sum())
        due = bool(restless.any()) and time - self._rested >= _SETTINGS.still_s
        if (count or due) and self._last is not None and self._last.shape == frame.y.shape:
            moves = changed(frame.y, self._last, block=block)
        if count:
            if self._waiting is None or time - self._unread_last > _SETTINGS.wait_s:
                self._waiting = time
            self._unread_last = time
            settled = int((unread & moves).sum()) <= _SETTINGS.settled * count
            known = unread & within(unread.shape, [line.box for line in self._lines], block=block)
            scrolls = int(known.sum()) > 0.2 * count
            patience = max(
                self._waiting + (_SETTINGS.scroll_s if scrolls else _SETTINGS.wait_s),
                self._unsettled + _SETTINGS.restless_s,
            )
            if not settled:
                self._stirred = time
            again = int((unread & (time - self._looked < _SETTINGS.pace_s)).sum()) > 0.5 * count
            if (not again and time - self._stirred >= _SETTINGS.rest_s) or time >= patience:
                wanted |= unread
                if not settled:
                    self._unsettled = time
                self._waiting = None
        if due:
            # Letters over a camera's picture stand still and are sharper than most of what moves there.
            sharp = restless & strokes(frame.y, block=block, slope=_SETTINGS.sharp)
            rests = sharp & ~moves & ~self._moved & (time - self._looked >= _SETTINGS.still_s)
            rests |= sharp & (time - self._looked >= _SETTINGS.moving_s)
            self._moved = moves
            self._rested = time - _SETTINGS.still_s + _SETTINGS.sharp_s
            if int(rests.sum()) > 2:
                self._rested = time
                wanted |= rests
        return wanted, moves, settled

    def _covers(self, time: float) -> list[Box]:
        return [
            box for line in self._lines if line.personal or line.typed_until > time for box in line.covers
        ]

    def _look_whole(self, sight: _Sight, block: int) -> None:
        frame = sight.frame
        self._whole = frame.time
        self._look_in(sight, [Box(0, 0, frame.width, frame.height)], block, strokes(frame.y, block=block))

    def _look_at(self, sight: _Sight, wanted: ChangeBlocks, letters: ChangeBlocks, block: int) -> None:
        """Look at all of every line that a wanted block is part of."""
        frame = sight.frame
        parts = grown_box(letters, 2, 0) | grown_box(wanted, 2, 1)
        for line in self._lines:
            x1, y1, x2, y2 = (
                edge // block for edge in (line.box.x1, line.box.y1, line.box.x2 - 1, line.box.y2 - 1)
            )
            parts[y1 : y2 + 1, x1 : x2 + 1] = True
        boxes: list[Box] = []
        for box in boxes_of(parts, block=block, width=frame.width, height=frame.height):
            x1, y1, x2, y2 = box.x1 // block, box.y1 // block, -(-box.x2 // block), -(-box.y2 // block)
            if wanted[y1:y2, x1:x2].any():
                boxes.append(box)
        where = joined(
            [
                Box(box.x1 - 3 * block, box.y1 - 2 * block, box.x2 + 3 * block, box.y2 + 2 * block).clipped(
                    frame.width, frame.height
                )
                for box in boxes
            ]
        )
        if sum(box.area for box in where) >= _SETTINGS.crowded * frame.width * frame.height:
            self._look_whole(sight, block)
            return
        self._look_in(sight, where, block, letters)

    def _look_in(self, sight: _Sight, where: Sequence[Box], block: int, letters: ChangeBlocks) -> None:
        frame = sight.frame
        self.looks += 1
        looked = np.zeros(self._barren.shape, np.bool_)
        found: list[TextLine] = []
        for box in where:
            found += self._reader.look(frame, box)
            looked |= _inside(looked.shape, box, block)
            if self._reference is not None and self._reference.shape == frame.y.shape:
                self._reference[box.y1 : box.y2, box.x1 : box.x2] = frame.y[box.y1 : box.y2, box.x1 : box.x2]
        if self._reference is None or self._reference.shape != frame.y.shape:
            self._reference = frame.y.copy()
        old = [line for line in self._lines if _centre_in(line.box, where)]
        for line in found:
            line.typed_until = _typed_until(line, old, frame.time)
        judged = self._reader.judged(frame, found)
        self.lines += sum(
            line.personal and not any(line.box.iou(other.box) > 0.5 for other in old) for line in judged
        )
        self._lines = [line for line in self._lines if not _centre_in(line.box, where)] + judged
        self._looked[looked] = frame.time
        texts = grown_box(within(looked.shape, [line.box for line in judged], block=block), 1, 1)
        self._barren &= ~(looked & ~letters) & ~texts
        bare = _textures(looked & letters, texts)
        self._barren |= bare
        sight.lines = self._covers(frame.time)
        self._go_back(sight, looked, bare, judged, block)

    def _go_back(
        self, sight: _Sight, looked: ChangeBlocks, bare: ChangeBlocks, judged: Sequence[TextLine], block: int
    ) -> None:
        """Tell earlier frames what stands where they show the same, and where what moved was no text."""
        texture = grown_box(bare, _SETTINGS.around, _SETTINGS.around) & ~within(
            bare.shape, [line.box for line in judged], block=block
        )
        frame = sight.frame
        alive = [line.box for line in judged if line.personal or line.typed_until > frame.time]
        covers = {line.box: line.covers for line in judged if line.personal or line.typed_until > frame.time}
        gone: list[Box] = []
        for earlier in reversed(self._sights):
            if earlier is sight:
                continue
            before = earlier.frame.y
            if before.shape != frame.y.shape or earlier.frame.whole_cover:
                return
            if not alive and earlier.unread is None and not gone:
                break
            for box in list(alive):
                if likeness(frame.y, before, box) < _SETTINGS.alike:
                    alive.remove(box)
                    gone.append(box)
                else:
                    earlier.lines += covers[box]
            if earlier.unread is not None:
                same = looked & ~changed(frame.y, before, block=block)
                hide(same, [_blocks_around(box, block) for box in gone], block=block)
                left = earlier.unread & ~same & ~texture
                earlier.unread = left if left.any() else None


def _textures(letters: ChangeBlocks, texts: ChangeBlocks) -> ChangeBlocks:
    """Return which blocks are of something large that looks like letters and holds no line of text."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        grown_box(letters, 1, 1).view(np.uint8), connectivity=8
    )
    holds = np.zeros(count, np.bool_)
    holds[np.unique(labels[texts])] = True
    wide, high = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    bare = ~holds & (np.minimum(wide, high) >= _SETTINGS.thin)
    bare[0] = False
    return np.asarray(bare[labels], dtype=np.bool_)


def _letters(frame: VideoFrame, where: ChangeBlocks, block: int) -> ChangeBlocks:
    """Return which blocks may hold letters within the smallest rectangle around the marked ones."""
    result = np.zeros_like(where)
    rows, columns = np.nonzero(where.any(axis=1))[0], np.nonzero(where.any(axis=0))[0]
    if not len(rows):
        return result
    height, width = where.shape
    top, bottom = max(0, int(rows[0]) - 1), min(height, int(rows[-1]) + 2)
    left, right = max(0, int(columns[0]) - 1), min(width, int(columns[-1]) + 2)
    part = frame.y[top * block : bottom * block, left * block : right * block]
    if min(part.shape) < 3:
        return result
    result[top:bottom, left:right] = strokes(part, block=block)
    return result


def _writing(frame: VideoFrame, unread: ChangeBlocks, block: int) -> ChangeBlocks | None:
    """Return where unread blocks may be writing, None for nowhere: on a ground, or beside what is, in a line."""
    rows, columns = np.nonzero(unread.any(axis=1))[0], np.nonzero(unread.any(axis=0))[0]
    if not len(rows):
        return None
    height, width = unread.shape
    top, bottom = max(0, int(rows[0]) - 1), min(height, int(rows[-1]) + 2)
    left, right = max(0, int(columns[0]) - 2), min(width, int(columns[-1]) + 3)
    part = unread[top:bottom, left:right]
    ground = grounds(frame.y[top * block : bottom * block, left * block : right * block], block=block)
    may_be = part & ((ground >= _GROUND) | grown_box(part & (ground >= _SURE_GROUND), _BESIDE, 0))
    lines = cv2.morphologyEx(may_be.view(np.uint8), cv2.MORPH_OPEN, np.ones((1, _LINE), np.uint8))
    if not lines.any():
        return None
    result = np.zeros_like(unread)
    result[top:bottom, left:right] = lines > 0
    return result


def _inside(shape: tuple[int, int], box: Box, block: int) -> ChangeBlocks:
    mask = np.zeros(shape, np.bool_)
    mask[box.y1 // block : -(-box.y2 // block), box.x1 // block : -(-box.x2 // block)] = True
    return mask


def _blocks_around(box: Box, block: int) -> Box:
    return Box(box.x1 - block, box.y1 - block, box.x2 + block, box.y2 + block)


def _centre_in(box: Box, where: Sequence[Box]) -> bool:
    x, y = (box.x1 + box.x2) // 2, (box.y1 + box.y2) // 2
    return any(item.x1 <= x < item.x2 and item.y1 <= y < item.y2 for item in where)


def _typed_until(line: TextLine, old: Sequence[TextLine], time: float) -> float:
    """Return until when a line counts as being typed: its text grows or shrinks where it stood."""
    for other in old:
        apart = abs(line.box.x1 - other.box.x1), abs(line.box.y1 - other.box.y1)
        if max(apart) > max(4, line.box.height // 2):
            continue
        one, two = line.reading.text, other.reading.text
        if one == two:
            return other.typed_until
        shorter = min(len(one), len(two))
        same = next((at for at in range(shorter) if one[at] != two[at]), shorter)
        if same >= max(1, shorter - 2):
            return time + _SETTINGS.typed_s
    return float("-inf")
