"""The second look: detectors other than the pair that led search the stored picture for faces again."""

from __future__ import annotations

import contextlib
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

import cv2
import numpy as np

from redaction import weights
from redaction.model import Box, VideoFrame
from redaction.video.faces.confirm import DOUBTED, FLOOR, Review
from redaction.video.faces.detect import CenterFace, Detection, Rect, YuNet
from redaction.video.silence_native import silent_stderr
from redaction.video.view import Picture, View

__all__ = ["SecondLook", "Sighting"]

Sighting = tuple[Rect, float]

_LONG_SIDE: Final = 960
_FLOOR: Final = 0.5
_SURE: Final = 0.85
_MINIMUM_PX: Final = 10
_CROPS_PX: Final = (96, 48)
"""Other sizes than those of the first look's closer one: a face wrongly doubted there has another chance here."""


class SecondLook:
    """BlazeFace over the frame and four tiles of it, and CenterFace at twice the leading length of side.

    The leading pair decides on YuNet and a small CenterFace; BlazeFace shares no training with either. Thresholds
    are below those of the first look. What none of them is sure of is cut out and shown to YuNet and CenterFace.
    Several threads may search at a time; the large net, which needs 120 MB for a picture, takes one after the other.

    Source: Bazarevsky et al. 2019 (BlazeFace); Xu et al. 2020 (CenterFace).
    """

    def __init__(self, *, threads: int = 1) -> None:
        from mediapipe.tasks.python import BaseOptions, vision  # not needed before something is stored

        options = vision.FaceDetectorOptions(
            base_options=BaseOptions(model_asset_buffer=weights.read("face.blazeface")),
            min_detection_confidence=_FLOOR,
        )
        self._blazing, self._centering = Lock(), Lock()
        self._center = CenterFace(threads=threads, shrink=1.0, limit=_LONG_SIDE, working=0.25)
        panel = YuNet(threads=threads, floor=FLOOR), CenterFace(threads=threads, floor=FLOOR)
        self._review = Review(panel, sizes=_CROPS_PX)
        with silent_stderr():
            self._blaze: Any = vision.FaceDetector.create_from_options(options)
            self._blazes(np.zeros((64, 64, 3), np.uint8), Box(0, 0, 64, 64))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the detector; needed before the interpreter ends."""
        with contextlib.suppress(RuntimeError):
            self._blaze.close()

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Return boxes in frame pixels with scores, 0 to 1, of whatever looks like a face."""
        scale = min(1.0, _LONG_SIDE / max(frame.width, frame.height))
        view = View.of(frame, scale=scale)
        picture = view.picture(frame)
        back_x, back_y = view.region.width / view.width, view.region.height / view.height
        with self._centering:
            faces = self._center.detect(picture)
        found: list[Sighting] = [(face.box, face.score) for face in faces if face.score >= _FLOOR]
        rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
        for tile in _tiles(view.width, view.height):
            found += self._blazes(rgb, tile)
        found = [item for item in found if item[1] >= _SURE or self._stands(picture, item)]
        scaled = [
            ((x1 * back_x, y1 * back_y, x2 * back_x, y2 * back_y), score) for (x1, y1, x2, y2), score in found
        ]
        return [
            item for item in scaled if min(item[0][2] - item[0][0], item[0][3] - item[0][1]) >= _MINIMUM_PX
        ]

    def _stands(self, picture: Picture, item: Sighting) -> bool:
        return self._review.judged(picture, Detection(*item), brief=True).score > DOUBTED

    def _blazes(self, rgb: Picture, tile: Box) -> list[Sighting]:
        from mediapipe import Image, ImageFormat

        part = np.ascontiguousarray(rgb[tile.y1 : tile.y2, tile.x1 : tile.x2])
        with self._blazing:
            result = self._blaze.detect(Image(image_format=ImageFormat.SRGB, data=part))
        return [
            (
                (
                    float(tile.x1 + face.bounding_box.origin_x),
                    float(tile.y1 + face.bounding_box.origin_y),
                    float(tile.x1 + face.bounding_box.origin_x + face.bounding_box.width),
                    float(tile.y1 + face.bounding_box.origin_y + face.bounding_box.height),
                ),
                float(face.categories[0].score),
            )
            for face in result.detections
        ]


def _tiles(width: int, height: int) -> list[Box]:
    """Return the whole and four overlapping quarters."""
    w, h = width * 3 // 5, height * 3 // 5
    quarters = [Box(x, y, x + w, y + h) for x in (0, width - w) for y in (0, height - h)]
    return [Box(0, 0, width, height), *quarters]
