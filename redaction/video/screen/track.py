"""Watches a track for text: looks where something changed, keeps what was found, and goes back to where it appeared."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from redaction.model import Box, VideoFrame
from redaction.video.boxes import joined
from redaction.video.camera import STILL, carried, is_free, is_still
from redaction.video.change import block_of
from redaction.video.faces.examine import FAULTS
from redaction.video.screen.changes import (
    ChangeBlocks,
    boxes_of,
    changed,
    changed_near,
    grounds,
    grown_box,
    hide,
    strokes,
    within,
)
from redaction.video.screen.hindsight import Sight, go_back, lasting
from redaction.video.screen.reader import ScreenReader, TextLine
from redaction.video.screen.settings import ScreenSettings
from redaction.video.screen.surface import Surface

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


class ScreenWatch:
    """Follows the text of one track.

    `Surface` holds every block as it was when it was last looked at, and moves along with the picture. A block that
    differs from it and may hold letters is unread until it is looked at, and covered for as long. Letters that move are
    looked at once they rest. Where looks found texture without text, change alone covers nothing; such places are
    looked at less often.

    Attributes:
        failures: frames on which a model raised.
        looks: looks so far.
        lines: lines of text found and covered, counted once for each look that found them anew.
    """

    def __init__(self, reader: ScreenReader) -> None:
        self._reader = reader
        self._sights: deque[Sight] = deque()
        self._surface: Surface | None = None
        self._shot = 0
        self._covered: ChangeBlocks | None = None
        self._whole_moving = False
        self._last: Sight | None = None
        self._lines: list[TextLine] = []
        self._moved = np.zeros((0, 0), np.bool_)
        self._rested = float("-inf")
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
        sight = Sight(frame)
        self._sights.append(sight)
        if frame.whole_cover:
            self._surface = None
            return
        try:
            self._see(sight, hidden)
        except FAULTS:
            self.failures += 1
            self._surface = None
            sight.failed = True
        self._last = sight

    def release(self) -> ScreenCovers:
        """Return what is known of the oldest frame that was seen and not released."""
        blocks = self._covered = lasting(self._sights, self._covered)
        sight = self._sights.popleft()
        if sight.failed:
            return ScreenCovers(failed=True)
        frame = sight.frame
        unread: list[Box] = []
        if blocks is not None and blocks.any():
            block = block_of(frame)
            unread = boxes_of(grown_box(blocks, 2, 1), block=block, width=frame.width, height=frame.height)
        lines = dict.fromkeys(box.clipped(frame.width, frame.height) for box in sight.lines)
        return ScreenCovers(tuple(box for box in lines if box.area), tuple(unread))

    def _see(self, sight: Sight, hidden: Sequence[Box]) -> None:
        frame = sight.frame
        block = block_of(frame)
        surface = self._surface
        if surface is None or not surface.fits(frame.y):
            surface = self._begin(frame, block)
            sight.shot = self._shot
            self._look_whole(sight, surface, block)
            return
        surface.enter(frame.y, frame.time)
        differs, moving = surface.differs.copy(), surface.motion is not STILL
        sight.place, sight.shot = surface.place, self._shot
        sight.moving = moving and is_free(surface.motion, width=frame.width, height=frame.height)
        if moving:
            self._lines = [surface.placed(line) for line in self._lines]
            self._lines = [line for line in self._lines if line.box.clipped(frame.width, frame.height).area]
        if surface.due(frame.time):
            self._anchor(surface, frame)
        hide(differs, hidden, block=block)
        if differs.mean() > _SETTINGS.another:
            surface.cleared()
        if self._whole_is_due(frame.time, moving=sight.moving, rests=not differs.any()):
            self._look_whole(sight, surface, block)
            return
        near = grown_box(differs, 2, 1)
        restless = self._restless(surface, block)
        touched, untouched = self._parted(differs, block)
        stirred = near & ~restless
        letters = _letters(
            frame, stirred | within(near.shape, [line.box for line in touched], block=block), block
        )
        self._lines = untouched + [
            line
            for line in touched
            if line.code or letters[within(letters.shape, [line.box], block=block)].mean() > _SETTINGS.left
        ]
        unread = stirred & letters & ~within(near.shape, [line.box for line in untouched], block=block)
        wanted, moves, settled = self._wanted(sight, surface, near & restless, unread)
        if not wanted.any():
            sight.lines = self._covers(frame.time)
            sight.unread = _writing(frame, unread, block)
            return
        self._look_at(sight, surface, wanted, strokes(frame.y, block=block), block)
        left = surface.looked < frame.time
        if not settled:
            known = within(unread.shape, [line.box for line in self._lines], block=block)
            left |= moves & known & ~self._restless(surface, block)
        sight.unread = _writing(frame, unread & left, block)

    def _whole_is_due(self, time: float, *, moving: bool, rests: bool) -> bool:
        """Tell whether it is time for a look at the whole: once soon after the picture began to move, then seldom."""
        if not moving:
            return rests and time - self._whole >= _SETTINGS.whole_every_s
        return time - self._whole >= (_SETTINGS.whole_moving_s if self._whole_moving else _SETTINGS.wait_s)

    def _begin(self, frame: VideoFrame, block: int) -> Surface:
        self._surface = Surface(frame.y, block=block)
        self._shot += 1
        self._moved = np.zeros_like(self._surface.differs)
        self._lines = []
        self._waiting = None
        return self._surface

    def _anchor(self, surface: Surface, frame: VideoFrame, *, looked_at: ChangeBlocks | None = None) -> None:
        surface.anchor(frame.y, frame.time, looked_at=looked_at)
        for line in self._lines:
            line.found = line.box, line.covers

    def _restless(self, surface: Surface, block: int) -> ChangeBlocks:
        near = grown_box(surface.barren, _SETTINGS.around, _SETTINGS.around)
        return near & ~within(near.shape, [line.box for line in self._lines], block=block)

    def _parted(self, differs: ChangeBlocks, block: int) -> tuple[list[TextLine], list[TextLine]]:
        """Return the lines where something changed, and those that look as they did when they were read."""
        touched: list[TextLine] = []
        untouched: list[TextLine] = []
        for line in self._lines:
            changes = differs[within(differs.shape, [line.box], block=block)].any()
            (touched if changes else untouched).append(line)
        return touched, untouched

    def _wanted(
        self, sight: Sight, surface: Surface, restless: ChangeBlocks, unread: ChangeBlocks
    ) -> tuple[ChangeBlocks, ChangeBlocks, bool]:
        """Say where to look now, what moves there, and whether what is unread rests."""
        frame, last = sight.frame, self._last
        time, block = frame.time, block_of(frame)
        wanted, moves = np.zeros_like(unread), np.zeros_like(unread)
        settled = True
        count = int(unread.sum())
        due = bool(restless.any()) and time - self._rested >= _SETTINGS.still_s
        if (count or due) and last is not None and last.frame.y.shape == frame.y.shape:
            moves = changed(frame.y, last.frame.y, block=block)
        if count:
            if self._waiting is None or time - self._unread_last > _SETTINGS.wait_s:
                self._waiting = time
            self._unread_last = time
            settled = int((unread & self._stirs(sight, moves)).sum()) <= _SETTINGS.settled * count
            known = unread & within(unread.shape, [line.box for line in self._lines], block=block)
            scrolls = int(known.sum()) > 0.2 * count
            patience = max(
                self._waiting + (_SETTINGS.scroll_s if scrolls else _SETTINGS.wait_s),
                self._unsettled + _SETTINGS.restless_s,
            )
            if not settled:
                self._stirred = time
            again = int((unread & (time - surface.looked < _SETTINGS.pace_s)).sum()) > 0.5 * count
            if (not again and time - self._stirred >= _SETTINGS.rest_s) or time >= patience:
                wanted |= unread
                if not settled:
                    self._unsettled = time
                self._waiting = None
        if due:
            # Letters over a camera's picture stand still and are sharper than most of what moves there.
            sharp = restless & strokes(frame.y, block=block, slope=_SETTINGS.sharp)
            rests = sharp & ~moves & ~self._moved & (time - surface.looked >= _SETTINGS.still_s)
            rests |= sharp & (time - surface.looked >= _SETTINGS.moving_s)
            self._moved = moves
            self._rested = time - _SETTINGS.still_s + _SETTINGS.sharp_s
            if int(rests.sum()) > 2:
                self._rested = time
                wanted |= rests
        return wanted, moves, settled

    def _stirs(self, sight: Sight, moves: ChangeBlocks) -> ChangeBlocks:
        """Return what of the blocks that moved did not go along with the picture."""
        last, frame = self._last, sight.frame
        if last is None or last.shot != sight.shot:
            return moves
        onward = sight.place @ np.linalg.inv(last.place)
        if is_still(onward, width=frame.width, height=frame.height):
            return moves
        return moves & changed_near(frame.y, carried(last.frame.y, onward), block=block_of(frame))

    def _covers(self, time: float) -> list[Box]:
        return [
            box for line in self._lines if line.personal or line.typed_until > time for box in line.covers
        ]

    def _look_whole(self, sight: Sight, surface: Surface, block: int) -> None:
        frame = sight.frame
        self._whole, self._whole_moving = frame.time, sight.moving
        everything = [Box(0, 0, frame.width, frame.height)]
        self._look_in(sight, surface, everything, strokes(frame.y, block=block), block)

    def _look_at(
        self, sight: Sight, surface: Surface, wanted: ChangeBlocks, letters: ChangeBlocks, block: int
    ) -> None:
        """Look at all of every line that a wanted block is part of."""
        frame = sight.frame
        parts = grown_box(letters, 2, 0) | grown_box(wanted, 2, 1)
        parts |= within(parts.shape, [line.box for line in self._lines], block=block)
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
            self._look_whole(sight, surface, block)
            return
        self._look_in(sight, surface, where, letters, block)

    def _look_in(
        self, sight: Sight, surface: Surface, where: Sequence[Box], letters: ChangeBlocks, block: int
    ) -> None:
        frame = sight.frame
        self.looks += 1
        looked = within(letters.shape, where, block=block)
        found = [line for box in where for line in self._reader.look(frame, box, moving=sight.moving)]
        old = [line for line in self._lines if _centre_in(line.box, where)]
        for line in found:
            line.typed_until = _typed_until(line, old, frame.time)
        judged = self._reader.judged(frame, found)
        self.lines += sum(
            line.personal and not any(line.box.iou(other.box) > 0.5 for other in old) for line in judged
        )
        self._lines = [line for line in self._lines if not _centre_in(line.box, where)] + judged
        self._anchor(surface, frame, looked_at=looked)
        texts = grown_box(within(looked.shape, [line.box for line in judged], block=block), 1, 1)
        surface.barren &= ~(looked & ~letters) & ~texts
        bare = _textures(looked & letters, texts)
        surface.barren |= bare
        sight.lines = self._covers(frame.time)
        around = grown_box(bare, _SETTINGS.around, _SETTINGS.around)
        go_back(
            list(self._sights),
            looked=looked,
            texture=around & ~within(bare.shape, [line.box for line in judged], block=block),
            lines=[line for line in judged if line.personal or line.typed_until > frame.time],
            block=block,
            settings=_SETTINGS,
        )


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
    ground = grounds(frame.y[top * block : bottom * block, left * block : right * block], part, block=block)
    may_be = part & ((ground >= _GROUND) | grown_box(part & (ground >= _SURE_GROUND), _BESIDE, 0))
    lines = cv2.morphologyEx(may_be.view(np.uint8), cv2.MORPH_OPEN, np.ones((1, _LINE), np.uint8))
    if not lines.any():
        return None
    result = np.zeros_like(unread)
    result[top:bottom, left:right] = lines > 0
    return result


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
