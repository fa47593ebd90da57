"""Pseudo-tracklets of labelled faces: what the age nets say of several views of one face, at several sizes.

A view is the photograph turned, shifted, scaled, lit, blurred, made noisy and compressed a little differently, shown to
the judge of ages as a frame of a call, with the face as the detectors found it in the photograph, a little off. Views
of one photograph share its pose and expression, which those of a real tracklet do not. Labels are used as they are,
wrong ones included.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.faces import DATA, frame_of
from redaction.video.faces.detect import Detection, FaceDetector
from redaction.video.people.age import AgeEstimator, AgeJudge, default_estimators
from redaction.video.people.age_crop import FaceCrop, Pose
from redaction.video.people.minor_odds import ViewOdds, view_odds

__all__ = ["NATIVE", "SIZES", "Look", "Tracklet", "gather"]

Picture = NDArray[np.uint8]

NATIVE = 0
SIZES = (NATIVE, 128, 96, 64, 48, 40)
_EVERY_S = 0.2
_GREY = (96, 96, 96)


@dataclass(frozen=True, slots=True)
class Look:
    """One view that the judge took: years by both nets, and what else the odds are made of."""

    first: float
    second: float
    size_px: float
    seen_px: float
    frontal: float

    @property
    def odds(self) -> ViewOdds:
        """What the view says, by the committed constants."""
        return view_odds(
            (self.first, self.second), size_px=self.size_px, seen_px=self.seen_px, frontal=self.frontal
        )


@dataclass(frozen=True, slots=True)
class Tracklet:
    """Views of one labelled face at one size, and what the judge made of them.

    Attributes:
        size: height of the face in pixels, 0 as it is.
        sex: 0 male, 1 female, as UTKFace codes it.
        race: 0 White, 1 Black, 2 Asian, 3 Indian, 4 others, as UTKFace codes it.
        verdict: of the judge, had nothing been declared.
        declared: the same, had an adult been declared.
        looks: the views that the judge took.
    """

    name: str
    size: int
    age: int
    sex: int
    race: int
    verdict: str
    declared: str
    looks: tuple[Look, ...]


class _Heard:
    """A net that keeps what it said last."""

    def __init__(self, net: AgeEstimator) -> None:
        self._net = net
        self.margin = net.margin
        self.size_px = net.size_px
        self.last: float | None = None

    def years(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Ask the net."""
        said = self._net.years(crops)
        self.last = float(np.mean(said, dtype=np.float64))
        return said


def gather(
    detector: FaceDetector, *, sizes: Sequence[int], views: int, cache: Path | None = None
) -> list[Tracklet]:
    """Show every labelled face to the judge; read the cache instead where there is one, and write it where not."""
    if cache is not None and cache.is_file():
        return [_read(entry) for entry in json.loads(cache.read_text())]
    made = list(_gathered(detector, sizes=sizes, views=views))
    if cache is not None:
        cache.write_text(json.dumps([asdict(one) for one in made]))
    return made


def _read(entry: dict[str, object]) -> Tracklet:
    looks = entry.pop("looks")
    assert isinstance(looks, list)
    return Tracklet(**entry, looks=tuple(Look(**look) for look in looks))  # type: ignore[arg-type]


def _gathered(detector: FaceDetector, *, sizes: Sequence[int], views: int) -> Iterator[Tracklet]:
    nets = tuple(_Heard(net) for net in default_estimators())
    for path in sorted((DATA / "faces/ages").glob("*.jpg")):
        chip = np.asarray(cv2.imread(str(path)), np.uint8)
        faces = detector.detect(chip)
        if not faces:
            continue
        face = max(faces, key=_height)
        age, sex, race = (int(part) for part in path.name.split("_")[:3])
        for size in sizes:
            judge = AgeJudge(estimators=nets)
            random = np.random.default_rng(zlib.crc32(f"{path.name} {size}".encode()))
            looks: list[Look] = []
            for view in range(views):
                picture, seen = _view(chip, face, size / _height(face) if size else 1.0, random)
                look = _look(judge, nets, picture, seen, at=view * _EVERY_S)
                looks += [] if look is None else [look]
            verdicts = [judge.verdict(1, declared_adult=declared).value for declared in (False, True)]
            yield Tracklet(path.name, size, age, sex, race, *verdicts, tuple(looks))


def _look(
    judge: AgeJudge, nets: Sequence[_Heard], picture: Picture, face: Detection, *, at: float
) -> Look | None:
    """Show one view to the judge; return what it made of it, or None where it did not look."""
    frame = frame_of(picture, round(at * 30))
    pose = Pose.of(face, width=frame.width, height=frame.height)
    for net in nets:
        net.last = None
    judge.observe(1, frame, face)
    first, second = (net.last for net in nets)
    if pose is None or first is None or second is None:
        return None
    with FaceCrop.of(frame, pose) as crop:
        return Look(first, second, pose.size_px, crop.seen_px, pose.frontal)


def _height(face: Detection) -> float:
    return face.box[3] - face.box[1]


def _view(
    chip: Picture, face: Detection, scale: float, random: np.random.Generator
) -> tuple[Picture, Detection]:
    """Return the photograph in a grey frame twice its size, and the face in it, a little different each time."""
    scale *= random.uniform(0.93, 1.07)
    side = round(chip.shape[0] * scale)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(chip, (side, side), interpolation=how)
    border = side // 2
    framed = cv2.copyMakeBorder(small, border, border, border, border, cv2.BORDER_CONSTANT, value=_GREY)
    whole = (framed.shape[1] & ~1, framed.shape[0] & ~1)
    turn = cv2.getRotationMatrix2D((whole[0] / 2, whole[1] / 2), random.uniform(-6, 6), 1)
    turn[:, 2] += random.uniform(-3, 3, 2)
    turned = cv2.warpAffine(framed, turn, whole, flags=cv2.INTER_LINEAR, borderValue=_GREY)
    moved = _moved(face, side / chip.shape[0], border, turn, random)
    return _shot(np.asarray(turned, np.uint8), random), moved


def _shot(picture: Picture, random: np.random.Generator) -> Picture:
    """Return a picture as another camera in another light would send it."""
    light = (picture.astype(np.float32) / 255) ** random.uniform(0.85, 1.2)
    lit = 255 * light * random.uniform(0.8, 1.2) + random.uniform(-15, 15)
    if random.random() < 0.15:
        lit += random.normal(0, 5, lit.shape)
    shown = np.clip(lit, 0, 255).astype(np.uint8)
    blur = random.choice([0.0, 0.0, 0.5, 0.8, 1.2])
    if blur:
        shown = np.asarray(cv2.GaussianBlur(shown, (0, 0), blur), np.uint8)
    quality = int(random.choice([85, 70, 55, 35]))
    coded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _moved(
    face: Detection, scale: float, border: int, turn: NDArray[np.float64], random: np.random.Generator
) -> Detection:
    """Return where a face of the photograph is in the view, as exactly as a detector tells."""
    x1, y1, x2, y2 = face.box
    width, height = (side * scale * random.uniform(0.96, 1.04) for side in (x2 - x1, y2 - y1))
    points = np.array([[(x1 + x2) / 2, (y1 + y2) / 2], *(() if face.landmarks is None else face.landmarks)])
    points = (points * scale + border) @ turn[:, :2].T + turn[:, 2]
    points += random.normal(0, 0.01 * height, points.shape)
    x, y = points[0]
    box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    landmarks = None if face.landmarks is None else np.asarray(points[1:], np.float32)
    return replace(face, box=box, landmarks=landmarks)
