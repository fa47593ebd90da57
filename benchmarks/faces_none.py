"""How much is covered where there is no face: stills through the engine, and a film of slow pans as it is stored."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.faces import DATA, Score, frame_of, measure
from benchmarks.faces_made import HEIGHT, WIDTH, Bgr, fitted, noisy, room
from redaction.model import VideoFrame
from redaction.policy import Policy, ScreenSection
from redaction.video.cover import FILL
from redaction.video.redact import VideoStages

PICTURES: list[Path] = []
"""Folders of further pictures without faces."""

TOLERANCE = 14
RATE = 25
SHOTS = 24
RULES = Policy(screen=ScreenSection(text="none", codes=False))
"""The default, save for text and codes on screens, which are no matter of faces."""


def empty(_stages: VideoStages, dump: str) -> list[Score]:
    """Measure pictures without faces: windows, generated rooms, and what the user gives."""
    rules = RULES
    stages = VideoStages.load(rules)
    own = [
        measure(path.stem[:26], still(fitted(picture)), {}, stages, dump, rules=rules)
        for path, picture in pictures([DATA / "screens"])
    ]
    for seed in range(6):
        frames = (frame_of(noisy(room(100 + seed)), index) for index in range(10))
        own.append(measure(f"room {seed}", frames, {}, stages, dump, rules=rules))
    given = [
        measure(path.stem[:26], still(fitted(picture)), {}, stages, dump, rules=rules)
        for path, picture in pictures(PICTURES)
    ]
    given.sort(key=lambda score: -score.area)
    return [*own, *summed("windows and rooms", own), *given[:20], *summed("given pictures", given)]


def summed(name: str, scores: Sequence[Score]) -> list[Score]:
    """Return the mean, and how many there are of which less than 1 % is covered."""
    if not scores:
        return []
    total = Score(f"{name}, mean; under 1 %:", frames=1)
    total.area = float(np.mean([score.area for score in scores]))
    total.faces, total.covered = len(scores), sum(score.area < 0.01 for score in scores)
    total.worst = max(score.area for score in scores)
    return [total]


def still(picture: Bgr) -> Iterator[VideoFrame]:
    """Yield a third of a second of a picture."""
    return (frame_of(picture, index) for index in range(10))


def pictures(folders: Sequence[Path]) -> Iterator[tuple[Path, Bgr]]:
    """Yield what can be read as a picture, in order of path."""
    for path in (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()):
        picture = cv2.imread(str(path))
        if picture is not None:
            yield path, np.asarray(picture, np.uint8)


def film(_stages: VideoStages, _dump: str) -> list[Score]:
    """Measure slow pans over 24 of the given pictures, a second each, in the file that `offrecord redact` stored."""
    chosen = [path for path, _ in pictures(PICTURES)]
    order = np.random.default_rng(1).permutation(len(chosen))[:SHOTS]
    if not chosen:
        return []
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "film.mp4"
        write_pans([chosen[index] for index in order], source)
        policy = Path(name) / "policy.toml"
        policy.write_text('[screen]\ntext = "none"\ncodes = false\n')
        program = [sys.executable, "-m", "recorder.cli", "redact", str(source), "-o", name]
        subprocess.run([*program, "--policy", str(policy), "--quiet"], check=True, capture_output=True)
        (stored,) = Path(name).glob("*/recording.mp4")
        shares = list(newly_grey(source, stored))
    scores = []
    for shot, index in enumerate(order):
        part = shares[shot * RATE : (shot + 1) * RATE]
        score = Score(chosen[index].stem[:26], frames=len(part))
        score.area = float(np.mean(part))
        scores.append(score)
    return [*scores, *summed("film", scores)]


def write_pans(paths: Sequence[Path], target: Path) -> None:
    """Write a film that shows each picture for a second, moving and growing slowly."""
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for path in paths:
            picture = np.asarray(cv2.imread(str(path)), np.uint8)
            scale = 1.15 * max(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
            way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
            picture = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=way), np.uint8)
            for index in range(RATE):
                done = index / RATE / 2.4
                zoom = 1 + 0.1 * done
                w, h = WIDTH / zoom, HEIGHT / zoom
                x, y = (picture.shape[1] - w) * (0.2 + 0.6 * done), (picture.shape[0] - h) / 2
                matrix = np.array([[WIDTH / w, 0, -x * WIDTH / w], [0, HEIGHT / h, -y * HEIGHT / h]])
                shown = np.asarray(cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT)), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="bgr24")))
        container.mux(stream.encode())


def newly_grey(source: Path, stored: Path) -> Iterator[float]:
    """Yield the share of each stored frame that shows the cover's grey and clearly did not in the source."""
    grey = np.array(FILL, np.int16)[:, None, None]
    with av.open(str(source)) as before, av.open(str(stored)) as after:
        for one, two in zip(before.decode(video=0), after.decode(video=0), strict=True):
            was, now = (item.to_ndarray(format="yuv444p").astype(np.int16) for item in (one, two))
            covered = np.abs(now - grey).max(axis=0) <= TOLERANCE
            yield float((covered & (np.abs(now - was).max(axis=0) > 2 * TOLERANCE)).mean())
