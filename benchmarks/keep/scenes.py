"""Scenes for `benchmarks.keep`: the shared clips, galleries and moving cameras staged from them, with their heads."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from math import pi, sin
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.faces import DATA, frame_of, frames_of
from benchmarks.faces_made import HEIGHT, WIDTH, Bgr, annotated, tiles
from redaction.model import Box, VideoFrame
from redaction.video.faces.detect import CenterFace, Detection, Rect, YuNet, merged_faces, overlap

CACHE = Path(tempfile.gettempdir()) / "offrecord-keep"
"""Where the reference detector's boxes of the shared clips are kept between runs: boxes only."""

ADULTS = ("d6", "d3", "d12")
_STEP = 3
_SURE = 0.75
_LEAST_PX = 14
_GAP = 30


@dataclass(frozen=True, slots=True)
class Head:
    """One head on one frame: `number` is the same on the next, `known` says that a person annotated it here."""

    number: int
    box: Rect
    known: bool = False


Heads = dict[int, list[Head]]


@dataclass
class Scene:
    """A clip with its heads.

    Attributes:
        frames: yields it anew at each call.
        heads: by index of frame.
        writing: it shows writing, so that covers away from heads are no strays.
    """

    name: str
    frames: Callable[[], Iterator[VideoFrame]]
    heads: Heads = field(default_factory=dict)
    writing: bool = False


class Reference:
    """CenterFace and YuNet at full size: slower and surer than what leads, for finding heads between annotations."""

    def __init__(self) -> None:
        self._pair = CenterFace(shrink=1.0, limit=1920, threads=2), YuNet(threads=2)

    def faces(self, picture: Bgr) -> list[Detection]:
        """Return the faces that one of both is sure of, or both saw."""
        seen = [face for detector in self._pair for face in detector.detect(picture) if face.score > 0.5]
        return [
            face
            for face in merged_faces(seen)
            if face.score >= _SURE and face.box[3] - face.box[1] >= _LEAST_PX
        ]


@cache
def reference() -> Reference:
    """Return the one reference."""
    return Reference()


def scenes(limit: int) -> Iterator[Scene]:
    """Yield every scene, of at most `limit` frames each."""
    for path in sorted((DATA / "faces/clips").glob("*.mp4")):
        yield shared(path.stem, limit)
    for count in (4, 9):
        yield gallery(count, min(limit, 150))
    yield moved("street, zoom", shared("street", limit), zoom(1.0, 1.7, 105), size=(1920, 1080))
    yield moved("street, hand-held", shared("street", limit), shaken(1.25), size=(1920, 1080))
    yield moved("panel, hand-held", panel(min(limit, 120)), shaken(1.15), size=(WIDTH, HEIGHT))
    yield moved("panel, pan", panel(min(limit, 120)), zoom(1.5, 1.5, 120), size=(WIDTH, HEIGHT))
    for number, path in enumerate(crowds(3)):
        yield crowd(f"crowd {number + 1}, pan", path, min(limit, 75))


@cache
def shared(name: str, limit: int) -> Scene:
    """Return one of the shared clips with annotated heads and, between them, those the reference found."""
    path = DATA / f"faces/clips/{name}.mp4"
    entry = json.loads((DATA / "faces/clips/boxes.json").read_text())[path.name]
    known = {int(key): [tuple(box) for box in boxes] for key, boxes in entry["boxes"].items()}
    found = _found(path)
    heads = linked({index: _joined(found.get(index, []), known.get(index, [])) for index in {*found, *known}})
    kept = {index: some for index, some in heads.items() if index < limit}
    return Scene(name, lambda: islice(frames_of(path), limit), kept)


def gallery(count: int, length: int) -> Scene:
    """Return a 720p meeting window of 1, 4 or 9 talking adults, a static camera each; clips run to and fro, uncut."""
    side = {1: 1, 4: 2, 9: 3}[count]
    width, height = WIDTH // side, HEIGHT // side
    heads: Heads = {}
    for tile in range(count):
        source = shared(ADULTS[tile % 3], 10_000)
        scale = height * 0.75 / next(source.frames()).height
        x, y = tile % side * width + (width - int(height * 0.75)) / 2, tile // side * height + height * 0.25
        for index in range(length):
            for head in source.heads.get(_place(tile, index), []):
                box = (
                    x + scale * head.box[0],
                    y + scale * head.box[1],
                    x + scale * head.box[2],
                    y + scale * head.box[3],
                )
                heads.setdefault(index, []).append(Head(100 * tile + head.number, box, head.known))

    def frames() -> Iterator[VideoFrame]:
        clips = [
            list(islice(tiles(DATA / f"faces/clips/{ADULTS[tile % 3]}.mp4", width, height), 180))
            for tile in range(count)
        ]
        for index in range(length):
            canvas = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
            for tile, clip in enumerate(clips):
                left, top = tile % side * width, tile // side * height
                canvas[top : top + height, left : left + width] = clip[_place(tile, index)]
            yield frame_of(canvas, index)

    return Scene(f"gallery of {count}", frames, heads)


def _place(tile: int, index: int) -> int:
    at = (index + 41 * tile) % 358
    return at if at < 180 else 358 - at


def panel(length: int) -> Scene:
    """Return three adults side by side before one wall each, as one picture of 1280x720."""
    wide = WIDTH // 3
    heads: Heads = {}
    for seat in range(3):
        source = shared(ADULTS[seat], 10_000)
        scale = wide / next(source.frames()).width
        for index in range(length):
            for head in source.heads.get(_place(seat, index), []):
                x1, y1, x2, y2 = (scale * edge for edge in head.box)
                box = (x1 + seat * wide, y1 + HEIGHT - wide, x2 + seat * wide, y2 + HEIGHT - wide)
                heads.setdefault(index, []).append(Head(100 * seat + head.number, box, head.known))

    def frames() -> Iterator[VideoFrame]:
        clips = [list(islice(_wall(DATA / f"faces/clips/{name}.mp4", wide), 180)) for name in ADULTS]
        for index in range(length):
            parts = [clip[_place(seat, index)] for seat, clip in enumerate(clips)]
            canvas = np.hstack(parts)
            yield frame_of(np.asarray(cv2.resize(canvas, (WIDTH, HEIGHT)), np.uint8), index)

    return Scene("panel", frames, heads)


def _wall(path: Path, wide: int) -> Iterator[Bgr]:
    for frame in frames_of(path):
        picture = cv2.resize(bgr_of(frame), (wide, wide), interpolation=cv2.INTER_AREA)
        tile = np.empty((HEIGHT, wide, 3), np.uint8)
        tile[: HEIGHT - wide] = picture[:1]
        tile[HEIGHT - wide :] = picture
        yield tile


Camera = Callable[[int], tuple[float, float, float]]
"""Zoom, and the shift of the middle across and down in shares of the picture, by index of frame."""


def zoom(first: float, last: float, length: int) -> Camera:
    """Return a camera that moves in and from left to right."""
    return lambda index: (
        first + (last - first) * index / length,
        0.12 * (2 * index / length - 1) + 0.03,
        0.02,
    )


def shaken(closer: float) -> Camera:
    """Return a camera in a hand: slow sway and quick tremble, about 15 px at 720p."""

    def at(index: int) -> tuple[float, float, float]:
        t = index / 25
        across = 0.012 * sin(2 * pi * 0.7 * t) + 0.005 * sin(2 * pi * 2.3 * t + 1)
        down = 0.010 * sin(2 * pi * 0.9 * t + 2) + 0.006 * sin(2 * pi * 2.9 * t)
        return closer, across, down

    return at


def moved(name: str, scene: Scene, camera: Camera, *, size: tuple[int, int]) -> Scene:
    """Return a scene as a moving camera shows it, 1280x720."""

    def matrix(index: int) -> NDArray[np.float64]:
        closer, across, down = camera(index)
        scale = WIDTH / size[0] * closer
        x, y = size[0] * (0.5 + across), size[1] * (0.5 + down)
        return np.array([[scale, 0, WIDTH / 2 - scale * x], [0, scale, HEIGHT / 2 - scale * y]])

    def frames() -> Iterator[VideoFrame]:
        for index, frame in enumerate(scene.frames()):
            way = cv2.INTER_AREA if matrix(index)[0, 0] < 1 else cv2.INTER_LINEAR
            picture = bgr_of(frame)
            if way == cv2.INTER_AREA:
                picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.35 / matrix(index)[0, 0]), np.uint8)
            shown = cv2.warpAffine(
                picture, matrix(index), (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )
            yield frame_of(np.asarray(shown, np.uint8), index)

    heads = {index: list(_shifted(some, matrix(index))) for index, some in scene.heads.items()}
    return Scene(name, frames, heads, scene.writing)


def _shifted(heads: Iterable[Head], matrix: NDArray[np.float64]) -> Iterator[Head]:
    for head in heads:
        x1, y1, x2, y2 = head.box
        points = np.array([[x1, y1, 1], [x2, y2, 1]]) @ matrix.T
        (a, b), (c, d) = points.tolist()
        inside = Box.outward(a, b, c, d).clipped(WIDTH, HEIGHT).area
        # Who is for the most part outside is not asked for, but what covers the rest of the head is no loss.
        if inside:
            yield Head(head.number, (a, b, c, d), head.known and inside > 0.4 * (c - a) * (d - b))


def crowds(count: int) -> list[Path]:
    """Return photographs with many annotated faces of which the smallest is not tiny."""
    ranked: list[tuple[float, Path]] = []
    for path in sorted((DATA / "faces/detect").rglob("*.xml")):
        boxes = list(annotated(path))
        found = [item for item in (DATA / "faces/detect").rglob(f"{path.stem}.*") if item != path]
        picture = cv2.imread(str(found[0])) if found else None
        if picture is None or not 4 <= len(boxes) <= 12:
            continue
        scale = 1.3 * max(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
        smallest = min(box[3] - box[1] for box in boxes) * scale
        largest = max(box[3] - box[1] for box in boxes) * scale
        if smallest >= 28 and largest < 200 and picture.shape[1] > picture.shape[0]:
            ranked.append((-len(boxes), path))
    return [path for _, path in sorted(ranked)[:count]]


def crowd(name: str, path: Path, length: int) -> Scene:
    """Return a pan over a photograph of a crowd."""
    found = next(item for item in (DATA / "faces/detect").rglob(f"{path.stem}.*") if item != path)
    picture = np.asarray(cv2.imread(str(found)), np.uint8)
    scale = 1.3 * max(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=way), np.uint8)
    height, width = (edge & ~1 for edge in picture.shape[:2])
    picture = picture[:height, :width]
    known: list[Rect] = []
    for x1, y1, x2, y2 in annotated(path):
        known.append((scale * x1, scale * y1, scale * x2, scale * y2))
    faces = _joined([face.box for face in reference().faces(picture)], known)
    heads = [Head(number, box, sure) for number, (box, sure) in enumerate(faces)]
    base = Scene(name, lambda: (frame_of(picture, index) for index in range(length)), {})
    base.heads = dict.fromkeys(range(length), heads)
    spare = WIDTH / width

    def camera(index: int) -> tuple[float, float, float]:
        done = index / length
        closer = width / WIDTH * (1 + 0.1 * done)
        return closer, (1 - spare / 1.0) * (0.7 * done - 0.35), 0.0

    return moved(name, base, camera, size=(width, height))


def bgr_of(frame: VideoFrame) -> Bgr:
    """Return a frame as a picture."""
    planes = np.concatenate([frame.y.ravel(), frame.u.ravel(), frame.v.ravel()])
    planes = planes.reshape(frame.height * 3 // 2, frame.width)
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)


def _found(path: Path) -> dict[int, list[Rect]]:
    """Return what the reference sees on every third frame of a clip."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    store = CACHE / f"{digest}-{_STEP}.json"
    if store.is_file():
        return {
            int(key): [tuple(box) for box in boxes] for key, boxes in json.loads(store.read_text()).items()
        }
    found = {
        index: [face.box for face in reference().faces(bgr_of(frame))]
        for index, frame in enumerate(frames_of(path))
        if index % _STEP == 0
    }
    CACHE.mkdir(exist_ok=True)
    store.write_text(json.dumps(found))
    return found


def _joined(found: Sequence[Rect], known: Sequence[Rect]) -> list[tuple[Rect, bool]]:
    """Return annotated boxes, and those found that are of nobody annotated."""
    others = [box for box in found if not any(max(overlap(box, one)) > 0.3 for one in known)]
    return [(box, True) for box in known] + [(box, False) for box in others]


@dataclass
class _Track:
    number: int
    places: dict[int, tuple[Rect, bool]]

    @property
    def end(self) -> int:
        return max(self.places)


def linked(faces: dict[int, list[tuple[Rect, bool]]]) -> Heads:
    """Return heads on every frame: the same one's boxes are joined by straight lines, over at most a second."""
    tracks: list[_Track] = []
    for index in sorted(faces):
        free = [track for track in tracks if index - track.end <= _GAP]
        for box, known in sorted(faces[index], key=lambda item: item[0]):
            near = max(free, key=lambda track: overlap(track.places[track.end][0], box)[0], default=None)
            if near is not None and overlap(near.places[near.end][0], box)[0] > 0.15:
                near.places[index] = (box, known)
                free.remove(near)
            else:
                tracks.append(_Track(len(tracks), {index: (box, known)}))
    heads: Heads = {}
    for track in tracks:
        for index, box, known in _path(track):
            heads.setdefault(index, []).append(Head(track.number, box, known))
    return heads


def _path(track: _Track) -> Iterator[tuple[int, Rect, bool]]:
    known = sorted(track.places)
    edges = np.array([track.places[index][0] for index in known])
    for index in range(known[0] - 2, known[-1] + 3):
        x1, y1, x2, y2 = (float(np.interp(index, known, edges[:, side])) for side in range(4))
        exact = track.places.get(index)
        if exact is not None and exact[1]:
            yield index, exact[0], True
        else:
            yield index, (x1, y1, x2, y2), False
