"""Tells how a picture moved as a whole: under a camera that pans, zooms or trembles, or as a page that scrolls."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box

__all__ = ["STILL", "Camera", "Motion", "carried", "is_free", "is_still", "moved_box"]

Motion = NDArray[np.float64]
"""float64 (3, 3): where a point of one picture, homogeneous xy in pixels, is in another."""

CameraLuma = NDArray[np.uint8]
_Points = NDArray[np.float32]

STILL: Final[Motion] = np.eye(3)

_SIDE_PX: Final = 400
_POINTS: Final = 100
_APART_PX: Final = 10
_CORNER: Final = 0.002
_OFF_PX: Final = 0.8
_LEAST_POINTS: Final = 15
_LEAST_SHARE: Final = 0.25
_STILL_PX: Final = 0.75
_FREE_PX: Final = 1.5
"""The picture is brought to 400 px, and 100 corners in it, 10 px apart at least, are followed, down to 0.002 of the
sharpest. A similarity that moves 15 of them and a quarter of all as they moved, to 0.8 px, is the picture's; under 0.75
px at the corners of the frame it stands still. A page goes along one axis, to 1.5 px; a camera does not.

Source: our own, on the street, zooming and by hand, and on pans: true ones hold .33 to 1.0 of the corners over a
second."""


class Camera:
    """Follows a picture from an anchor on; what moves by itself before the camera does not count."""

    def __init__(self) -> None:
        self._anchor: CameraLuma | None = None
        self._before: CameraLuma | None = None
        self._size = (0, 0)
        self._points: _Points | None = None
        self._last = STILL

    def anchor(self, luma: CameraLuma) -> None:
        """Take a picture, uint8 (H, W), for the one from which motion counts."""
        self._anchor, self._before = _small(luma), None
        self._size = (luma.shape[1], luma.shape[0])
        self._points = None
        self._last = STILL

    def find(self, luma: CameraLuma) -> Motion:
        """Return where the anchor's pixels went; `STILL` when they did not move, or nobody can tell."""
        anchor, before = self._anchor, self._before
        if anchor is None or self._size != (luma.shape[1], luma.shape[0]):
            return STILL
        now = _small(luma)
        if self._points is None:
            self._points = _corners(anchor)
        motion = _similar(anchor, now, self._points, self._last)
        if motion is None and before is not None:
            # Too little is left of the anchor: the way from the latest frame is added.
            step = _similar(before, now, _corners(before), STILL)
            motion = None if step is None else step @ self._last
        self._last, self._before = (STILL, None) if motion is None else (motion, now)
        if motion is None:
            return STILL
        width, height = self._size
        across, down = width / anchor.shape[1], height / anchor.shape[0]
        grow = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
        found: Motion = grow @ motion @ np.linalg.inv(grow)
        return STILL if is_still(found, width=width, height=height) else found


def _corners(luma: CameraLuma) -> _Points:
    found = cv2.goodFeaturesToTrack(luma, _POINTS, _CORNER, _APART_PX)
    return np.zeros((0, 1, 2), np.float32) if found is None else np.asarray(found, np.float32)


def _similar(before: CameraLuma, now: CameraLuma, points: _Points, guess: Motion) -> Motion | None:
    """Return the similarity by which most corners of one small picture went into another, near a guess."""
    if len(points) < _LEAST_POINTS:
        return None
    near = cv2.perspectiveTransform(points, guess).astype(np.float32)
    there, seen, _ = cv2.calcOpticalFlowPyrLK(
        before, now, points, near, winSize=(15, 15), maxLevel=2, flags=cv2.OPTFLOW_USE_INITIAL_FLOW
    )
    kept = seen[:, 0] > 0
    if int(kept.sum()) < _LEAST_POINTS:
        return None
    found, fits = cv2.estimateAffinePartial2D(
        points[kept], there[kept], method=cv2.RANSAC, ransacReprojThreshold=_OFF_PX
    )
    if found is None or int(fits.sum()) < max(_LEAST_POINTS, _LEAST_SHARE * len(points)):
        return None
    return np.vstack([found, [0.0, 0.0, 1.0]])


def is_still(motion: Motion, *, width: int, height: int) -> bool:
    """Tell whether a motion moves no corner of a picture by more than a codec does."""
    if motion is STILL:
        return True
    corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float64)
    return bool(np.abs((motion @ corners)[:2] - corners[:2]).max() < _STILL_PX)


def is_free(motion: Motion, *, width: int, height: int) -> bool:
    """Tell whether a motion is a camera's rather than a page's: it zooms, turns, or goes down and aside at once."""
    middle = np.array([width / 2, height / 2, 1.0])
    shift = (motion @ middle - middle)[:2]
    return bool(np.abs(motion[:2, 2] - shift).max() >= _FREE_PX or np.abs(shift).min() >= _FREE_PX)


def moved_box(motion: Motion, box: Box) -> Box:
    """Return the box that holds where a box went, rounded outward."""
    if motion is STILL:
        return box
    xs, ys, _ = motion @ np.array(
        [[box.x1, box.x2, box.x1, box.x2], [box.y1, box.y1, box.y2, box.y2], [1, 1, 1, 1]], np.float64
    )
    # A hundredth of a pixel is noise, and would grow the box by one.
    return Box.outward(xs.min() + 0.01, ys.min() + 0.01, xs.max() - 0.01, ys.max() - 0.01)


def carried(luma: CameraLuma, motion: Motion, *, onto: Box | None = None) -> CameraLuma:
    """Return a picture as a motion shows it, or a part of that; what lies outside of it is black."""
    place = onto or Box(0, 0, luma.shape[1], luma.shape[0])
    shift = np.array([[1, 0, -place.x1], [0, 1, -place.y1], [0, 0, 1]], np.float64)
    size = (place.width, place.height)
    return np.asarray(cv2.warpAffine(luma, (shift @ motion)[:2], size, flags=cv2.INTER_LINEAR), np.uint8)


def _small(luma: CameraLuma) -> CameraLuma:
    scale = min(1.0, _SIDE_PX / max(luma.shape))
    size = max(1, round(luma.shape[1] * scale)), max(1, round(luma.shape[0] * scale))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
