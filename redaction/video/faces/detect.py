"""Face detectors in onnxruntime at any picture size: YuNet, CenterFace, and the pair of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction import weights
from redaction.video.view import Picture

__all__ = [
    "BIRTH_SCORE",
    "CenterFace",
    "Detection",
    "FaceDetector",
    "Rect",
    "YuNet",
    "merged_faces",
    "overlap",
]

Rect = tuple[float, float, float, float]
Floats = NDArray[np.float32]

BIRTH_SCORE = 0.5
"""Score from which a detection alone is taken for a face; lower ones only carry a known face on.

Every detector's own score is mapped so that its working threshold falls here. Source: research on 60 galleries and
4 films, thresholds .45 for YuNet 2023mar and .28 for CenterFace as a pair. Measured: .38 and .24 find 55 instead of
50 of 60 faces of 24 to 32 px, and see three faces more in a close-up of one."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One face.

    Attributes:
        box: `(x1, y1, x2, y2)` in pixels, float, may reach beyond the picture.
        score: 0 to 1; `BIRTH_SCORE` is the detector's working threshold.
        landmarks: float32 (5, 2) xy in pixels: the two eyes, nose, the two corners of the mouth; None if unknown.
        turn: degrees clockwise by which the frame was turned to find it.
        trust: 1 when a detector was sure or two agreed, 0.5 when that face is tiny or a closer look settled a doubt,
            0 when it did not, None when it was too faint for anyone to look closer.
    """

    box: Rect
    score: float
    landmarks: Floats | None = None
    turn: int = 0
    trust: float | None = 1.0


class FaceDetector(Protocol):
    """Finds faces in one picture."""

    def detect(self, picture: Picture) -> list[Detection]:
        """Return the faces of a picture, uint8 (H, W, 3) BGR, in its own pixels."""
        ...


class YuNet:
    """YuNet 2023mar (Wu, Peng, Yu 2023), good on small and frontal faces.

    Source: libfacedetection.train; decoding after OpenCV's FaceDetectorYN.
    """

    strides = (8, 16, 32)

    def __init__(self, *, threads: int = 1, floor: float = 0.25, working: float = 0.45) -> None:
        self._session: Any = weights.open_session("face.yunet", threads=threads)
        self._input: str = self._session.get_inputs()[0].name
        self._names = [
            f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in self.strides
        ]
        self._floor = floor
        self._working = working

    def detect(self, picture: Picture) -> list[Detection]:
        """Return the faces of a picture, uint8 (H, W, 3) BGR, in its own pixels."""
        padded, left, top = _padded(picture)
        blob = np.stack(cv2.split(padded)).astype(np.float32)[None]
        outputs = self._session.run(self._names, {self._input: blob})
        found: list[tuple[Floats, Floats, Floats]] = []
        for level, stride in enumerate(self.strides):
            cls, obj, bbox, points = (outputs[kind * 3 + level][0] for kind in range(4))
            product = cls[:, 0] * obj[:, 0]
            keep = np.flatnonzero(product >= self._floor**2)
            if keep.size == 0:
                continue
            columns = padded.shape[1] // stride
            cell = np.stack([keep % columns, keep // columns], axis=1).astype(np.float32)
            centre = (cell + bbox[keep, :2]) * stride
            size = np.exp(bbox[keep, 2:]) * stride
            boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
            marks = (points[keep].reshape(-1, 5, 2) + cell[:, None]) * stride
            found.append((boxes, np.sqrt(product[keep]), marks))
        return _finished(found, left=left, top=top, working=self._working)


class CenterFace:
    """CenterFace (Xu, Yan, Yang, Chang 2020), good on profiles and in the dark; costs three times YuNet per pixel.

    Args:
        threads: threads of the session.
        shrink: pictures are made smaller by this factor first.
        limit: longest side in pixels that is looked at.
        floor: lowest of its own scores returned.
        working: its own score that maps to `BIRTH_SCORE`.
    """

    def __init__(
        self,
        *,
        threads: int = 1,
        shrink: float = 0.5,
        limit: int = 480,
        floor: float = 0.15,
        working: float = 0.28,
    ) -> None:
        self._session: Any = weights.open_session("face.centerface", threads=threads)
        self._input: str = self._session.get_inputs()[0].name
        self._shrink = shrink
        self._limit = limit
        self._floor = floor
        self._working = working

    def detect(self, picture: Picture) -> list[Detection]:
        """Return the faces of a picture, uint8 (H, W, 3) BGR, in its own pixels."""
        height, width = picture.shape[:2]
        shrink = min(1.0, max(self._shrink, 192 / max(height, width)), self._limit / max(height, width))
        if shrink < 1:
            size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        padded, left, top = _padded(picture)
        blob = np.stack(cv2.split(padded)[::-1]).astype(np.float32)[None]
        heat, scale, offset, points = (output[0] for output in self._session.run(None, {self._input: blob}))
        row, column = np.nonzero(heat[0] >= self._floor)
        if row.size == 0:
            return []
        size = np.exp(scale[::-1, row, column]).T * 4
        centre = (np.stack([column, row], axis=1) + offset[::-1, row, column].T + 0.5) * 4
        corner = centre - size / 2
        marks = points[:, row, column].T.reshape(-1, 5, 2)[:, :, ::-1] * size[:, None] + corner[:, None]
        boxes = np.concatenate([corner, corner + size], axis=1)
        found = [(boxes.astype(np.float32), heat[0, row, column], marks.astype(np.float32))]
        faces = _finished(found, left=left, top=top, working=self._working)
        return faces if shrink >= 1 else [_grown(face, width / picture.shape[1]) for face in faces]


def merged_faces(detections: Sequence[Detection]) -> list[Detection]:
    """Return one detection for each face seen several times: the hull of alike boxes, scores joined.

    Two witnesses who each doubt are worth more than one: `1 - (1 - a)(1 - b)`. A face seen upright is not also one
    that is turned.
    """
    result: list[Detection] = []
    for face in sorted(
        detections, key=lambda item: (item.turn != 0 or item.score < BIRTH_SCORE, -item.score)
    ):
        for index, known in enumerate(result):
            iou, inside = overlap(known.box, face.box)
            if iou > 0.4 and face.turn == known.turn:
                score = 1 - (1 - known.score) * (1 - face.score)
                marks = known.landmarks if known.landmarks is not None else face.landmarks
                trust = max((known.trust, face.trust), key=lambda item: -1.0 if item is None else item)
                result[index] = Detection(_hull(known.box, face.box), score, marks, known.turn, trust)
                break
            if (iou > 0.4 or inside > 0.8) and face.turn != known.turn:
                break
        else:
            result.append(face)
    return result


def overlap(a: Rect, b: Rect) -> tuple[float, float]:
    """Return intersection over union, and intersection over the smaller of the two."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0, 0.0
    shared = width * height
    area_a = (a[2] - a[0]) * (a[3] - a[1])
    area_b = (b[2] - b[0]) * (b[3] - b[1])
    return shared / (area_a + area_b - shared), shared / max(min(area_a, area_b), 1e-6)


def _hull(a: Rect, b: Rect) -> Rect:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _grown(face: Detection, factor: float) -> Detection:
    x1, y1, x2, y2 = face.box
    marks = None if face.landmarks is None else face.landmarks * np.float32(factor)
    box = (x1 * factor, y1 * factor, x2 * factor, y2 * factor)
    return Detection(box, face.score, marks, face.turn, face.trust)


def _padded(picture: Picture) -> tuple[Picture, int, int]:
    """Pad to multiples of 32 with at least 8 px all around, mirrored: half a face at the border becomes a whole one."""
    height, width = picture.shape[:2]
    right = ceil((width + 16) / 32) * 32 - width
    bottom = ceil((height + 16) / 32) * 32 - height
    left, top = right // 2, bottom // 2
    padded = cv2.copyMakeBorder(picture, top, bottom - top, left, right - left, cv2.BORDER_REFLECT)
    return np.asarray(padded, dtype=np.uint8), left, top


def _finished(
    found: list[tuple[Floats, Floats, Floats]], *, left: int, top: int, working: float
) -> list[Detection]:
    """Suppress duplicates (IoU over 0.4), undo the padding and map scores."""
    if not found:
        return []
    boxes, scores, marks = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(-scores)[:1024]
    edges = boxes[order].astype(np.float64) - (left, top, left, top)
    areas = (edges[:, 2] - edges[:, 0]) * (edges[:, 3] - edges[:, 1])
    free = np.ones(len(order), dtype=np.bool_)
    shift = np.array([left, top], dtype=np.float32)
    kept: list[Detection] = []
    for place, index in enumerate(order):
        if not free[place]:
            continue
        low = np.maximum(edges[place, :2], edges[place:, :2])
        high = np.minimum(edges[place, 2:], edges[place:, 2:])
        shared = np.maximum(high - low, 0).prod(axis=1)
        free[place:] &= shared <= 0.4 * (areas[place] + areas[place:] - shared)
        x1, y1, x2, y2 = (float(value) for value in edges[place])
        kept.append(Detection((x1, y1, x2, y2), _mapped(float(scores[index]), working), marks[index] - shift))
    return kept


def _mapped(score: float, working: float) -> float:
    return (
        score / working * BIRTH_SCORE
        if score < working
        else BIRTH_SCORE + (score - working) / (1 - working) * (1 - BIRTH_SCORE)
    )
