"""What is known of every block of a track's picture, carried along while a camera or a page moves under it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.video.camera import STILL, Camera, Motion, carried, moved_box
from redaction.video.screen.changes import (
    ChangeBlocks,
    ChangeLuma,
    changed,
    changed_near,
    moved_blocks,
    within,
)
from redaction.video.screen.reader import TextLine

__all__ = ["Surface"]

_FEW: Final = 0.04
_MANY: Final = 0.25
_QUIET_S: Final = 0.2
"""Shares of blocks that differ: up to few nothing moves as a whole; up to many it is asked for this seldom while the
picture stands still."""

_ANCHORED_S: Final = 0.35
"""Longest time over which a moving picture is compared with one from before."""


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Maps of one picture; `known` are the blocks of which `reference`, uint8 luma, holds anything."""

    reference: ChangeLuma
    known: ChangeBlocks
    barren: ChangeBlocks
    looked: NDArray[np.float64]

    @classmethod
    def fresh(cls, luma: ChangeLuma, block: int) -> Self:
        shape = -(-luma.shape[0] // block), -(-luma.shape[1] // block)
        nothing = np.zeros(shape, np.bool_)
        return cls(luma.copy(), nothing, nothing.copy(), np.full(shape, -np.inf))

    def moved(self, motion: Motion, block: int) -> _Blocks:
        known = cv2.erode(
            moved_blocks(self.known, motion, block=block).view(np.uint8), np.ones((3, 3), np.uint8)
        )
        looked = np.where(known > 0, moved_blocks(self.looked, motion, block=block), -np.inf)
        barren = moved_blocks(self.barren, motion, block=block)
        return _Blocks(carried(self.reference, motion), np.asarray(known).view(np.bool_), barren, looked)


class Surface:
    """The blocks of one shape of picture, as they lie in the frame that was entered last.

    Attributes:
        motion: how the picture moved since it was anchored.
        differs: blocks that are not as they were when they were last looked at, wherever they were then.
    """

    def __init__(self, luma: ChangeLuma, *, block: int) -> None:
        self._block = block
        self._anchor = self._now = _Blocks.fresh(luma, block)
        self._stays = np.zeros_like(self._now.known)
        self._camera = Camera()
        self._camera.anchor(luma)
        self._place = STILL
        self._anchored = float("-inf")
        self._asked = float("-inf")
        self._afoot = False
        self.motion = STILL
        self.differs = ~self._now.known

    @property
    def barren(self) -> ChangeBlocks:
        """Blocks of texture without text; may be changed."""
        return self._now.barren

    @barren.setter
    def barren(self, value: ChangeBlocks) -> None:
        self._now.barren[:] = value

    @property
    def looked(self) -> NDArray[np.float64]:
        """When each block was looked at last, in seconds; -inf for never."""
        return self._now.looked

    @property
    def place(self) -> Motion:
        """Where the pixels of the first frame are in this one."""
        return self._place if self.motion is STILL else self.motion @ self._place

    def fits(self, luma: ChangeLuma) -> bool:
        """Tell whether a picture is of the same size."""
        return self._anchor.reference.shape == luma.shape

    def enter(self, luma: ChangeLuma, time: float) -> None:
        """Take the next frame."""
        known = self._anchor
        still = changed(luma, known.reference, block=self._block) | ~known.known
        self.motion, self._now, self.differs = STILL, known, still
        share = float(still.mean())
        if not self._afoot and (share <= _FEW or (share <= _MANY and time - self._asked < _QUIET_S)):
            return
        self._asked = time
        motion = self._camera.find(luma)
        self._afoot = motion is not STILL
        if motion is STILL:
            return
        there = known.moved(motion, self._block)
        unlike = changed_near(luma, there.reference, block=self._block) | ~there.known
        # What lies over a moving picture stays where it is.
        self._stays = unlike & ~still
        for mine, theirs in ((there.barren, known.barren), (there.looked, known.looked)):
            np.copyto(mine, theirs, where=self._stays)
        self.motion, self._now, self.differs = motion, there, unlike & still

    def due(self, time: float) -> bool:
        """Tell whether a moving picture was anchored so long ago that it should be again."""
        return self.motion is not STILL and time - self._anchored >= _ANCHORED_S

    def anchor(self, luma: ChangeLuma, time: float, *, looked_at: ChangeBlocks | None = None) -> None:
        """Let motion count from here on; blocks that were looked at are known as they are now."""
        fresh = ~self.differs if self.motion is not STILL else np.zeros_like(self.differs)
        known = self._now.known | self._stays if self.motion is not STILL else self._now.known
        if looked_at is not None:
            fresh, known = fresh | looked_at, known | looked_at
            self._now.looked[looked_at] = time
        reference = self._now.reference
        where = np.repeat(np.repeat(fresh, self._block, axis=0), self._block, axis=1)
        np.copyto(reference, luma, where=where[: luma.shape[0], : luma.shape[1]])
        self._anchor = self._now = replace(self._now, known=known)
        self._place, self.motion, self._anchored = self.place, STILL, time
        self._camera.anchor(luma)

    def placed(self, line: TextLine) -> TextLine:
        """Return a line where it is in this frame: gone along with the picture, or where it was, or perhaps either."""
        box, covers = line.found
        gone = moved_box(self.motion, box)
        followed = tuple(moved_box(self.motion, cover) for cover in covers)
        shape = self.differs.shape
        if not (self.differs | self._stays)[within(shape, [gone], block=self._block)].any():
            return replace(line, box=gone, covers=followed)
        if self._stays[within(shape, [box], block=self._block)].mean() > _FEW:
            if not self.differs[within(shape, [box], block=self._block)].any():
                return replace(line, box=box, covers=covers)
            return replace(line, box=box.union(gone), covers=(*covers, *followed))
        return replace(line, box=gone, covers=followed)

    def cleared(self) -> None:
        """Forget what was taken for texture."""
        self._now.barren[:] = False
