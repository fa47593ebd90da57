"""An age judge with scripted nets, and the views that it is shown."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import VideoFrame
from redaction.video.faces.detect import Detection
from redaction.video.people.adulthood import AgeVerdict
from redaction.video.people.age import AgeEstimator, AgeJudge

__all__ = [
    "ADULT",
    "CLEAR",
    "IN_DOUBT",
    "MINOR",
    "OPEN",
    "SIDE",
    "UNIQUE",
    "YOUNG",
    "FakeEstimator",
    "FakeFailing",
    "FakeTwin",
    "face",
    "judge",
    "pattern",
    "picture_frame",
    "watch",
]

CLEAR, OPEN, YOUNG = 40.0, 24.0, 9.0
ADULT, IN_DOUBT, MINOR = AgeVerdict.ADULT, AgeVerdict.IN_DOUBT, AgeVerdict.MINOR
UNIQUE = 41.625
SIDE = 400


class FakeEstimator:
    """Gives scripted ages, the last one for ever; keeps the crops it saw."""

    def __init__(self, *years: float, margin: float = 1.0, size_px: int = 64) -> None:
        self.margin = margin
        self.size_px = size_px
        self.script = list(years)
        self.said = years[0]
        self.seen: list[NDArray[np.uint8]] = []

    def years(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the next scripted age."""
        self.seen.append(crops)
        self.said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return np.full(len(crops), self.said, np.float32)


class FakeFailing(FakeEstimator):
    """Raises."""

    def __init__(self, error: Exception) -> None:
        super().__init__(UNIQUE)
        self.error = error

    def years(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raise what was given."""
        raise self.error


def picture_frame(luma: NDArray[np.uint8], *, at: float = 0.0, whole_cover: bool = False) -> VideoFrame:
    """Return a grey picture as a frame."""
    half = np.full((luma.shape[0] // 2, luma.shape[1] // 2), 128, np.uint8)
    return VideoFrame(luma, half, half.copy(), round(at * 1000), Fraction(1, 1000), whole_cover)


def pattern(seed: int) -> NDArray[np.uint8]:
    """Return a picture with detail of all sizes, uint8 (SIDE, SIDE)."""
    random = np.random.default_rng(seed)
    total = np.zeros((SIDE, SIDE), np.float32)
    for cells in (4, 12, 40, 130):
        coarse = random.normal(0, 1, (cells, cells)).astype(np.float32)
        total += cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.clip(126 + 25 * total, 16, 235).astype(np.uint8)


def face(
    size: float = 200, *, centre: tuple[float, float] = (200, 200), turn: float = 0, roll: float = 0
) -> Detection:
    """Return a detection as tall as `size`, three quarters as wide; `turn` moves the nose aside, in eye distances."""
    x, y = centre
    box = (x - 0.375 * size, y - 0.5 * size, x + 0.375 * size, y + 0.5 * size)
    eyes = 0.36 * size
    points = np.array(
        [[-0.5, -0.4], [0.5, -0.4], [turn, 0.2], [-0.4, 0.65], [0.4, 0.65]], np.float32
    ) * np.float32(eyes)
    angle = np.deg2rad(roll)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    return Detection(box, 0.9, np.asarray(points @ rotation.T + np.array([x, y], np.float32), np.float32))


def judge(first: AgeEstimator, second: AgeEstimator | None = None) -> AgeJudge:
    """Return a judge with fakes; one fake stands for both nets."""
    return AgeJudge(estimators=(first, second or FakeTwin(first)))


class FakeTwin(FakeEstimator):
    """Says what another said last, of the same view."""

    def __init__(self, other: AgeEstimator) -> None:
        super().__init__(UNIQUE)
        self.other = other

    def years(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Repeat it, or raise where the other cannot be asked."""
        if isinstance(self.other, FakeEstimator):
            return np.full(len(crops), self.other.said, np.float32)
        raise TypeError


def watch(made: AgeJudge, views: int, *, number: int = 1, start: int = 0) -> list[AgeVerdict]:
    """Show different views ten seconds apart; return the verdict after each."""
    verdicts = []
    for view in range(start, start + views):
        made.observe(number, picture_frame(pattern(view), at=10.0 * view), face())
        verdicts.append(made.verdict(number))
    return verdicts
