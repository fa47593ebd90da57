"""Outlines the person that a head belongs to, hair, body and whatever they merge with, so that they can be removed."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from threading import Lock
from types import TracebackType
from typing import Any, Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, VideoFrame
from redaction.video.people.silhouette_tile import tile_of
from redaction.video.silence_native import silent_stderr
from redaction.video.view import View
from redaction.weights import read

__all__ = ["PersonSegmenter", "SelfieSegmenter", "Silhouette"]

PersonMask = NDArray[np.bool_]
Share = NDArray[np.float32]

# The net sees 256 x 256 px whatever it is given; twice that keeps the edges of what it says smooth.
_LOOK_PX = 512
_CERTAIN = 0.4
_POSSIBLE = 0.1
# How far around the head is looked, in head boxes to each side, above and below; the next is tried when the person
# goes on beyond the edge. Bodies measure about seven faces, that is four to five head boxes, from top to toe.
# Source: clips of seated and of walking people, looked at by eye.
_REACHES = ((2.2, 0.4, 3.0), (3.2, 0.6, 6.5))
_MARGIN_OF_HEAD = 0.12
_HEAD_MARGIN = 0.05
_NEAR_OF_HEAD = 0.5
_EDGE_SHARE = 0.04

_BODY_ASIDE = 2.0
_BODY_ABOVE = 0.5
"""What a body can fill where its outline is unsure, in head heights from the middle of the head to each side, and
above the head; below, it reaches to the end of the tile.

Shoulders are 2 to 2.6 heads wide. The span from elbow to elbow, hands at the chest, is .54 of the stature: 1.4 heads to
each side in a child of five heads, 1.9 in a youth of seven. A hand raised on an upright forearm ends half a head above.
Arms that are stretched out further are covered as far as the net sees them.

Source: Pheasant, Bodyspace, 1996 (elbow span); Drillis and Contini, Body segment parameters, 1966 (arms)."""

_HEAD_SLENDER = 0.8
"""Share of its cover's height that a head is high at least: hair and margins are the rest. A head that is half outside
shows its whole height, or its whole width; the larger counts."""


class PersonSegmenter(Protocol):
    """Tells people from background."""

    def people(self, picture: NDArray[np.uint8]) -> Share:
        """Return float32 (H, W), 0 to 1, how surely each pixel of a picture, uint8 (H, W, 3) RGB, is a person."""
        ...

    def close(self) -> None:
        """Let go of the net."""
        ...


class SelfieSegmenter:
    """MediaPipe's selfie segmentation. The net is opened at the first picture: it takes memory few runs need.

    Raises:
        ModelMissing: the net is not in place.
        ModelAltered: the net is not the pinned file.
    """

    def __init__(self) -> None:
        self._data: bytes = read("person.selfie")
        self._task: Any = None
        self._lock = Lock()

    def open(self) -> None:
        """Open the net now.

        Raises:
            OSError: a system library that MediaPipe needs is missing.
        """
        with self._lock:
            self._open()

    def people(self, picture: NDArray[np.uint8]) -> Share:
        """Return float32 (H, W), 0 to 1, how surely each pixel of a picture, uint8 (H, W, 3) RGB, is a person."""
        with self._lock:
            self._open()
            return self._run(picture)

    def close(self) -> None:
        """Close the net; the next picture opens it again."""
        with self._lock:
            if self._task is not None:
                self._task.close()
                self._task = None
                _open_tasks.discard(self)

    def _open(self) -> None:
        if self._task is not None:
            return
        with silent_stderr():
            from mediapipe.tasks.python import BaseOptions, vision

            options = vision.ImageSegmenterOptions(
                base_options=BaseOptions(model_asset_buffer=self._data),
                output_confidence_masks=True,
                output_category_mask=False,
            )
            self._task = vision.ImageSegmenter.create_from_options(options)
            _open_tasks.add(self)
            _close_at_exit()
            self._run(np.zeros((64, 64, 3), dtype=np.uint8))

    def _run(self, picture: NDArray[np.uint8]) -> Share:
        import mediapipe

        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        # The view is memory of the result: read after the result is gone, it crashes the process.
        result = self._task.segment(image)
        share = np.array(result.confidence_masks[0].numpy_view(), dtype=np.float32, copy=True)
        del result
        return share.reshape(picture.shape[:2])


class Silhouette:
    """Outlines people by their heads.

    Works on a part of the frame around the head, so that small people in a gallery are seen as well as large ones. The
    outline may take in neighbours that touch the person: it is for removing, and too much is the safe side.

    Args:
        segmenter: MediaPipe's when None.

    Raises:
        ModelMissing: the default net is not in place.
        ModelAltered: the default net is not the pinned file.
    """

    def __init__(self, segmenter: PersonSegmenter | None = None) -> None:
        self._segmenter = SelfieSegmenter() if segmenter is None else segmenter

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the net."""
        self._segmenter.close()

    def mask(self, frame: VideoFrame, head: Box, *, strict: bool = False) -> PersonMask | None:
        """Return bool (H, W), True on the person with that head and on a margin around; None without a head.

        Where the outline is unsure, it is joined by all that a body can fill, from above the head to the end of the
        frame. In a meeting window the tile of the head is the frame, and nothing beyond it is True.

        Args:
            frame: the frame as decoded.
            head: the head with hair, ears and chin, as it would be covered, in frame pixels.
            strict: return None where the outline is the least unsure, and no rectangle in its place.
        """
        tile = tile_of(frame, head)
        inside = head.clipped(frame.width, frame.height).intersection(tile)
        if inside.area == 0:
            return None
        moved = Box(head.x1 - tile.x1, head.y1 - tile.y1, head.x2 - tile.x1, head.y2 - tile.y1)
        mask = self._masked(_cut(frame, tile), moved, strict=strict)
        if mask is None:
            return None
        result = np.zeros((frame.height, frame.width), dtype=np.bool_)
        result[tile.y1 : tile.y2, tile.x1 : tile.x2] = mask
        return result

    def _masked(self, frame: VideoFrame, head: Box, *, strict: bool) -> PersonMask | None:
        """Return the mask in one tile; None when a strict look is unsure."""
        bodies: list[_Body] = []
        for reach in _REACHES:
            bodies.append(self._outlined(frame, head, reach))
            if not bodies[-1].continues:
                break
        sure = bodies[-1].sure
        if strict and not sure:
            return None
        result = np.zeros((frame.height, frame.width), dtype=np.bool_)
        for body in bodies:
            body.paint(result)
        _paint_head(result, head)
        if not sure:
            _paint_body(result, head)
        return result

    def _outlined(self, frame: VideoFrame, head: Box, reach: tuple[float, float, float]) -> _Body:
        side, above, below = reach
        middle = (head.x1 + head.x2) / 2
        region = Box.outward(
            middle - side * head.width,
            head.y1 - above * head.height,
            middle + side * head.width,
            head.y2 + below * head.height,
        ).clipped(frame.width, frame.height)
        view = View.of(frame, region=region, scale=min(1.0, _LOOK_PX / max(region.width, region.height)))
        picture = np.asarray(cv2.cvtColor(view.picture(frame), cv2.COLOR_BGR2RGB), dtype=np.uint8)
        try:
            share = self._segmenter.people(picture)
        finally:
            picture.fill(0)
        if share.shape != (view.height, view.width) or not np.isfinite(share).all():
            raise ValueError("a person mask has another size than its picture, or is not a number")
        return _Body.of(share, view=view, head=head, width=frame.width, height=frame.height)


@dataclass(frozen=True, slots=True)
class _Body:
    """What was outlined in one view.

    Attributes:
        mask: bool (h, w) in the view's pixels, grown by the margin.
        region: the view's part of the frame.
        sure: the outline holds the head and what is below it.
        continues: the outline runs into an edge of the view that is not the frame's.
    """

    mask: PersonMask
    region: Box
    sure: bool
    continues: bool

    @classmethod
    def of(cls, share: Share, *, view: View, head: Box, width: int, height: int) -> _Body:
        """Take the person with that head out of how surely each pixel of a view is a person."""
        region, scale = view.region, view.width / view.region.width
        possible = (share >= _POSSIBLE).astype(np.uint8)
        count, labels = cv2.connectedComponents(possible)
        inner = _part(share.shape, head, region, scale, across=(0.25, 0.75), down=(0.25, 0.85))
        below = _part(share.shape, head, region, scale, across=(0.1, 0.9), down=(1.0, 1.4))
        around = _part(share.shape, head, region, scale, across=(-0.2, 1.2), down=(-0.2, 1.4))
        person = _parts(labels, labels[around], count)
        # A hand in the picture, its arm below the frame: what is not far from the person belongs to it too.
        reach = round(_NEAR_OF_HEAD * head.width * scale)
        if count > 2:
            person = _parts(labels, labels[_dilated(person, reach)], count)
        certain = person & (share >= _CERTAIN)
        sure = _filled(certain, inner) >= 0.8 and (
            region.y2 - head.y2 < 0.2 * head.height or _filled(person, below) >= 0.5
        )
        edges = (
            (person[-1], region.y2 < height),
            (person[:, 0], region.x1 > 0),
            (person[:, -1], region.x2 < width),
            (person[0], region.y1 > 0),
        )
        continues = any(inside and float(edge.mean()) > _EDGE_SHARE for edge, inside in edges)
        # A pixel of the net is a 256th of the view; two of them and a share of the head hold stray hair and fingers.
        radius = max(2, round(_MARGIN_OF_HEAD * head.width * scale + max(share.shape) / 128))
        return cls(_dilated(person, radius), region, sure=bool(sure), continues=continues)

    def paint(self, target: PersonMask) -> None:
        """Set the outlined pixels of a mask of the whole frame."""
        region = self.region
        full = cv2.resize(
            self.mask.astype(np.uint8), (region.width, region.height), interpolation=cv2.INTER_LINEAR
        )
        target[region.y1 : region.y2, region.x1 : region.x2] |= full > 0


def _cut(frame: VideoFrame, tile: Box) -> VideoFrame:
    """Return a tile with even upper left corner as a frame, without copying a pixel."""
    rows, columns = slice(tile.y1 // 2, (tile.y2 + 1) // 2), slice(tile.x1 // 2, (tile.x2 + 1) // 2)
    luma = frame.y[tile.y1 : tile.y2, tile.x1 : tile.x2]
    return replace(frame, y=luma, u=frame.u[rows, columns], v=frame.v[rows, columns])


def _part(
    shape: tuple[int, ...],
    head: Box,
    region: Box,
    scale: float,
    *,
    across: tuple[float, float],
    down: tuple[float, float],
) -> tuple[slice, slice]:
    """Return the rows and columns of a view that hold a part of the head box, given in shares of it."""
    columns = [(head.x1 + share * head.width - region.x1) * scale for share in across]
    rows = [(head.y1 + share * head.height - region.y1) * scale for share in down]
    return (
        slice(max(0, round(rows[0])), min(shape[0], max(0, round(rows[1])))),
        slice(max(0, round(columns[0])), min(shape[1], max(0, round(columns[1])))),
    )


def _parts(labels: NDArray[np.int32], chosen: NDArray[np.int32], count: int) -> PersonMask:
    """Return where the labels are among those chosen; 0, the background, never is."""
    wanted = np.zeros(count, dtype=np.bool_)
    wanted[chosen] = True
    wanted[0] = False
    return np.asarray(wanted[labels], dtype=np.bool_)


def _dilated(mask: PersonMask, radius: int) -> PersonMask:
    """Grow by a radius in pixels; the time it takes does not depend on the radius."""
    if radius < 1 or not mask.any():
        return mask
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(distance <= radius, dtype=np.bool_)


def _filled(mask: PersonMask, part: tuple[slice, slice]) -> float:
    inside = mask[part]
    return float(inside.mean()) if inside.size else 0.0


def _paint_head(target: PersonMask, head: Box) -> None:
    aside, above = _HEAD_MARGIN * head.width, _HEAD_MARGIN * head.height
    _paint(target, Box.outward(head.x1 - aside, head.y1 - above, head.x2 + aside, head.y2 + above))


def _paint_body(target: PersonMask, head: Box) -> None:
    """Set where the body of a person can be, to the lower end of the mask."""
    height, width = target.shape
    size = max(head.width, _HEAD_SLENDER * head.height)
    # The middle of a head that is cut by an edge is anywhere up to the edge and beyond.
    left = min(head.x1 + head.width / 2, head.x1 + size / 2 if head.x1 > 0 else 0.0)
    right = max(head.x1 + head.width / 2, head.x2 - size / 2 if head.x2 < width else float(width))
    reach = _BODY_ASIDE * size
    above = head.y1 - _BODY_ABOVE * size
    _paint(target, Box.outward(left - reach, above, right + reach, height))


def _paint(target: PersonMask, box: Box) -> None:
    inside = box.clipped(target.shape[1], target.shape[0])
    target[inside.y1 : inside.y2, inside.x1 : inside.x2] = True


_open_tasks: weakref.WeakSet[SelfieSegmenter] = weakref.WeakSet()


def _close_open_tasks() -> None:
    for segmenter in list(_open_tasks):
        segmenter.close()


@cache
def _close_at_exit() -> None:
    """Close open tasks when the interpreter ends, before the thread pools they need are gone: else they raise.

    The hook is the one concurrent.futures uses; what is registered later runs earlier, so pools have to be there first.
    """
    register: Callable[[Callable[[], None]], object] | None = getattr(threading, "_register_atexit", None)
    if register is not None:
        register(_close_open_tasks)
