"""Marks too short for a line of writing: looked at seldom, and covered back to where they came all the same."""

from collections.abc import Sequence

import numpy as np
import pytest

from redaction.model import Box, VideoFrame
from redaction.video.screen.decide import Judge
from redaction.video.screen.ocr import Place, Reading
from redaction.video.screen.reader import ScreenReader
from redaction.video.screen.track import ScreenCovers, ScreenWatch
from tests.redaction.video.screen.made import as_frame

RATE = 30


class FakeReader:
    """Finds a box around all dark ink, and reads a name there."""

    def __init__(self) -> None:
        self.finds = 0

    def find(self, picture: np.ndarray) -> list[Place]:
        """Return at most one box."""
        self.finds += 1
        ink = np.argwhere(picture.min(axis=2) < 120)
        if not len(ink):
            return []
        (y1, x1), (y2, x2) = ink.min(axis=0), ink.max(axis=0) + 1
        return [Place(Box(int(x1), int(y1), int(x2), int(y2)), float(y2 - y1))]

    def read(self, lines: Sequence[np.ndarray]) -> list[Reading]:
        """Whatever it is, it is a name."""
        return [Reading("Al", 1.0) for _ in lines]


class FakeJudge(Judge):
    """Takes every line for personal."""

    def __init__(self) -> None:
        self._text = "personal"

    def personal(self, lines: Sequence[object]) -> list[bool]:
        """All of them are."""
        return [True for _ in lines]


def marked(index: int, *bars: int, shade: int = 20) -> VideoFrame:
    """Return a light frame with upright bars three pixels wide at some x; a block is 8 px."""
    picture = np.full((96, 1280, 3), 240, np.uint8)
    for x in bars:
        picture[40:56, x : x + 3] = shade
    return as_frame(picture, index, RATE)


def watched(frames: Sequence[VideoFrame], reader: FakeReader, held: int) -> list[ScreenCovers]:
    """Show frames and hold so many of them."""
    watch = ScreenWatch(ScreenReader(reader, FakeJudge(), None))
    covers: list[ScreenCovers] = []
    for index, frame in enumerate(frames):
        watch.see(frame)
        if index >= held:
            covers.append(watch.release())
    return covers + [watch.release() for _ in range(len(frames) - len(covers))]


@pytest.mark.parametrize("held", [15, 45])
@pytest.mark.parametrize("first", [50, 57, 64])
def test_name_of_two_letters_is_covered_from_its_first_frame_on(held: int, first: int) -> None:
    """However short the look-ahead, a mark is looked at before the frame on which it came is let go."""
    frames = [marked(index, *(() if index < first else (600, 607))) for index in range(first + 60)]
    covers = watched(frames, FakeReader(), held)
    for index, one in enumerate(covers[first:], first):
        boxes = [*one.lines, *one.unread]
        assert any(box.x1 <= 600 and box.x2 >= 610 and box.y1 <= 40 and box.y2 >= 56 for box in boxes), index
    assert not any(one.lines or one.unread for one in covers[: first - 1])


def test_marks_that_move_on_and_rest_cost_a_look_a_second() -> None:
    """A collar or a curl that moves on every third of a second is not looked at each time."""
    reader = FakeReader()
    frames = [marked(index, 400 + 12 * (index // 10), shade=150) for index in range(150)]
    watched(frames, reader, 45)
    assert reader.finds <= 1 + 5
