"""The picture of the sample call: one tile with a real, moving face, one with a chart, no writing anywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from math import cos, pi, radians, sin
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder.models.archive import read_members
from recorder.models.download import download
from redaction.errors import ModelMissing
from redaction.model import Box
from redaction.weights import Carrier, cache_root
from redaction.weights.entry import Member

__all__ = ["FPS", "HEIGHT", "WIDTH", "CallPicture", "portrait"]

FPS: Final = 25
WIDTH: Final = 1280
HEIGHT: Final = 720

_ASTRONAUT: Final = Member(
    "skimage/data/astronaut.png", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"
)
PORTRAIT: Final = Carrier("pypi", "scikit-image", "0.26.0", (_ASTRONAUT,), platform="manylinux_2_28_x86_64")
"""NASA photograph S93-42690 of Eileen Collins, public domain. The wheel is downloaded, never installed or run."""

# In the photograph: what of it is the camera's picture (above the name on the suit, left of the model that detectors
# take for a face), the face, the mouth.
_CROP: Final = (28, 4, 348, 304)
_FACE: Final = (172.0, 52.0, 284.0, 190.0)
_MOUTH: Final = (222.0, 145.0)

_TILE: Final = Box(48, 60, 656, 630)
_CHART: Final = Box(688, 168, 1232, 522)
_BACKGROUND: Final = (36, 33, 32)
_WALL: Final = (150, 160, 168)
_NOISE_SHIFTS: Final = 64

SamplePicture = NDArray[np.uint8]


def portrait() -> SamplePicture:
    """Return the photograph, uint8 (512, 512, 3) BGR, from the cache or out of its package.

    Raises:
        ModelMissing: the package cannot be had.
        ModelAltered: the picture in it has another sha256.
    """
    path = cache_root() / "samples" / "astronaut.png"
    data = path.read_bytes() if path.is_file() else _fetched(path)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None or decoded.shape != (512, 512, 3):
        path.unlink(missing_ok=True)
        raise ModelMissing("The sample's photograph is damaged and was removed; run this again.")
    return np.asarray(decoded, np.uint8)


def _fetched(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch-") as folder:
        data = read_members(download(PORTRAIT, Path(folder)), PORTRAIT)[_ASTRONAUT.path]
        fresh = Path(folder) / path.name
        fresh.write_bytes(data)
        fresh.replace(path)
    return data


class CallPicture:
    """Frames of a call that look like a webcam's: the person moves, speaks and nods, the light changes.

    Args:
        loudness: float32 (frames,), 0 to 1, how wide the mouth of the person in the picture is open in each frame.
    """

    def __init__(self, loudness: NDArray[np.float32]) -> None:
        x1, y1, x2, y2 = _CROP
        self._photo = portrait()[y1:y2, x1:x2]
        self._loudness = loudness
        shape = (_TILE.height, _TILE.width + _NOISE_SHIFTS, 1)
        grain = np.random.default_rng(7).integers(0, 4, shape, np.uint8)
        self._grain = np.repeat(grain, 3, axis=2)
        rows, columns = np.indices(self._photo.shape[:2], np.float32)
        across = (columns - (_MOUTH[0] - x1)) / 34
        below = (rows - (_MOUTH[1] - y1)) / 26
        self._rows, self._columns = rows, columns
        # Pixels under the upper lip come from higher up: the chin goes down and the mouth opens.
        self._jaw = (np.exp(-(across**2)) * np.exp(-((below - 0.6) ** 2))).astype(np.float32)

    def __len__(self) -> int:
        return len(self._loudness)

    def __iter__(self) -> Iterator[tuple[SamplePicture, Box]]:
        """Yield each frame, uint8 (720, 1280, 3) BGR, with the box of its face, ear to ear and brow to chin."""
        for number in range(len(self)):
            yield self._frame(number)

    def cameras(self, *, width: int, height: int, mirrored: bool) -> Iterator[SamplePicture]:
        """Yield the person alone, as a webcam's picture, uint8 (height, width, 3) BGR, before a plain wall."""
        shown = round(_TILE.width * height / _TILE.height)
        left = (width - shown) // 2
        for number in range(len(self)):
            person, _ = self._person(number / FPS, float(self._loudness[number]))
            frame = np.full((height, width, 3), _WALL, np.uint8)
            frame[:, left : left + shown] = cv2.resize(person, (shown, height), interpolation=cv2.INTER_AREA)
            yield np.ascontiguousarray(frame[:, ::-1]) if mirrored else frame

    def _frame(self, number: int) -> tuple[SamplePicture, Box]:
        seconds = number / FPS
        frame = np.full((HEIGHT, WIDTH, 3), _BACKGROUND, np.uint8)
        person, face = self._person(seconds, float(self._loudness[number]))
        frame[_TILE.y1 : _TILE.y2, _TILE.x1 : _TILE.x2] = person
        frame[_CHART.y1 : _CHART.y2, _CHART.x1 : _CHART.x2] = _chart(seconds)
        for place, colour in ((560, (90, 90, 90)), (620, (90, 90, 90)), (680, (60, 60, 210))):
            cv2.circle(frame, (place, 676), 22, colour, -1, cv2.LINE_AA)
        return frame, face

    def _person(self, seconds: float, open_by: float) -> tuple[SamplePicture, Box]:
        spoken = cv2.remap(
            self._photo,
            self._columns,
            self._rows - 5.0 * open_by * self._jaw,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        matrix = _camera(seconds)
        size = (_TILE.width, _TILE.height)
        moved = cv2.warpAffine(spoken, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        light = 1.0 + 0.10 * sin(2 * pi * seconds / 9.0)
        lit = cv2.convertScaleAbs(moved, alpha=light, beta=4 * sin(2 * pi * seconds / 3.7))
        shift = round(seconds * FPS) * 37 % _NOISE_SHIFTS
        person = cv2.add(lit, self._grain[:, shift : shift + _TILE.width])
        return np.asarray(person, np.uint8), _moved_face(matrix)


def _camera(seconds: float) -> NDArray[np.float64]:
    """Return the 2 x 3 matrix from the cropped photograph to the tile: fit, sway, lean in and out, roll."""
    fit = _TILE.width / (_CROP[2] - _CROP[0])
    zoom = fit * (1.16 + 0.07 * sin(2 * pi * seconds / 11.0))
    roll = radians(4.0 * sin(2 * pi * seconds / 7.0))
    middle = ((_FACE[0] + _FACE[2]) / 2 - _CROP[0], (_FACE[1] + _FACE[3]) / 2 - _CROP[1])
    to = (
        _TILE.width * (0.60 + 0.05 * sin(2 * pi * seconds / 13.0)),
        _TILE.height * (0.47 + 0.03 * sin(2 * pi * seconds / 5.0)),
    )
    a, b = zoom * cos(roll), zoom * sin(roll)
    return np.array(
        [
            [a, b, to[0] - a * middle[0] - b * middle[1]],
            [-b, a, to[1] + b * middle[0] - a * middle[1]],
        ]
    )


def _moved_face(matrix: NDArray[np.float64]) -> Box:
    """Return where the face's ellipse came to lie in the whole frame, as its bounding box."""
    x1, y1, x2, y2 = _FACE
    turn = np.linspace(0, 2 * pi, 48)
    xs = (x1 + x2) / 2 + (x2 - x1) / 2 * np.cos(turn) - _CROP[0]
    ys = (y1 + y2) / 2 + (y2 - y1) / 2 * np.sin(turn) - _CROP[1]
    places = matrix @ np.vstack([xs, ys, np.ones_like(xs)])
    return Box.outward(
        float(places[0].min()) + _TILE.x1,
        float(places[1].min()) + _TILE.y1,
        float(places[0].max()) + _TILE.x1,
        float(places[1].max()) + _TILE.y1,
    ).clipped(WIDTH, HEIGHT)


def _chart(seconds: float) -> SamplePicture:
    """Return the shared screen: bars that grow, a line, no writing (text on screens is not redacted yet)."""
    chart = np.full((_CHART.height, _CHART.width, 3), 248, np.uint8)
    for line in range(5):
        level = 40 + 55 * line
        cv2.line(chart, (30, level), (_CHART.width - 20, level), (222, 222, 222), 1)
    base = _CHART.height - 30
    tops = []
    for bar in range(8):
        tall = int(60 + 22 * bar + 28 * sin(seconds / 2 + bar * 1.3))
        left = 50 + bar * 61
        cv2.rectangle(chart, (left, base - tall), (left + 40, base), (190, 130, 60), -1)
        tops.append((left + 20, base - tall - 24))
    cv2.polylines(chart, [np.array(tops, np.int32)], False, (70, 120, 230), 3, cv2.LINE_AA)
    cv2.line(chart, (30, base), (_CHART.width - 20, base), (90, 90, 90), 2)
    return chart
