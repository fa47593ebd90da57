"""Face detectors that take no part in redaction: MTCNN, and an SSD over overlapping parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box
from redaction.weights import open_session

__all__ = ["FaceSighting", "Mtcnn", "Picture3", "Ssd", "shared_area"]

Picture3 = NDArray[np.uint8]
"""uint8 (H, W, 3) RGB."""

_CELL_PX: Final = 12
_SHRINK: Final = 0.709
_SSD_PX: Final = 512
_TILES: Final = 2
_TILE_OVERLAP: Final = 0.25


@dataclass(frozen=True, slots=True)
class FaceSighting:
    """What a detector takes for a face.

    Attributes:
        box: in pixels of the picture.
        score: 0 to 1.
        points: float32 (5, 2), eyes, nose and corners of the mouth in pixels; None where the detector gives none.
    """

    box: tuple[float, float, float, float]
    score: float
    points: NDArray[np.float32] | None = None


class Mtcnn:
    """A cascade of three small nets over a pyramid of sizes.

    Source: Zhang, Zhang, Li and Qiao, "Joint face detection and alignment using multitask cascaded convolutional
    networks", 2016; the steps and figures are the paper's.
    """

    def __init__(
        self, *, smallest_px: int = 24, scores: tuple[float, float, float] = (0.6, 0.7, 0.7)
    ) -> None:
        """Load the nets.

        Args:
            smallest_px: side of the smallest face that is searched for.
            scores: what a candidate needs in each step, 0 to 1.

        Raises:
            ModelMissing: the group `audit` was not fetched.
        """
        self._nets = [open_session("audit.mtcnn", file=f"{name}.onnx") for name in ("pnet", "rnet", "onet")]
        self._smallest = smallest_px
        self._scores = scores

    def search(self, picture: Picture3) -> list[FaceSighting]:
        """Return what looks like a face."""
        boxes = np.concatenate([np.zeros((0, 5), np.float32), *self._proposals(picture)])
        boxes = boxes[_kept(boxes, 0.7)]
        for net, size, score in ((1, 24, self._scores[1]), (2, 48, self._scores[2])):
            if not len(boxes):
                return []
            squares = _squares(boxes)
            out = self._nets[net].run(None, {"pixels": _crops(picture, squares, size)})
            likely = out[0][:, 1]
            good = likely >= score
            squares, likely, shift = squares[good], likely[good], out[1][good]
            points = out[2][good] if net == 2 else None
            boxes = np.column_stack([_shifted(squares, shift), likely]).astype(np.float32)
            picked = _kept(boxes, 0.7 if net == 1 else 0.6)
            if points is not None:
                return [_sighting(boxes[at], squares[at], points[at]) for at in picked]
            boxes = boxes[picked]
        return []

    def _proposals(self, picture: Picture3) -> Iterator[NDArray[np.float32]]:
        height, width = picture.shape[:2]
        scale = min(1.0, _CELL_PX / self._smallest)
        while min(height, width) * scale >= _CELL_PX:
            size = (max(_CELL_PX, round(width * scale)), max(_CELL_PX, round(height * scale)))
            small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            likely, shift = self._nets[0].run(None, {"pixels": _pixels(small)[None]})
            column, row = np.nonzero(likely[0, 1] >= self._scores[0])
            corner = np.stack([column, row], axis=1) * 2 / scale
            squares = np.column_stack([corner, corner + _CELL_PX / scale]).astype(np.float32)
            moved = _shifted(squares, shift[0][:, column, row].T)
            found = np.column_stack([moved, likely[0, 1][column, row]]).astype(np.float32)
            yield found[_kept(found, 0.5)]
            scale *= _SHRINK


class Ssd:
    """A single-shot detector on MobileNet, over the whole picture and four overlapping parts of it.

    Source: Liu et al., "SSD: Single Shot MultiBox Detector", 2016; weights of face-api.js.
    """

    def __init__(self, *, score: float = 0.3) -> None:
        """Load the net.

        Args:
            score: from which on it takes something for a face, 0 to 1.

        Raises:
            ModelMissing: the group `audit` was not fetched.
        """
        self._net = open_session("audit.ssd")
        self._score = score

    def search(self, picture: Picture3, *, closely: bool = True) -> list[FaceSighting]:
        """Return what looks like a face; not `closely` leaves the parts out."""
        rows = [np.zeros((0, 5), np.float32)]
        for part in _parts(picture, closely=closely):
            cut = picture[part.y1 : part.y2, part.x1 : part.x2]
            scale = _SSD_PX / max(part.width, part.height)
            size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
            shown = np.zeros((_SSD_PX, _SSD_PX, 3), np.uint8)
            shown[: size[1], : size[0]] = cv2.resize(
                cut, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            )
            pixels = np.ascontiguousarray(shown.transpose(2, 0, 1)[None], np.float32)
            found = self._net.run(None, {"pixels": pixels})[0]
            found = found[found[:, 4] >= self._score]
            corners = found[:, [1, 0, 3, 2]] * _SSD_PX / scale + [part.x1, part.y1, part.x1, part.y1]
            rows.append(np.column_stack([corners, found[:, 4]]).astype(np.float32))
        boxes = np.concatenate(rows)
        return [_sighting(boxes[at]) for at in _kept(boxes, 0.4)]


def shared_area(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the intersection of two boxes over their union, 0 to 1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = (first[2] - first[0]) * (first[3] - first[1]) + (second[2] - second[0]) * (second[3] - second[1])
    return width * height / (both - width * height)


def _parts(picture: Picture3, *, closely: bool) -> Iterator[Box]:
    height, width = picture.shape[:2]
    yield Box(0, 0, width, height)
    if not closely or max(height, width) <= _SSD_PX:
        return
    step_y, step_x = height / _TILES, width / _TILES
    for row, column in product(range(_TILES), repeat=2):
        yield Box.outward(
            (column - _TILE_OVERLAP) * step_x,
            (row - _TILE_OVERLAP) * step_y,
            (column + 1 + _TILE_OVERLAP) * step_x,
            (row + 1 + _TILE_OVERLAP) * step_y,
        ).clipped(width, height)


def _pixels(picture: Picture3) -> NDArray[np.float32]:
    """Return what MTCNN's nets are shown, float32 (3, W, H): they were trained on pictures lying on their side."""
    scaled = (picture.astype(np.float32) - 127.5) / 128
    return np.ascontiguousarray(scaled.transpose(2, 1, 0))


def _squares(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    middle = (boxes[:, :2] + boxes[:, 2:4]) / 2
    half = np.max(boxes[:, 2:4] - boxes[:, :2], axis=1, keepdims=True) / 2
    return np.column_stack([middle - half, middle + half])


def _shifted(boxes: NDArray[np.float32], shift: NDArray[np.float32]) -> NDArray[np.float32]:
    size = boxes[:, 2:4] - boxes[:, :2]
    return boxes[:, :4] + shift * np.column_stack([size, size])


def _crops(picture: Picture3, squares: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return squares cut out and made one size, float32 (N, 3, size, size); what lies outside is black."""
    cut = []
    for x1, y1, x2, y2 in squares:
        scale = size / max(1.0, x2 - x1, y2 - y1)
        if scale < 0.5:  # a plain warp would alias
            inner = Box.outward(x1, y1, x2, y2)
            part = cv2.copyMakeBorder(
                picture[max(0, inner.y1) : max(0, inner.y2), max(0, inner.x1) : max(0, inner.x2)],
                max(0, -inner.y1), max(0, inner.y2 - picture.shape[0]),
                max(0, -inner.x1), max(0, inner.x2 - picture.shape[1]),
                cv2.BORDER_CONSTANT,
            )  # fmt: skip
            one = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA)
        else:
            matrix = np.array([[scale, 0, -x1 * scale], [0, scale, -y1 * scale]], np.float32)
            one = cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR)
        cut.append(_pixels(np.asarray(one, np.uint8)))
    return np.stack(cut)


def _sighting(
    row: NDArray[np.float32],
    square: NDArray[np.float32] | None = None,
    points: NDArray[np.float32] | None = None,
) -> FaceSighting:
    x1, y1, x2, y2, score = (float(value) for value in row)
    if square is None or points is None:
        return FaceSighting((x1, y1, x2, y2), score)
    size = square[2:4] - square[:2]
    places = np.stack([points[:5], points[5:]], axis=1) * size + square[:2]
    return FaceSighting((x1, y1, x2, y2), score, places.astype(np.float32))


def _kept(boxes: NDArray[np.float32], overlap: float) -> list[int]:
    """Return which boxes to keep, best first, so that no two share more than `overlap` of their union."""
    if not len(boxes):
        return []
    corners = [[float(x1), float(y1), float(x2 - x1), float(y2 - y1)] for x1, y1, x2, y2, _ in boxes]
    kept = cv2.dnn.NMSBoxes(corners, boxes[:, 4].tolist(), 0.0, overlap)
    return [int(at) for at in np.asarray(kept).reshape(-1)]
