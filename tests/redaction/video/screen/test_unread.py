"""Writing that is found and cannot be read is covered; what has no writing is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.screens import as_frame
from recorder.media.file import FileSource
from redaction.model import Box, VideoFrame
from redaction.policy import Policy
from redaction.video.screen.decide import SeenText
from redaction.video.screen.ocr import Reading
from redaction.video.screen.reader import ScreenReader
from tests.paths import SHARED_DATA

FIELD = SHARED_DATA.parent / "field" / "tag_min.mp4"
TAGS = [Box(20, 152, 60, 176), Box(20, 318, 90, 342), Box(340, 332, 440, 352)]


@pytest.fixture(scope="module")
def reader(real_models: None) -> ScreenReader:
    """Return the reader with its real models."""
    found = ScreenReader.load(Policy())
    assert found is not None
    return found


@pytest.mark.parametrize("text", ["", " ", "\u00a0", "Анна", "अनन्या", "민준"])
def test_what_was_found_and_not_read_is_personal(text: str, reader: ScreenReader) -> None:
    """A line that comes back blank, or in a script that the finder does not read, is covered wherever it stands."""
    assert reader.judge is not None
    seen = SeenText(Box(100, 100, 200, 120), Reading(text, 0.0 if not text.strip() else 0.99))
    assert reader.judge.personal([seen]) == [True]


@pytest.mark.skipif(not FIELD.is_file(), reason="the field's small inputs are not here")
@pytest.mark.parametrize("roster", [(), ("Анна Петрова",)])
def test_name_tags_in_other_scripts(roster: tuple[str, ...], reader: ScreenReader) -> None:
    """Every name tag of the field's clip is covered on every frame looked at, with and without a roster."""
    known = reader.for_recording(roster)
    frames = [item for item in FileSource(FIELD).video("V1") if isinstance(item, VideoFrame)]
    for frame in (frames[0], frames[len(frames) // 2], frames[-1]):
        lines = known.judged(frame, known.look(frame, Box(0, 0, frame.width, frame.height)))
        covers = [box for line in lines if line.personal for box in line.covers]
        for tag in TAGS:
            assert any(
                box.x1 <= tag.x1 and box.y1 <= tag.y1 and box.x2 >= tag.x2 and box.y2 >= tag.y2
                for box in covers
            ), tag


@pytest.mark.parametrize("seed", range(4))
def test_textures_are_kept(seed: int, reader: ScreenReader) -> None:
    """Noise, stripes, leaves and bricks hold no writing, and nothing of them is covered as unread."""
    frame = as_frame(texture(seed), 0)
    lines = reader.judged(frame, reader.look(frame, Box(0, 0, frame.width, frame.height)))
    covered = sum(box.area for line in lines if line.personal for box in line.covers)
    assert covered < 0.01 * frame.width * frame.height


def texture(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a picture without writing, uint8 (360, 640, 3) BGR."""
    random = np.random.default_rng(seed)
    picture = np.full((360, 640, 3), 110, np.uint8)
    if seed == 0:
        picture = random.integers(60, 200, (360, 640, 3)).astype(np.uint8)
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2), dtype=np.uint8)
    if seed == 1:
        picture[:, ::24] = 40
        picture[:, 1::24] = 200
    elif seed == 2:
        for _ in range(400):
            at = (int(random.integers(640)), int(random.integers(360)))
            size = (int(random.integers(4, 20)), int(random.integers(2, 8)))
            green = (40, int(random.integers(80, 200)), 60)
            cv2.ellipse(picture, at, size, int(random.integers(360)), 0, 360, green, -1)
    else:
        for row in range(0, 360, 24):
            for column in range(-24 if row % 48 else 0, 640, 48):
                cv2.rectangle(picture, (column, row), (column + 46, row + 22), (60, 70, 150), -1)
    return picture
