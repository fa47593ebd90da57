"""Lines of text are found and read by the real models."""

import numpy as np

from redaction.video.screen.read import OnnxReader
from tests.redaction.video.screen.made import PEOPLE, write


def test_lines_are_found_and_read() -> None:
    """Three lines of a page are found, boxed with all their ink, and read without a wrong letter but for spaces."""
    picture = np.full((160, 480, 3), 245, np.uint8)
    texts = (PEOPLE[0], "call 617-555-0188", "Totals are rounded.")
    for row, text in enumerate(texts):
        write(picture, text, 20, 40 + 45 * row, size=18)
    reader = OnnxReader.load()
    boxes = sorted(reader.find(picture), key=lambda box: box.y1)
    assert len(boxes) == 3
    left = picture.copy()
    for box in boxes:
        left[box.y1 : box.y2, box.x1 : box.x2] = 245
    assert left.min() == 245
    readings = reader.read([picture[box.y1 : box.y2, box.x1 : box.x2] for box in boxes])
    assert [one.text.replace(" ", "") for one in readings] == [text.replace(" ", "") for text in texts]
    assert all(one.score > 0.9 for one in readings)


def test_empty_picture_has_no_text() -> None:
    """Nothing is found on an even ground, whatever its size."""
    reader = OnnxReader.load()
    assert reader.find(np.full((33, 47, 3), 128, np.uint8)) == []
    assert reader.read([]) == []
