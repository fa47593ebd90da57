"""Face recognisers that attack, and how a face is cut out for them; vectors live in memory only and are zeroed."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder.audit.detectors import Picture3
from redaction.weights import open_session

__all__ = ["Aligned", "FaceRecogniser", "aligned", "recognisers", "shows_nothing"]

Aligned = NDArray[np.uint8]
"""uint8 (112, 112, 3) RGB: eyes, nose and mouth at fixed places, what lies around the face grey."""

_SIDE: Final = 112
_PLACES: Final = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    np.float32,
)
"""Where eyes, nose and corners of the mouth stand. Source: Deng et al., "ArcFace", 2019, its alignment."""

_FACE: Final = ((56, 66), (43, 58))
"""Middle and half axes of the ellipse that counts as face; what is outside would tell the room, not the person."""

_BLANK_LEVELS: Final = 4.0
"""Deviation of luma up to which a crop shows nothing. Source: covers as x264 stores them deviate by up to 3."""


def aligned(picture: Picture3, points: NDArray[np.float32]) -> Aligned | None:
    """Cut a face out by its landmarks, float32 (5, 2); None where they are no face's."""
    matrix, _ = cv2.estimateAffinePartial2D(points, _PLACES, method=cv2.LMEDS)
    if matrix is None or not np.isfinite(matrix).all():
        return None
    scale = float(np.hypot(matrix[0, 0], matrix[0, 1]))
    if scale <= 0:
        return None
    if scale < 0.5:  # a plain warp of a large face would alias
        blurred = cv2.GaussianBlur(picture, (0, 0), 0.5 / scale)
        cut = cv2.warpAffine(blurred, matrix, (_SIDE, _SIDE))
    else:
        cut = cv2.warpAffine(picture, matrix, (_SIDE, _SIDE))
    inside = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.ellipse(inside, _FACE[0], _FACE[1], 0, 0, 360, 255, -1)
    return np.where(inside[:, :, None] > 0, cut, 127).astype(np.uint8)


def shows_nothing(face: Aligned) -> bool:
    """Tell whether a crop shows nothing: a cover."""
    inside = face[22:110, 24:88].astype(np.float32)
    return bool(inside.std(axis=(0, 1)).max() <= _BLANK_LEVELS)


class FaceRecogniser:
    """One net."""

    def __init__(self, name: str, model: str, side: int, *, centred: bool) -> None:
        """Load it.

        Args:
            name: for people.
            model: of the catalog.
            side: of the pictures that it takes.
            centred: it takes -1 to 1 rather than 0 to 255.

        Raises:
            ModelMissing: the group `audit` was not fetched.
        """
        self.name = name
        self._net = open_session(model)
        self._side = side
        self._centred = centred

    def vector(self, face: Aligned) -> NDArray[np.float32]:
        """Return a face's vector of length 1, from it and its mirror image."""
        shown = face if self._side == _SIDE else cv2.resize(face, (self._side, self._side))
        pair = np.stack([shown, shown[:, ::-1]]).astype(np.float32).transpose(0, 3, 1, 2)
        if self._centred:
            pair = (pair - np.float32(127.5)) / np.float32(128)
        vector = self._net.run(None, {"pixels": np.ascontiguousarray(pair)})[0].mean(axis=0)
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def recognisers() -> list[FaceRecogniser]:
    """Load both: nets of two families, trained by others on other data."""
    return [
        FaceRecogniser("MobileFaceNet", "audit.mobilefacenet", _SIDE, centred=True),
        FaceRecogniser("dlib's ResNet", "audit.face_descriptor", 150, centred=False),
    ]
