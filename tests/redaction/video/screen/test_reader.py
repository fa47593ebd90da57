"""Looking at a part of a frame: what counts as a line at all."""

from collections.abc import Sequence

import numpy as np
import pytest

from redaction.model import Box, VideoFrame
from redaction.video.screen.decide import Judge, SeenText
from redaction.video.screen.ocr import Place, Reading
from redaction.video.screen.reader import ScreenReader
from tests.redaction.video.screen.made import as_frame

WIDTH, HEIGHT = 1280, 720
TALL = HEIGHT // 10


class OneLine:
    """Finds one box, and reads the same in it always."""

    def __init__(self, box: Box, reading: Reading) -> None:
        self._box = box
        self._reading = reading

    def find(self, picture: np.ndarray) -> list[Place]:
        """Return the box in a picture of 0.75 of the frame's size."""
        scale = picture.shape[1] / WIDTH
        corners = (self._box.x1, self._box.y1, self._box.x2, self._box.y2)
        box = Box(*(round(scale * edge) for edge in corners))
        return [Place(box, min(box.width, box.height))]

    def read(self, lines: Sequence[np.ndarray]) -> list[Reading]:
        """Return the reading for each."""
        return [self._reading] * len(lines)


class AllPersonal(Judge):
    """Takes every line for personal."""

    def __init__(self, *, reads: bool = True) -> None:
        self._text = "personal" if reads else "all"

    def personal(self, lines: Sequence[SeenText]) -> list[bool]:
        """Everything is."""
        return [True] * len(lines)


def found(text: str, score: float, *, width: int, height: int, reads: bool = True) -> bool:
    """Tell whether a line of that size that reads so is covered."""
    picture = np.full((HEIGHT, WIDTH, 3), 240, np.uint8)
    picture[200 : 200 + height : 4, 400 : 400 + width : 4] = 20
    frame: VideoFrame = as_frame(picture, 0)
    box = Box(400, 200, 400 + width, 200 + height)
    reader = ScreenReader(OneLine(box, Reading(text, score)), AllPersonal(reads=reads), None)
    lines = reader.judged(frame, reader.look(frame, Box(0, 0, WIDTH, HEIGHT)))
    return any(line.personal for line in lines)


@pytest.mark.parametrize(
    ("text", "score", "width", "height"),
    [
        ("C", 0.99, 300, 280),
        ("人", 0.84, 112, 2 * TALL),
        ("", 0.0, 600, 300),
        ("KC", 0.83, 250, 230),
        ("ttiad", 0.3, 500, 400),
        ("9iis", 0.85, 500, 200),
        ("WHIT", 0.5, 300, 50),
    ],
)
def test_huge_shape_is_no_line(text: str, score: float, width: int, height: int) -> None:
    """What is read as one huge letter, or unsurely as few of them, is a picture: folds of clothes, lines of a chart."""
    assert not found(text, score, width=width, height=height)


@pytest.mark.parametrize(
    ("text", "score", "width", "height"),
    [
        ("C", 0.5, 30, 40),  # an initial
        ("人", 0.7, 40, 60),
        ("Ana", 0.95, 500, 260),  # a title
        ("李明", 0.7, 240, 2 * TALL - 8),
        ("Anna", 0.65, 600, 130),
        ("Anna", 0.3, 200, 34),
        ("C", 0.4, 50, 400),  # upright
        ("x", 0.4, 700, 50),  # a long line that could not be read
    ],
)
def test_what_may_be_a_name_is_a_line(text: str, score: float, width: int, height: int) -> None:
    """Small signs, several signs, sure ones, and long lines in either direction stay lines, however they are read."""
    assert found(text, score, width=width, height=height)


def test_all_text_means_all_that_is_found() -> None:
    """Where every line is to be covered, size decides nothing."""
    assert found("C", 0.99, width=300, height=280, reads=False)


@pytest.mark.parametrize(("text", "score"), [("1", 0.78), ("", 0.0), ("ll", 0.6)])
def test_a_gallery_is_no_line_even_where_all_text_is_covered(text: str, score: float) -> None:
    """What is huge and reads as nothing sure is a tile, or its cover, and not a line: the picture stays."""
    assert not found(text, score, width=620, height=340, reads=False)
    assert found(text, score, width=620, height=100, reads=False), "a line that cannot be read is covered"


class FakeLines:
    """Finds dark rows in whatever it is shown, and remembers how many pixels that was."""

    def __init__(self) -> None:
        self.shown: list[int] = []

    def find(self, picture: np.ndarray) -> list[Place]:
        """Return a box around each run of dark rows."""
        self.shown.append(picture.shape[0] * picture.shape[1])
        dark = np.nonzero((picture[:, :, 0] < 100).any(axis=1))[0]
        places = []
        for rows in np.split(dark, np.nonzero(np.diff(dark) > 1)[0] + 1) if len(dark) else ():
            part = np.nonzero((picture[rows[0] : rows[-1] + 1, :, 0] < 100).any(axis=0))[0]
            box = Box(int(part[0]), int(rows[0]), int(part[-1]) + 1, int(rows[-1]) + 1)
            places.append(Place(box, min(box.width, box.height)))
        return places

    def read(self, lines: Sequence[np.ndarray]) -> list[Reading]:
        """Read a name everywhere."""
        return [Reading("Ada Lovelace", 0.99)] * len(lines)


@pytest.mark.parametrize("size", [(3840, 2160), (7680, 4320), (2160, 3840)])
def test_large_frames_are_looked_at_in_bands(size: tuple[int, int]) -> None:
    """The detector is never shown more than its share at once, and every line is found once and whole, titles too."""
    width, height = size
    picture = np.full((height, width, 3), 240, np.uint8)
    drawn = [(top, 24 + 8 * at) for at, top in enumerate(range(100, height - 700, 187))] + [
        (height - 500, 300)
    ]
    for top, tall in drawn:
        picture[top : top + tall, 400:1400] = 20
    lines = FakeLines()
    boxes = ScreenReader(lines, AllPersonal(), None).places(as_frame(picture, 0))
    assert max(lines.shown) <= 1_330_000
    for top, tall in drawn:
        held = [box for box in boxes if box.y1 <= top + 8 and box.y2 >= top + tall - 8]
        assert held, (top, tall)
        if tall < 100:
            assert len(held) == 1


def test_frames_of_1080_lines_are_looked_at_as_a_whole() -> None:
    """Up to full HD nothing is cut."""
    lines = FakeLines()
    ScreenReader(lines, AllPersonal(), None).places(as_frame(np.full((1080, 1920, 3), 240, np.uint8), 0))
    assert len(lines.shown) == 1
