"""Lines are known again by their look."""

import numpy as np

from redaction.video.screen.cache import Recall, look_of
from redaction.video.screen.ocr import Reading
from tests.redaction.video.screen.made import write


def line(text: str, *, x: int = 4, y: int = 20, noise: int = 0) -> np.ndarray:
    """Return a picture of a line."""
    picture = np.full((30, 200, 3), 240, np.uint8)
    write(picture, text, x, y, size=16)
    random = np.random.default_rng(1).integers(-noise, noise + 1, picture.shape)
    return np.clip(picture.astype(int) + random, 0, 255).astype(np.uint8)


def test_same_line_is_known_and_another_is_not() -> None:
    """A line cut elsewhere, or with a little noise, is the same; one other letter makes it another."""
    recall = Recall()
    recall.put(look_of(line("Anna Berger")), Reading("Anna Berger", 1.0))
    for same in (line("Anna Berger"), line("Anna Berger", x=9, y=23), line("Anna Berger", noise=6)):
        found = recall.get(look_of(same))
        assert found is not None
        assert found.text == "Anna Berger"
    for other in ("Anna Bergen", "Anne Berger", "anna Berger", "Hanna Berger"):
        assert recall.get(look_of(line(other))) is None


def test_memory_is_bounded() -> None:
    """The oldest of more than a thousand lines is forgotten."""
    recall = Recall()
    first = ((40, 12), np.zeros((8, 8), np.float32))
    recall.put(first, Reading("first", 1.0))
    for number in range(1024):
        recall.put(((44 + number, 12), np.zeros((8, 8), np.float32)), Reading(str(number), 1.0))
    assert recall.get(first) is None
    assert recall.get(((44, 12), np.zeros((8, 8), np.float32))) is not None
