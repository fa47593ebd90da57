"""What counts as covered is the share that is covered in the stored pixels, however it came to be covered."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from recorder.media.encode import VideoWriter
from recorder.media.file import FileSource
from recorder.media.source import TrackInfo, TrackKind
from recorder.runtime.context import Run
from recorder.verify.proof import Ledger, StoredVideo
from recorder.verify.repair_video import verify_video
from redaction.model import Box, VideoFrame
from redaction.policy import OutputSection, Policy, ScreenSection
from redaction.video.faces.second_detector import SecondLook, Sighting
from redaction.video.redact import VideoRedactor, VideoStages
from redaction.video.screen.decide import Judge
from redaction.video.screen.ocr import Place, Reading
from redaction.video.screen.reader import ScreenReader
from redaction.video.view import Picture
from tests.media import frames_of
from tests.redaction.video.scene import FakeDetector, FakeJudge, FakeSilhouette, policy

WIDTH, HEIGHT, RATE, FRAMES = 256, 192, 10, 12
FACES = (Box(40, 40, 72, 80), Box(150, 60, 198, 120))
LINE = Box(16, 150, 120, 162)
MISSED = Box(200, 10, 240, 42)
"""Where the second look sees something: what is covered around it overlaps with the cover of a face."""


class FakeLineReader:
    """Finds one line, wherever it is looked for."""

    def find(self, picture: Picture) -> list[Place]:
        """Return the line if the whole frame is shown."""
        height, width = picture.shape[:2]
        if width * 3 != height * 4:
            return []
        x, y = width / WIDTH, height / HEIGHT
        box = Box.outward(LINE.x1 * x, LINE.y1 * y, LINE.x2 * x, LINE.y2 * y)
        return [Place(box, box.height)]

    def read(self, lines: Sequence[Picture]) -> list[Reading]:
        """Return that each is a name."""
        return [Reading("Siobhan Kelly", 1.0) for _ in lines]


class FakeAllJudge(Judge):
    """Covers every line."""

    def __init__(self) -> None:
        self._text = "all"


class FakeMissedLook(SecondLook):
    """Sees one more face in every frame, until it is covered."""

    def __init__(self) -> None:
        pass

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Return where it is."""
        part = frame.y[MISSED.y1 : MISSED.y2, MISSED.x1 : MISSED.x2].astype(int)
        box = tuple(map(float, (MISSED.x1, MISSED.y1, MISSED.x2, MISSED.y2)))
        return [(box, 0.9)] if part.std() > 4 else []  # type: ignore[list-item]


def source(index: int) -> VideoFrame:
    """Return a frame of faces before fine stripes: whatever stands in their place differs from them everywhere."""
    y = np.empty((HEIGHT, WIDTH), np.uint8)
    y[:, :] = np.where(np.arange(WIDTH) // 2 % 2, 30, 130)
    for face in FACES:
        y[face.y1 : face.y2, face.x1 : face.x2] = np.where(np.arange(face.width) // 2 % 2, 170, 235)
    chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return VideoFrame(y, chroma, chroma.copy(), index, Fraction(1, RATE))


def differing(stored: VideoFrame, made: VideoFrame) -> NDArray[np.bool_]:
    """Return where a frame is not as it was, bool (H, W): one stripe may be, where a mosaic equals it."""
    off = (cv2.absdiff(stored.y, made.y) > 16).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(off, cv2.MORPH_CLOSE, np.ones((1, 5), np.uint8)) > 0)


def rules(method: str, *, text: bool, removed: bool) -> Policy:
    """Return a policy that encodes so well that what differs from the source was covered."""
    base = policy(adults=not removed, method=method)
    screen = ScreenSection(text="all", codes=False) if text else base.screen
    return base.model_copy(update={"output": OutputSection(crf=16), "screen": screen})


@pytest.mark.parametrize(
    ("method", "removed", "text", "mends"),
    [
        ("solid", False, False, True),
        ("solid", False, True, False),
        ("solid", True, True, True),
        ("mosaic", False, True, True),
        ("remove", False, False, False),
    ],
)
def test_share_is_that_of_the_stored_pixels(
    tmp_path: Path, method: str, removed: bool, text: bool, mends: bool
) -> None:
    """Solid, mosaic, whole people, minors, text, and what the second look adds: to half a point."""
    chosen = rules(method, text=text, removed=removed)
    reader = ScreenReader(FakeLineReader(), FakeAllJudge(), None) if text else None
    eyes = FakeDetector()
    stages = VideoStages(eyes, eyes, FakeJudge() if removed else None, FakeSilhouette(), screen=reader)
    engine = VideoRedactor(
        width=WIDTH, height=HEIGHT, policy=chosen, stages=stages, track="V1", threaded=False
    )
    track = TrackInfo("V1", TrackKind.VIDEO, WIDTH, HEIGHT, Fraction(RATE), Fraction(1, RATE), 0, 0)
    ledger = Ledger()
    with VideoWriter.of_track(tmp_path / "v.mp4", track, chosen.output) as writer:
        for item in [*(done for at in range(FRAMES) for done in engine.push(source(at))), *engine.flush()]:
            ledger.note(item)
            writer.write(item.frame)
    video = StoredVideo(track, tmp_path / "v.mp4", tuple(ledger.proofs), ())
    if mends:
        video = verify_video(video, policy=chosen, look=FakeMissedLook(), run=Run()).video
        assert video.repaired > 0.01
    shown = frames_of(list(FileSource(video.path).video("V1")))
    differs = [differing(frame, source(at)) for at, frame in enumerate(shown)]
    assert len(differs) == FRAMES
    share = float(np.mean(differs))
    assert share > 0.05
    assert ledger.area_covered + video.repaired == pytest.approx(share, abs=0.005)
