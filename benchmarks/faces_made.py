"""Clips made from single photos, photos as clips, and a speed run for `benchmarks.faces`."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from math import cos, pi, sin
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.faces import DATA, Score, Truth, frame_of, measure
from redaction.model import Box, VideoFrame
from redaction.video.redact import VideoStages

Bgr = NDArray[np.uint8]
WIDTH, HEIGHT = 1280, 720


class Head:
    """A head cut out of a photo with a soft oval edge, and where its face is in it."""

    def __init__(self, picture: Bgr, face: Box) -> None:
        w, h = face.width, face.height
        hull = Box(
            face.x1 - int(0.45 * w), face.y1 - int(0.5 * h), face.x2 + int(0.45 * w), face.y2 + int(0.35 * h)
        )
        hull = hull.clipped(picture.shape[1], picture.shape[0])
        self.picture = picture[hull.y1 : hull.y2, hull.x1 : hull.x2]
        self.face = Box(face.x1 - hull.x1, face.y1 - hull.y1, face.x2 - hull.x1, face.y2 - hull.y1)
        mask = np.zeros(self.picture.shape[:2], np.float32)
        cv2.ellipse(
            mask,
            (hull.width // 2, hull.height // 2),
            (hull.width // 2 - 2, hull.height // 2 - 2),
            0,
            0,
            360,
            1,
            -1,
        )
        self.mask = cv2.GaussianBlur(mask, (0, 0), 2)

    def paste(
        self,
        canvas: Bgr,
        *,
        x: float,
        y: float,
        tall: float,
        squeeze: float = 1,
        turn: int = 0,
        blur: float = 0,
    ) -> Box:
        """Draw the head with its face's centre at `(x, y)` and its face `tall` px high; return the face's box."""
        scale = tall / self.face.height
        cx, cy = (self.face.x1 + self.face.x2) / 2, (self.face.y1 + self.face.y2) / 2
        sized = np.diag([scale * squeeze, scale, 1.0])
        matrix = sized @ np.array([[1, 0, -cx], [0, 1, -cy], [0, 0, 1]])
        angle = turn * pi / 180
        spin = np.array([[cos(angle), -sin(angle), x], [sin(angle), cos(angle), y], [0, 0, 1]])
        matrix = (spin @ matrix)[:2]
        size = (canvas.shape[1], canvas.shape[0])
        picture = self.picture
        if scale < 1:  # area-like filtering before the warp
            picture = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale)
        if blur:
            picture = cv2.GaussianBlur(picture, (0, 0), blur / scale)
        drawn = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.warpAffine(self.mask, matrix, size)[..., None]
        canvas[:] = (canvas * (1 - mask) + drawn * mask).astype(np.uint8)
        face = self.face
        corners = np.array(
            [[face.x1, face.y1, 1], [face.x2, face.y1, 1], [face.x1, face.y2, 1], [face.x2, face.y2, 1]]
        )
        points = corners @ matrix.T
        low, high = points.min(axis=0), points.max(axis=0)
        return Box.outward(low[0], low[1], high[0], high[1])


def heads(stages: VideoStages, limit: int) -> list[Head]:
    """Return heads whose face both detectors agree on."""
    result = []
    for path in sorted((DATA / "faces/identities").glob("*/*.jpg")):
        picture = np.asarray(cv2.imread(str(path)), np.uint8)
        found = [face for face in stages.thorough.detect(picture) if face.score > 0.9]
        if len(found) == 1:
            result.append(Head(picture, Box.outward(*found[0].box)))
        if len(result) == limit:
            break
    return result


def room(seed: int) -> Bgr:
    """Return a background: soft shapes and a little texture."""
    random = np.random.default_rng(seed)
    small = random.integers(40, 200, (6, 10, 3)).astype(np.uint8)
    soft = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        x, y = random.integers(0, WIDTH), random.integers(0, HEIGHT)
        w, h = random.integers(40, 300), random.integers(40, 300)
        color = tuple(int(value) for value in random.integers(20, 230, 3))
        cv2.rectangle(soft, (int(x), int(y)), (int(x + w), int(y + h)), color, -1)
    return np.asarray(soft, np.uint8)


def noisy(canvas: Bgr) -> Bgr:
    """Add camera noise of 3 levels."""
    noise = np.empty(canvas.shape, np.int16)
    cv2.randn(noise, 0, 3)
    return np.asarray(np.clip(canvas + noise, 0, 255), np.uint8)


Scene = tuple[list[Bgr], Truth]


def visible(box: Box) -> bool:
    """Tell whether at least 40 % of a face is in the picture."""
    return box.clipped(WIDTH, HEIGHT).area >= 0.4 * box.area


Draw = Callable[[int, Bgr], list[Box]]


def play(count: int, draw: Draw, *, seed: int) -> Scene:
    """Return `count` pictures of a room with what `draw` puts there, and its faces of which enough shows."""
    pictures: list[Bgr] = []
    truth: Truth = {}
    base = room(seed)
    for index in range(count):
        canvas = base.copy()
        truth[index] = [box for box in draw(index, canvas) if visible(box)]
        pictures.append(noisy(canvas))
    return pictures, truth


def scenes(people: list[Head]) -> Iterator[tuple[str, Scene]]:
    """Yield the made clips with their truth."""
    yield from moving(people)
    yield from standing(people)
    yield from short(people)


def moving(people: list[Head]) -> Iterator[tuple[str, Scene]]:
    """Yield heads that enter, leave, cross and turn."""

    def passing(head: Head, tall: int) -> Draw:
        return lambda i, c: [head.paste(c, x=-tall + (WIDTH + 2 * tall) * i / 119, y=360, tall=tall)]

    def crossing(i: int, c: Bgr) -> list[Box]:
        at = -200 + (WIDTH + 400) * (i - 15) / 14
        return [people[4].paste(c, x=at, y=300, tall=120)] if 15 <= i < 30 else []

    def turning(head: Head, tall: int) -> Draw:
        return lambda i, c: [head.paste(c, x=640, y=360, tall=tall, squeeze=max(0.25, abs(cos(i * pi / 60))))]

    for k, tall in enumerate((60, 120, 240)):
        yield f"enters, leaves {tall}px", play(120, passing(people[k], tall), seed=k)
    yield "crosses in 0.5 s 120px", play(45, crossing, seed=3)
    for k, tall in enumerate((60, 160)):
        yield f"turns {tall}px", play(120, turning(people[5 + k], tall), seed=4 + k)


def standing(people: list[Head]) -> Iterator[tuple[str, Scene]]:
    """Yield tiny heads, heads half out of the frame, turned, blurred, and gone."""

    def tiny(tall: int) -> Draw:
        return lambda i, c: [
            people[8 + n].paste(c, x=100 + 140 * n + i * 0.3, y=150 + 50 * n, tall=tall) for n in range(8)
        ]

    def half(tall: int) -> Draw:
        places = ((0, 360), (WIDTH - 1, 200), (400, 0), (800, HEIGHT - 1))
        return lambda _, c: [people[1 + n].paste(c, x=x, y=y, tall=tall) for n, (x, y) in enumerate(places)]

    def tilted(turn: int) -> Draw:
        return lambda i, c: [
            people[n].paste(c, x=200 + 280 * n + i * 0.5, y=250 + 60 * n, tall=60 + 30 * n, turn=turn)
            for n in range(4 if i >= 20 else 0)
        ]

    def three(tall: int, *, last: int = 1000, blurred: range = range(0)) -> Draw:
        return lambda i, c: [
            people[n].paste(c, x=250 + 350 * n, y=300, tall=tall, blur=12 if i in blurred else 0)
            for n in range(3 if i < last else 0)
        ]

    for k, tall in enumerate((12, 16, 20, 26, 32, 40)):
        yield f"tiny {tall}px x8", play(60, tiny(tall), seed=6 + k)
    for k, tall in enumerate((60, 120, 240)):
        yield f"half out of frame {tall}px", play(60, half(tall), seed=12 + k)
    for turn in (45, 90, 180, 270, 315):
        yield f"turned {turn}", play(90, tilted(turn), seed=16 + turn)
    yield "blurred for 10 frames", play(60, three(100, blurred=range(20, 30)), seed=60)
    yield "still, then gone", play(90, three(80, last=45), seed=61)


def short(people: list[Head]) -> Iterator[tuple[str, Scene]]:
    """Yield flashes of two frames and cuts between shots."""

    def flashing(moments: dict[int, tuple[int, int, int]]) -> Draw:
        return lambda i, c: [
            people[who % len(people)].paste(c, x=x, y=y, tall=48)
            for start, (x, y, who) in moments.items()
            if start <= i < start + 2
        ]

    def group(shot: int) -> Draw:
        return lambda _, c: [
            people[(shot * 3 + n) % len(people)].paste(
                c, x=200 + 300 * n + 60 * (shot % 3), y=200 + 70 * ((shot + n) % 4), tall=70 + 40 * n
            )
            for n in range(3)
        ]

    for seed in range(4):
        where = np.random.default_rng(seed)
        moments = {
            int(m): (int(where.integers(60, 1220)), int(where.integers(60, 660)), int(where.integers(0, 30)))
            for m in np.cumsum(where.integers(7, 23, 12))
        }
        yield f"flash of 2 frames 48px #{seed}", play(max(moments) + 10, flashing(moments), seed=30 + seed)
    pictures: list[Bgr] = []
    truth: Truth = {}
    for shot in range(6):
        some, known = play(20, group(shot), seed=50 + shot)
        truth |= {len(pictures) + index: boxes for index, boxes in known.items()}
        pictures += some
    yield "cut every 20 frames", (pictures, truth)


def made(stages: VideoStages, dump: str) -> list[Score]:
    """Measure made clips."""
    return [
        measure(name, (frame_of(p, i) for i, p in enumerate(pictures)), truth, stages, dump)
        for name, (pictures, truth) in scenes(heads(stages, 30))
    ]


def photos(stages: VideoStages, _dump: str) -> list[Score]:
    """Measure annotated photos, fitted into 1280x720 and shown for two frames, by the height of the face in it."""
    steps = {
        16: "12 to 16 px",
        24: "16 to 24",
        32: "24 to 32",
        48: "32 to 48",
        96: "48 to 96",
        1 << 20: "over 96",
    }
    total = {high: Score(f"photo faces, {name}", frames=1) for high, name in steps.items()}
    for path in sorted((DATA / "faces/detect").rglob("*.xml")):
        found = [item for item in (DATA / "faces/detect").rglob(f"{path.stem}.*") if item != path]
        picture = cv2.imread(str(found[0])) if found else None
        if picture is None:
            continue
        factor = min(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
        way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        shown = np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=way), np.uint8)
        boxes = [Box.outward(*(factor * value for value in corners)) for corners in annotated(path)]
        score = measure(path.stem, [frame_of(shown, index) for index in range(2)], {1: boxes}, stages, "")
        missed = {box for _, share, box in score.missed if share < 0.8}
        for box in boxes:
            if box.height >= 12:
                row = total[next(high for high in steps if box.height < high)]
                row.faces += 1
                row.covered += box not in missed
    return list(total.values())


def annotated(path: Path) -> Iterator[list[float]]:
    """Yield the corners of the faces in an annotation file."""
    for item in ElementTree.parse(path).getroot().iter("bndbox"):
        yield [float(item.findtext(key) or 0) for key in ("xmin", "ymin", "xmax", "ymax")]


def fitted(picture: Bgr) -> Bgr:
    """Return a picture in the middle of a 720p frame, as large as it goes."""
    factor = min(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    shown = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=way)
    canvas = np.full((HEIGHT, WIDTH, 3), 32, np.uint8)
    y, x = (HEIGHT - shown.shape[0]) // 2, (WIDTH - shown.shape[1]) // 2
    canvas[y : y + shown.shape[0], x : x + shown.shape[1]] = shown
    return canvas


def gallery(count: int, seconds: int = 10) -> Iterator[VideoFrame]:
    """Yield a 720p30 meeting window of 1, 4 or 9 tiles with the talking clips, a static camera each."""
    side = {1: 1, 4: 2, 9: 3}[count]
    width, height = WIDTH // side, HEIGHT // side
    names = ("d6", "d3", "d12")
    clips = []
    for index in range(count):
        path = DATA / f"faces/clips/{names[index % len(names)]}.mp4"
        clips.append(cycle(list(islice(tiles(path, width, height), 90 + 17 * index))))
    for index in range(30 * seconds):
        canvas = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
        for tile, clip in enumerate(clips):
            x, y = tile % side * width, tile // side * height
            canvas[y : y + height, x : x + width] = next(clip)
        yield frame_of(canvas, index)


def tiles(path: Path, width: int, height: int) -> Iterator[Bgr]:
    """Yield a clip, each picture in the middle of a wall of a tile's size, its head half of the tile high."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            side = int(height * 0.75)
            small = cv2.resize(frame.to_ndarray(format="bgr24"), (side, side), interpolation=cv2.INTER_AREA)
            tile = np.empty((height, width, 3), np.uint8)
            tile[:] = small[2, 2]
            x = (width - side) // 2
            tile[height - side :, x : x + side] = small
            yield tile


def speed(stages: VideoStages, dump: str) -> list[Score]:
    """Measure CPU time a frame on meeting windows."""
    return [measure(f"gallery of {n}, 720p30", gallery(n), {}, stages, dump) for n in (1, 4, 9)]
