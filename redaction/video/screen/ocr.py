"""Finds lines of text in a picture and reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box
from redaction.video.view import Picture
from redaction.weights import Session, open_session

__all__ = ["OnnxReader", "Place", "Reading", "TextReader"]

_THRESHOLD: Final = 0.3
_BOX_THRESHOLD: Final = 0.5
_UNCLIP: Final = 1.6
_STEP: Final = 32
_SMALLEST_PX: Final = 3
"""Source: RapidOCR 3.10.0's settings for PP-OCRv6 (Liao et al. 2020, differentiable binarisation)."""

_HEIGHT: Final = 48
_WIDEST: Final = 1600
_NARROWEST: Final = 320
_BATCH: Final = 3
_MOST_COLUMNS: Final = _BATCH * _NARROWEST
"""Lines that are read at once, and their columns in all, unless one line alone has more.

Source: own measurement; six lines of 1,460 px at once took 0.2 GB more, and no less time a line."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line says; `score` is the mean probability of its letters, 0 to 1."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line of text stands, in pixels of a picture.

    Attributes:
        thick: its height across its letters, however turned.
        score: how sure the detector is, 0 to 1.
    """

    box: Box
    thick: float
    score: float = 1.0


class TextReader(Protocol):
    """Finds and reads text."""

    def find(self, picture: Picture) -> list[Place]:
        """Return the places of lines of text in a picture, uint8 (H, W, 3) BGR."""

    def read(self, lines: Sequence[Picture]) -> list[Reading]:
        """Read pictures of one line each, uint8 (h, w, 3) BGR, in their order."""


class OnnxReader:
    """PP-OCRv6 small on onnxruntime, with our own pre- and post-processing: neither network nor file is touched.

    Source: PaddleOCR; Liao et al. 2020 for the detector's map, Graves et al. 2006 for the reader's code.
    """

    def __init__(self, detection: Session, recognition: Session) -> None:
        self._detection = detection
        self._recognition = recognition
        letters = recognition.get_modelmeta().custom_metadata_map["character"].split("\n")
        self._letters = ["", *letters, " "]

    @classmethod
    def load(cls, *, threads: int = 1) -> Self:
        """Open both models.

        Raises:
            ModelMissing: a model is not in place.
            ModelAltered: a model is not the one that was measured.
        """
        return cls(
            open_session("screen.text_detection", threads=threads),
            open_session("screen.text_recognition", threads=threads),
        )

    def find(self, picture: Picture) -> list[Place]:
        """Return the places of lines of text, their boxes rounded outward."""
        height, width = picture.shape[:2]
        rows, columns = -(-height // _STEP) * _STEP, -(-width // _STEP) * _STEP
        padded = cv2.copyMakeBorder(picture, 0, rows - height, 0, columns - width, cv2.BORDER_REPLICATE)
        values = _normal(np.asarray(padded, dtype=np.uint8))[np.newaxis]
        name = self._detection.get_inputs()[0].name
        likely = self._detection.run(None, {name: values})[0][0, 0]
        inked = cv2.dilate((likely > _THRESHOLD).astype(np.uint8), np.ones((2, 2), np.uint8))
        outlines, _ = cv2.findContours(inked, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        places: list[Place] = []
        for outline in outlines:
            (_, _), (long, short), _ = cv2.minAreaRect(outline)
            if min(long, short) < _SMALLEST_PX:
                continue
            x, y, w, h = cv2.boundingRect(outline)
            inside = np.zeros((h, w), np.uint8)
            cv2.fillPoly(inside, [np.asarray(outline) - (x, y)], 1)
            score = float(cv2.mean(likely[y : y + h, x : x + w], mask=inside)[0])
            if score < _BOX_THRESHOLD:
                continue
            grow = long * short * _UNCLIP / (2 * (long + short))
            box = Box.outward(x - grow, y - grow, x + w + grow, y + h + grow).clipped(width, height)
            if min(box.width, box.height) > _SMALLEST_PX:
                places.append(Place(box, min(long, short) + 2 * grow, score))
        return places

    def read(self, lines: Sequence[Picture]) -> list[Reading]:
        """Read lines; those that stand upright are turned first."""
        prepared = [_line(item) for item in lines]
        order = sorted(range(len(prepared)), key=lambda at: prepared[at].shape[1])
        result = [Reading("", 0.0)] * len(prepared)
        name = self._recognition.get_inputs()[0].name
        first = 0
        while first < len(order):
            batch = order[first : first + _BATCH]
            width = max(_NARROWEST, prepared[batch[-1]].shape[1])
            while len(batch) > 1 and len(batch) * width > _MOST_COLUMNS:
                batch.pop()
                width = max(_NARROWEST, prepared[batch[-1]].shape[1])
            first += len(batch)
            values = np.zeros((len(batch), 3, _HEIGHT, width), np.float32)
            for row, at in enumerate(batch):
                values[row, :, :, : prepared[at].shape[1]] = _normal(prepared[at])
            chances = self._recognition.run(None, {name: values})[0]
            for row, at in enumerate(batch):
                result[at] = self._decoded(chances[row])
        return result

    def _decoded(self, chances: NDArray[np.float32]) -> Reading:
        """Take the likeliest letter of each step and drop repetitions and blanks."""
        best = chances.argmax(axis=1)
        kept = best != 0
        kept[1:] &= best[1:] != best[:-1]
        if not kept.any():
            return Reading("", 0.0)
        text = "".join(self._letters[at] if at < len(self._letters) else "" for at in best[kept])
        return Reading(text, float(chances.max(axis=1)[kept].mean()))


def _normal(picture: Picture) -> NDArray[np.float32]:
    """Return float32 (3, H, W), -1 to 1."""
    values = picture.astype(np.float32)
    values *= 2 / 255
    values -= 1
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def _line(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    if height > 1.5 * width:
        picture = np.asarray(cv2.rotate(picture, cv2.ROTATE_90_COUNTERCLOCKWISE), dtype=np.uint8)
        height, width = width, height
    wide = min(_WIDEST, max(8, -(-_HEIGHT * width // max(1, height))))
    return np.asarray(cv2.resize(picture, (wide, _HEIGHT)), dtype=np.uint8)
