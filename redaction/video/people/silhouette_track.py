"""Where a removed person is on every frame: outlined now and then, carried on by what changed and what did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, VideoFrame
from redaction.video.change import Thumbnail, block_of
from redaction.video.cover import evened
from redaction.video.people.silhouette_tile import tile_of

__all__ = ["Moment", "Outlines", "Patch", "Silhouettes"]

TrackMask = NDArray[np.bool_]
SilhouetteBlocks = NDArray[np.uint8]

_CHANGE = 6
"""Luma levels by which the mean of a block near a person must differ to count as changed."""

_UNSTEADY = 0.25
"""Share of the blocks that changed from which the camera moved. Source: our own; between frames four before and four
after, .34 in the median of a street filmed by hand, .58 zooming in, .02 to .05 in galleries and of a talking head."""


class Silhouettes(Protocol):
    """Outlines people."""

    def mask(self, frame: VideoFrame, head: Box, *, strict: bool = False) -> TrackMask | None:
        """Return bool (H, W), True on the person with that head, hair and body included; None when unsure.

        With `strict` nothing stands in for an outline that is the least unsure.
        """
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame and where one person's head is on it; `seen` is False beyond the sightings."""

    index: int
    frame: VideoFrame
    thumbnail: Thumbnail | None
    head: Box
    seen: bool = True


@dataclass(frozen=True, slots=True)
class Patch:
    """The part of a frame's mask that is not empty: a box with even edges, and bool of its size."""

    box: Box
    mask: TrackMask

    @classmethod
    def of(cls, mask: TrackMask) -> Patch:
        """Return the patch of a whole frame's mask, bool (H, W)."""
        height, width = mask.shape
        x, y, w, h = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
        box = evened(Box(x, y, x + w, y + h), width=width, height=height)
        return cls(box, mask[box.y1 : box.y2, box.x1 : box.x2].copy())


@dataclass(frozen=True, slots=True)
class _Anchor:
    """A frame on which it is known where the person is.

    Attributes:
        index: of the frame.
        since: index of the frame that was outlined; an earlier one when nothing has changed since.
        shape: of the frame.
        patch: None when the outline is unsure.
        thumbnail: of the frame that was outlined.
        near: blocks that the patch touches and two more around them, 1 or 0, of the thumbnail's shape.
        filled: blocks that the patch fills, the same.
    """

    index: int
    since: int
    shape: tuple[int, ...]
    patch: Patch | None
    thumbnail: Thumbnail | None = None
    near: SilhouetteBlocks | None = None
    filled: SilhouetteBlocks | None = None


class Outlines:
    """Masks of removed people on every frame, outlined afresh every few frames at most.

    Between two outlined frames the mask is the union of both, plus every block near it that differs from both: what
    of the person is neither in the one, nor in the other, nor has changed, cannot be there. While no block near the
    person but outside the mask has changed since it was outlined, the outline holds on for up to `lasting` frames.
    """

    every = 8
    lasting = 32

    def __init__(self, silhouettes: Silhouettes) -> None:
        self._silhouettes = silhouettes
        self._anchors: dict[tuple[int, bool], list[_Anchor]] = {}

    def patch(
        self, number: int, here: Moment, ahead: Moment | None, *, doubtful: bool = False
    ) -> Patch | None:
        """Return where the person is on a frame, or None when that is unsure.

        Args:
            number: of the tracklet.
            here: the frame to cover.
            ahead: the next frame whose index divides by `every`, if the person is covered there; `here` if it does.
            doubtful: it may be nobody, so that only a sure outline counts.
        """
        key = (number, doubtful)
        shape = here.frame.y.shape
        anchors = [
            item
            for item in self._anchors.get(key, ())
            if here.index - item.index <= self.every and item.shape == shape
        ]
        self._anchors[key] = anchors
        known = {item.index for item in anchors}
        due = here
        if any(index <= here.index for index in known) and ahead is not None:
            due = ahead
        if due.index not in known:
            anchors.append(self._anchor(due, anchors, strict=doubtful))
        near = [item for item in anchors if abs(item.index - here.index) <= self.every]
        patches = [item.patch for item in near if item.patch is not None]
        if len(patches) < len(near):
            return None
        head = here.head.clipped(shape[1], shape[0])
        patches.append(Patch(head, np.ones((head.height, head.width), dtype=np.bool_)))
        if all(item.index != here.index for item in near):
            moved = _moved(here, near)
            if moved is not None:
                patches.append(moved)
        patch = _united(patches, shape)
        # Where the head is only supposed to be, its tile may be another's.
        return _clipped(patch, tile_of(here.frame, here.head)) if here.seen else patch

    def forget(self, number: int) -> None:
        """Drop all outlines of a tracklet."""
        for doubtful in (False, True):
            self._anchors.pop((number, doubtful), None)

    def _anchor(self, moment: Moment, known: Sequence[_Anchor], *, strict: bool) -> _Anchor:
        """Carry the latest outline on, or outline afresh."""
        if known and moment.index - known[-1].since < self.lasting and _still(known[-1], moment):
            return replace(known[-1], index=moment.index)
        shape = moment.frame.y.shape
        mask = self._silhouettes.mask(moment.frame, moment.head, strict=strict)
        if mask is not None and mask.shape != shape:
            raise ValueError("a silhouette has another size than its frame")
        patch = None if mask is None else Patch.of(mask)
        if patch is None and not moment.seen:
            # The person may have left or not yet come: what was outlined last, grown, stands in.
            latest = next((item.patch for item in reversed(known) if item.patch is not None), None)
            if latest is not None:
                patch = _grown(latest, max(3, moment.head.width // 4) | 1, shape)
        if patch is None or moment.thumbnail is None:
            return _Anchor(moment.index, moment.index, shape, patch)
        some, filled = _blocks(patch, moment.thumbnail.shape, block_of(moment.frame))
        near = cv2.dilate(some, np.ones((5, 5), np.uint8))
        return _Anchor(
            moment.index,
            moment.index,
            shape,
            patch,
            moment.thumbnail,
            np.asarray(near, dtype=np.uint8),
            filled,
        )


def _united(patches: Sequence[Patch], shape: tuple[int, ...]) -> Patch:
    """Return the union of patches, its edges made even."""
    patches = [item for item in patches if item.box.area]
    boxes = [item.box for item in patches] or [Box(0, 0, 0, 0)]
    box = Box(
        min(item.x1 for item in boxes),
        min(item.y1 for item in boxes),
        max(item.x2 for item in boxes),
        max(item.y2 for item in boxes),
    )
    box = evened(box, width=shape[1], height=shape[0])
    mask = np.zeros((box.height, box.width), dtype=np.bool_)
    for item in patches:
        part = item.box
        mask[part.y1 - box.y1 : part.y2 - box.y1, part.x1 - box.x1 : part.x2 - box.x1] |= item.mask
    return Patch(box, mask)


def _clipped(patch: Patch, tile: Box) -> Patch:
    """Return the part of a patch that lies in a tile with even edges."""
    box, inside = patch.box, patch.box.intersection(tile)
    mask = patch.mask[inside.y1 - box.y1 : inside.y2 - box.y1, inside.x1 - box.x1 : inside.x2 - box.x1]
    return Patch(inside, mask)


def _grown(patch: Patch, side: int, shape: tuple[int, ...]) -> Patch:
    """Return a patch dilated by a square of that odd side in pixels."""
    reach = side // 2
    box = patch.box
    outer = Box(box.x1 - reach, box.y1 - reach, box.x2 + reach, box.y2 + reach).clipped(shape[1], shape[0])
    mask = np.zeros((outer.height, outer.width), dtype=np.uint8)
    mask[box.y1 - outer.y1 : box.y2 - outer.y1, box.x1 - outer.x1 : box.x2 - outer.x1] = patch.mask
    return Patch(outer, cv2.dilate(mask, np.ones((side, side), np.uint8)).astype(np.bool_))


def _blocks(patch: Patch, shape: tuple[int, ...], block: int) -> tuple[SilhouetteBlocks, SilhouetteBlocks]:
    """Return which of a thumbnail's blocks the patch touches, and which it fills."""
    some, filled = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    box = patch.box
    x1, y1 = box.x1 // block, box.y1 // block
    x2, y2 = min(-(-box.x2 // block), shape[1]), min(-(-box.y2 // block), shape[0])
    if x2 <= x1 or y2 <= y1:
        return some, filled
    full = np.zeros(((y2 - y1) * block, (x2 - x1) * block), dtype=np.uint8)
    inside = full[box.y1 - y1 * block :, box.x1 - x1 * block :][: box.height, : box.width]
    np.copyto(inside, 255, where=patch.mask[: inside.shape[0], : inside.shape[1]])
    share = cv2.resize(full, (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA)
    some[y1:y2, x1:x2] = share > 0
    filled[y1:y2, x1:x2] = share == 255
    return some, filled


def _still(anchor: _Anchor, moment: Moment) -> bool:
    """Tell whether no block near the person but outside the mask differs from the frame that was outlined."""
    now, before, near, filled = moment.thumbnail, anchor.thumbnail, anchor.near, anchor.filled
    if now is None or before is None or near is None or filled is None or now.shape != before.shape:
        return False
    if anchor.shape != moment.frame.y.shape:
        return False
    outside = (near == 1) & (filled == 0)
    return not bool(((cv2.absdiff(now, before) >= _CHANGE) & outside).any())


def _moved(here: Moment, anchors: Sequence[_Anchor]) -> Patch | None:
    """Return the changed blocks that touch the person, with their neighbours.

    They count as far as they reach, unless so much of the picture changed that the camera must have moved: then walls
    change too, and only what is within two heads of the person counts.
    """
    now = here.thumbnail
    if now is None:
        return None
    changed = np.ones(now.shape, dtype=np.uint8)
    near = np.zeros(now.shape, dtype=np.uint8)
    for item in anchors:
        if item.thumbnail is not None and item.near is not None and item.thumbnail.shape == now.shape:
            changed &= cv2.absdiff(now, item.thumbnail) >= _CHANGE
            near |= item.near
    if changed.mean() > _UNSTEADY:
        reach = 2 * max(1, round(2 * here.head.width / block_of(here.frame))) + 1
        changed &= cv2.dilate(near, np.ones((reach, reach), np.uint8))
    touching = (changed & near) > 0
    if not touching.any():
        return None
    count, labels = cv2.connectedComponents(changed)
    chosen = np.zeros(count, dtype=np.uint8)
    chosen[labels[touching]] = 1
    grown = cv2.dilate(chosen[labels], np.ones((3, 3), np.uint8))
    return _enlarged(grown, block_of(here.frame), here.frame.y.shape)


def _enlarged(blocks: SilhouetteBlocks, block: int, shape: tuple[int, ...]) -> Patch:
    """Return blocks, 1 or 0, as a patch; those at the right and lower edge reach the frame's."""
    x, y, w, h = cv2.boundingRect(blocks)
    right = shape[1] if x + w == blocks.shape[1] else (x + w) * block
    bottom = shape[0] if y + h == blocks.shape[0] else (y + h) * block
    box = Box(x * block, y * block, right, bottom).clipped(shape[1], shape[0])
    part = cv2.copyMakeBorder(blocks[y : y + h, x : x + w], 0, 1, 0, 1, cv2.BORDER_REPLICATE)
    size = (part.shape[1] * block, part.shape[0] * block)
    full = cv2.resize(part, size, interpolation=cv2.INTER_NEAREST)
    return Patch(box, full[: box.height, : box.width].astype(np.bool_))
