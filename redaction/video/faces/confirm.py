"""Looks again, closely, at what one detector alone took for a face and was not sure of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Final

import cv2
import numpy as np

from redaction.video.faces.detect import BIRTH_SCORE, Detection, FaceDetector, Rect, merged_faces, overlap
from redaction.video.view import Picture

__all__ = ["DOUBTED", "FLOOR", "SETTLED", "Review", "ReviewedDetector", "ReviewedPair"]

DOUBTED: Final = 0.29
"""Score of a face that was not seen again. It carries a known face on but begins none, nor do two of them joined."""

SETTLED: Final = 0.5
"""Trust in a face of whom a closer look made sure."""

FLOOR: Final = 0.05
"""Lowest own score for detectors that look again: two faint sights of a small face add up to one."""

_SURE: Final = 0.85
_FIRM: Final = 0.8
_CROPS_PX: Final = (64, 32)
_ROOM: Final = 2.2
_SAME: Final = 0.3
_LARGE_PX: Final = 80
_TINY_PX: Final = 20
_LARGE_SCORE: Final = 0.55
_SMALL_SCORE: Final = 0.3
_TINY_SCORE: Final = 0.15


class Review:
    """Shows a doubtful face to all detectors once more, cut out and brought to 64 px and then to 32 px.

    A face is one at any scale, a leaf by chance at one scale and place: of 70 false faces in 175 pictures without
    people 43 are not seen by either detector at either size, of 793 annotated ones in photographs 9. A large box, which
    costs much area where it is false, must be seen again clearly, a small one at all, a tiny one ever so faintly. What
    is left of the doubt is told by `Detection.trust`: all sights in the crops joined reach 0.8 for 57 of the 70 false
    faces never, and no detector was sure and no two agreed; of the 793 that is so for 24.

    Source: own measurements; `python -m benchmarks.faces photos empty pictures=DIR` repeats what follows from it.

    Args:
        panel: the detectors that look again, the quickest first; they should return what they hardly see, see `FLOOR`.
        sizes: px that the longer side of a face is brought to.
    """

    def __init__(self, panel: Sequence[FaceDetector], *, sizes: Sequence[int] = _CROPS_PX) -> None:
        self._panel = tuple(panel)
        self._sizes = tuple(sizes)

    def judged(
        self, picture: Picture, face: Detection, *, believed: bool = False, brief: bool = False
    ) -> Detection:
        """Return a face of a picture, uint8 (H, W, 3) BGR, as it is after the closer look.

        One that is not seen again has the score `DOUBTED`, unless it is `believed`; so has what lies outside the
        picture. A `brief` look asks no further detector once the face stands, though that may leave the doubt
        unsettled.
        """
        if not _lies_in(face.box, picture):
            return replace(face, score=DOUBTED, trust=0.0)
        side = _side(face.box)
        needed = _LARGE_SCORE if side >= _LARGE_PX else _SMALL_SCORE if side >= _TINY_PX else _TINY_SCORE
        stands, unseen = believed, 1.0
        crops: dict[int, tuple[Picture, Rect]] = {}
        missed = [1.0] * len(self._sizes)
        for detector in self._panel:
            for index, size in enumerate(self._sizes):
                if index not in crops:  # often the first settles it
                    crops[index] = _cut(picture, face.box, size=size)
                crop, box = crops[index]
                seen = [item.score for item in detector.detect(crop) if overlap(item.box, box)[0] > _SAME]
                lost = 1 - max(seen, default=0.0)
                missed[index] *= lost
                unseen *= lost
                stands = stands or 1 - missed[index] >= needed
                if stands and 1 - unseen >= _FIRM:
                    return replace(face, trust=SETTLED)
            if stands and brief:
                break
        return replace(face, trust=0.0) if stands else replace(face, score=DOUBTED, trust=0.0)


class ReviewedDetector:
    """A detector whose doubtful faces are looked at again."""

    def __init__(self, detector: FaceDetector, review: Review) -> None:
        self._detector = detector
        self._review = review

    def detect(self, picture: Picture) -> list[Detection]:
        """Return the faces of a picture, uint8 (H, W, 3) BGR, in its own pixels."""
        return [self._told(picture, face) for face in self._detector.detect(picture)]

    def _told(self, picture: Picture, face: Detection) -> Detection:
        if face.score >= _SURE:
            return face
        if face.score < BIRTH_SCORE:
            return replace(face, trust=None)
        return self._review.judged(picture, face, brief=True)


class ReviewedPair:
    """Two detectors over one picture; what both took for a face is one, what one did alone is looked at again."""

    def __init__(self, first: FaceDetector, second: FaceDetector, review: Review) -> None:
        self._first = first
        self._second = second
        self._review = review

    def detect(self, picture: Picture) -> list[Detection]:
        """Return the faces of a picture, uint8 (H, W, 3) BGR, in its own pixels."""
        one, two = self._first.detect(picture), self._second.detect(picture)
        return [self._told(picture, face, one, two) for face in merged_faces([*one, *two])]

    def _told(
        self, picture: Picture, face: Detection, one: Sequence[Detection], two: Sequence[Detection]
    ) -> Detection:
        scores = [
            max((item.score for item in seen if overlap(item.box, face.box)[0] > _SAME), default=0.0)
            for seen in (one, two)
        ]
        if max(scores) >= _SURE or min(scores) >= BIRTH_SCORE:
            return face if _side(face.box) >= _TINY_PX else replace(face, trust=SETTLED)
        if face.score < BIRTH_SCORE:
            return replace(face, trust=None)
        # Two who doubt a large face, and whatever two saw of a small one, are believed but asked again.
        faint = _side(face.box) < _LARGE_PX and min(scores) > 0
        return self._review.judged(picture, face, believed=faint or face.score >= _SURE)


def _lies_in(box: Rect, picture: Picture) -> bool:
    """Tell whether a box is one, and a pixel of it at least lies in a picture; detectors also see what is mirrored."""
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = box
    if not all(isfinite(edge) for edge in box) or not (x2 - x1 >= 1 and y2 - y1 >= 1):
        return False
    return bool(min(x2, width) - max(x1, 0) >= 1 and min(y2, height) - max(y1, 0) >= 1)


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
