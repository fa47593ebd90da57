"""Tells frames that are still held what a later look found: lines that were there already, and what was no writing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Final

import cv2
import numpy as np

from redaction.model import Box, VideoFrame
from redaction.video.camera import STILL, Motion, carried, is_still, moved_box
from redaction.video.screen.changes import (
    ChangeBlocks,
    changed,
    changed_near,
    grown_box,
    hide,
    likeness,
    moved_blocks,
)
from redaction.video.screen.reader import TextLine
from redaction.video.screen.settings import ScreenSettings

__all__ = ["Sight", "go_back", "lasting"]

_BRIEF: Final = 5
"""Frames for which a cover is no more than a blink."""

_SAME: Final = 0.8
"""Intersection over union from which two boxes are of one line, found by two looks."""


@dataclass(slots=True)
class Sight:
    """One frame in the look-ahead; later looks add to it.

    Attributes:
        lines: covers of what was judged.
        unread: blocks that changed and were not looked at; None for none.
        place: where the pixels of the first frame of its shot are in it.
        shot: number of its shot.
        moving: the picture moved as a whole, as before a camera that moves.
    """

    frame: VideoFrame
    lines: list[Box] = field(default_factory=list)
    unread: ChangeBlocks | None = None
    failed: bool = False
    place: Motion = field(default_factory=lambda: STILL)
    shot: int = 0
    moving: bool = False


def go_back(
    sights: Sequence[Sight],
    *,
    looked: ChangeBlocks,
    texture: ChangeBlocks,
    lines: Iterable[TextLine],
    block: int,
    settings: ScreenSettings,
) -> None:
    """Go back from the latest sight, on which a look was taken, as long as the same is seen.

    Args:
        sights: in order; the last is the one looked at.
        looked: blocks that were looked at.
        texture: blocks in which change alone covers nothing.
        lines: lines that are covered on it.
        block: side of a block in pixels.
        settings: of the search.
    """
    here = sights[-1]
    frame = here.frame
    alive = {line.box: line.covers for line in lines}
    gone: list[Box] = []
    for earlier in reversed(sights[:-1]):
        before = earlier.frame.y
        if before.shape != frame.y.shape or earlier.frame.whole_cover or earlier.shot != here.shot:
            return
        if not alive and earlier.unread is None and not gone:
            break
        onward = here.place @ np.linalg.inv(earlier.place)
        if is_still(onward, width=frame.width, height=frame.height):
            onward = STILL
        back = STILL if onward is STILL else np.linalg.inv(onward)
        for box, covers in list(alive.items()):
            inside = box.clipped(frame.width, frame.height)
            if not inside.area or likeness(frame.y, before, inside, motion=onward) < settings.alike:
                del alive[box]
                gone.append(box)
            else:
                moved = [moved_box(back, cover) for cover in covers]
                earlier.lines += [box for box in moved if onward is STILL or not _known(box, earlier.lines)]
        if earlier.unread is None:
            continue
        if onward is STILL:
            same = looked & ~changed(frame.y, before, block=block)
        else:
            same = moved_blocks(looked, back, block=block)
            same &= ~changed_near(before, carried(frame.y, back), block=block)
        around = [_around(moved_box(back, box), block) for box in gone]
        hide(same, around, block=block)
        left = earlier.unread & ~same & ~moved_blocks(texture, back, block=block)
        earlier.unread = left if left.any() else None


def lasting(sights: Iterable[Sight], before: ChangeBlocks | None) -> ChangeBlocks | None:
    """Return what of the first sight's unread blocks is covered, None for nothing.

    Before a camera that moves, what is unread for a few frames only is a fold or a reflection that looks like strokes
    by chance. It is left out, unless it goes on from what was covered on the frame before.

    Args:
        sights: in order, from the one to be released on.
        before: what was covered on the frame before it.
    """
    ahead = list(islice(sights, _BRIEF + 1))
    unread = ahead[0].unread
    if unread is None or not any(sight.moving for sight in ahead):
        return unread
    count, labels = cv2.connectedComponents(unread.view(np.uint8), connectivity=8)
    kept = np.zeros_like(unread)
    for number in range(1, count):
        part: ChangeBlocks = labels == number
        goes_on = (
            before is not None and before.shape == part.shape and bool((grown_box(part, 2, 2) & before).any())
        )
        if goes_on or _lasts(part, ahead):
            kept |= part
    return kept if kept.any() else None


def _lasts(part: ChangeBlocks, ahead: Sequence[Sight]) -> bool:
    for _, later in pairwise(ahead):
        if later.unread is None or later.unread.shape != part.shape:
            return False
        part = grown_box(part, 2, 2) & later.unread
        if not part.any():
            return False
    return len(ahead) > _BRIEF


def _known(box: Box, lines: Iterable[Box]) -> bool:
    """Tell whether a box is covered already, but for what two looks at the same line that moved differ by."""
    return any(line.iou(box) >= _SAME for line in lines)


def _around(box: Box, block: int) -> Box:
    return Box(box.x1 - block, box.y1 - block, box.x2 + block, box.y2 + block)
