"""Lines of text are found and read by the real models, and by a fake one how many at a time."""

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from redaction.video.screen.ocr import OnnxReader
from tests.redaction.video.screen.made import PEOPLE, write


def test_lines_are_found_and_read() -> None:
    """Three lines of a page are found, boxed with all their ink, and read without a wrong letter but for spaces."""
    picture = np.full((160, 480, 3), 245, np.uint8)
    texts = (PEOPLE[0], "call 617-555-0188", "Totals are rounded.")
    for row, text in enumerate(texts):
        write(picture, text, 20, 40 + 45 * row, size=18)
    reader = OnnxReader.load()
    places = reader.find(picture)
    assert all(0.8 * place.box.height < place.thick <= place.box.height + 2 for place in places)
    boxes = sorted((place.box for place in places), key=lambda box: box.y1)
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


def test_a_turned_line_is_as_thick_as_its_letters() -> None:
    """The box around a line that stands askew grows; how thick the line is does not."""
    picture = np.full((400, 480, 3), 245, np.uint8)
    write(picture, "call 617-555-0188 for totals", 60, 200, size=20)
    reader = OnnxReader.load()
    (level,) = reader.find(picture)
    turn = cv2.getRotationMatrix2D((240, 200), 20, 1.0)
    turned = np.asarray(cv2.warpAffine(picture, turn, (480, 400), borderValue=(245, 245, 245)), np.uint8)
    (askew,) = reader.find(turned)
    assert askew.box.height > 3 * level.box.height
    assert askew.thick == pytest.approx(level.thick, rel=0.25)


class FakeRecognition:
    """Stands in for the net that reads: each line's letter tells its width, and the shapes asked for are kept."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def get_modelmeta(self) -> "FakeRecognition":
        """Return the letters."""
        return self

    @property
    def custom_metadata_map(self) -> dict[str, str]:
        """One letter for each width there is."""
        return {"character": "\n".join("abcdefghij")}

    def get_inputs(self) -> list[SimpleNamespace]:
        """Return its one input."""
        return [SimpleNamespace(name="x")]

    def run(self, names: None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Read how wide the white part of each line is, in hundreds of pixels."""
        values = feed["x"]
        self.shapes.append(values.shape)
        chances = np.zeros((len(values), 1, 12), np.float32)
        for row, line in enumerate(values):
            chances[row, 0, 1 + round(float((line[0, 24] == 1).sum()) / 100)] = 1.0
        return [chances]


def test_long_lines_are_read_few_at_a_time_and_each_keeps_its_place() -> None:
    """No call holds more columns than three short lines, or one long one, and nothing is mixed up."""
    net: Any = FakeRecognition()
    reader = OnnxReader(net, net)
    widths = [900, 100, 300, 100, 600, 200, 400, 100, 900]
    read = reader.read([np.full((48, width, 3), 255, np.uint8) for width in widths])
    assert [item.text for item in read] == ["abcdefghij"[width // 100] for width in widths]
    assert all(count == 1 or count * columns <= 960 for count, _, _, columns in net.shapes)
    assert sum(shape[0] for shape in net.shapes) == len(widths)
