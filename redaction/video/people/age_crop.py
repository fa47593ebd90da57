"""Upright square crops of faces for the age nets, and whether such a view is good enough to be judged."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, degrees, hypot
from types import TracebackType
from typing import ClassVar, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, VideoFrame
from redaction.video.faces.detect import Detection
from redaction.video.view import View

__all__ = ["FaceCrop", "Pose"]

# Source: YuNet on 208 faces of UTKFace: the larger of eye distance and eye-mouth distance is .37 to .43 of the
# box's height. It guards against boxes that are too large: the hull of two detectors', or one around two faces.
_LANDMARKS_OF_FACE = 0.4
# Source: the same faces: nose between the eyes at .20 to .73 of their distance in 98 %, and at .47 to .65 of the way
# from eyes to mouth in 98 %; beyond, the face is turned away and the nets were not made for it.
_NOSE_ACROSS = (0.2, 0.8)
_NOSE_DOWN = (0.35, 0.75)
_SHAPE = (0.7, 1.7)
# Source: 207 faces of UTKFace: the share of a face's variance below the detail of 32 px is .021 in the median for sharp
# faces of 128 px and .0044 for those of 48 px.
_DETAIL_PX, _DETAIL, _DETAIL_POWER = 128.0, 0.021, 0.63
_MIN_CONTRAST = 12.0
_LUMA = (30.0, 225.0)
_INSIDE = 0.8
_CANVAS_PX = 448
_WIDEST_MARGIN = 1.3


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a face that faces the camera is.

    Attributes:
        centre: of the face box, xy in frame pixels.
        side_px: longer side of the face box.
        size_px: height of the face, the smaller of what box and landmarks say.
        roll: degrees clockwise by which the face is tilted.
        frontal: 1 where the nose is midway between the eyes, 0 where it is as far aside as a pose allows.
    """

    centre: tuple[float, float]
    side_px: float
    size_px: float
    roll: float
    frontal: float = 1.0

    @classmethod
    def of(cls, detection: Detection, *, width: int, height: int) -> Pose | None:
        """Return the pose, or None where the face has no landmarks, looks away, or is cut by the frame's edge."""
        if detection.landmarks is None or not np.isfinite(detection.landmarks).all():
            return None
        x1, y1, x2, y2 = detection.box
        if not (x2 > x1 and y2 > y1 and np.isfinite(detection.box).all()):
            return None
        inside = (min(x2, width) - max(x1, 0.0)) * (min(y2, height) - max(y1, 0.0))
        if inside < _INSIDE * (x2 - x1) * (y2 - y1):
            return None
        first, second, nose, left, right = (np.asarray(point, np.float64) for point in detection.landmarks)
        across = second - first
        eyes = hypot(*across)
        if eyes < 1:
            return None
        unit = across / eyes
        down = np.array([-unit[1], unit[0]])
        middle = (first + second) / 2
        drop = float(((left + right) / 2 - middle) @ down)
        if drop < 1:
            return None
        nose_across = float((nose - first) @ unit) / eyes
        frontal = (
            _NOSE_ACROSS[0] <= nose_across <= _NOSE_ACROSS[1]
            and _NOSE_DOWN[0] <= float((nose - middle) @ down) / drop <= _NOSE_DOWN[1]
            and _SHAPE[0] <= drop / eyes <= _SHAPE[1]
        )
        if not frontal:
            return None
        return cls(
            centre=((x1 + x2) / 2, (y1 + y2) / 2),
            side_px=max(x2 - x1, y2 - y1),
            size_px=min(y2 - y1, max(eyes, drop) / _LANDMARKS_OF_FACE),
            roll=degrees(atan2(across[1], across[0])),
            frontal=1 - abs(nose_across - 0.5) / (0.5 - _NOSE_ACROSS[0]),
        )


class FaceCrop:
    """The pixels around one face, turned upright on request and erased on leaving the `with` block."""

    SAME_VIEW: ClassVar[float] = 0.08
    """Two traces nearer than this, in standard deviations of their pixels, are one view."""

    def __init__(
        self, picture: NDArray[np.uint8], *, centre: tuple[float, float], side_px: float, roll: float
    ) -> None:
        self._picture = picture
        self._centre = centre
        self._side_px = side_px
        self._roll = roll
        self._small = self._warped(margin=0.9, size_px=112)

    @classmethod
    def of(cls, frame: VideoFrame, pose: Pose) -> FaceCrop:
        """Cut the face out of a frame, shrunk to what the nets can use."""
        reach = pose.side_px * _WIDEST_MARGIN * 0.75 + 2
        (x, y), scale = pose.centre, min(1.0, _CANVAS_PX / (_WIDEST_MARGIN * pose.side_px))
        view = View.of(frame, region=Box.outward(x - reach, y - reach, x + reach, y + reach), scale=scale)
        fx, fy = view.width / view.region.width, view.height / view.region.height
        centre = ((x - view.region.x1) * fx, (y - view.region.y1) * fy)
        return cls(view.picture(frame), centre=centre, side_px=pose.side_px * fx, roll=pose.roll)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._picture.fill(0)
        self._small.fill(0)

    @property
    def is_lit(self) -> bool:
        """Whether the face is lit and has contrast."""
        inner = self._inner(self._luma())
        return float(inner.std()) >= _MIN_CONTRAST and _LUMA[0] <= float(inner.mean()) <= _LUMA[1]

    @property
    def seen_px(self) -> float:
        """Height of a sharp face with as much detail: a blurred or enlarged one is as good as a small one."""
        luma = self._luma()
        coarse = cv2.resize(luma, (32, 32), interpolation=cv2.INTER_AREA)
        coarse = cv2.resize(coarse, (luma.shape[1], luma.shape[0]), interpolation=cv2.INTER_CUBIC)
        fine, coarse = self._inner(luma), self._inner(coarse)
        detail = float(((fine - coarse) ** 2).mean() / max(float(fine.var()), 1.0))
        return float(_DETAIL_PX * (detail / _DETAIL) ** _DETAIL_POWER)

    def _luma(self) -> NDArray[np.float32]:
        return np.asarray(cv2.cvtColor(self._small, cv2.COLOR_BGR2GRAY), dtype=np.float32)

    @staticmethod
    def _inner(luma: NDArray[np.float32]) -> NDArray[np.float32]:
        return luma[16:96, 16:96]

    def trace(self) -> NDArray[np.float32]:
        """Return float32 (16, 16): the face's coarse luma, mean 0 and deviation 1, to tell a new view from an old."""
        luma = cv2.cvtColor(self._small, cv2.COLOR_BGR2GRAY)
        coarse = cv2.resize(luma, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32)
        return np.asarray((coarse - coarse.mean()) / max(float(coarse.std()), 1.0), dtype=np.float32)

    def square(self, *, margin: float, size_px: int) -> NDArray[np.uint8]:
        """Return uint8 (2, size_px, size_px, 3) RGB: the upright face and its mirror image.

        Args:
            margin: side of the crop in sizes of the face box's longer side.
            size_px: side of the crop in pixels.
        """
        upright = self._warped(margin=margin, size_px=size_px)[:, :, ::-1]
        return np.stack([upright, upright[:, ::-1]])

    def _warped(self, *, margin: float, size_px: int) -> NDArray[np.uint8]:
        """Return uint8 (size_px, size_px, 3) BGR, sampled twice as fine and averaged, so that nothing aliases."""
        fine = 2 * size_px
        x, y = self._centre
        matrix = cv2.getRotationMatrix2D((x, y), self._roll, fine / (margin * self._side_px))
        matrix[0, 2] += fine / 2 - x
        matrix[1, 2] += fine / 2 - y
        warped = cv2.warpAffine(
            self._picture, matrix, (fine, fine), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(
            cv2.resize(warped, (size_px, size_px), interpolation=cv2.INTER_AREA), dtype=np.uint8
        )
