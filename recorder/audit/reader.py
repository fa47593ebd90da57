"""Reads writing in pictures with Tesseract, which takes no part in redaction."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder.audit.detectors import Picture3
from redaction.errors import ModelMissing
from redaction.weights import locate

__all__ = ["PictureReader"]

_SPARSE: Final = 11
_LARGER: Final = 2
_SURE: Final = 50
_CHANGED: Final = 4.0


class PictureReader:
    """Reads pictures that differ from the last one it read."""

    def __init__(self) -> None:
        """Load it.

        Raises:
            ModelMissing: the group `audit` was not fetched, or the extra `audit` is not installed.
        """
        folder = locate("audit.tesseract_en")
        try:
            import tesserocr
        except ImportError:
            raise ModelMissing(
                "Tesseract is not installed; install offrecord with its extra `audit`."
            ) from None
        self._engine: Any = tesserocr.PyTessBaseAPI(path=str(folder), lang="eng", psm=_SPARSE)
        self._last: NDArray[np.uint8] | None = None

    def close(self) -> None:
        """Free it."""
        self._engine.End()

    def changed(self, picture: Picture3) -> bool:
        """Tell whether a picture shows something else than the one before that it was asked about."""
        small = np.asarray(cv2.resize(picture, (64, 36), interpolation=cv2.INTER_AREA), np.uint8)
        same = self._last is not None and float(cv2.absdiff(self._last, small).max()) <= _CHANGED
        self._last = small
        return not same

    def read(self, picture: Picture3) -> str:
        """Return the lines that it reads."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        large = cv2.resize(grey, None, fx=_LARGER, fy=_LARGER, interpolation=cv2.INTER_CUBIC)
        height, width = large.shape
        self._engine.SetImageBytes(large.tobytes(), width, height, 1, width)
        text = str(self._engine.GetUTF8Text())
        self._engine.Clear()
        return "\n".join(line.strip() for line in text.splitlines() if sum(map(str.isalnum, line)) >= 3)
