"""Looks again, closely, at what one detector alone took for a face and was not sure of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from redaction.video.detect import BIRTH, Detection, FaceDetector, Rect, merged, overlap
from redaction.video.picture import Picture

__all__ = ["DOUBTED", "FLOOR", "Review", "ReviewedDetector", "ReviewedPair"]

DOUBTED: Final = 0.29
"""Score of a face that was not seen again. It carries a known face on but begins none, nor do two of them joined."""

FLOOR: Final = 0.05
"""Lowest own score for detectors that look again: two faint sights of a small face add up to one."""

_SURE: Final = 0.85
_CROPS_PX: Final = (64, 32)
_ROOM: Final = 2.2
_SAME: Final = 0.3
_LARGE_PX: Final = 80
_LEAST_PX: Final = 20
_LARGE_SCORE: Final = 0.55
_SMALL_SCORE: Final = 0.3


class Review:
    """Shows a doubtful face to both detectors once more, cut out and brought to 64 px and then to 32 px.

    A face is one at any scale, a leaf by chance at one scale and place: of 70 false faces in 175 pictures without
    people 43 are not seen by either detector at either size, of 793 annotated ones in photographs 9. A large box, which
    costs much area where it is false, must be seen again clearly, a small one at all; a tiny one is believed.

    Source: own measurements; `python -m benchmarks.faces photos empty pictures=DIR` repeats what follows from it.

    Args:
        panel: the detectors that look again; they should return what they hardly see, see `FLOOR`.
    """

    def __init__(self, panel: Sequence[FaceDetector]) -> None:
        self._panel = tuple(panel)

    def judged(self, picture: Picture, faces: Sequence[Detection]) -> list[Detection]:
        """Return the faces of a picture, uint8 (H, W, 3) BGR, those not seen again with the score `DOUBTED`."""
        return [
            replace(face, score=DOUBTED) if _doubtful(face) and not self._stands(picture, face) else face
            for face in faces
        ]

    def _stands(self, picture: Picture, face: Detection) -> bool:
        needed = _LARGE_SCORE if _side(face.box) >= _LARGE_PX else _SMALL_SCORE
        for size in _CROPS_PX:
            crop, box = _cut(picture, face.box, size=size)
            missed = 1.0
            for detector in self._panel:
                seen = [item.score for item in detector.detect(crop) if overlap(item.box, box)[0] > _SAME]
                missed *= 1 - max(seen, default=0.0)
                if 1 - missed >= needed:
                    return True
        return False


class ReviewedDetector:
    """A detector whose doubtful faces are looked at again."""

    def __init__(self, detector: FaceDetector, review: Review) -> None:
        self._detector = detector
        self._review = review

    def detect(self, picture: Picture) -> list[Detection]:
        """Return the faces of a picture, uint8 (H, W, 3) BGR, in its own pixels."""
        return self._review.judged(picture, self._detector.detect(picture))


class ReviewedPair:
    """Two detectors over one picture; what both took for a face is one, what one did alone is looked at again."""

    def __init__(self, first: FaceDetector, second: FaceDetector, review: Review) -> None:
        self._first = first
        self._second = second
        self._review = review

    def detect(self, picture: Picture) -> list[Detection]:
        """Return the faces of a picture, uint8 (H, W, 3) BGR, in its own pixels."""
        one, two = self._first.detect(picture), self._second.detect(picture)
        faces = merged([*one, *two])
        agreed = [face for face in faces if _agreed(face, one, two)]
        alone = [face for face in faces if face not in agreed]
        return [*agreed, *self._review.judged(picture, alone)]


def _agreed(face: Detection, one: Sequence[Detection], two: Sequence[Detection]) -> bool:
    """Tell whether both detectors took a large box for a face, or saw anything at all at a small one."""
    least = BIRTH if _side(face.box) >= _LARGE_PX else 0.0
    return all(
        any(item.score >= least and overlap(item.box, face.box)[0] > _SAME for item in seen)
        for seen in (one, two)
    )


def _doubtful(face: Detection) -> bool:
    return BIRTH <= face.score < _SURE and _side(face.box) >= _LEAST_PX


def _side(box: Rect) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def _cut(picture: Picture, box: Rect, *, size: int) -> tuple[Picture, Rect]:
    """Return what is around a box, mirrored at the border, at a scale that makes its longer side `size` px; the box."""
    scale = size / _side(box)
    whole = round(size * _ROOM)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = whole / 2 / scale
    height, width = picture.shape[:2]
    margin = int(2 / scale) + 2
    left, top = max(0, int(x - half) - margin), max(0, int(y - half) - margin)
    right, bottom = min(width, int(x + half) + margin), min(height, int(y + half) + margin)
    part = picture[top:bottom, left:right]
    if scale < 1:
        part = np.asarray(cv2.GaussianBlur(part, (0, 0), 0.4 / scale), np.uint8)
    matrix = np.array([[scale, 0, whole / 2 - scale * (x - left)], [0, scale, whole / 2 - scale * (y - top)]])
    crop = cv2.warpAffine(
        part,
        matrix,
        (whole, whole),
        flags=cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    wide, tall = (box[2] - box[0]) * scale / 2, (box[3] - box[1]) * scale / 2
    centre = whole / 2
    return np.asarray(crop, np.uint8), (centre - wide, centre - tall, centre + wide, centre + tall)
